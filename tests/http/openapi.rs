//! The OpenAPI document is true: it names every mounted route and every status, and each of them
//! was seen. (That each answer in any test is documented is checked by the actors.)

use std::collections::{BTreeMap, BTreeSet};

use rocket::http::ContentType;
use rocket::http::Method::{self, Delete, Get, Post, Put};
use serde_json::{Value, json};

use crate::support::{Actor, PASSWORD, TestApp, form, widget};

/// `GET /widgets/{name}` and the statuses it documents.
type Operations = BTreeMap<String, BTreeSet<u16>>;

fn documented(document: &Value) -> Operations {
    let mut operations = Operations::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let base = item["servers"][0]["url"].as_str().or(document["servers"][0]["url"].as_str()).unwrap();
        for (method, operation) in item.as_object().unwrap().iter().filter(|(key, _)| *key != "servers") {
            let statuses = operation["responses"].as_object().unwrap().keys().map(|s| s.parse().unwrap()).collect();
            operations.insert(format!("{} {}{path}", method.to_uppercase(), base.trim_end_matches('/')), statuses);
        }
    }
    operations
}

#[rocket::async_test]
async fn it_names_the_mounted_routes_and_no_other() {
    let app = TestApp::new().await;
    let mounted: BTreeSet<String> = app
        .client
        .rocket()
        .routes()
        .filter(|route| route.name.as_deref() != Some("fallback") && route.name.as_deref() != Some("get_asset"))
        .map(|route| format!("{} {}", route.method, route.uri.path().replace('<', "{").replace('>', "}")))
        .collect();
    let documented: BTreeSet<String> = documented(app.document()).into_keys().collect();
    assert_eq!(documented, mounted);
}

#[rocket::async_test]
async fn each_documented_status_of_each_operation_can_be_had() {
    let mut seen = Operations::new();
    let mut see = |operation: &str, status: u16| {
        seen.entry(operation.to_owned()).or_default().insert(status);
    };
    let app = TestApp::new().await;
    let (admin, ann, nobody) = (app.admin().await, app.user("ann").await, app.anon());
    admin.add_widget("one").await;
    app.store
        .set_status(app.user("gone").await.public_id().await, widgetd::domain::Status::Disabled, crate::support::NOON)
        .await
        .unwrap();

    let (new, changed) = (form(&widget("two")), form(&widget("x")[1..]));
    let credentials = form(&[("email", "bob@example.com"), ("password", PASSWORD)]);
    let taken = form(&[("email", "ann@example.com"), ("password", PASSWORD)]);
    let disabled = form(&[("email", "gone@example.com"), ("password", PASSWORD)]);
    let wrong = form(&[("email", "ann@example.com"), ("password", "wrong")]);
    let large = "x".repeat(10_000);
    let (ok, text) = (Some(ContentType::Form), Some(ContentType::Plain));
    let requests: &[(&Actor<'_>, Method, &str, Option<ContentType>, &str)] = &[
        (&nobody, Post, "/auth/register", ok.clone(), &credentials),
        (&nobody, Post, "/auth/register", ok.clone(), &taken),
        (&nobody, Post, "/auth/register", ok.clone(), "x"),
        (&nobody, Post, "/auth/register", ok.clone(), &large),
        (&nobody, Post, "/auth/register", text.clone(), "x"),
        (&nobody, Post, "/auth/login", ok.clone(), &credentials),
        (&nobody, Post, "/auth/login", ok.clone(), &wrong),
        (&nobody, Post, "/auth/login", ok.clone(), &disabled),
        (&nobody, Post, "/auth/login", ok.clone(), "x"),
        (&nobody, Post, "/auth/login", ok.clone(), &large),
        (&nobody, Post, "/auth/login", text.clone(), "x"),
        (&ann, Get, "/auth/user", None, ""),
        (&nobody, Get, "/auth/user", None, ""),
        (&ann, Get, "/widgets", None, ""),
        (&ann, Get, "/widgets?page=0", None, ""),
        (&nobody, Get, "/widgets", None, ""),
        (&admin, Post, "/widgets", ok.clone(), &new),
        (&admin, Post, "/widgets", ok.clone(), &new),
        (&admin, Post, "/widgets", ok.clone(), "x"),
        (&nobody, Post, "/widgets", ok.clone(), &new),
        (&ann, Post, "/widgets", ok.clone(), &new),
        (&admin, Post, "/widgets", ok.clone(), &large),
        (&admin, Post, "/widgets", text.clone(), "x"),
        (&ann, Get, "/widgets/one", None, ""),
        (&ann, Get, "/widgets/none", None, ""),
        (&ann, Get, "/widgets/not.one", None, ""),
        (&nobody, Get, "/widgets/one", None, ""),
        (&admin, Put, "/widgets/one", ok.clone(), &changed),
        (&admin, Put, "/widgets/three", ok.clone(), &changed),
        (&admin, Put, "/widgets/one", ok.clone(), "x"),
        (&nobody, Put, "/widgets/one", ok.clone(), &changed),
        (&ann, Put, "/widgets/one", ok.clone(), &changed),
        (&admin, Put, "/widgets/one", ok.clone(), &large),
        (&admin, Put, "/widgets/one", text.clone(), "x"),
        (&admin, Delete, "/widgets/one", None, ""),
        (&admin, Delete, "/widgets/one", None, ""),
        (&admin, Delete, "/widgets/not.one", None, ""),
        (&nobody, Delete, "/widgets/one", None, ""),
        (&ann, Delete, "/widgets/one", None, ""),
        (&ann, Post, "/auth/logout", ok.clone(), "x"),
        (&ann, Post, "/auth/logout", ok.clone(), &large),
        (&ann, Post, "/auth/logout", text.clone(), "x"),
        (&ann, Post, "/auth/logout", None, ""),
        (&ann, Post, "/auth/logout", None, ""),
        (&nobody, Get, "/ui", None, ""),
        (&nobody, Get, "/swagger.json", None, ""),
        (&nobody, Get, "/openapi.json", None, ""),
        (&nobody, Get, "/ui", None, "x"),
        (&nobody, Get, "/swagger.json", None, "x"),
        (&nobody, Get, "/openapi.json", None, "x"),
        (&nobody, Get, "/auth/user", None, "x"),
        (&admin, Delete, "/widgets/one", ok.clone(), &large),
        (&admin, Delete, "/widgets/one", text.clone(), "x"),
    ];
    let operation = |method: Method, path: &str| {
        let path = path.split('?').next().unwrap();
        let template = if path.starts_with("/widgets/") { "/widgets/{name}" } else { path };
        format!("{method} /api/v1{template}")
    };
    for (actor, method, path, content_type, body) in requests {
        let status = actor.send(*method, path, content_type.clone(), body).await.status.code;
        see(&operation(*method, path), status);
    }
    for path in ["/", "/healthz"] {
        for body in ["", "x"] {
            see(&format!("GET {path}"), app.client.get(path).body(body).dispatch().await.status().code);
        }
    }

    for (operation, statuses) in documented(app.document()) {
        let expected: BTreeSet<u16> = statuses.iter().copied().filter(|status| *status < 500).collect();
        assert_eq!(seen.remove(&operation).unwrap_or_default(), expected, "{operation}");
        // Whatever asks the store can find it broken or busy, as `routing` shows.
        let asks = !["/ui", "json"].iter().any(|end| operation.ends_with(end)) && operation != "GET /";
        assert_eq!((statuses.contains(&500), statuses.contains(&503)), (asks, asks), "{operation}");
    }
    assert!(seen.is_empty(), "{seen:?}");
}

#[rocket::async_test]
async fn both_addresses_give_the_same_document() {
    let app = TestApp::new().await;
    let one = app.anon().get("/swagger.json").await;
    let two = app.anon().get("/openapi.json").await;
    assert_eq!(one.text, two.text);
    assert_eq!(one.header("Content-Type"), Some("application/json"));
    assert!(one.body["openapi"].as_str().unwrap().starts_with("3."));
}

#[rocket::async_test]
async fn every_write_is_documented_as_a_form_and_as_json() {
    let app = TestApp::new().await;
    let document = app.document();
    for (path, method) in
        [("/auth/register", "post"), ("/auth/login", "post"), ("/widgets", "post"), ("/widgets/{name}", "put")]
    {
        let content = document["paths"][path][method]["requestBody"]["content"].as_object().unwrap();
        let types: Vec<_> = content.keys().map(String::as_str).collect();
        assert_eq!(types, ["application/json", "application/x-www-form-urlencoded"], "{path}");
        assert_eq!(content["application/json"]["schema"], content["application/x-www-form-urlencoded"]["schema"]);
    }
}

#[rocket::async_test]
async fn the_scheme_is_a_bearer_token_and_guards_what_a_token_guards() {
    let app = TestApp::new().await;
    let document = app.document();
    let scheme = &document["components"]["securitySchemes"]["bearer"];
    assert_eq!((&scheme["type"], &scheme["scheme"]), (&json!("http"), &json!("bearer")));
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap().iter().filter(|(key, _)| *key != "servers") {
            let guarded = operation["responses"].get("401").is_some() && path != "/auth/login";
            assert_eq!(operation["security"] == json!([{ "bearer": [] }]), guarded, "{method} {path}");
        }
    }
}

#[rocket::async_test]
async fn the_examples_work_as_they_are() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let example = |name: &str| app.document()["components"]["schemas"][name]["example"].clone();
    assert_eq!(app.anon().post_json("/auth/register", &example("Register")).await.status.code, 201);
    assert_eq!(app.anon().post_json("/auth/login", &example("LogIn")).await.status.code, 200);
    assert_eq!(admin.post_json("/widgets", &example("CreateWidget")).await.status.code, 201);
    let name = example("CreateWidget")["name"].as_str().unwrap().to_owned();
    let body = example("UpdateWidget").to_string();
    assert_eq!(
        admin.send(Method::Put, &format!("/widgets/{name}"), Some(ContentType::JSON), body).await.status.code,
        200
    );
}

#[rocket::async_test]
async fn each_operation_has_a_title_a_description_and_its_handler_s_name() {
    let app = TestApp::new().await;
    let mut ids = BTreeSet::new();
    for (path, item) in app.document()["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap().iter().filter(|(key, _)| *key != "servers") {
            for key in ["summary", "description", "operationId"] {
                assert!(operation[key].as_str().is_some_and(|text| !text.is_empty()), "{method} {path} {key}");
            }
            assert!(ids.insert(operation["operationId"].to_string()), "{method} {path}");
        }
    }
    for id in ["list_widgets", "create_widget", "get_widget", "update_widget", "delete_widget"] {
        assert!(ids.contains(&format!("\"{id}\"")), "{id}");
    }
}

#[rocket::async_test]
async fn the_page_loads_only_files_that_are_part_of_the_binary() {
    let app = TestApp::new().await;
    let page = app.client.get("/api/v1/ui").dispatch().await;
    assert_eq!(page.content_type(), Some(ContentType::HTML));
    let page = page.into_string().await.unwrap();
    let mut files = 0;
    for attribute in ["src=\"", "href=\""] {
        for link in page.split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap()) {
            if link != "data:," {
                let status = app.client.get(link.to_owned()).dispatch().await.status();
                assert_eq!(status.code, 200, "{link}");
                files += 1;
            }
        }
    }
    assert_eq!(files, 4);
}
