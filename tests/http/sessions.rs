//! `/auth/sessions`: the sessions of a user.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use rocket::http::{Method, Status};
use serde_json::{Value, json};

use crate::support::{PASSWORD, TestApp};

#[rocket::async_test]
async fn list_shows_each_session_with_its_time_address_and_client() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    app.advance(Duration::from_mins(1));
    let headers = [("User-Agent", "HTTPie/3.2"), ("Content-Type", "application/json")];
    let body = json!({ "email": "ann@example.com", "password": PASSWORD }).to_string();
    let login = app
        .anon()
        .from("2001:db8::7")
        .send_with(Method::Post, "/auth/login", &headers, &body)
        .await;
    let other = ann.bearing(login.token());

    let list = other.get("/auth/sessions").await;
    assert_eq!(
        (list.body["total_items"].as_u64(), list.header("Total-Count")),
        (Some(2), Some("2"))
    );
    let [first, second] = list.body["items"].as_array().unwrap().as_slice() else {
        panic!("{}", list.text)
    };
    assert_eq!((&first["current"], &first["address"]), (&json!(false), &json!("192.0.2.1")));
    let id = second["id"].as_str().unwrap();
    let expected = json!({
        "id": id,
        "current": true,
        "started_at": "11/21/26 12:01:00 PM UTC",
        "started_at_iso8601": "2026-11-21T12:01:00+00:00",
        "expires_at": "11/21/26 01:01:00 PM UTC",
        "expires_at_iso8601": "2026-11-21T13:01:00+00:00",
        "address": "2001:db8::7",
        "client": "HTTPie/3.2",
        "link": format!("/api/v1/auth/sessions/{id}"),
    });
    assert_eq!(*second, expected);
    // The id of the session is the `jti` of its token.
    let payload = other.token.as_ref().unwrap().split('.').nth(1).unwrap();
    let claims = BASE64URL_NOPAD.decode(payload.as_bytes()).unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&claims).unwrap()["jti"], id);
}

#[rocket::async_test]
async fn delete_of_a_session_ends_it_alone_and_is_404_for_others() {
    let app = TestApp::new().await;
    let (admin, ann) = (app.admin().await, app.user("ann").await);
    app.advance(Duration::from_secs(1));
    let other = ann.again().await;
    let path = format!("/auth/sessions/{}", ann.get("/auth/sessions").await.each("id")[1]);
    let absent = "There is no such session.";
    for path in [&path, "/auth/sessions/not-an-id"] {
        admin.delete(path).await.assert_message(Status::NotFound, absent);
    }
    other.get("/auth/user").await.assert(Status::Ok);
    ann.delete(&path).await.assert(Status::NoContent);
    let message = "Token blacklisted. Please log in again.";
    other.get("/auth/user").await.assert_message(Status::Unauthorized, message);
    assert_eq!(ann.get("/auth/sessions").await.each("id").len(), 1);
    ann.delete(&path).await.assert_message(Status::NotFound, absent);
}

#[rocket::async_test]
async fn delete_of_all_sessions_ends_each_and_keeps_api_keys() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    let (other, key) = (ann.again().await, ann.key("script", "read").await);
    let bob = app.user("bob").await;
    ann.delete("/auth/sessions").await.assert(Status::NoContent);
    for (actor, expected) in [(&ann, 401), (&other, 401), (&key, 200), (&bob, 200)] {
        assert_eq!(actor.get("/auth/user").await.status.code, expected);
    }
}

#[rocket::async_test]
async fn a_login_under_way_ends_when_all_sessions_are_ended() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    let id = app.find(&ann.email).await.public_id;
    for _ in 0..20 {
        // The login has read the account before it waits for the check of its password.
        let (_, ended) = rocket::futures::future::join(
            ann.log_in(PASSWORD),
            app.store.end_sessions(id, &app.cli_context()),
        )
        .await;
        ended.unwrap();
        // Either it was refused, or its session was ended with the others.
        let page = widgetd::domain::PageRequest::DEFAULT;
        assert_eq!(app.store.list_sessions(id, page, app.clock.now()).await.unwrap().total, 0);
    }
}

#[rocket::async_test]
async fn user_agent_is_kept_to_200_characters_and_without_bidi_controls() {
    let app = TestApp::new().await;
    app.user("ann").await;
    let long = format!("ü\"; DROP TABLE user; -- {}", "x".repeat(5_000));
    let body = json!({ "email": "ann@example.com", "password": PASSWORD }).to_string();
    for (agent, expected) in [
        (long.as_str(), long.chars().take(200).collect()),
        ("\u{2069}\u{202e}lruc/8", "\u{fffd}\u{fffd}lruc/8".to_owned()),
    ] {
        let headers = [("User-Agent", agent), ("Content-Type", "application/json")];
        let login = app.anon().send_with(Method::Post, "/auth/login", &headers, &body).await;
        let list = app.anon().bearing(login.token()).get("/auth/sessions?per_page=100").await;
        let items = list.body["items"].as_array().unwrap();
        let kept = items.iter().find(|session| session["current"] == true).unwrap();
        assert_eq!(kept["client"], expected);
    }
}
