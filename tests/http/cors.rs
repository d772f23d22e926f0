//! CORS: which origins may call the API.

use rocket::http::{Method, Status};

use crate::support::{Answer, TestApp};

const APP: &str = "https://app.example.org";
const ORIGINS: &[(&str, &str)] =
    &[("cors_origins", "[\"https://app.example.org\", \"http://localhost:3000\"]")];

async fn preflight(app: &TestApp, origin: &str, path: &str) -> Answer {
    let headers = [
        ("Origin", origin),
        ("Access-Control-Request-Method", "PUT"),
        ("Access-Control-Request-Headers", "authorization, content-type"),
    ];
    app.anon().send_with(Method::Options, path, &headers, "").await
}

fn cors_headers(answer: &Answer) -> Vec<(&str, &str)> {
    let named = answer.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    named
        .filter(|(name, _)| name.to_lowercase().starts_with("access-control-") || *name == "Vary")
        .collect()
}

#[rocket::async_test]
async fn cors_is_off_by_default() {
    let app = TestApp::new().await;
    let answer = app.anon().send_with(Method::Get, "/widgets", &[("Origin", APP)], "").await;
    assert!(cors_headers(&answer).is_empty(), "{:?}", answer.headers);
    let answer = preflight(&app, APP, "/widgets/one").await;
    answer.assert(Status::MethodNotAllowed);
    assert!(cors_headers(&answer).is_empty(), "{:?}", answer.headers);
}

#[rocket::async_test]
async fn cors_allows_a_listed_origin_to_read_answers_and_problems() {
    let app = TestApp::with(ORIGINS).await;
    let ann = app.user("ann").await;
    let authorization = format!("Bearer {}", ann.token.as_ref().unwrap());
    for (headers, status) in [
        (vec![("Origin", APP), ("Authorization", authorization.as_str())], Status::Ok),
        (vec![("Origin", APP)], Status::Unauthorized),
    ] {
        let answer = app.anon().send_with(Method::Get, "/auth/user", &headers, "").await;
        answer.assert(status);
        assert_eq!(answer.header("Access-Control-Allow-Origin"), Some(APP));
        assert_eq!(answer.header("Access-Control-Allow-Credentials"), None);
        assert_eq!(answer.header("Vary"), Some("Origin"));
        let exposed = answer.header("Access-Control-Expose-Headers").unwrap();
        for name in ["Link", "Total-Count", "Location", "ETag", "Retry-After"] {
            assert!(exposed.split(", ").any(|one| one == name), "{exposed}");
        }
    }
}

#[rocket::async_test]
async fn cors_allows_no_other_origin() {
    let app = TestApp::with(ORIGINS).await;
    for origin in [
        "https://evil.example.org",
        "http://app.example.org",
        "https://app.example.org.evil.example",
        "https://app.example.org:444",
        "https://APP.example.org",
        "https://app.example.org/",
        "null",
        "*",
        "",
    ] {
        let answer = app.anon().send_with(Method::Get, "/widgets", &[("Origin", origin)], "").await;
        assert_eq!(cors_headers(&answer), [("Vary", "Origin")], "{origin}");
        let answer = preflight(&app, origin, "/widgets/one").await;
        answer.assert(Status::MethodNotAllowed);
        assert_eq!(cors_headers(&answer), [("Vary", "Origin")], "{origin}");
    }
    // A request without `Origin` gets no CORS header.
    let answer = app.anon().get("/widgets").await;
    assert_eq!(cors_headers(&answer), [("Vary", "Origin")]);
}

#[rocket::async_test]
async fn cors_preflight_names_methods_and_headers() {
    let app = TestApp::with(ORIGINS).await;
    let answer = preflight(&app, "http://localhost:3000", "/widgets/one").await;
    answer.assert(Status::NoContent);
    assert_eq!(answer.text, "");
    assert_eq!(answer.header("Access-Control-Allow-Origin"), Some("http://localhost:3000"));
    assert_eq!(
        answer.header("Access-Control-Allow-Methods"),
        Some("DELETE, GET, HEAD, PATCH, PUT")
    );
    let allowed = answer.header("Access-Control-Allow-Headers").unwrap();
    for name in ["Authorization", "Content-Type", "If-Match", "If-None-Match", "Last-Event-ID"] {
        assert!(allowed.contains(name), "{allowed}");
    }
    assert!(answer.header("Access-Control-Max-Age").is_some());
    preflight(&app, APP, "/nowhere").await.assert(Status::NotFound);
    // OPTIONS without the headers of a preflight is 405.
    app.anon()
        .send_with(Method::Options, "/widgets", &[("Origin", APP)], "")
        .await
        .assert(Status::MethodNotAllowed);
}

#[rocket::async_test]
async fn cors_star_allows_every_origin_without_credentials() {
    let app = TestApp::with(&[("cors_origins", "[\"*\"]")]).await;
    for origin in ["https://anybody.example", "null"] {
        let answer = app.anon().send_with(Method::Get, "/widgets", &[("Origin", origin)], "").await;
        assert_eq!(answer.header("Access-Control-Allow-Origin"), Some("*"));
        assert_eq!(answer.header("Access-Control-Allow-Credentials"), None);
        preflight(&app, origin, "/widgets").await.assert(Status::NoContent);
    }
}
