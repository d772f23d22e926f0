//! `/search`: what each user may see, and nothing else.

use rocket::http::Status;
use serde_json::{Value, json};
use widgetd::domain::Role;

use crate::support::{Actor, Answer, TestApp};

const KINDS: [(&str, &str); 4] =
    [("widgets", "name"), ("tasks", "title"), ("templates", "name"), ("people", "name")];

/// What was found of each kind that the answer has: the names, and how many there are.
fn found(answer: &Answer) -> Value {
    let kind = |(kind, name): (&str, &str)| {
        let kind = answer.body.get(kind)?;
        let names = kind["items"].as_array()?.iter().map(|item| item[name].clone()).collect();
        Some(json!([kind["total_items"], Value::Array(names)]))
    };
    KINDS.into_iter().filter_map(kind).collect()
}

async fn user<'a>(app: &'a TestApp, name: &str, role: Role) -> Actor<'a> {
    let user = app.user_of(name, role).await;
    user.patch("/auth/user", &[("name", &*format!("Secret {name}"))]).await.assert(Status::Ok);
    let template = [("name", &*format!("secret-{name}")), ("body", "text")];
    user.post("/templates", &template).await.assert(Status::Created);
    user
}

#[rocket::async_test]
async fn search_finds_of_each_kind_what_the_caller_may_see() {
    let app = TestApp::new().await;
    let admin = user(&app, "admin", Role::Admin).await;
    let boss = user(&app, "boss", Role::Manager).await;
    let ann = user(&app, "ann", Role::Employee).await;
    admin.add_widget("secret").await.assert(Status::Created);
    for assignee in ["ann@example.com", "boss@example.com", "none"] {
        let task = [("title", &*format!("Secret of {assignee}")), ("assignee", assignee)];
        boss.post("/tasks", &task).await.assert(Status::Created);
    }
    let widgets = json!([1, ["secret"]]);
    let tasks =
        json!([3, ["Secret of ann@example.com", "Secret of boss@example.com", "Secret of none"]]);
    let people = json!([3, ["Secret admin", "Secret ann", "Secret boss"]]);
    let templates = |name: &str| json!([1, [format!("secret-{name}")]]);
    let anns = json!([1, ["Secret of ann@example.com"]]);
    for (reader, expected) in [
        (&admin, json!([widgets, tasks, templates("admin"), people])),
        (&boss, json!([widgets, tasks, templates("boss")])),
        (&ann, json!([widgets, anns, templates("ann")])),
    ] {
        assert_eq!(found(&reader.get("/search?q=SECR").await), expected, "{}", reader.email);
    }
    assert_eq!(found(&ann.get("/search?q=nothing").await), json!([[0, []], [0, []], [0, []]]));
    ann.get("/search").await.assert_invalid(&["q"]);
    ann.get("/search?q=a&page=2").await.assert_invalid(&["page"]);
}

#[rocket::async_test]
async fn search_shows_20_of_a_kind_and_counts_all() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    for n in 0..22 {
        admin.add_widget(&format!("w{n}")).await.assert(Status::Created);
    }
    let answer = admin.get("/search?q=w").await;
    let widgets = &answer.body["widgets"];
    assert_eq!(widgets["items"].as_array().unwrap().len(), 20);
    assert_eq!(widgets["total_items"], 22);
    // The same view as in the list.
    assert_eq!(widgets["items"][0], admin.get("/widgets/w0").await.body);
}
