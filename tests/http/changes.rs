//! `/changes`: who is told that something has changed, and that nothing else is told.

use std::time::Duration;

use rocket::futures::future::LocalBoxFuture;
use rocket::http::{Header, Status};
use rocket::local::asynchronous::LocalResponse;
use rocket::tokio::io::AsyncReadExt;
use rocket::tokio::time::timeout;
use widgetd::domain::Role;

use crate::history::add_task;
use crate::support::{Actor, TestApp};

/// How long anything may take before a test fails. No test measures time with this.
const TEST_TIMEOUT: Duration = Duration::from_mins(1);

/// For what must not come, after somebody else was told of it.
const SILENCE: Duration = Duration::from_millis(300);

const PING: &str = ":\n\n";
const CHANGED: &str = "data: changed\n\n";
const END: &str = "event: end\ndata: end\n\n";

/// A stream, from its first ping on.
struct Stream<'c>(LocalResponse<'c>);

impl<'c> Stream<'c> {
    async fn open(app: &'c TestApp, path: &'static str, actor: &Actor<'_>) -> Self {
        let mut request = app.client.get(path);
        let token = format!("Bearer {}", actor.token.as_ref().unwrap());
        request.add_header(Header::new("Authorization", token));
        let mut stream = Self(request.dispatch().await);
        assert_eq!(stream.0.status(), Status::Ok);
        assert_eq!(stream.read(TEST_TIMEOUT).await.as_deref(), Some(PING));
        stream
    }

    async fn follow(app: &'c TestApp, actor: &Actor<'_>) -> Self {
        Self::open(app, "/changes", actor).await
    }

    /// What comes next, empty at the end; `None` if nothing comes.
    async fn read(&mut self, within: Duration) -> Option<String> {
        let mut bytes = Vec::new();
        let read = timeout(within, self.0.read_buf(&mut bytes)).await;
        read.ok().map(|read| {
            read.unwrap();
            String::from_utf8(bytes).unwrap()
        })
    }
}

/// Four users, of whom all but the last have to do with the records.
struct Team<'a> {
    app: &'a TestApp,
    users: [Actor<'a>; 4],
}

impl Team<'_> {
    /// Fails unless those users alone are told of what happens.
    fn told<'a, T: 'a>(
        &'a self,
        what: &'a str,
        expected: &'a [&str],
        happening: impl Future<Output = T> + 'a,
    ) -> LocalBoxFuture<'a, T> {
        let happening = Box::pin(happening);
        Box::pin(async move {
            let mut streams = Vec::new();
            for user in &self.users {
                streams.push((&user.email, Stream::follow(self.app, user).await));
            }
            let mut audit = Stream::open(self.app, "/api/v1/audit/events", &self.users[0]).await;
            let result = happening.await;
            assert!(audit.read(TEST_TIMEOUT).await.is_some());
            for (email, mut stream) in streams {
                let name = email.split('@').next().unwrap();
                let is_expected = expected.contains(&name);
                let heard = stream.read(if is_expected { TEST_TIMEOUT } else { SILENCE }).await;
                assert_eq!(heard.as_deref(), is_expected.then_some(CHANGED), "{what}: {name}");
            }
            result
        })
    }
}

#[rocket::async_test]
async fn changes_are_told_to_those_who_may_see_what_has_changed() {
    let app = TestApp::new().await;
    let users = [
        app.user_of("admin2", Role::Admin).await,
        app.user_of("manager", Role::Manager).await,
        app.user("ann").await,
        app.user("bob").await,
    ];
    let team = Team { app: &app, users };
    let [admin, manager, ann, bob] = &team.users;
    let all = ["admin2", "manager", "ann", "bob"];
    let leaders = ["admin2", "manager"];
    let with_ann = ["admin2", "manager", "ann"];
    let with_bob = ["admin2", "manager", "bob"];

    team.told("a widget", &all, admin.add_widget("one")).await.assert(Status::Created);
    let to = [("info_url", "https://example.org")];
    team.told("its change", &all, change(admin, "/widgets/one", &to)).await;
    team.told("its deletion", &all, admin.delete("/widgets/one")).await;

    let new = [("name", "mine"), ("body", "text")];
    team.told("a template", &["ann"], ann.post("/templates", &new)).await.assert(Status::Created);
    team.told("its change", &["ann"], change(ann, "/templates/mine", &[("body", "x")])).await;
    team.told("its deletion", &["ann"], ann.delete("/templates/mine")).await;

    let new = [("title", "a"), ("assignee", &*ann.email)];
    let task = team.told("a task", &with_ann, add_task(manager, &new)).await;
    let done = [("status", "done")];
    team.told("a move", &with_ann, change(ann, &task, &done)).await;
    team.told("an edit", &with_ann, change(manager, &task, &[("title", "b")])).await;
    let to_bob = [("assignee", &*bob.email)];
    team.told("another assignee", &all, change(manager, &task, &to_bob)).await;
    team.told("an edit", &with_bob, change(manager, &task, &[("title", "c")])).await;
    team.told("a deletion", &with_bob, manager.delete(&task)).await;
    let task = team.told("nobody's task", &leaders, add_task(manager, &[("title", "d")])).await;
    team.told("its edit", &leaders, change(manager, &task, &[("title", "e")])).await;
    team.told("its deletion", &leaders, manager.delete(&task)).await;

    let name = [("name", "Ann")];
    let renamed = ann.patch("/auth/user", &name);
    team.told("a name", &["admin2"], renamed).await.assert(Status::Ok);
    let new = [("email", "new@example.com"), ("role", "employee")];
    let added = admin.post("/users", &new);
    team.told("an account", &["admin2"], added).await.assert(Status::Created);
    // These change nothing that a page shows of others.
    team.told("a login", &[], ann.log_in(crate::support::PASSWORD)).await;
    team.told("a wrong password", &[], ann.log_in("not the password")).await;
    team.told("a key", &[], ann.key("k", "read")).await;
}

async fn change(actor: &Actor<'_>, path: &str, fields: &[(&str, &str)]) {
    actor.patch(path, fields).await.assert(Status::Ok);
}

#[rocket::async_test]
async fn changes_end_with_the_session_and_tell_so_before_anything_else() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    for how in ["logout", "ended", "promoted", "disabled", "expired"] {
        let user = app.user(how).await;
        let mut stream = Stream::follow(&app, &user).await;
        let path = format!("/users/{}", user.public_id().await);
        match how {
            "logout" => drop(user.post("/auth/logout", &[]).await),
            "ended" => drop(admin.delete(&format!("{path}/sessions")).await),
            "promoted" => drop(admin.patch(&path, &[("role", "manager")]).await),
            "disabled" => drop(admin.patch(&path, &[("status", "disabled")]).await),
            _ => app.advance(Duration::from_hours(2)),
        }
        if how != "expired" {
            admin.add_widget(how).await.assert(Status::Created);
        }
        assert_eq!(stream.read(TEST_TIMEOUT).await.as_deref(), Some(END), "{how}");
        assert_eq!(stream.read(TEST_TIMEOUT).await.as_deref(), Some(""), "{how}");
    }
}

#[rocket::async_test]
async fn changes_are_not_followed_by_more_streams_than_a_user_may_have() {
    let app = TestApp::new().await;
    let (ann, bob) = (app.user("ann").await, app.user("bob").await);
    let mut open = Vec::new();
    for _ in 0..16 {
        open.push(Stream::follow(&app, &ann).await);
    }
    // A browser does not connect again after this.
    let browser = ann.in_a_browser().saying("Accept", "text/event-stream");
    assert_eq!(browser.open("/changes").await.assert(Status::NoContent).text, "");
    Stream::follow(&app, &bob).await;
    drop(open.pop());
    Stream::follow(&app, &ann).await;
    let nobody = app.visitor().saying("Accept", "text/event-stream").open("/changes").await;
    nobody.assert(Status::Unauthorized);
}
