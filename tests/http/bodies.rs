//! Nonsense in bodies: each is refused in the one shape, and changes nothing.

use rocket::http::{ContentType, Method, Status};
use serde_json::json;

use crate::support::{Actor, TestApp, user_count, widget};

/// Every route that takes a body of the usual size.
const WRITES: [(Method, &str); 22] = [
    (Method::Post, "/auth/register"),
    (Method::Post, "/auth/setup"),
    (Method::Post, "/auth/login"),
    (Method::Post, "/auth/logout"),
    (Method::Post, "/widgets"),
    (Method::Put, "/widgets/one"),
    (Method::Patch, "/widgets/one"),
    (Method::Delete, "/widgets/one"),
    (Method::Post, "/auth/reset"),
    (Method::Post, "/auth/password"),
    (Method::Patch, "/auth/user"),
    (Method::Delete, "/auth/user"),
    (Method::Delete, "/auth/sessions"),
    (Method::Delete, "/auth/sessions/one"),
    (Method::Post, "/auth/keys"),
    (Method::Delete, "/auth/keys/one"),
    (Method::Patch, "/users/one"),
    (Method::Delete, "/users/one"),
    (Method::Post, "/users/one/reset-code"),
    (Method::Delete, "/users/one/sessions"),
    (Method::Delete, "/templates/one"),
    (Method::Delete, "/tasks/one"),
];

/// Those that take a larger one.
const LARGER_WRITES: [(Method, &str); 4] = [
    (Method::Post, "/templates"),
    (Method::Patch, "/templates/one"),
    (Method::Post, "/tasks"),
    (Method::Patch, "/tasks/one"),
];

/// The setting with which every route reads a body from anywhere.
const FOR_ALL: [(&str, &str); 1] = [("remote_setup", "true")];

/// Sends the same body to every route that takes one, as an administrator, and checks that
/// nothing came of it.
async fn send_everywhere(content_type: Option<&str>, body: &[u8], expected: &[u16]) {
    send_to(&[&WRITES[..], &LARGER_WRITES].concat(), content_type, body, expected).await;
}

/// The same for some routes.
async fn send_to(
    routes: &[(Method, &str)],
    content_type: Option<&str>,
    body: &[u8],
    expected: &[u16],
) {
    let app = TestApp::with(&FOR_ALL).await;
    let admin = app.admin().await;
    for (method, path) in routes.iter().copied() {
        let authorization = format!("Bearer {}", admin.token.as_ref().unwrap());
        let mut headers = vec![("Authorization", authorization.as_str())];
        headers.extend(content_type.map(|value| ("Content-Type", value)));
        let answer = admin.send_with(method, path, &headers, body).await;
        let what = String::from_utf8_lossy(&body[..body.len().min(40)]).into_owned();
        assert!(
            expected.contains(&answer.status.code),
            "{method} {path} {content_type:?} {what:?}: {}",
            answer.text
        );
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
async fn what_is_no_json_object_is_400() {
    let deep = "[".repeat(30_000);
    let deep_field = format!("{{\"email\": {}{}}}", "[".repeat(10_000), "]".repeat(10_000));
    for body in [
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
    ] {
        send_everywhere(JSON, body.as_bytes(), &[400]).await;
    }
}

#[rocket::async_test]
async fn bytes_that_are_not_utf_8_are_400_in_either_format() {
    for body in
        [&b"email=\xff\xfe"[..], b"\xff=x", b"email=%FF", b"%FF=x", b"email=%zz", b"email=%4"]
    {
        send_everywhere(FORM, body, &[400]).await;
    }
    send_everywhere(JSON, b"{\"email\": \"\xff\"}", &[400]).await;
    send_everywhere(JSON, &[0, 159, 146, 150], &[400]).await;
}

#[rocket::async_test]
async fn unknown_and_duplicated_fields_are_400() {
    for body in
        ["nobody=asked", "email=a&email=b", "x", "=", "&=&", "_method=DELETE", "_method=put&x=y"]
    {
        send_everywhere(FORM, body.as_bytes(), &[400]).await;
    }
    send_everywhere(JSON, b"{\"__proto__\": {}, \"\": 1}", &[400]).await;
}

#[rocket::async_test]
async fn another_type_than_form_and_json_is_415() {
    for content_type in [
        "text/plain",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/octet-stream",
        "application/vnd.api+json",
        "application/x-msgpack",
        "nonsense",
        "",
    ] {
        send_everywhere(Some(content_type), b"{}", &[415]).await;
    }
    send_everywhere(None, b"email=ann@example.com", &[415]).await;
}

#[rocket::async_test]
async fn a_body_over_the_limit_is_413() {
    send_to(&WRITES, FORM, &b"x".repeat(8 * 1024 + 1), &[413]).await;
    send_to(&WRITES, JSON, &b" ".repeat(64 * 1024 + 1), &[413]).await;
    send_everywhere(FORM, &b"x".repeat(1024 * 1024), &[413]).await;
    send_everywhere(JSON, &b"[".repeat(1024 * 1024), &[413]).await;
    send_everywhere(Some("text/plain"), &b"x".repeat(1024 * 1024), &[415]).await;
}

#[rocket::async_test]
async fn a_body_at_the_limit_is_read() {
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
async fn nul_characters_are_refused_in_every_field() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let body = json!({ "email": "a\0", "password": "b\0", "username": "c\0" });
    admin
        .post_json("/auth/register", &body)
        .await
        .assert_invalid(&["email", "password", "username"]);
    admin
        .post("/auth/login", &[("email", "a\0"), ("password", "b\0")])
        .await
        .assert_invalid(&["email", "password"]);
    let fields =
        [("name", "a\0"), ("info_url", "https://example.com/\0"), ("deadline", "2026-12-31\0")];
    admin.post("/widgets", &fields).await.assert_invalid(&["name", "info_url", "deadline"]);
    admin.put("/widgets/one", &fields[1..]).await.assert_invalid(&["info_url", "deadline"]);
    assert_unchanged(&admin).await;
}

#[rocket::async_test]
async fn a_value_of_another_type_is_named() {
    let app = TestApp::new().await;
    let answer = app
        .anon()
        .post_json("/auth/register", &json!({ "email": ["a"], "password": 12_345_678 }))
        .await;
    answer.assert_invalid(&["email", "password"]);
    assert_eq!(answer.error_of("password"), "must be a string, not a number");
}

#[rocket::async_test]
async fn a_charset_and_a_body_without_a_type_are_no_obstacle() {
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
async fn a_form_does_not_choose_its_method() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    admin.add_widget("one").await.assert(Status::Created);
    for (method, path, body) in [
        (Method::Post, "/widgets/one", "_method=delete"),
        (
            Method::Post,
            "/widgets/one",
            "_method=put&info_url=https%3A%2F%2Fexample.org&deadline=2027-01-01",
        ),
        (Method::Post, "/widgets", "_method=get&name=two"),
        (Method::Post, "/widgets", "&_method=get&name=two"),
        (Method::Post, "/widgets/one", "&_method=put&x"),
        (Method::Put, "/widgets/one", "_method=put"),
        (Method::Post, "/auth/logout", "_method=post"),
    ] {
        admin.send(method, path, Some(ContentType::Form), body).await.assert_invalid(&["_method"]);
    }
    assert_eq!(admin.get("/widgets/one").await.body["info_url"], "https://example.com");
}

#[rocket::async_test]
async fn random_bytes_never_break_anything() {
    let app = TestApp::with(&FOR_ALL).await;
    let admin = app.admin().await;
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
        let (method, path) = WRITES[round % WRITES.len()];
        let content_type =
            [ContentType::Form, ContentType::JSON, ContentType::Plain][round % 3].clone();
        let answer = admin.send(method, path, Some(content_type), &body).await;
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
async fn a_widget_survives_the_attempts_to_change_it_to_nonsense() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    admin.add_widget("one").await.assert(Status::Created);
    let before = admin.get("/widgets/one").await.body;
    for fields in [
        &[("deadline", "2026-12-30")][..],
        &[("info_url", "x"), ("deadline", "2026-12-30")],
        &widget("one"),
    ] {
        admin.put("/widgets/one", fields).await.assert(Status::BadRequest);
    }
    assert_eq!(admin.get("/widgets/one").await.body, before);
}

#[rocket::async_test]
async fn a_body_where_none_is_expected_is_400_before_anything_is_done() {
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
