//! A browser's session lives on while it is used, and no other does.

use std::time::Duration;

use rocket::http::Status;
use widgetd::domain::Role;

use crate::support::{Actor, Answer, PASSWORD, TestApp, Visitor};

const USER: &str = "/api/v1/auth/user";
const DAY: Duration = Duration::from_hours(24);
const HOUR: Duration = Duration::from_hours(1);

async fn sign_in<'a>(app: &'a TestApp, user: &Actor<'a>) -> Visitor<'a> {
    let fields = [("login", &*user.email), ("password", PASSWORD)];
    let visitor = app.visitor();
    visitor.keeping(&visitor.submit("/api/v1/auth/login", &fields).await)
}

/// The seconds that a new cookie lives, if the answer has one.
fn renewed(answer: &Answer) -> Option<String> {
    let cookie = answer.set_cookie()?;
    let mut attributes = cookie.attributes.iter();
    attributes.find_map(|text| text.strip_prefix("Max-Age=")).map(str::to_owned)
}

fn days(days: u64) -> String {
    (days * 86_400).to_string()
}

#[rocket::async_test]
async fn a_used_session_gets_another_cookie_once_an_hour() {
    let app = TestApp::new().await;
    let visitor = sign_in(&app, &app.user("ann").await).await;
    app.advance(Duration::from_secs(3_599));
    for path in [USER, "/tasks"] {
        assert_eq!(renewed(visitor.open(path).await.assert(Status::Ok)), None, "{path}");
    }
    app.advance(Duration::from_secs(1));
    // Also by a page, and whatever becomes of the request.
    for path in [USER, "/tasks", "/people", "/api/v1/widgets/absent", "/api/v1/widgets?page=0"] {
        let answer = visitor.open(path).await;
        assert_eq!(renewed(&answer), Some(days(14)), "{path}");
        let next = visitor.keeping(&answer);
        assert_eq!(renewed(next.open(USER).await.assert(Status::Ok)), None);
    }
}

#[rocket::async_test]
async fn a_session_ends_14_days_after_its_last_use_and_90_after_its_start() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    let (mut visitor, unused) = (sign_in(&app, &ann).await, sign_in(&app, &ann).await);
    for day in (10..=80).step_by(10) {
        app.advance(10 * DAY);
        let answer = visitor.open(USER).await;
        assert_eq!(renewed(answer.assert(Status::Ok)), Some(days(14.min(90 - day))), "{day}");
        visitor = visitor.keeping(&answer);
        let expected = if day < 14 { Status::Ok } else { Status::Unauthorized };
        if day > 10 {
            unused.open(USER).await.assert(expected);
        }
    }
    app.advance(9 * DAY + Duration::from_secs(86_399));
    let answer = visitor.open(USER).await;
    assert_eq!(renewed(answer.assert(Status::Ok)).as_deref(), Some("1"));
    app.advance(Duration::from_secs(1));
    visitor.keeping(&answer).open(USER).await.assert(Status::Unauthorized);
}

#[rocket::async_test]
async fn the_session_of_an_api_client_is_not_renewed_in_a_cookie_either() {
    let app = TestApp::with(&[("access_token_seconds", "172800")]).await;
    let ann = app.user("ann").await;
    app.advance(DAY);
    assert_eq!(ann.get("/auth/user").await.assert(Status::Ok).header("Set-Cookie"), None);
    let answer = ann.in_a_browser().open(USER).await;
    assert_eq!(renewed(answer.assert(Status::Ok)), None);
    app.advance(DAY);
    ann.in_a_browser().open(USER).await.assert(Status::Unauthorized);
}

#[rocket::async_test]
async fn a_renewed_session_has_the_authority_of_now_and_ends_at_once() {
    let app = TestApp::new().await;
    app.admin().await;
    let boss = app.user_of("boss", Role::Admin).await;
    let visitor = sign_in(&app, &boss).await;
    app.advance(HOUR);
    app.set_role(&boss, Role::Employee).await;
    let answer = visitor.open("/api/v1/users").await;
    assert_eq!(renewed(answer.assert(Status::Forbidden)), Some(days(14)));
    let next = visitor.keeping(&answer);
    // A logout clears the cookie of both tokens, and both are dead.
    let out = visitor.submit("/api/v1/auth/logout", &[]).await;
    assert_eq!(renewed(out.assert(Status::SeeOther)).as_deref(), Some("0"));
    for visitor in [&visitor, &next] {
        let answer = visitor.open(USER).await;
        assert_eq!(renewed(answer.assert(Status::Unauthorized)), None);
    }
}

#[rocket::async_test]
async fn a_dry_run_renews_no_session() {
    let app = TestApp::new().await;
    let visitor = sign_in(&app, &app.user("ann").await).await;
    app.advance(HOUR);
    let before = app.dump();
    let fields = [("name", "one"), ("body", "text")];
    let answer = visitor.script().submit("/api/v1/templates?dry_run=true", &fields).await;
    assert_eq!(renewed(answer.assert(Status::Created)), None);
    assert!(app.dump() == before);
    let answer = visitor.script().submit("/api/v1/templates", &fields).await;
    assert_eq!(renewed(answer.assert(Status::Created)), Some(days(14)));
}
