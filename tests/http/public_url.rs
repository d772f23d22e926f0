//! `public_url` with a path that a proxy removes: addresses in answers have it, routes do not.

use rocket::http::Status;
use serde_json::Value;

use crate::support::{Answer, TestApp, resolve, widget};

const BELOW_A_PATH: &[(&str, &str)] = &[("public_url", "\"https://example.org/w/\"")];

/// Every path that an answer names, in its body or a header.
fn addresses(answer: &Answer) -> Vec<String> {
    fn collect(value: &Value, found: &mut Vec<String>) {
        match value {
            Value::String(text) if text.starts_with('/') => found.push(text.clone()),
            Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            Value::Object(fields) => fields.values().for_each(|field| collect(field, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    collect(&answer.body, &mut found);
    found.extend(answer.header("Location").map(str::to_owned));
    let links = answer.header("Link").unwrap_or_default().split('<').skip(1);
    found.extend(links.map(|link| link.split('>').next().unwrap().to_owned()));
    found
}

/// An answer of each kind that names an address, by what was asked.
async fn answers(app: &TestApp) -> Vec<(&'static str, Answer)> {
    let admin = app.admin().await;
    let task = admin.post("/tasks", &[("title", "one")]).await;
    let id = task.body["id"].as_str().unwrap();
    let task_path = format!("/tasks/{id}");
    vec![
        ("create_task", task.clone()),
        ("get_task", admin.get(&task_path).await),
        ("update_task", admin.patch(&task_path, &[("status", "done")]).await),
        ("list_tasks", admin.get("/tasks?status=done").await),
        ("create_widget", admin.add_widget("one").await),
        ("upsert_widget", admin.put("/widgets/two", &widget("two")[1..]).await),
        ("get_widget", admin.get("/widgets/one").await),
        ("update_widget", admin.patch("/widgets/one", &[("name", "other")]).await),
        ("list_widgets", admin.get("/widgets").await),
        ("create_template", admin.post("/templates", &[("name", "a/b"), ("body", "text")]).await),
        ("get_template", admin.get("/templates/a%2Fb").await),
        ("update_template", admin.patch("/templates/a%2Fb", &[("name", "other")]).await),
        ("list_template_history", admin.get("/templates/other/history").await),
        ("list_templates", admin.get("/templates").await),
        ("create_key", admin.post("/auth/keys", &[("name", "key"), ("scope", "read")]).await),
        ("list_keys", admin.get("/auth/keys").await),
        ("list_sessions", admin.get("/auth/sessions").await),
        ("list_accounts", admin.get("/users").await),
        ("list_audit", admin.get("/audit").await),
        ("list_widget_history", admin.get("/widgets/two/history").await),
        ("list_task_history", admin.get(&format!("{task_path}/history")).await),
        ("greet", Answer::read(app.client.get("/").dispatch().await).await),
    ]
}

async fn assert_each_address_begins_with(start: &str, settings: &[(&str, &str)]) {
    let app = TestApp::with(settings).await;
    for (operation, answer) in answers(&app).await {
        let addresses = addresses(&answer);
        assert!(!addresses.is_empty(), "{operation}: {}", answer.text);
        for address in addresses {
            assert!(address.starts_with(start), "{operation}: {address}");
        }
    }
}

#[rocket::async_test]
async fn public_url_path_stands_before_every_address() {
    assert_each_address_begins_with("/w/api/v1/", BELOW_A_PATH).await;
}

#[rocket::async_test]
async fn public_url_without_a_path_changes_no_address() {
    for settings in [&[][..], &[("public_url", "\"https://example.org/\"")]] {
        assert_each_address_begins_with("/api/v1/", settings).await;
    }
}

#[rocket::async_test]
async fn public_url_path_stands_in_the_servers_of_openapi() {
    for (settings, path) in [(&[][..], ""), (BELOW_A_PATH, "/w")] {
        let app = TestApp::with(settings).await;
        let document = app.document();
        assert_eq!(document["servers"][0]["url"], format!("{path}/api/v1"));
        for root in ["/", "/healthz"] {
            assert_eq!(document["paths"][root]["servers"][0]["url"], format!("{path}/"), "{root}");
        }
    }
}

#[rocket::async_test]
async fn public_url_path_is_not_part_of_any_route() {
    let app = TestApp::with(BELOW_A_PATH).await;
    for path in ["/w/", "/w/healthz", "/w/api/v1/ui"] {
        assert_eq!(app.client.get(path).dispatch().await.status(), Status::NotFound, "{path}");
    }
}

#[rocket::async_test]
async fn swagger_ui_has_relative_addresses_alone() {
    let app = TestApp::new().await;
    for (path, marks) in
        [("/api/v1/ui", ["=\"/", "='/"]), ("/assets/any/swagger-ui/start.js", ["\"/", "'/"])]
    {
        let text = app.visitor().open(path).await.text;
        assert!(!text.is_empty() && marks.iter().all(|mark| !text.contains(mark)), "{text}");
    }
}

#[rocket::async_test]
async fn swagger_ui_loads_its_files_below_any_path() {
    let app = TestApp::with(BELOW_A_PATH).await;
    let visitor = app.visitor();
    let path = "/api/v1/ui";
    for spelt in ["/api/v1/ui/", "/api/v1/ui//", "/api/v1//ui", "//api///v1/ui"] {
        let redirect = visitor.open(spelt).await;
        assert_eq!(redirect.assert(Status::SeeOther).leads_to(spelt), path);
    }
    for path in [path, "/api/v1/%75i"] {
        let page = visitor.open(path).await;
        page.assert(Status::Ok);
        let document = resolve(path, page.element("swagger-ui").get("data-document").unwrap());
        assert_eq!(document, "/api/v1/openapi.json", "{path}");
        let elements = page.elements();
        let files: Vec<_> = elements
            .iter()
            .filter_map(|element| element.get("src").or(element.get("href")))
            .collect();
        assert_eq!(files.len(), 9, "{path}: {files:?}");
        for address in files {
            let target = resolve(path, address);
            // Nobody is signed in.
            let status = if target == "/" { Status::SeeOther } else { Status::Ok };
            visitor.open(&target).await.assert(status);
        }
    }
}
