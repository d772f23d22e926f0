//! The OpenAPI document's examples: each body has one, it is what its schema says, and it is what the
//! service answers.

use serde_json::{Value, json};
use widgetd::domain::Role;

use crate::support::{Actor, TestApp, resolve_schema, schema};

/// Each operation with its method and path.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in
            item.as_object().unwrap().iter().filter(|(key, _)| *key != "servers")
        {
            all.push((format!("{} {path}", method.to_uppercase()), operation));
        }
    }
    assert!(all.len() > 40);
    all
}

/// Each body in the document, with its place and form.
fn bodies(document: &Value) -> Vec<(String, &Value)> {
    let mut all = Vec::new();
    for (name, operation) in operations(document) {
        let responses = operation["responses"].as_object().unwrap().iter();
        let responses = responses.map(|(status, response)| (status.as_str(), response));
        for (part, body) in responses.chain([("request", &operation["requestBody"])]) {
            for (form, media) in body["content"].as_object().into_iter().flatten() {
                all.push((format!("{name} {part} {form}"), media));
            }
        }
    }
    assert!(all.len() > 300, "{}", all.len());
    all
}

/// The example of a body, or of its schema.
fn example_of<'a>(document: &'a Value, media: &'a Value) -> &'a Value {
    match &media["example"] {
        Value::Null => &resolve_schema(document, &media["schema"])["example"],
        example => example,
    }
}

fn has_placeholder(value: &Value) -> bool {
    match value {
        Value::String(text) => {
            ["string", "done", "user@example.com"].contains(&text.as_str())
                || ["{base}", "{path}"].iter().any(|part| text.contains(part))
        }
        Value::Array(items) => items.iter().any(has_placeholder),
        Value::Object(fields) => fields.values().any(has_placeholder),
        _ => false,
    }
}

#[rocket::async_test]
async fn every_body_of_the_openapi_document_has_an_example_that_fits_its_schema() {
    let app = TestApp::new().await;
    let document = app.document();
    for (place, media) in bodies(document) {
        let example = example_of(document, media);
        assert!(!example.is_null(), "{place} has no example");
        assert!(!has_placeholder(example), "{place}: {example}");
        let faults = schema::faults(document, &media["schema"], example);
        assert!(faults.is_empty(), "{place}: {faults:#?} {example}");
    }
}

#[rocket::async_test]
async fn every_400_of_the_openapi_document_names_a_field_of_its_operation() {
    let app = TestApp::new().await;
    let document = app.document();
    for (name, operation) in operations(document) {
        let content = &operation["responses"]["400"]["content"]["application/json"];
        let errors = content["example"]["errors"].as_object();
        let errors = errors.unwrap_or_else(|| panic!("{name} names no field"));
        assert_eq!(content["example"]["message"], "Input payload validation failed");
        let media = operation["requestBody"]["content"].as_object().into_iter().flatten().next();
        let schema = media.map(|(_, media)| resolve_schema(document, &media["schema"]));
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let is_parameter =
            |field: &str| parameters.clone().any(|parameter| parameter["name"] == field);
        let is_known = |field: &str| {
            schema.is_some_and(|schema| schema["properties"].get(field).is_some())
                || is_parameter(field)
                // A row of a table, a GET with a body, and a field where none is expected.
                || field.starts_with("row 2, ") && name.ends_with("/import")
                || field == "body" && name.starts_with("GET")
                || field == "comment" && schema.is_none()
        };
        assert!(errors.keys().all(|field| is_known(field)), "{name}: {errors:?}");
        assert!(!errors.is_empty(), "{name}");
    }
}

#[rocket::async_test]
async fn names_of_the_openapi_document_have_enums_and_formats() {
    let app = TestApp::new().await;
    let document = app.document();
    let all = schema::properties(document);
    let views: Vec<_> = all
        .into_iter()
        .filter(|(of, ..)| ["View", "Links", "Greeting"].iter().any(|end| of.contains(end)))
        .collect();
    assert!(views.len() > 100, "{}", views.len());
    for (of, name, property) in &views {
        let format = match *name {
            name if name.ends_with("_iso8601") => "date-time",
            name if name.ends_with("_date") => "date",
            "public_id" | "actor_id" => "uuid",
            "id" if *of != "AuditView" => "uuid",
            "email" => "email",
            "info_url" => "uri",
            "link" | "self" | "first" | "prev" | "next" | "last" if *of != "SignInView" => {
                "uri-reference"
            }
            "documentation" | "openapi" => "uri-reference",
            "status" | "role" | "action" | "scope" | "result" | "target_kind" | "token_type" => {
                let names = property["enum"].as_array();
                assert!(names.is_some_and(|names| !names.is_empty()), "{of}.{name}: {property}");
                continue;
            }
            _ => continue,
        };
        assert_eq!(property["format"], format, "{of}.{name}: {property}");
    }
    let of = |schema: &str, name: &str| {
        let found = views.iter().find(|(of, field, _)| *of == schema && *field == name);
        found.unwrap_or_else(|| panic!("{schema}.{name}")).2
    };
    let status = of("TaskView", "status");
    assert_eq!(status["enum"], json!(["pending", "in_progress", "done", "cancelled"]));
    assert_eq!(of("AuditView", "result")["enum"][0], "ok");
    for (schema, name) in [
        ("TaskView", "deadline_iso8601"),
        ("TaskView", "assignee"),
        ("UserSummaryView", "email"),
        ("KeyView", "expires_at_iso8601"),
        ("AuditView", "actor_id"),
        ("WidgetView", "deadline_date"),
    ] {
        assert_eq!(of(schema, name)["nullable"], true, "{schema}.{name}");
    }
    assert!(of("WidgetView", "deadline_iso8601").get("nullable").is_none());
}

/// Fails unless both have the same fields, each of the same type. What only one of them has or has
/// `null` for must be optional. The first items of lists stand for all.
fn assert_alike(document: &Value, schema: &Value, example: &Value, real: &Value, place: &str) {
    let schema = resolve_schema(document, schema);
    if let Some(part) = schema["allOf"].get(0) {
        return assert_alike(document, part, example, real, place);
    }
    match (example, real) {
        (Value::Object(example), Value::Object(real)) if schema["properties"].is_object() => {
            let required = schema["required"].as_array().cloned().unwrap_or_default();
            for name in example.keys().chain(real.keys()) {
                let place = format!("{place}/{name}");
                let (one, other) = (example.get(name), real.get(name));
                let is_optional = !required.contains(&json!(name));
                assert!(one.is_some() && other.is_some() || is_optional, "{place} is in one alone");
                if let (Some(one), Some(other)) = (one, other) {
                    assert_alike(document, &schema["properties"][name], one, other, &place);
                }
            }
        }
        (Value::Array(example), Value::Array(real)) => {
            let (one, other) = (example.first(), real.first());
            let (one, other) = (one.expect("an item"), other.expect("an item"));
            assert_alike(document, &schema["items"], one, other, &format!("{place}/0"));
        }
        (Value::Null, _) | (_, Value::Null) => assert_eq!(schema["nullable"], true, "{place}"),
        (example, real) => assert_eq!(
            std::mem::discriminant(example),
            std::mem::discriminant(real),
            "{place}: {example} {real}"
        ),
    }
}

async fn compare(actor: &Actor<'_>, path: &str) {
    let document = actor.app.document();
    let answer = actor.get(path).await;
    let template = actor.app.documented_path(path).unwrap();
    let responses = &document["paths"][template]["get"]["responses"];
    let media = &responses[answer.status.code.to_string()]["content"]["application/json"];
    assert_alike(document, &media["schema"], &media["example"], &answer.body, path);
}

#[rocket::async_test]
async fn examples_of_the_openapi_document_have_the_fields_that_the_service_answers() {
    let app = TestApp::new().await;
    let (admin, ann) = (app.admin().await, app.user_of("ann", Role::Manager).await);
    // Found among the people.
    app.user("one").await;
    admin.add_widget("one").await;
    let fields = [("title", "one"), ("assignee", "ann@example.com"), ("deadline", "2099-12-31")];
    let task = admin.post("/tasks", &fields).await.body["id"].as_str().unwrap().to_owned();
    ann.patch(&format!("/tasks/{task}"), &[("status", "done")]).await;
    admin.post("/templates", &[("name", "one"), ("body", "text")]).await;
    admin.patch("/templates/one", &[("body", "other")]).await;
    let key = [("name", "k"), ("scope", "read"), ("expires", "2099-12-31")];
    let key = admin.post("/auth/keys", &key).await;
    let id = ann.public_id().await;
    for path in [
        "/auth/user",
        "/auth/sessions",
        "/auth/keys",
        "/users",
        &format!("/users/{id}"),
        "/audit?action=task.update",
        "/widgets",
        "/widgets/one",
        "/widgets/one/history",
        "/widgets/none",
        "/tasks",
        &format!("/tasks/{task}"),
        &format!("/tasks/{task}/history"),
        "/tasks/none",
        "/people",
        "/search?q=one",
        "/search",
        "/templates",
        "/templates/one",
        "/templates/one/history",
        "/widgets?page=0",
    ] {
        compare(&admin, path).await;
    }
    compare(&ann, "/users").await;
    compare(&app.anon(), "/tasks").await;
    // What is created is answered with what is shown once.
    let document = app.document();
    let created = [
        ("/auth/keys", key),
        ("/users", admin.post("/users", &[("email", "eve@example.com")]).await),
        ("/auth/login", ann.log_in(crate::support::PASSWORD).await),
        (
            "/users/{public_id}/reset-code",
            admin.post(&format!("/users/{id}/reset-code"), &[]).await,
        ),
    ];
    for (path, answer) in created {
        let responses = &document["paths"][path]["post"]["responses"];
        let media = &responses[answer.status.code.to_string()]["content"]["application/json"];
        assert_alike(document, &media["schema"], &media["example"], &answer.body, path);
    }
}

#[rocket::async_test]
async fn examples_of_the_openapi_document_have_addresses_below_the_public_url() {
    let app = TestApp::with(&[("public_url", "\"https://example.org/w/\"")]).await;
    let responses = &app.document()["paths"]["/tasks/{id}/history"]["get"]["responses"];
    let example = &responses["200"]["content"]["application/json"]["example"];
    let first = example["links"]["first"].as_str().unwrap();
    assert!(
        first.starts_with("/w/api/v1/tasks/") && first.ends_with("/history?page=1&per_page=10")
    );
    let responses = &app.document()["paths"]["/widgets/{name}"]["get"]["responses"];
    let example = &responses["200"]["content"]["application/json"]["example"];
    assert_eq!(example["link"], "/w/api/v1/widgets/first-widget");
}
