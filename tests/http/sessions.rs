//! `/auth/sessions`: where one is logged in.

use std::time::Duration;

use rocket::http::{Method, Status};
use serde_json::{Value, json};

use crate::support::{PASSWORD, TestApp};

fn ids(list: &Value) -> Vec<&str> {
    list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|session| session["id"].as_str().unwrap())
        .collect()
}

#[rocket::async_test]
async fn each_login_is_a_session_with_its_time_address_and_client() {
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
    // The session's name is the token's.
    let claims: Value =
        jsonwebtoken::dangerous::insecure_decode(other.token.as_ref().unwrap()).unwrap().claims;
    assert_eq!(claims["jti"], id);
}

#[rocket::async_test]
async fn one_session_is_ended_and_the_others_live() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    app.advance(Duration::from_secs(1));
    let other = ann.again().await;
    let list = ann.get("/auth/sessions").await;
    let path = format!("/auth/sessions/{}", ids(&list.body)[1]);
    ann.delete(&path).await.assert(Status::NoContent);
    other
        .get("/auth/user")
        .await
        .assert_message(Status::Unauthorized, "Token blacklisted. Please log in again.");
    assert_eq!(ids(&ann.get("/auth/sessions").await.body).len(), 1);
    ann.delete(&path).await.assert_message(Status::NotFound, "There is no such session.");
}

#[rocket::async_test]
async fn nobody_ends_the_session_of_somebody_else() {
    let app = TestApp::new().await;
    let (admin, ann) = (app.admin().await, app.user("ann").await);
    let list = ann.get("/auth/sessions").await;
    let path = format!("/auth/sessions/{}", ids(&list.body)[0]);
    for path in [&path, "/auth/sessions/not-an-id"] {
        admin.delete(path).await.assert_message(Status::NotFound, "There is no such session.");
    }
    ann.get("/auth/user").await.assert(Status::Ok);
}

#[rocket::async_test]
async fn logging_out_everywhere_ends_every_session_also_after_a_restart() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    let (other, key, bob) =
        (ann.again().await, ann.key("script", "read").await, app.user("bob").await);
    ann.delete("/auth/sessions").await.assert(Status::NoContent);
    let tokens = [ann.token.clone().unwrap(), other.token.unwrap()];
    let alive = [key.token.unwrap(), bob.token.unwrap()];

    let app = app.restart().await;
    for token in tokens {
        app.anon().bearing(token).get("/auth/user").await.assert(Status::Unauthorized);
    }
    for token in alive {
        app.anon().bearing(token).get("/auth/user").await.assert(Status::Ok);
    }
}

#[rocket::async_test]
async fn a_session_that_has_expired_is_listed_no_more() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    app.advance(Duration::from_secs(3_599));
    let later = ann.again().await;
    assert_eq!(ids(&later.get("/auth/sessions").await.body).len(), 2);
    app.advance(Duration::from_secs(1));
    assert_eq!(ids(&later.get("/auth/sessions").await.body).len(), 1);
}

#[rocket::async_test]
async fn a_login_during_which_the_account_is_logged_out_everywhere_does_not_come_through() {
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
async fn a_client_s_name_does_not_turn_the_direction_of_the_text_around_it() {
    let app = TestApp::new().await;
    app.user("ann").await;
    let headers = [("User-Agent", "\u{2069}\u{202e}lruc/8"), ("Content-Type", "application/json")];
    let body = json!({ "email": "ann@example.com", "password": PASSWORD }).to_string();
    let login = app.anon().send_with(Method::Post, "/auth/login", &headers, &body).await;
    let list = app.anon().bearing(login.token()).get("/auth/sessions?per_page=100").await;
    let kept = list.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|session| session["current"] == true)
        .unwrap();
    assert_eq!(kept["client"], "\u{fffd}\u{fffd}lruc/8");
}

#[rocket::async_test]
async fn a_client_s_name_is_kept_in_part_and_without_harm() {
    let app = TestApp::new().await;
    app.user("ann").await;
    let agent = format!("{}\"; DROP TABLE user; -- {}", "ü", "x".repeat(5_000));
    let headers = [("User-Agent", agent.as_str()), ("Content-Type", "application/json")];
    let body = json!({ "email": "ann@example.com", "password": PASSWORD }).to_string();
    let login = app.anon().send_with(Method::Post, "/auth/login", &headers, &body).await;
    let list = app.anon().bearing(login.token()).get("/auth/sessions?per_page=100").await;
    let kept = list.body["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|session| session["current"] == true)
        .unwrap();
    let expected: String = agent.chars().take(200).collect();
    assert_eq!(kept["client"], expected);
}
