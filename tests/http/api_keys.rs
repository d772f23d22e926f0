//! `/auth/keys`: API keys.

use std::time::Duration;

use rocket::http::{Method, Status};
use serde_json::{Value, json};
use widgetd::domain::Status as AccountStatus;

use crate::support::{Answer, PASSWORD, TestApp};

const STOPPED: &str = "The account of this API key is not active.";
const UNKNOWN: &str = "Unknown API key. It may have been revoked.";

#[track_caller]
fn assert_insufficient(answer: &Answer, message: &str) {
    answer.assert_message(Status::Forbidden, message);
    let challenge = answer.header("WWW-Authenticate").unwrap();
    assert!(challenge.contains("error=\"insufficient_scope\""), "{challenge}");
}

#[rocket::async_test]
async fn create_shows_the_secret_once_and_the_list_never() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    let made = ann
        .post_json(
            "/auth/keys",
            &json!({ "name": "Nightly", "scope": "read", "expires": "2026-12-31" }),
        )
        .await;
    made.assert(Status::Created);
    assert_eq!(made.header("Cache-Control"), Some("no-store"));
    let key = made.body["key"].as_str().unwrap();
    assert!(key.starts_with("wgt_") && key.len() == 36, "{key}");
    let id = made.body["id"].as_str().unwrap();
    let view = json!({
        "id": id,
        "name": "Nightly",
        "scope": "read",
        "created_at": "11/21/26 12:00:00 PM UTC",
        "created_at_iso8601": "2026-11-21T12:00:00+00:00",
        "expires_at": "12/31/26 11:59:59 PM UTC",
        "expires_at_iso8601": "2026-12-31T23:59:59+00:00",
        "last_used_at": null,
        "last_used_at_iso8601": null,
        "link": format!("/api/v1/auth/keys/{id}"),
    });
    let mut expected = view.clone();
    expected["key"] = json!(key);
    assert_eq!(made.body, expected);
    let list = ann.get("/auth/keys").await;
    assert_eq!(list.body["items"], json!([view]));
    assert!(!list.text.contains(key));
}

#[rocket::async_test]
async fn scope_read_is_403_for_writes_and_no_scope_exceeds_the_owner_s_role() {
    let app = TestApp::new().await;
    let (admin, ann) = (app.admin().await, app.user("ann").await);
    let (reads, writes) = (admin.key("r", "read").await, admin.key("w", "write").await);
    reads.get("/widgets").await.assert(Status::Ok);
    reads.send(Method::Head, "/widgets", None, "").await.assert(Status::Ok);
    assert_insufficient(&reads.add_widget("one").await, "This API key may only read");
    writes.add_widget("one").await.assert(Status::Created);
    assert_eq!(writes.get("/widgets/one").await.body["owner"]["email"], "admin@example.com");
    ann.key("w", "write")
        .await
        .add_widget("two")
        .await
        .assert_message(Status::Forbidden, "You are not an administrator");
}

#[rocket::async_test]
async fn api_keys_are_403_for_keys_passwords_and_sessions() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let (key, reads) = (admin.key("w", "write").await, admin.key("r", "read").await);
    let id = admin.public_id().await;
    for (method, path) in [
        (Method::Post, "/auth/keys".to_owned()),
        (Method::Post, "/auth/password".to_owned()),
        (Method::Post, "/auth/logout".to_owned()),
        (Method::Delete, "/auth/sessions".to_owned()),
        (Method::Delete, "/auth/sessions/one".to_owned()),
        (Method::Delete, "/auth/user".to_owned()),
        (Method::Post, format!("/users/{id}/reset-code")),
        (Method::Delete, format!("/users/{id}/sessions")),
    ] {
        for key in [&key, &reads] {
            let answer = key.send(method, &path, None, "").await;
            assert_insufficient(&answer, "An API key cannot do this. Please log in.");
        }
    }
    admin.get("/auth/user").await.assert(Status::Ok);
}

#[rocket::async_test]
async fn expiry_is_optional_and_holds_to_the_millisecond() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    let forever = ann.key("forever", "read").await;
    let fields = [("name", "short"), ("scope", "read"), ("expires", "2026-11-21T12:00:10Z")];
    let short = ann.bearing(ann.post("/auth/keys", &fields).await.body["key"].as_str().unwrap());
    assert_eq!(forever.get("/auth/user").await.body["token_expires_in"], Value::Null);
    assert_eq!(short.get("/auth/user").await.body["token_expires_in"], "00:00:09");
    app.advance(Duration::from_millis(9_500));
    short.get("/auth/user").await.assert(Status::Ok);
    app.advance(Duration::from_millis(1));
    short.get("/auth/user").await.assert_message(Status::Unauthorized, "API key expired.");
    app.advance(Duration::from_hours(24 * 365 * 10));
    forever.get("/auth/user").await.assert(Status::Ok);
}

#[rocket::async_test]
async fn create_validation_names_each_field_and_a_taken_name_is_409() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    ann.post("/auth/keys", &[]).await.assert_invalid(&["name", "scope"]);
    let answer = ann
        .post("/auth/keys", &[("name", " "), ("scope", "admin"), ("expires", "2026-11-20")])
        .await;
    answer.assert_invalid(&["name", "scope", "expires"]);
    assert_eq!(answer.error_of("scope"), "'admin' must be one of read, write, calendar");
    assert_eq!(answer.error_of("expires"), "'2026-11-20' is in the past");
    ann.key("one", "read").await;
    let taken = ann.post("/auth/keys", &[("name", "one"), ("scope", "write")]).await;
    taken.assert_message(Status::Conflict, "There is a key named one already.");
    assert_eq!(ann.get("/auth/keys").await.body["total_items"], 1);
    // Names are unique for each owner.
    app.user("bob").await.key("one", "read").await;
}

#[rocket::async_test]
async fn revoked_keys_are_401_and_keys_of_others_are_404() {
    let app = TestApp::new().await;
    let (admin, ann) = (app.admin().await, app.user("ann").await);
    let (key, other) = (ann.key("one", "read").await, ann.key("two", "write").await);
    let list = ann.get("/auth/keys").await;
    let path = format!("/auth/keys/{}", list.body["items"][0]["id"].as_str().unwrap());
    for path in [&path, "/auth/keys/not-an-id"] {
        admin.delete(path).await.assert_message(Status::NotFound, "There is no such key.");
    }
    // An API key may revoke keys of its owner.
    other.delete(&path).await.assert(Status::NoContent);
    key.get("/auth/user").await.assert_message(Status::Unauthorized, UNKNOWN);
    other.get("/auth/user").await.assert(Status::Ok);
    let app_after = &app.anon().bearing(key.token.unwrap());
    app_after.get("/auth/user").await.assert(Status::Unauthorized);
}

#[rocket::async_test]
async fn keys_of_an_inactive_account_are_401() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    let key = ann.key("one", "read").await;
    for status in [AccountStatus::Disabled, AccountStatus::Pending] {
        app.set_status(&ann, status).await;
        key.get("/auth/user").await.assert_message(Status::Unauthorized, STOPPED);
    }
    app.set_status(&ann, AccountStatus::Active).await;
    key.get("/auth/user").await.assert(Status::Ok);
}

#[rocket::async_test]
async fn last_used_at_is_kept_to_the_minute() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    let key = ann.key("one", "read").await;
    let last_use = async || {
        // The use is recorded in the background; the writer finishes it before later writes.
        for _ in 0..100 {
            ann.patch("/auth/user", &[("username", "ann")]).await.assert(Status::Ok);
        }
        ann.get("/auth/keys").await.body["items"][0]["last_used_at_iso8601"].clone()
    };
    key.get("/widgets").await.assert(Status::Ok);
    assert_eq!(last_use().await, "2026-11-21T12:00:00+00:00");
    app.advance(Duration::from_secs(59));
    key.get("/widgets").await.assert(Status::Ok);
    assert_eq!(last_use().await, "2026-11-21T12:00:00+00:00");
    app.advance(Duration::from_secs(1));
    key.get("/widgets").await.assert(Status::Ok);
    assert_eq!(last_use().await, "2026-11-21T12:01:00+00:00");
}

#[rocket::async_test]
async fn an_unknown_key_is_401_whatever_its_shape() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    let key = ann.key("one", "read").await.token.unwrap();
    let mut texts = std::collections::BTreeSet::new();
    for wrong in [
        "wgt_",
        "wgt_x",
        &key[..key.len() - 1],
        &format!("{key}a"),
        &key.to_uppercase(),
        &format!("wgt_{}", key[4..].to_uppercase()),
        &key[4..],
    ] {
        let answer = app.anon().bearing(wrong).get("/auth/user").await;
        let message =
            if wrong.starts_with("wgt_") { UNKNOWN } else { "Invalid token. Please log in again." };
        answer.assert_message(Status::Unauthorized, message);
        texts.insert(answer.text);
    }
    assert_eq!(texts.len(), 2);
    app.anon().bearing(key).get("/auth/user").await.assert(Status::Ok);
}

#[rocket::async_test]
async fn secrets_are_stored_as_hashes_alone() {
    let app = TestApp::new().await;
    let key = app.user("ann").await.key("one", "read").await.token.unwrap();
    app.store.close().await;
    for file in std::fs::read_dir(app.folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for secret in [key.as_bytes(), &key.as_bytes()[4..], PASSWORD.as_bytes()] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret));
        }
    }
}
