//! `/audit`: the audit events of requests.

use std::time::Duration;

use rocket::http::{ContentType, Method, Status};
use serde_json::{Value, json};
use widgetd::domain::Role;

use crate::support::{Actor, PASSWORD, TestApp, form};

const NEW_PASSWORD: &str = "tinker tailor soldier spy";

async fn entries(admin: &Actor<'_>, query: &str) -> Vec<Value> {
    let list = admin.get(&format!("/audit?per_page=100{query}")).await;
    list.assert(Status::Ok).body["items"].as_array().unwrap().clone()
}

/// Each entry in a line, oldest first.
async fn story(admin: &Actor<'_>, query: &str) -> Vec<String> {
    let or_dash = |value: &Value| value.as_str().unwrap_or("-").replace("@example.com", "");
    let line = |entry: &Value| {
        ["actor", "address", "action", "target", "result", "detail"]
            .map(|key| or_dash(&entry[key]))
            .join(" | ")
    };
    entries(admin, query).await.iter().rev().map(line).collect()
}

#[rocket::async_test]
async fn audit_has_one_event_for_each_change_and_each_wrong_password() {
    let app = TestApp::new().await;
    let admin = app.user_of("admin", Role::Admin).await;
    let ann = app.user("ann").await.from("203.0.113.5");
    let since = app.clock.now();
    app.advance(Duration::from_secs(1));
    let path = format!("/users/{}", ann.public_id().await);

    ann.log_in("wrong").await.assert(Status::Unauthorized);
    ann.patch("/auth/user", &[("username", "ann")]).await.assert(Status::Ok);
    let key = ann.post("/auth/keys", &[("name", "ci"), ("scope", "write")]).await;
    ann.delete(key.body["link"].as_str().unwrap().trim_start_matches("/api/v1"))
        .await
        .assert(Status::NoContent);
    ann.post("/auth/password", &[("current_password", "x"), ("new_password", NEW_PASSWORD)]).await;
    ann.post("/auth/password", &[("current_password", PASSWORD), ("new_password", NEW_PASSWORD)])
        .await;
    admin.patch(&path, &[("role", "manager"), ("status", "disabled")]).await.assert(Status::Ok);
    ann.log_in(NEW_PASSWORD).await.assert(Status::Forbidden);
    admin.patch(&path, &[("status", "active")]).await.assert(Status::Ok);
    // A PATCH that changes nothing leaves no event.
    admin.patch(&path, &[("status", "active"), ("role", "manager")]).await.assert(Status::Ok);
    let code = admin.post(&format!("{path}/reset-code"), &[]).await;
    let code = code.body["code"].as_str().unwrap().to_owned();
    app.anon()
        .post("/auth/reset", &[("code", "abcd-efgh-ijkl-mnop"), ("new_password", PASSWORD)])
        .await;
    app.anon()
        .post("/auth/reset", &[("code", &code), ("new_password", PASSWORD)])
        .await
        .assert(Status::Ok);
    let ann = ann.again().await;
    ann.post("/auth/logout", &[]).await.assert(Status::Ok);
    let ann = ann.again().await;
    admin.delete(&format!("{path}/sessions")).await.assert(Status::NoContent);
    let ann = ann.bearing(ann.log_in(PASSWORD).await.token());
    app.anon().post("/auth/login", &[("email", "nobody@example.com"), ("password", "x")]).await;
    app.anon()
        .post(
            "/auth/login",
            &[("username", PASSWORD.split(' ').next().unwrap()), ("password", "x")],
        )
        .await;
    let password = form(&[("password", PASSWORD)]);
    ann.send(Method::Delete, "/auth/user", Some(ContentType::Form), password)
        .await
        .assert(Status::NoContent);

    let told = story(
        &admin,
        &format!("&since={}", since.plus_seconds(1).to_iso_8601().replace('+', "%2B")),
    )
    .await;
    let expected = [
        "anonymous | 203.0.113.5 | session.start | ann | wrong_password | -",
        "ann | 203.0.113.5 | account.username | ann | ok | ann",
        "ann | 203.0.113.5 | key.create | ann | ok | ci (write)",
        "ann | 203.0.113.5 | key.revoke | ann | ok | ci (write)",
        "ann | 203.0.113.5 | password.change | ann | wrong_password | -",
        "ann | 203.0.113.5 | password.change | ann | ok | -",
        "admin | 192.0.2.1 | account.disable | ann | ok | -",
        "admin | 192.0.2.1 | account.role | ann | ok | employee to manager",
        "anonymous | 203.0.113.5 | session.start | ann | disabled | -",
        "admin | 192.0.2.1 | account.enable | ann | ok | -",
        "admin | 192.0.2.1 | password.reset_code | ann | ok | -",
        "anonymous | 192.0.2.1 | password.reset | - | wrong_code | -",
        "ann | 192.0.2.1 | password.reset | ann | ok | -",
        "ann | 203.0.113.5 | session.start | ann | ok | -",
        "ann | 203.0.113.5 | session.logout | ann | ok | -",
        "ann | 203.0.113.5 | session.start | ann | ok | -",
        "admin | 192.0.2.1 | session.end_all | ann | ok | -",
        "ann | 203.0.113.5 | session.start | ann | ok | -",
        "anonymous | 192.0.2.1 | session.start | nobody | unknown_account | -",
        "anonymous | 192.0.2.1 | session.start | - | unknown_account | -",
        "ann | 203.0.113.5 | account.delete | ann | ok | -",
    ];
    assert_eq!(told, expected);
}

#[rocket::async_test]
async fn audit_events_have_time_address_session_and_request_id() {
    let app = TestApp::new().await;
    let (admin, ann) = (app.admin().await, app.user("ann").await);
    let answer = ann.patch("/auth/user", &[("username", "ann")]).await;
    let number = answer.header("X-Request-Id").unwrap();
    let id = ann.public_id().await.to_string();
    let session =
        ann.get("/auth/sessions").await.body["items"][0]["id"].as_str().unwrap().to_owned();
    let entry = entries(&admin, "&action=account.username").await.remove(0);
    let expected = json!({
        "id": entry["id"],
        "at": "11/21/26 12:00:00 PM UTC",
        "at_iso8601": "2026-11-21T12:00:00+00:00",
        "actor": "ann@example.com",
        "actor_id": id,
        "address": "192.0.2.1",
        "action": "account.username",
        "target_kind": "account",
        "target": "ann@example.com",
        "target_id": id,
        "result": "ok",
        "detail": "ann",
        "credential": format!("session {session}"),
        "request_id": number,
        "changes": null,
    });
    assert_eq!(entry, expected);
    assert!(entry["id"].is_u64());
}

#[rocket::async_test]
async fn audit_events_name_the_api_key_as_credential() {
    let app = TestApp::new().await;
    let (admin, ann) = (app.admin().await, app.user("ann").await);
    let key = admin.key("script", "write").await;
    let id = admin.get("/auth/keys").await.body["items"][0]["id"].as_str().unwrap().to_owned();
    key.patch(&format!("/users/{}", ann.public_id().await), &[("role", "manager")])
        .await
        .assert(Status::Ok);
    let entry = entries(&admin, "&action=account.role&account=ann@example.com").await.remove(0);
    assert_eq!(
        (&entry["actor"], &entry["credential"]),
        (&json!("admin@example.com"), &json!(format!("key {id}")))
    );
    // A failed login has none.
    ann.log_in("wrong").await;
    assert_eq!(entries(&admin, "&account=ann@example.com").await[0]["credential"], Value::Null);
}

#[rocket::async_test]
async fn audit_list_filters_by_account_action_and_time_latest_first() {
    let app = TestApp::new().await;
    let (admin, ann) = (app.admin().await, app.user("ann").await);
    ann.patch("/auth/user", &[("username", "ann")]).await.assert(Status::Ok);
    app.advance(Duration::from_hours(24));
    let ann = ann.again().await;
    let count = async |query: &str| entries(&admin.again().await, query).await.len();
    let id = ann.public_id().await;
    // Register, its session, the username, a login.
    for account in [&id.to_string(), "ann@example.com", "ANN@example.com", "ann"] {
        assert_eq!(count(&format!("&account={account}")).await, 4, "{account}");
    }
    assert_eq!(count("&account=nobody").await, 0);
    assert_eq!(count("&account=ann&action=session.start").await, 2);
    assert_eq!(count("&account=ann&since=2026-11-22").await, 1);
    assert_eq!(count("&account=ann&since=2026-11-22T12:00:01Z").await, 0);

    let admin = admin.again().await;
    let list = entries(&admin, "&account=ann").await;
    assert!(list.windows(2).all(|pair| pair[0]["id"].as_u64() > pair[1]["id"].as_u64()));
    let answer = admin.get("/audit?account=first%20last&action=nothing&since=soon").await;
    answer.assert_invalid(&["account", "action", "since"]);
    assert!(answer.error_of("action").contains("session.start"), "{}", answer.text);
}

#[rocket::async_test]
async fn audit_events_contain_no_secret() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let ann = app.user("ann").await;
    let key = ann.key("ci", "write").await.token.unwrap();
    let path = format!("/users/{}", ann.public_id().await);
    let code = admin.post(&format!("{path}/reset-code"), &[]).await.body["code"]
        .as_str()
        .unwrap()
        .to_owned();
    let mistake = "my-Secret.phrase";
    ann.log_in(mistake).await.assert(Status::Unauthorized);
    // A password typed into the field of the login name.
    app.anon().post("/auth/login", &[("username", mistake), ("password", PASSWORD)]).await;
    // A password that looks like an e-mail address.
    let like_an_address = "P@ssw0rd";
    app.anon().post("/auth/login", &[("email", like_an_address), ("password", PASSWORD)]).await;
    app.anon()
        .post("/auth/reset", &[("code", &code), ("new_password", NEW_PASSWORD)])
        .await
        .assert(Status::Ok);
    let text = admin.get("/audit?per_page=100").await.text;
    for secret in
        [PASSWORD, NEW_PASSWORD, mistake, like_an_address, &key, &code, ann.token.as_ref().unwrap()]
    {
        assert!(!text.contains(secret), "{secret}");
    }
}

#[rocket::async_test]
async fn audit_has_no_event_for_400_403_and_409() {
    let app = TestApp::new().await;
    let (admin, ann) = (app.admin().await, app.user("ann").await);
    let before = entries(&admin, "").await.len();
    ann.get("/users").await.assert(Status::Forbidden);
    ann.add_widget("one").await.assert(Status::Forbidden);
    ann.patch("/auth/user", &[("username", "a b")]).await.assert(Status::BadRequest);
    app.anon()
        .post("/auth/register", &[("email", "ann@example.com"), ("password", PASSWORD)])
        .await;
    let path = format!("/users/{}", admin.public_id().await);
    admin.patch(&path, &[("role", "employee")]).await.assert(Status::Conflict);
    assert_eq!(entries(&admin, "").await.len(), before);
}
