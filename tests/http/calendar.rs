//! `/calendar.ics`: deadlines for calendar programs, by a key of its own.

use std::time::Duration;

use rocket::http::{Method, Status};
use widgetd::domain::Role;

use crate::support::{Actor, TestApp};

/// The content lines, unfolded (RFC 5545 section 3.1).
fn lines(calendar: &str) -> Vec<String> {
    assert!(calendar.ends_with("\r\n"));
    assert!(calendar.split("\r\n").all(|line| line.len() <= 75 && !line.contains(['\r', '\n'])));
    calendar.replace("\r\n ", "").lines().map(str::to_owned).collect()
}

/// The address of a new calendar key.
async fn address(actor: &Actor<'_>) -> String {
    let fields = [("name", "calendar"), ("scope", "calendar")];
    let key = actor.post("/auth/keys", &fields).await;
    format!("/calendar.ics?key={}", key.assert(Status::Created).body["key"].as_str().unwrap())
}

#[rocket::async_test]
async fn calendar_has_the_deadlines_of_widgets_and_of_the_owners_open_tasks() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let (boss, ann) = (app.user_of("boss", Role::Manager).await, app.user("ann").await);
    admin.add_widget("one").await.assert(Status::Created);
    let nasty = "a; b, c\\d \"é\" https://example.com/".repeat(4);
    for (title, deadline, description, assignee) in [
        ("dentist", "2026-12-24T10:30:00+01:00", "", "ann@example.com"),
        (&*nasty, "2026-12-01", "one\r\ntwo\rthree\nEND:VCALENDAR", "ann@example.com"),
        ("of the boss", "2026-12-01", "", "boss@example.com"),
        ("no deadline", "none", "", "ann@example.com"),
    ] {
        let task = [
            ("title", title),
            ("deadline", deadline),
            ("description", description),
            ("assignee", assignee),
        ];
        boss.post("/tasks", &task).await.assert(Status::Created);
    }
    let done = [
        ("title", "done"),
        ("deadline", "2026-12-02"),
        ("assignee", &*ann.email),
        ("status", "done"),
    ];
    boss.post("/tasks", &done).await.assert(Status::Created);

    let calendar = app.anon().get(&address(&ann).await).await;
    assert_eq!(
        calendar.assert(Status::Ok).header("Content-Type"),
        Some("text/calendar; charset=utf-8")
    );
    let lines = lines(&calendar.text);
    let of = |name: &str| {
        let values = lines.iter().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        values.map(str::to_owned).collect::<Vec<_>>()
    };
    let escaped = nasty.replace('\\', "\\\\").replace(';', "\\;").replace(',', "\\,");
    assert_eq!(of("SUMMARY"), ["one".to_owned(), escaped, "dentist".to_owned()]);
    assert_eq!(of("DTSTART;VALUE=DATE"), ["20261231", "20261201"]);
    assert_eq!(of("DTSTART"), ["20261224T093000Z"]);
    assert_eq!(of("DTSTAMP"), ["20261121T120000Z"; 3]);
    assert_eq!(of("DESCRIPTION"), ["one\\ntwo\\nthree\\nEND:VCALENDAR"]);
    assert_eq!(of("REFRESH-INTERVAL;VALUE=DURATION"), ["PT1H"]);
    let uids = of("UID");
    assert!(uids[0].starts_with("widget-one@widgetd-") && uids[2].starts_with("task-"), "{uids:?}");
    assert_eq!((of("BEGIN").len(), of("END").len()), (4, 4));
}

#[rocket::async_test]
async fn calendar_is_304_until_it_changes_and_forgets_deadlines_after_92_days() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    admin.add_widget("one").await.assert(Status::Created);
    let address = address(&admin).await;
    let nobody = app.anon();
    let tag = nobody.get(&address).await.etag();
    let again = async || nobody.send_if(Method::Get, &address, ("If-None-Match", &tag), &[]).await;
    again().await.assert(Status::NotModified);
    admin.add_widget("two").await.assert(Status::Created);
    again().await.assert(Status::Ok);
    app.advance(Duration::from_hours(24 * (40 + 92)));
    assert!(nobody.get(&address).await.text.contains("UID:widget-one@"));
    app.advance(Duration::from_hours(24));
    assert!(!nobody.get(&address).await.text.contains("UID"));
}

#[rocket::async_test]
async fn calendar_keys_do_nothing_else_and_other_credentials_open_no_calendar() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let address = address(&admin).await;
    let key = app.anon().bearing(address.split_once('=').unwrap().1);
    for route in app.routes() {
        let Some(path) = route.uri.path().strip_prefix("/api/v1") else { continue };
        let path = path.replace(['<', '>'], "");
        let is_open = app.anon().send(route.method, &path, None, "").await.status;
        let answer = key.send(route.method, &path, None, "").await;
        if is_open == Status::Unauthorized && path != "/calendar.ics" {
            answer.assert(Status::Forbidden);
        }
    }
    let why = "This API key may only read the calendar";
    key.get("/auth/user").await.assert_message(Status::Forbidden, why);
    let token = admin.token.clone().unwrap();
    let reads = admin.key("reads", "read").await.token.unwrap();
    for other in [token, reads] {
        let answer = app.anon().get(&format!("/calendar.ics?key={other}")).await;
        let why = "Only an API key of scope calendar may be part of an address";
        answer.assert_message(Status::Forbidden, why);
    }
    app.anon().get("/calendar.ics?key=wgt_x").await.assert(Status::Unauthorized);
    app.anon().get(&format!("{address}&x=1")).await.assert_invalid(&["x"]);
    let keys = admin.get("/auth/keys").await;
    let id = keys.body["items"][0]["id"].as_str().unwrap();
    admin.delete(&format!("/auth/keys/{id}")).await.assert(Status::NoContent);
    app.anon().get(&address).await.assert(Status::Unauthorized);
}
