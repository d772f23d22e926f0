//! Rules that hold for every route, walked over the OpenAPI document.

use rocket::http::Method::{self, Delete, Get, Patch, Put};
use rocket::http::{ContentType, Status};
use serde_json::{Value, json};

use crate::support::{Actor, PASSWORD, TestApp, resolve_schema, widget};

/// An `ETag` of nothing.
const STALE: (&str, &str) = ("If-Match", "\"0000000000000000\"");

const FAILED: &str =
    "It has changed meanwhile, or is not in the state that was asked for. Please read it again.";

struct Scene<'a> {
    admin: Actor<'a>,
    user: String,
    task: String,
}

impl<'a> Scene<'a> {
    async fn new(app: &'a TestApp) -> Self {
        // On the machine itself, as setup requires.
        let admin = app.admin().await.from("127.0.0.1");
        let user = app.user("ann").await.public_id().await.to_string();
        admin.add_widget("one").await.assert(Status::Created);
        admin.post("/templates", &[("name", "one"), ("body", "text")]).await;
        let task = admin.post("/tasks", &[("title", "one")]).await;
        Self { admin, user, task: task.body["id"].as_str().unwrap().to_owned() }
    }

    /// The path of a record that exists, for a path of the document.
    fn path(&self, template: &str) -> String {
        let id = if template.starts_with("/tasks") { &self.task } else { "none" };
        template.replace("{name}", "one").replace("{public_id}", &self.user).replace("{id}", id)
    }

    /// A body that a write of the path accepts.
    fn fields(method: Method, template: &str) -> Vec<(&'static str, &'static str)> {
        match (method, template) {
            (Delete, "/auth/user") => vec![("password", PASSWORD)],
            (Delete, _) => vec![],
            (Put, _) => widget("one")[1..].to_vec(),
            (_, "/widgets/{name}") => vec![("info_url", "https://example.org")],
            (_, "/tasks/{id}") => vec![("title", "two")],
            (_, "/templates/{name}") => vec![("body", "other")],
            (_, "/users/{public_id}") => vec![("role", "manager")],
            (_, "/auth/user") => vec![("username", "boss")],
            _ => panic!("{method} {template} needs a body"),
        }
    }
}

/// Where a GET of a record sends an `ETag`, each of its writes honours `If-Match`, and a PATCH
/// answers the new `ETag`; one that changes nothing keeps it.
#[rocket::async_test]
async fn if_match_holds_for_every_write_of_a_resource_with_an_etag() {
    let app = TestApp::new().await;
    let scene = Scene::new(&app).await;
    let mut seen = Vec::new();
    for (template, item) in app.document()["paths"].as_object().unwrap() {
        let headers = &item["get"]["responses"]["200"]["headers"];
        // Lists have no writes with preconditions.
        if headers["ETag"].is_null() || !headers["Link"].is_null() {
            continue;
        }
        let path = scene.path(template);
        for method in [Put, Patch, Delete] {
            let operation = &item[method.as_str().to_lowercase()];
            if operation.is_null() {
                continue;
            }
            let fields = Scene::fields(method, template);
            let etag = scene.admin.get(&path).await.etag();
            for condition in [
                STALE,
                ("If-Match", "\"nonsense\""),
                ("If-Match", &format!("W/{etag}")),
                ("If-None-Match", "*"),
                ("If-None-Match", &etag),
            ] {
                let refused = scene.admin.send_if(method, &path, condition, &fields).await;
                refused.assert_message(Status::PreconditionFailed, FAILED);
            }
            let malformed = scene.admin.send_if(method, &path, ("If-Match", "not a tag"), &fields);
            malformed.await.assert_invalid(&["If-Match"]);
            assert_eq!(scene.admin.get(&path).await.etag(), etag, "{method} {template}");
            assert!(!operation["responses"]["412"].is_null(), "{method} {template}");
            seen.push(format!("{method} {template}"));
        }
        if item["patch"].is_null() {
            continue;
        }
        let fields = Scene::fields(Patch, template);
        let etag = scene.admin.get(&path).await.etag();
        let changed = scene.admin.send_if(Patch, &path, ("If-Match", &etag), &fields).await;
        changed.assert(Status::Ok);
        assert_ne!(changed.etag(), etag, "{template}");
        assert_eq!(scene.admin.get(&path).await.etag(), changed.etag(), "{template}");
        app.advance(std::time::Duration::from_secs(1));
        let same = scene.admin.patch(&path, &fields).await;
        assert_eq!(same.assert(Status::Ok).etag(), changed.etag(), "{template}");
        assert_eq!(same.body["updated_at"], changed.body["updated_at"], "{template}");
    }
    assert_eq!(seen.len(), 11, "{seen:?}");
}

/// Null clears a field that can be empty, and is an error for one that cannot.
#[rocket::async_test]
async fn json_null_is_never_dropped() {
    let app = TestApp::new().await;
    let scene = Scene::new(&app).await;
    let mut count = 0;
    for (template, item) in app.document()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let schema = resolve_schema(app.document(), schema);
            let method: Method = method.parse().unwrap_or(Get);
            for (field, property) in schema["properties"].as_object().into_iter().flatten() {
                // Each name of the login is optional.
                if property["nullable"] == true || template == "/auth/login" {
                    continue;
                }
                let body = json!({ field: Value::Null }).to_string();
                let json = Some(ContentType::JSON);
                let answer = scene.admin.send(method, &scene.path(template), json, &body).await;
                answer.assert(Status::BadRequest);
                let why = answer.error_of(field);
                assert!(["must not be null", "is required"].contains(&why), "{template} {why}");
                count += 1;
            }
        }
    }
    assert!(count > 20, "{count}");
    let path = format!("/tasks/{}", scene.task);
    let ann = [("assignee", "ann@example.com"), ("deadline", "2027-01-01"), ("description", "x")];
    scene.admin.patch(&path, &ann).await.assert(Status::Ok);
    let nulls = r#"{"assignee": null, "deadline": null, "description": null}"#;
    let cleared = scene.admin.send(Patch, &path, Some(ContentType::JSON), nulls).await;
    let task = &cleared.assert(Status::Ok).body;
    let fields = (&task["assignee"], &task["deadline"], &task["description"]);
    assert_eq!(fields, (&Value::Null, &Value::Null, &json!("")));
}

/// What is deleted is 404 for every method, also with `If-Match`.
#[rocket::async_test]
async fn delete_is_204_without_a_body_and_then_every_method_is_404() {
    let app = TestApp::new().await;
    let scene = Scene::new(&app).await;
    let mut count = 0;
    for (template, item) in app.document()["paths"].as_object().unwrap() {
        let is_record = !item["get"]["responses"]["404"].is_null() && !item["delete"].is_null();
        if !is_record {
            continue;
        }
        let path = scene.path(template);
        let deleted = scene.admin.delete(&path).await;
        assert_eq!(deleted.assert(Status::NoContent).text, "", "{template}");
        assert_eq!(deleted.header("Content-Type"), None, "{template}");
        let message = match template.as_str() {
            "/users/{public_id}" => "There is no such account.",
            "/tasks/{id}" => "There is no such task.",
            _ => "one not found in database.",
        };
        let fields = Scene::fields(Patch, template);
        for answer in [
            scene.admin.get(&path).await,
            scene.admin.patch(&path, &fields).await,
            scene.admin.delete(&path).await,
            scene.admin.send_if(Delete, &path, ("If-Match", "*"), &[]).await,
        ] {
            answer.assert_message(Status::NotFound, message);
        }
        count += 1;
    }
    assert_eq!(count, 4);
}
