//! Quotas on the wire: 507, and what an account is told of its storage. `tests/store` proves what
//! counts, and for whom.

use std::time::Duration;

use rocket::futures::future::join_all;
use rocket::http::{ContentType, Method, Status};
use serde_json::json;

use crate::support::{Actor, Answer, PASSWORD, TestApp, resolve_schema};

/// 1 MiB for each account, and 64 KiB for a new one.
const SMALL: &[(&str, &str)] = &[("quota_mib", "1")];

const FULL: &str = "Your account cannot store more than 64 KiB on its first day, and 1 MiB from then \
                    on. Please delete something.";

/// Creates a template that counts this many bytes.
async fn add(actor: &Actor<'_>, n: usize, size: usize) -> Answer {
    let name = format!("{n:04}");
    actor.post_json("/templates", &json!({ "name": name, "body": "x".repeat(size - 516) })).await
}

async fn used(actor: &Actor<'_>) -> u64 {
    actor.get("/auth/user").await.body["used_bytes"].as_u64().unwrap()
}

#[rocket::async_test]
async fn quota_is_507_with_a_sentence_and_deletes_and_shorter_texts_are_accepted() {
    let app = TestApp::with(SMALL).await;
    let ann = app.user("ann").await;
    for n in 0..2 {
        add(&ann, n, 32_768).await.assert(Status::Created);
    }
    let refused = add(&ann, 2, 517).await;
    refused.assert_message(Status::InsufficientStorage, FULL);
    assert_eq!(refused.body["status"], "error");
    assert_eq!(refused.header("Retry-After"), None);
    ann.get("/templates/0002").await.assert(Status::NotFound);
    let longer = [("body", "y".repeat(32_768 - 515))];
    let longer = longer.each_ref().map(|(name, text)| (*name, text.as_str()));
    ann.patch("/templates/0001", &longer).await.assert_message(Status::InsufficientStorage, FULL);

    ann.patch("/templates/0001", &[("body", "short")]).await.assert(Status::Ok);
    add(&ann, 2, 20_000).await.assert(Status::Created);
    ann.delete("/templates/0000").await.assert(Status::NoContent);
    assert_eq!(used(&ann).await, 20_000 + 512 + 4 + 5);
    app.advance(Duration::from_hours(24));
    let ann = ann.again().await;
    for n in 3..34 {
        add(&ann, n, 32_768).await.assert(Status::Created);
    }
    let full = "Your account cannot store more than 1 MiB. Please delete something.";
    add(&ann, 34, 32_768).await.assert_message(Status::InsufficientStorage, full);
}

#[rocket::async_test]
async fn what_an_account_stores_is_shown_to_it_and_to_administrators_and_changes_the_etag() {
    let app = TestApp::with(SMALL).await;
    let (admin, ann) = (app.admin().await, app.user("ann").await);
    let record = format!("/users/{}", ann.public_id().await);
    let paths = [(&ann, "/auth/user"), (&admin, record.as_str()), (&admin, "/users?q=ann")];
    let read = async |(actor, path): (&Actor<'_>, &str)| {
        let answer = actor.get(path).await;
        let item = &answer.body["items"][0];
        let user = if item.is_null() { &answer.body } else { item };
        assert_eq!(user["email"], "ann@example.com");
        (user["used_bytes"].clone(), user["quota_bytes"].clone(), answer.etag())
    };
    let mut etags = Vec::new();
    for path in paths {
        etags.push(read(path).await.2);
    }
    add(&ann, 1, 600).await.assert(Status::Created);
    for (path, etag) in paths.into_iter().zip(&mut etags) {
        let (used, quota, new) = read(path).await;
        assert_eq!((used, quota), (json!(600), json!(65_536)), "{}", path.1);
        assert_ne!(std::mem::replace(etag, new.clone()), new, "{}", path.1);
    }
    // A day later, and in new sessions.
    app.advance(Duration::from_hours(24));
    let (admin, ann) = (admin.again().await, ann.again().await);
    let paths = [(&ann, "/auth/user"), (&admin, record.as_str()), (&admin, "/users?q=ann")];
    for (path, etag) in paths.into_iter().zip(etags) {
        let (used, quota, new) = read(path).await;
        assert_eq!((used, quota), (json!(600), json!(1_048_576)), "{}", path.1);
        assert_ne!(etag, new, "{}", path.1);
    }
    let page = ann.in_a_browser().open("/account").await;
    assert!(page.text.contains("600 bytes of 1 MiB"), "{}", page.text);
    // What the account stores is no reason to refuse a change of it.
    let tag = admin.get(&record).await.etag();
    add(&ann, 2, 600).await.assert(Status::Created);
    let changed = admin.send_if(Method::Patch, &record, ("If-Match", &tag), &[("role", "manager")]);
    changed.await.assert(Status::Ok);
}

#[rocket::async_test]
async fn registrations_that_all_fill_their_quota_at_once_store_a_sixteenth_each() {
    const ACCOUNTS: usize = 12;
    let app = TestApp::with(SMALL).await;
    let names: Vec<_> = (0..ACCOUNTS).map(|n| format!("user{n}")).collect();
    let users = join_all(names.iter().map(|name| app.user(name))).await;
    let writes = users.iter().flat_map(|user| (0..64).map(move |n| add(user, n, 4_096)));
    let mut statuses = std::collections::BTreeMap::new();
    for answer in join_all(writes).await {
        *statuses.entry(answer.status.code).or_insert(0) += 1;
    }
    assert_eq!(statuses, [(201, ACCOUNTS * 16), (507, ACCOUNTS * 48)].into());
    let mut sum = 0;
    for user in &users {
        sum += used(user).await;
    }
    assert_eq!(sum, ACCOUNTS as u64 * 1_048_576 / 16);
}

/// The writes that a low disk does not refuse.
fn is_accepted_on_a_low_disk(operation: &str) -> bool {
    operation.starts_with("delete ")
        || matches!(operation, "post /auth/login" | "post /auth/logout")
}

#[rocket::async_test]
async fn a_low_disk_is_507_for_every_write_but_logins_logouts_and_deletes() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let bob = app.user("bob").await.public_id().await.to_string();
    let cid = app.user("cid").await.public_id().await.to_string();
    admin.add_widget("one").await.assert(Status::Created);
    admin.post("/templates", &[("name", "one"), ("body", "text")]).await.assert(Status::Created);
    let task = admin.post("/tasks", &[("title", "one")]).await.body["id"].clone();
    let code = admin.post(&format!("/users/{bob}/reset-code"), &[]).await.body["code"].clone();
    let (token, email) = (admin.token.clone(), admin.email.clone());
    let app = app.restart_with(&[("min_free_mib", "4294967295")]).await;
    let admin = Actor { token, email, ..app.anon() }.from("127.0.0.1");

    let mut count = 0;
    for (template, item) in app.document()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = format!("{method} {template}");
            // Without an administrator, `tests/store` asks for the first one.
            if operation["responses"]["507"].is_null() || name == "post /auth/setup" {
                continue;
            }
            let id = if template.starts_with("/tasks") { task.as_str().unwrap() } else { "none" };
            let path =
                template.replace("{name}", "one").replace("{public_id}", &bob).replace("{id}", id);
            let content = &operation["requestBody"]["content"];
            let is_csv = !content["text/csv"].is_null();
            let example = &content["application/json"]["schema"];
            let example = resolve_schema(app.document(), example)["example"].clone();
            let body = match name.as_str() {
                "post /auth/login" => {
                    json!({ "email": "bob@example.com", "password": PASSWORD }).to_string()
                }
                "post /auth/password" => {
                    json!({ "current_password": PASSWORD, "new_password": "tinker tailor soldier" })
                        .to_string()
                }
                "post /auth/reset" => {
                    json!({ "code": code, "new_password": "tinker tailor soldier" }).to_string()
                }
                "delete /auth/user" => json!({ "password": "wrong" }).to_string(),
                "post /widgets/import" => {
                    "name,info_url,deadline\nx,https://example.com,2099-12-31\n".to_owned()
                }
                "post /tasks/import" => "title\nx\n".to_owned(),
                _ if example.is_null() => String::new(),
                _ => example.to_string(),
            };
            let content_type = if is_csv { ContentType::CSV } else { ContentType::JSON };
            let content_type = (!body.is_empty()).then_some(content_type);
            // Some of these end the session.
            let own = admin.again().await;
            let answer = own.send(method.parse().unwrap(), &path, content_type, body).await;
            let is_full = answer.status == Status::InsufficientStorage;
            assert_eq!(is_full, !is_accepted_on_a_low_disk(&name), "{name}: {}", answer.text);
            if is_full {
                assert!(
                    answer.text.contains("only logins, logouts and deletes"),
                    "{}",
                    answer.text
                );
            }
            count += 1;
        }
    }
    assert!(count > 20, "{count}");
    let (admin, path) = (admin.again().await, format!("/users/{cid}"));
    admin.patch(&path, &[("status", "disabled")]).await.assert(Status::Ok);
}
