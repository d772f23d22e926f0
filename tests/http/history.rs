//! `/widgets/{name}/history`, `/tasks/{id}/history`, and the audit as a feed of changes.

use rocket::http::Status;
use serde_json::{Value, json};

use crate::support::{Actor, TestApp};

fn id_of(record: &Value) -> String {
    record["id"].as_str().unwrap().to_owned()
}

pub async fn add_task(actor: &Actor<'_>, fields: &[(&str, &str)]) -> String {
    let task = actor.post("/tasks", fields).await;
    format!("/tasks/{}", id_of(&task.assert(Status::Created).body))
}

#[rocket::async_test]
async fn history_of_a_task_has_who_changed_what_when_and_nothing_else() {
    let app = TestApp::new().await;
    let (admin, ann) = (app.admin().await, app.user("ann").await);
    let task = add_task(
        &admin,
        &[
            ("title", "Count"),
            ("assignee", "ann@example.com"),
            ("deadline", "2026-12-31T12:00:00Z"),
        ],
    )
    .await;
    ann.patch(&task, &[("status", "in_progress")]).await.assert(Status::Ok);
    ann.patch(&task, &[("status", "in_progress")]).await.assert(Status::Ok);
    let history = ann.get(&format!("{task}/history?per_page=5")).await;
    let moment = ("11/21/26 12:00:00 PM UTC", "2026-11-21T12:00:00+00:00");
    let address = format!("/api/v1{task}/history?page=1&per_page=5");
    let expected = json!({
        "links": { "self": address, "first": address, "last": address },
        "has_prev": false, "has_next": false,
        "page": 1, "total_pages": 1, "items_per_page": 5, "total_items": 2,
        "items": [
            {
                "at": moment.0, "at_iso8601": moment.1,
                "actor": "ann@example.com", "actor_id": ann.public_id().await.to_string(),
                "action": "task.update", "changes": { "status": ["pending", "in_progress"] },
            },
            {
                "at": moment.0, "at_iso8601": moment.1,
                "actor": "admin@example.com", "actor_id": admin.public_id().await.to_string(),
                "action": "task.create",
                "changes": {
                    "assignee": [null, "ann@example.com"], "creator": [null, "admin@example.com"],
                    "deadline": [null, "2026-12-31T12:00:00+00:00"], "status": [null, "pending"],
                    "title": [null, "Count"],
                },
            },
        ],
    });
    assert_eq!(history.assert(Status::Ok).body, expected);
}

#[rocket::async_test]
async fn history_of_a_widget_is_under_its_present_name() {
    let app = TestApp::new().await;
    let (admin, ann) = (app.admin().await, app.user("ann").await);
    admin.add_widget("one").await.assert(Status::Created);
    admin.patch("/widgets/one", &[("name", "two")]).await.assert(Status::Ok);
    let history = ann.get("/widgets/TWO/history").await;
    assert_eq!(history.each("action"), ["widget.update", "widget.create"]);
    assert_eq!(history.body["items"][0]["changes"], json!({ "name": ["one", "two"] }));
    assert_eq!(history.body["links"]["first"], "/api/v1/widgets/TWO/history?page=1&per_page=10");
    ann.get("/widgets/one/history")
        .await
        .assert_message(Status::NotFound, "one not found in database.");
    ann.get("/widgets/no%20name/history").await.assert_invalid(&["name"]);
    ann.get("/widgets/two/history?q=x").await.assert_invalid(&["q"]);
    admin.delete("/widgets/two").await.assert(Status::NoContent);
    ann.get("/widgets/two/history").await.assert(Status::NotFound);
    let audit = admin.get("/audit?target=two").await;
    assert_eq!(audit.each("action"), ["widget.delete"]);
    let id = audit.body["items"][0]["target_id"].as_str().unwrap();
    let audit = admin.get(&format!("/audit?target={id}&sort=at")).await;
    assert_eq!(audit.each("action"), ["widget.create", "widget.update", "widget.delete"]);
}

#[rocket::async_test]
async fn history_has_deadlines_as_the_record_has_them() {
    let app = TestApp::with(&[("time_zone", "America/Los_Angeles")]).await;
    let admin = app.admin().await;
    let path = add_task(&admin, &[("title", "one"), ("deadline", "2026-12-31")]).await;
    let date = admin.get(&path).await.body["deadline_date"].clone();
    let time = [("deadline", "2027-01-31T10:00:00+01:00")];
    let time = admin.patch(&path, &time).await.body["deadline_iso8601"].clone();
    assert_eq!((&date, &time), (&json!("2026-12-31"), &json!("2027-01-31T09:00:00+00:00")));
    let history = admin.get(&format!("{path}/history")).await;
    assert_eq!(history.body["items"][0]["changes"], json!({ "deadline": [date, time] }));
    assert_eq!(history.body["items"][1]["changes"]["deadline"], json!([null, date]));
}

#[rocket::async_test]
async fn audit_after_an_id_is_a_feed_of_changes_in_their_order() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let last = admin.get("/audit").await.body["items"][0]["id"].clone();
    admin.add_widget("one").await.assert(Status::Created);
    let task = add_task(&admin, &[("title", "Count")]).await;
    admin.patch(&task, &[("status", "done")]).await.assert(Status::Ok);
    let feed = admin.get(&format!("/audit?after={last}")).await;
    assert_eq!(feed.each("action"), ["widget.create", "task.create", "task.update"]);
    let kinds = ["target_kind", "target"].map(|key| feed.each(key).join(" "));
    assert_eq!(kinds, ["widget task task", "one Count Count"]);
    let next = feed.body["items"][0]["id"].as_u64().unwrap();
    let feed = admin.get(&format!("/audit?after={next}&action=task.update")).await;
    assert_eq!(feed.each("action"), ["task.update"]);
    assert_eq!(feed.body["items"][0]["changes"], json!({ "status": ["pending", "done"] }));
    let none = admin.get(&format!("/audit?after={}", next + 2)).await;
    assert_eq!(none.assert(Status::Ok).body["total_items"], 0);
    admin.get("/audit?after=x&target=").await.assert_invalid(&["after"]);
    admin.get(&format!("/audit?target={}", "x".repeat(256))).await.assert_invalid(&["target"]);
}
