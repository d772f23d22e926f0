//! Malformed bodies: every write refuses them in the one error shape, without an effect.

use rocket::http::{ContentType, Method, Status};
use serde_json::json;

use crate::support::{Actor, TestApp, user_count};

/// The setting with which every route reads a body from anywhere.
const FOR_ALL: [(&str, &str); 1] = [("remote_setup", "true")];

/// Every write of the API but imports, and whether its bodies may be larger than most.
fn writes(app: &TestApp) -> Vec<(Method, String, bool)> {
    let mut writes = Vec::new();
    let paths = app.document()["paths"].as_object().unwrap();
    for (path, item) in paths.iter().filter(|(path, _)| !path.ends_with("/import")) {
        for method in [Method::Post, Method::Put, Method::Patch, Method::Delete] {
            if !item[method.as_str().to_lowercase()].is_null() {
                let may_be_large = method != Method::Delete
                    && (path.starts_with("/templates") || path.starts_with("/tasks"));
                let parameters = ["{name}", "{id}", "{public_id}"];
                let path = parameters.iter().fold(path.clone(), |p, name| p.replace(name, "one"));
                writes.push((method, path, may_be_large));
            }
        }
    }
    assert!(writes.len() >= 26 && writes.iter().filter(|(.., is_large)| *is_large).count() >= 4);
    writes
}

/// Sends each body to every write, as an administrator, and checks that all of them refuse it and
/// that it has no effect.
async fn assert_refused(status: u16, requests: &[(Option<&str>, &[u8])]) {
    assert_refused_by(|_| true, status, requests).await;
}

/// The same for the writes whose bodies may be large or not.
async fn assert_refused_by(
    is_meant: impl Fn(bool) -> bool,
    status: u16,
    requests: &[(Option<&str>, &[u8])],
) {
    let app = TestApp::with(&FOR_ALL).await;
    let admin = app.admin().await;
    for (method, path, _) in writes(&app).into_iter().filter(|(.., is_large)| is_meant(*is_large)) {
        for (content_type, body) in requests {
            let header = content_type.map(|value| ("Content-Type", value));
            let answer = admin.send_with(method, &path, header.as_slice(), body).await;
            let body = String::from_utf8_lossy(&body[..body.len().min(40)]);
            let what = format!("{method} {path} {content_type:?} {body:?}: {}", answer.text);
            assert_eq!(answer.status.code, status, "{what}");
        }
    }
    assert_unchanged(&admin).await;
}

async fn assert_unchanged(admin: &Actor<'_>) {
    assert_eq!(user_count(admin.app).await, 1);
    assert_eq!(admin.get("/widgets").await.body["total_items"], 0);
    assert_eq!(admin.get("/templates").await.body["total_items"], 0);
    assert_eq!(admin.get("/tasks").await.body["total_items"], 0);
}

const FORM: Option<&str> = Some("application/x-www-form-urlencoded");
const JSON: Option<&str> = Some("application/json");

#[rocket::async_test]
async fn a_body_that_is_no_json_object_is_400() {
    let deep = "[".repeat(30_000);
    let deep_field = format!("{{\"email\": {}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    let bodies = [
        " ",
        "{",
        "[]",
        "null",
        "42",
        "\"text\"",
        "{\"email\"}",
        "{\"a\": 1e999}",
        "{\"a\": \"\\ud800\"}",
        "{} {}",
        "\u{feff}{}",
        "{\"email\": \"a\", \"email\": \"a\"}",
        "{\"a\": {\"b\": [1, 2]}}",
        "{\"email\": 123456789012345678901234567890}",
        &deep,
        &deep_field,
    ];
    assert_refused(400, &bodies.map(|body| (JSON, body.as_bytes()))).await;
}

#[rocket::async_test]
async fn bytes_that_are_not_utf_8_are_400_in_either_format() {
    let forms: [&[u8]; 6] =
        [b"email=\xff\xfe", b"\xff=x", b"email=%FF", b"%FF=x", b"email=%zz", b"email=%4"];
    assert_refused(400, &forms.map(|body| (FORM, body))).await;
    let json: [&[u8]; 2] = [b"{\"email\": \"\xff\"}", &[0, 159, 146, 150]];
    assert_refused(400, &json.map(|body| (JSON, body))).await;
}

#[rocket::async_test]
async fn unknown_and_duplicate_fields_are_400() {
    let forms =
        ["nobody=asked", "email=a&email=b", "x", "=", "&=&", "_method=DELETE", "_method=put&x=y"];
    assert_refused(400, &forms.map(|body| (FORM, body.as_bytes()))).await;
    assert_refused(400, &[(JSON, b"{\"__proto__\": {}, \"\": 1}")]).await;
}

#[rocket::async_test]
async fn a_content_type_but_form_and_json_is_415() {
    let types = [
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/octet-stream",
        "application/vnd.api+json",
        "application/x-msgpack",
        "nonsense",
        "",
    ];
    assert_refused(415, &types.map(|content_type| (Some(content_type), &b"{}"[..]))).await;
    assert_refused(415, &[(None, b"email=ann@example.com")]).await;
}

#[rocket::async_test]
async fn body_limit_is_413() {
    let (form, json) = ("x".repeat(8 * 1024 + 1), " ".repeat(64 * 1024 + 1));
    let over = [(FORM, form.as_bytes()), (JSON, json.as_bytes())];
    assert_refused_by(|is_large| !is_large, 413, &over).await;
    let (form, json) = ("x".repeat(1024 * 1024), "[".repeat(1024 * 1024));
    assert_refused(413, &[(FORM, form.as_bytes()), (JSON, json.as_bytes())]).await;
    assert_refused(415, &[(Some("text/plain"), form.as_bytes())]).await;
}

#[rocket::async_test]
async fn a_body_at_the_body_limit_is_read() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let mut form = "info_url=https%3A%2F%2Fexample.com&deadline=2026-12-31&name=".to_owned();
    form.push_str(&"x".repeat(8 * 1024 - form.len()));
    admin
        .send(Method::Post, "/widgets", Some(ContentType::Form), form)
        .await
        .assert_invalid(&["name"]);
    let mut json =
        json!({ "name": "one", "info_url": "https://example.com", "deadline": "2026-12-31" })
            .to_string();
    json.push_str(&" ".repeat(64 * 1024 - json.len()));
    admin
        .send(Method::Post, "/widgets", Some(ContentType::JSON), json)
        .await
        .assert(Status::Created);
}

#[rocket::async_test]
async fn a_charset_and_an_empty_body_without_a_content_type_are_accepted() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    let body =
        format!("email=bob%40example.com&password={}", crate::support::PASSWORD.replace(' ', "+"));
    let headers = [("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")];
    app.anon()
        .send_with(Method::Post, "/auth/register", &headers, body)
        .await
        .assert(Status::Created);
    app.anon()
        .send_with(Method::Post, "/auth/register", &[], "")
        .await
        .assert_invalid(&["email", "password"]);
    app.anon()
        .send(Method::Post, "/auth/login", Some(ContentType::JSON), "")
        .await
        .assert_invalid(&["email", "password"]);
    ann.bearing(ann.log_in(crate::support::PASSWORD).await.token())
        .send(Method::Post, "/auth/logout", Some(ContentType::JSON), "")
        .await
        .assert(Status::Ok);
    ann.send(Method::Post, "/auth/logout", None, "").await.assert(Status::Ok);
}

#[rocket::async_test]
async fn method_override_is_400() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    admin.add_widget("one").await.assert(Status::Created);
    for (method, path, body) in [
        (Method::Post, "/widgets", "_method=get&name=two"),
        (Method::Post, "/widgets", "&_method=get&name=two"),
        (Method::Put, "/widgets/one", "_method=put"),
        (Method::Post, "/auth/logout", "_method=post"),
    ] {
        let answer = admin.send(method, path, Some(ContentType::Form), body).await;
        let why = answer.assert(Status::BadRequest).body["errors"]["_method"].to_string();
        assert!(why.contains("is not known here"), "{path} {body}: {}", answer.text);
    }
    let put = "_method=put&info_url=https%3A%2F%2Fexample.org&deadline=2027-01-01";
    for body in ["_method=delete", put, "&_method=put&x"] {
        let answer = admin.send(Method::Post, "/widgets/one", Some(ContentType::Form), body).await;
        answer.assert(Status::MethodNotAllowed);
    }
    assert_eq!(admin.get("/widgets/one").await.body["info_url"], "https://example.com");
}

#[rocket::async_test]
async fn random_bytes_are_4xx_and_change_nothing() {
    let app = TestApp::with(&FOR_ALL).await;
    let admin = app.admin().await;
    let writes = writes(&app);
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for round in 0..300 {
        let length = usize::try_from(random() % 300).unwrap();
        let body: Vec<u8> = (0..length).map(|_| random().to_le_bytes()[0]).collect();
        let (method, path, _) = &writes[round % writes.len()];
        let content_type =
            [ContentType::Form, ContentType::JSON, ContentType::Plain][round % 3].clone();
        let answer = admin.send(*method, path, Some(content_type), &body).await;
        let emptied = body.iter().all(|byte| *byte == b'&') && path == "/auth/logout";
        assert!(
            emptied || (400..500).contains(&answer.status.code),
            "{path} {body:?}: {}",
            answer.text
        );
        admin
            .get(&format!(
                "/widgets/{}",
                crate::support::form(&[(&String::from_utf8_lossy(&body), "")])
            ))
            .await;
    }
    assert_unchanged(&admin).await;
}

#[rocket::async_test]
async fn a_body_of_get_head_or_delete_is_400() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    admin.add_widget("one").await.assert(Status::Created);
    for path in ["/widgets", "/widgets/one", "/auth/user", "/openapi.json", "/ui"] {
        for body in ["x", "{}", &"x".repeat(1024 * 1024)] {
            admin
                .send(Method::Get, path, Some(ContentType::JSON), body)
                .await
                .assert_invalid(&["body"]);
            admin.send(Method::Head, path, None, body).await.assert(Status::BadRequest);
        }
    }
    admin
        .send(Method::Delete, "/widgets/one", Some(ContentType::JSON), "{\"x\": 1}")
        .await
        .assert_invalid(&["x"]);
    admin
        .send(Method::Delete, "/widgets/one", Some(ContentType::JSON), "{}")
        .await
        .assert(Status::NoContent);
}
