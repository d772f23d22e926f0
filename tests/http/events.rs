//! `/audit/events`: the audit as Server-Sent Events, and what is in no event.

use std::time::Duration;

use rocket::http::{ContentType, Header, Method, Status};
use rocket::local::asynchronous::LocalResponse;
use rocket::tokio::io::AsyncReadExt;
use rocket::tokio::time::timeout;
use serde_json::{Value, json};
use widgetd::domain::Role;

use crate::history::add_task;
use crate::support::{Actor, FORM, TestApp, form, widget};

/// How long anything may take before a test fails. No test measures time with this.
const TEST_TIMEOUT: Duration = Duration::from_mins(1);

#[rocket::async_test]
async fn history_and_feed_have_no_dry_run_and_a_repeated_request_once() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let stream = listen(&app, &admin, &[]).await;
    let new = widget("one");
    admin.post("/widgets?dry_run=true", &new).await.assert(Status::Created);
    let headers = [("Content-Type", FORM), ("Idempotency-Key", "k")];
    for _ in 0..2 {
        let answer = admin.send_with(Method::Post, "/widgets", &headers, form(&new)).await;
        answer.assert(Status::Created);
    }
    admin.patch("/widgets/one?dry_run=true", &[("name", "two")]).await.assert(Status::Ok);
    admin.delete("/widgets/one?dry_run=true").await.assert(Status::NoContent);
    admin.add_widget("three").await.assert(Status::Created);
    let sent = read_events(stream, 2).await;
    let sent: Vec<_> = sent.iter().map(|event| (&*event.name, &event.data["target"])).collect();
    let create = "widget.create";
    assert_eq!(sent, [(create, &json!("one")), (create, &json!("three"))]);
    assert_eq!(admin.get("/widgets/one/history").await.each("action"), [create]);
}

/// Records of each kind with marked texts in every field, each changed once; and a task of the
/// reader's own. Returns the paths of the records, the reader's first.
async fn marked(admin: &Actor<'_>, other: &Actor<'_>, reader: &Actor<'_>) -> Vec<String> {
    let own = add_task(admin, &[("title", "own"), ("assignee", &reader.email)]).await;
    let fields = [("title", "Marked1"), ("description", "Marked2"), ("assignee", &*other.email)];
    let task = add_task(admin, &fields).await;
    let change = [("title", "Marked3"), ("description", "Marked4")];
    admin.patch(&task, &change).await.assert(Status::Ok);
    for actor in [admin, other] {
        let new = [("name", "Marked5"), ("body", "Marked6")];
        actor.post("/templates", &new).await.assert(Status::Created);
        let change = [("name", "Marked7"), ("body", "Marked8")];
        actor.patch("/templates/Marked5", &change).await.assert(Status::Ok);
    }
    other.patch("/auth/user", &[("username", "marked9")]).await.assert(Status::Ok);
    vec![own, task]
}

#[rocket::async_test]
async fn no_history_or_feed_has_what_its_reader_may_not_see() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let (ann, other) = (app.user("ann").await, app.user("other").await.from("203.0.113.77"));
    let manager = app.user_of("manager", Role::Manager).await;
    admin.add_widget("one").await.assert(Status::Created);
    let paths = marked(&admin, &other, &ann).await;
    let (own, task) = (&paths[0], &paths[1]);
    // Everything that ann gets: nothing of the others' records, and not where from or with what.
    let own_history = ann.get(&format!("{own}/history")).await;
    assert_eq!(own_history.assert(Status::Ok).body["total_items"], 1);
    let mut seen = own_history.text;
    for path in [
        format!("{task}/history"),
        "/widgets/one/history".to_owned(),
        "/audit".to_owned(),
        "/audit?after=0".to_owned(),
        format!("/audit?target={}", &task[7..]),
        "/audit/events?after=0".to_owned(),
    ] {
        seen.push_str(&ann.get(&path).await.text);
    }
    let request = admin.get("/audit?target=one").await.body["items"][0].clone();
    let private = ["credential", "request_id", "address"].map(|key| request[key].as_str().unwrap());
    for secret in ["arked", "203.0.113"].iter().chain(&private) {
        assert!(!seen.contains(secret), "{secret}: {seen}");
    }
    // A manager sees the task, and only the task.
    let seen = manager.get(&format!("{task}/history")).await.text;
    for secret in ["Marked5", "Marked6", "Marked7", "Marked8", "203.0.113"].iter().chain(&private) {
        assert!(!seen.contains(secret), "{secret}: {seen}");
    }
    assert!(seen.contains("Marked1") && seen.contains("Marked4"), "{seen}");
    // An administrator sees all but templates, also their own.
    let feed = listen(&app, &admin, &[("Last-Event-ID", "0")]).await;
    let mut seen = admin.get("/audit?per_page=100").await.text;
    seen.push_str(
        &read_events(feed, 20).await.into_iter().map(|e| e.data.to_string()).collect::<String>(),
    );
    for secret in ["Marked5", "Marked6", "Marked7", "Marked8"] {
        assert!(!seen.contains(secret), "{secret}: {seen}");
        let found = admin.get(&format!("/audit?q={secret}")).await;
        assert_eq!(found.body["total_items"], 0, "{secret}");
    }
    assert!(seen.contains("Marked1") && seen.contains("203.0.113.77"), "{seen}");
}

async fn listen<'c>(
    app: &'c TestApp,
    actor: &Actor<'_>,
    headers: &[(&'static str, &'static str)],
) -> LocalResponse<'c> {
    let mut request = app.client.get("/api/v1/audit/events");
    let token = format!("Bearer {}", actor.token.as_ref().unwrap());
    request.add_header(Header::new("Authorization", token));
    for (name, value) in headers {
        request.add_header(Header::new(*name, *value));
    }
    request.dispatch().await
}

#[derive(Debug, PartialEq)]
struct Event {
    id: u64,
    name: String,
    data: Value,
}

/// The first events of a stream; fewer if it ends.
async fn read_events(stream: LocalResponse<'_>, count: usize) -> Vec<Event> {
    read_until(stream, |events| events.len() >= count).await
}

/// The events of a stream until it ends, or sends one about this.
async fn read_to_the_end(stream: LocalResponse<'_>, unexpected: &str) -> Vec<Event> {
    read_until(stream, |events| events.iter().any(|event| event.data["target"] == unexpected)).await
}

async fn read_until(
    mut stream: LocalResponse<'_>,
    is_enough: impl Fn(&[Event]) -> bool,
) -> Vec<Event> {
    let (mut bytes, mut events) = (Vec::new(), Vec::new());
    while !is_enough(&events) {
        let read = timeout(TEST_TIMEOUT, stream.read_buf(&mut bytes)).await;
        if read.expect("something is sent").unwrap() == 0 {
            break;
        }
        while let Some(end) = bytes.windows(2).position(|two| two == b"\n\n") {
            let block: Vec<u8> = bytes.drain(..end + 2).take(end).collect();
            if block != b":" {
                events.push(parse_event(std::str::from_utf8(&block).unwrap()));
            }
        }
    }
    events
}

fn parse_event(block: &str) -> Event {
    let mut lines = block.lines();
    let mut field =
        |name| lines.next().and_then(|line| line.strip_prefix(name)).expect(block).to_owned();
    let event = Event {
        id: field("id: ").parse().unwrap(),
        name: field("event: "),
        data: serde_json::from_str(&field("data: ")).unwrap(),
    };
    assert_eq!(lines.next(), None);
    event
}

#[rocket::async_test]
async fn event_stream_has_the_events_of_the_list_in_their_order() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let stream = listen(&app, &admin, &[]).await;
    assert_eq!(stream.status(), Status::Ok);
    assert_eq!(stream.content_type(), Some(ContentType::EventStream));
    let header = |name| stream.headers().get_one(name);
    assert_eq!(header("Cache-Control"), Some("no-store"));
    assert_eq!(header("X-Accel-Buffering"), Some("no"));
    let before = admin.get("/audit").await.body["items"][0]["id"].as_u64().unwrap();
    admin.add_widget("one").await.assert(Status::Created);
    admin.put("/widgets/one", &widget("one")[1..]).await.assert(Status::Ok);
    add_task(&admin, &[("title", "id: 🎉"), ("description", "one\n\ndata: two\r\n")]).await;
    let events = read_events(stream, 2).await;
    let list = admin.get(&format!("/audit?after={before}")).await;
    let expected: Vec<Event> = list.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| Event {
            id: item["id"].as_u64().unwrap(),
            name: item["action"].as_str().unwrap().to_owned(),
            data: item.clone(),
        })
        .collect();
    assert_eq!(events, expected);
}

#[rocket::async_test]
async fn event_stream_resumes_after_last_event_id_or_after() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    // More than are read or sent at once.
    for n in 0..200 {
        admin.add_widget(&format!("w{n}")).await.assert(Status::Created);
    }
    let latest = admin.get("/audit").await.body["items"][0]["id"].as_u64().unwrap();
    let ids = async |stream, count| {
        read_events(stream, count).await.iter().map(|event| event.id).collect::<Vec<_>>()
    };
    let stream = listen(&app, &admin, &[("Last-Event-ID", "0")]).await;
    let all = usize::try_from(latest).unwrap();
    assert_eq!(ids(stream, all).await, (1..=latest).collect::<Vec<_>>());
    let from = async |query: &str, header: Option<&str>| {
        let token = format!("Bearer {}", admin.token.as_ref().unwrap());
        let mut request = app.client.get(format!("/api/v1/audit/events{query}"));
        request.add_header(Header::new("Authorization", token));
        if let Some(header) = header {
            request.add_header(Header::new("Last-Event-ID", header.to_owned()));
        }
        request.dispatch().await
    };
    let before_last = (latest - 1).to_string();
    assert_eq!(ids(from(&format!("?after={before_last}"), None).await, 1).await, [latest]);
    // What a browser has seen counts more than where it began.
    let stream = from("?after=0", Some(&before_last)).await;
    assert_eq!(ids(stream, 1).await, [latest]);
    // Ids of a future that never came, as after a backup was restored.
    for (query, header) in [("?after=999999", None), ("", Some("999999"))] {
        let stream = from(query, header).await;
        admin.patch("/widgets/w1", &[("info_url", "https://example.org/1")]).await;
        admin.patch("/widgets/w1", &[("info_url", "https://example.org/2")]).await;
        let newest = admin.get("/audit").await.body["items"][0]["id"].as_u64().unwrap();
        assert_eq!(ids(stream, 2).await, [newest - 1, newest]);
    }
    for (query, header, field) in [
        ("?after=x", None, "after"),
        ("?since=1", None, "since"),
        ("", Some("x"), "Last-Event-ID"),
        ("", Some("-1"), "Last-Event-ID"),
    ] {
        let answer = crate::support::Answer::read(from(query, header).await).await;
        answer.assert_invalid(&[field]);
    }
}

#[rocket::async_test]
async fn event_stream_ends_with_the_authority_and_sends_nothing_after() {
    let app = TestApp::new().await;
    let root = app.user_of("root", Role::Admin).await;
    for how in ["logout", "revoked", "demoted", "disabled", "deleted", "password", "expired"] {
        let admin = app.user_of(how, Role::Admin).await;
        let key = admin.key("feed", "read").await;
        let listener = if how == "revoked" { &key } else { &admin };
        let stream = listen(&app, listener, &[]).await;
        let path = format!("/users/{}", admin.public_id().await);
        root.add_widget(&format!("before-{how}")).await.assert(Status::Created);
        match how {
            "logout" => drop(admin.post("/auth/logout", &[]).await),
            "revoked" => {
                let keys = admin.get("/auth/keys").await;
                let id = keys.body["items"][0]["id"].as_str().unwrap().to_owned();
                admin.delete(&format!("/auth/keys/{id}")).await.assert(Status::NoContent);
            }
            "demoted" => drop(root.patch(&path, &[("role", "manager")]).await),
            "disabled" => drop(root.patch(&path, &[("status", "disabled")]).await),
            "deleted" => drop(root.delete(&path).await),
            "password" => drop(root.delete(&format!("{path}/sessions")).await),
            _ => app.advance(Duration::from_hours(2)),
        }
        let root = if how == "expired" { root.again().await } else { root.clone() };
        let after = format!("after-{how}");
        root.add_widget(&after).await.assert(Status::Created);
        // It ends, maybe after the events from before.
        let events = read_to_the_end(stream, &after).await;
        assert!(events.iter().all(|event| event.data["target"] != *after), "{how}: {events:?}");
    }
}

#[rocket::async_test]
async fn event_stream_ends_at_shutdown() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let stream = listen(&app, &admin, &[]).await;
    app.client.rocket().shutdown().notify();
    admin.add_widget("one").await.assert(Status::Created);
    assert_eq!(read_to_the_end(stream, "one").await, []);
}

#[rocket::async_test]
async fn event_streams_are_16_of_a_user_and_a_closed_one_makes_room() {
    let app = TestApp::new().await;
    let (admin, other) = (app.admin().await, app.user_of("other", Role::Admin).await);
    let key = admin.key("feed", "read").await;
    let mut open = Vec::new();
    for n in 0..16 {
        let listener = if n % 2 == 0 { &admin } else { &key };
        open.push(listen(&app, listener, &[]).await);
    }
    assert!(open.iter().all(|stream| stream.status() == Status::Ok));
    let refused = admin.send(Method::Get, "/audit/events", None, "").await;
    let why = "There are 16 event streams of this account already, the most there may be.";
    refused.assert_message(Status::Conflict, why);
    assert_eq!(listen(&app, &other, &[]).await.status(), Status::Ok);
    drop(open.pop());
    assert_eq!(listen(&app, &admin, &[]).await.status(), Status::Ok);
    assert_eq!(listen(&app, &key, &[]).await.status(), Status::Ok);
}
