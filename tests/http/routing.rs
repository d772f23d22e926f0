//! 404, 405, 500 and 503, HEAD, and the routes beside the API.

use rocket::http::{ContentType, Method, Status};
use serde_json::Value;

use crate::support::{Answer, TestApp, with_body};

async fn request(app: &TestApp, method: Method, path: &str) -> Answer {
    Answer::read(app.client.req(method, path.to_owned()).dispatch().await).await
}

#[rocket::async_test]
async fn an_unknown_path_is_404() {
    let app = TestApp::new().await;
    for path in [
        "/nope",
        "/api",
        "/api/v1",
        "/api/v1/",
        "/api/v2/widgets",
        "/api/v1/widgets/a/b",
        "/%FF",
        "/api/v1/ui/start.js",
        "/assets",
        "/assets/any",
    ] {
        for method in [Method::Get, Method::Post, Method::Delete] {
            let answer = request(&app, method, path).await;
            assert_eq!(answer.status.code, 404, "{method} {path}: {}", answer.text);
            answer.assert_error_shape();
        }
    }
}

#[rocket::async_test]
async fn an_unknown_asset_or_path_traversal_is_404() {
    let app = TestApp::new().await;
    for name in [
        "none.js",
        "js",
        "js/",
        "js/none.js",
        ".git",
        "js/.hidden",
        "..",
        "%2e%2e/Cargo.toml",
        "js%2fapp.js",
        "%5c",
        "a%00",
        "*",
        ":",
        "pages/base.html",
        "swagger-ui/LICENSE",
    ] {
        let answer = request(&app, Method::Get, &format!("/assets/any/{name}")).await;
        assert_eq!(answer.status, Status::NotFound, "{name}: {}", answer.text);
        answer.assert_error_shape();
    }
}

#[rocket::async_test]
async fn a_path_with_empty_segments_is_404_and_redirects_for_pages() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    for path in ["/api/v1/users", "/healthz", "/api/v1/openapi.json", "/login", "/widgets"] {
        for spelt in [
            format!("{path}/"),
            format!("/{path}"),
            format!("{path}//"),
            path.replace("v1/", "v1//"),
        ] {
            if spelt == path {
                continue;
            }
            for method in [Method::Get, Method::Post, Method::Options, Method::Trace] {
                let answer = request(&app, method, &spelt).await;
                assert_eq!(answer.status.code, 404, "{method} {spelt}: {}", answer.text);
                answer.assert_error_shape();
            }
        }
    }
    admin.get("/users/").await.assert(Status::NotFound);
    admin.get("/users").await.assert(Status::Ok);
    let visitor = app.visitor();
    for (spelt, path) in [
        ("/login/", "/login"),
        ("//login", "/login"),
        ("/login//?next=%2Ftasks", "/login?next=%2Ftasks"),
        ("//", "/"),
    ] {
        let redirect = visitor.open(spelt).await;
        assert_eq!(redirect.assert(Status::SeeOther).leads_to(spelt), path);
    }
    // Another site is no page of ours.
    for spelt in ["//example.org/", "/login//example.org/"] {
        let redirect = visitor.open(spelt).await;
        assert!(redirect.assert(Status::SeeOther).leads_to(spelt).starts_with('/'));
    }
}

#[rocket::async_test]
async fn a_wrong_method_is_405_with_allow() {
    let app = TestApp::new().await;
    for (path, allow) in [
        ("/", "GET, HEAD"),
        ("/healthz", "GET, HEAD"),
        ("/api/v1/auth/register", "POST"),
        ("/api/v1/auth/setup", "POST"),
        ("/api/v1/auth/login", "POST"),
        ("/api/v1/auth/logout", "POST"),
        ("/api/v1/auth/user", "DELETE, GET, HEAD, PATCH"),
        ("/api/v1/auth/sessions", "DELETE, GET, HEAD"),
        ("/api/v1/users/one", "DELETE, GET, HEAD, PATCH"),
        ("/api/v1/users/one/reset-code", "POST"),
        ("/api/v1/widgets", "GET, HEAD, POST"),
        ("/api/v1/widgets/one", "DELETE, GET, HEAD, PATCH, PUT"),
        ("/login", "GET, HEAD"),
        ("/widgets", "GET, HEAD, POST"),
        ("/audit", "GET, HEAD"),
        ("/assets/any/style.css", "GET, HEAD"),
        ("/assets/any/js/app.js", "GET, HEAD"),
        ("/api/v1/ui", "GET, HEAD"),
        ("/api/v1/swagger.json", "GET, HEAD"),
        ("/api/v1/openapi.json", "GET, HEAD"),
    ] {
        for method in [
            Method::Get,
            Method::Put,
            Method::Post,
            Method::Delete,
            Method::Patch,
            Method::Options,
            Method::Trace,
        ] {
            if allow.split(", ").any(|allowed| allowed == method.as_str()) {
                continue;
            }
            let answer = request(&app, method, path).await;
            assert_eq!(answer.status, Status::MethodNotAllowed, "{method} {path}");
            assert_eq!(answer.header("Allow"), Some(allow), "{method} {path}");
            answer.assert_error_shape();
        }
    }
}

#[rocket::async_test]
async fn head_answers_like_get_without_a_body() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    let get = ann.get("/widgets").await;
    let head = ann.send(Method::Head, "/widgets", None, "").await;
    assert_eq!((head.status, head.text.as_str()), (Status::Ok, ""));
    assert_eq!(head.header("Total-Count"), get.header("Total-Count"));
    let request = app.client.head("/api/v1/widgets").dispatch().await;
    assert_eq!(request.status(), Status::Unauthorized);
    assert!(request.headers().contains("WWW-Authenticate"));
}

#[rocket::async_test]
async fn the_root_links_the_documentation() {
    let app = TestApp::new().await;
    let greeting = request(&app, Method::Get, "/").await;
    assert_eq!(greeting.status, Status::Ok);
    for key in ["documentation", "openapi"] {
        let path = greeting.body[key].as_str().unwrap().to_owned();
        assert_eq!(request(&app, Method::Get, &path).await.status, Status::Ok, "{path}");
    }
}

#[rocket::async_test]
async fn healthz_is_503_with_retry_after_without_a_store() {
    let app = TestApp::new().await;
    assert_eq!(request(&app, Method::Get, "/healthz").await.status, Status::Ok);
    app.store.close().await;
    let answer = request(&app, Method::Get, "/healthz").await;
    assert_eq!(answer.status, Status::ServiceUnavailable);
    assert_eq!(answer.header("Retry-After"), Some("1"));
    answer.assert_error_shape();
}

#[rocket::async_test]
async fn a_busy_store_is_503_with_retry_after() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    app.store.close().await;
    let answer = admin.add_widget("one").await;
    answer.assert_message(
        Status::ServiceUnavailable,
        "The service is busy. Please try again in a moment.",
    );
    assert_eq!(answer.header("Retry-After"), Some("1"));
    admin.get("/widgets?q=one").await.assert(Status::ServiceUnavailable);
    // What is read where the request is served.
    admin.get("/widgets").await.assert(Status::Ok);
    admin.get("/auth/user").await.assert(Status::Ok);
}

#[rocket::async_test]
async fn a_broken_database_is_500_with_a_request_id_alone() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    admin.add_widget("one").await.assert(Status::Created);
    let other_program = rusqlite::Connection::open(app.folder.path().join("widgetd.db")).unwrap();
    other_program.execute_batch("ALTER TABLE widget RENAME TO gone").unwrap();
    let answers = [
        admin.get("/widgets/one").await,
        admin.get("/widgets").await,
        admin.add_widget("one").await,
    ];
    let mut messages = std::collections::BTreeSet::new();
    for answer in answers {
        answer.assert(Status::InternalServerError);
        let message = answer.body["message"].as_str().unwrap();
        let number = message.strip_prefix("Internal server error, request ").unwrap();
        assert_eq!(answer.header("X-Request-Id"), Some(number));
        assert!(!answer.text.contains("widget") && !answer.text.contains("SQL"), "{}", answer.text);
        messages.insert(message.to_owned());
    }
    assert_eq!(messages.len(), 3, "each failure has its own number");
}

#[rocket::async_test]
async fn rocket_reads_the_client_s_address_from_no_header() {
    let app = TestApp::new().await;
    assert_eq!(app.client.rocket().config().ip_header, None);
}

#[rocket::async_test]
async fn an_unread_large_body_does_not_change_401_and_404() {
    let app = TestApp::new().await;
    let body = "x".repeat(1024 * 1024);
    let answer =
        app.anon().send(Method::Post, "/widgets", Some(ContentType::Form), body.clone()).await;
    answer.assert(Status::Unauthorized);
    let response = with_body(app.client.post("/nope"), body).dispatch().await;
    assert_eq!(response.status(), Status::NotFound);
    let body: Value = response.into_json().await.unwrap();
    assert_eq!(body["status"], "fail");
}
