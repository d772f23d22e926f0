//! Access tokens and the challenges of `WWW-Authenticate`.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use rocket::http::{Method, Status};
use serde_json::{Value, json};

use crate::support::{Answer, PASSWORD, TestApp};

const INVALID: &str = "Invalid token. Please log in again.";

#[track_caller]
fn assert_challenge(answer: &Answer, users: &str, message: &str) {
    answer.assert_message(Status::Unauthorized, message);
    let expected = if message == "Unauthorized" {
        format!("Bearer realm=\"{users}@widgetd\"")
    } else {
        format!(
            "Bearer realm=\"{users}@widgetd\", error=\"invalid_token\", error_description=\"{message}\""
        )
    };
    assert_eq!(answer.header("WWW-Authenticate"), Some(expected.as_str()));
}

fn part(token: &str, n: usize) -> Value {
    let bytes = BASE64URL_NOPAD.decode(token.split('.').nth(n).unwrap().as_bytes()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

#[rocket::async_test]
async fn www_authenticate_without_a_token_names_the_realm_and_no_error() {
    let app = TestApp::new().await;
    assert_challenge(&app.anon().get("/widgets").await, "registered_users", "Unauthorized");
    assert_challenge(&app.anon().add_widget("one").await, "admin_users", "Unauthorized");
    for header in ["Basic YW5uOnNlY3JldA==", "Token x", "x"] {
        let answer =
            app.anon().send_with(Method::Get, "/widgets", &[("Authorization", header)], "").await;
        assert_challenge(&answer, "registered_users", "Unauthorized");
    }
}

#[rocket::async_test]
async fn www_authenticate_names_the_realm_of_the_settings() {
    let app = TestApp::with(&[("realm", "example.org")]).await;
    let answer = app.anon().get("/widgets").await;
    assert_eq!(
        answer.header("WWW-Authenticate"),
        Some("Bearer realm=\"registered_users@example.org\"")
    );
}

#[rocket::async_test]
async fn www_authenticate_of_403_is_insufficient_scope() {
    let app = TestApp::new().await;
    let answer = app.user("ann").await.add_widget("one").await;
    answer.assert_message(Status::Forbidden, "You are not an administrator");
    let expected = "Bearer realm=\"admin_users@widgetd\", error=\"insufficient_scope\", \
                    error_description=\"You are not an administrator\"";
    assert_eq!(answer.header("WWW-Authenticate"), Some(expected));
}

#[rocket::async_test]
async fn the_bearer_scheme_is_case_insensitive() {
    let app = TestApp::new().await;
    let token = app.user("ann").await.token.unwrap();
    for header in [format!("bearer {token}"), format!("BEARER  {token}")] {
        app.anon()
            .send_with(Method::Get, "/widgets", &[("Authorization", &header)], "")
            .await
            .assert(Status::Ok);
    }
}

#[rocket::async_test]
async fn two_authorization_headers_are_an_invalid_token() {
    let app = TestApp::new().await;
    let header = format!("Bearer {}", app.user("ann").await.token.unwrap());
    let headers = [("Authorization", header.as_str()), ("Authorization", header.as_str())];
    assert_challenge(
        &app.anon().send_with(Method::Get, "/widgets", &headers, "").await,
        "registered_users",
        INVALID,
    );
}

#[rocket::async_test]
async fn an_expired_token_is_401_from_its_last_second_on() {
    let app = TestApp::with(&[("access_token_seconds", "5")]).await;
    let ann = app.user("ann").await;
    app.advance(Duration::from_millis(4_499));
    ann.get("/widgets").await.assert(Status::Ok);
    app.advance(Duration::from_millis(1));
    let message = "Access token expired. Please log in again.";
    assert_challenge(&ann.get("/widgets").await, "registered_users", message);
    assert_challenge(&ann.add_widget("one").await, "admin_users", message);
}

#[rocket::async_test]
async fn an_invalid_token_is_401_with_the_same_answer_whatever_is_wrong() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    let token = ann.token.clone().unwrap();
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    let mut claims = part(&token, 1);
    claims["admin"] = json!(true);
    let as_admin = BASE64URL_NOPAD.encode(claims.to_string().as_bytes());
    let header_with = |name: &str, value: &str| {
        let mut header = part(&token, 0);
        header[name] = json!(value);
        BASE64URL_NOPAD.encode(header.to_string().as_bytes())
    };
    let none = header_with("alg", "none");
    let stranger = EncodingKey::from_secret(&[7; 32]);
    let mut stranger_header = Header::new(Algorithm::HS256);
    stranger_header.kid = part(&token, 0)["kid"].as_str().map(str::to_owned);
    let by_stranger = jsonwebtoken::encode(&stranger_header, &claims, &stranger).unwrap();
    let elsewhere = TestApp::new().await;
    let of_elsewhere = elsewhere.user("ann").await.token.unwrap();

    let bad = [
        ("no algorithm", format!("{none}.{payload}.")),
        ("no algorithm, admin", format!("{none}.{as_admin}.")),
        ("no algorithm, old signature", format!("{none}.{payload}.{signature}")),
        ("another algorithm", format!("{}.{payload}.{signature}", header_with("alg", "HS512"))),
        (
            "an asymmetric algorithm",
            format!("{}.{payload}.{signature}", header_with("alg", "RS256")),
        ),
        ("another kid", format!("{}.{payload}.{signature}", header_with("kid", "another"))),
        ("another key", by_stranger),
        ("another installation", of_elsewhere),
        ("a changed payload", format!("{header}.{as_admin}.{signature}")),
        (
            "a truncated signature",
            format!("{header}.{payload}.{}", &signature[..signature.len() - 4]),
        ),
        ("no signature", format!("{header}.{payload}.")),
        ("two parts", format!("{header}.{payload}")),
        ("four parts", format!("{token}.x")),
        ("no parts", "x".to_owned()),
        ("nothing", String::new()),
        ("dots", "..".to_owned()),
        ("blanks inside", token.replace('.', ". ")),
        ("very long", "x".repeat(7_000)),
        ("not ASCII", "täken".to_owned()),
    ];
    let mut bodies = std::collections::BTreeSet::new();
    for (what, token) in bad {
        let answer = ann.bearing(token).get("/auth/user").await;
        assert_eq!(answer.status, Status::Unauthorized, "{what}: {}", answer.text);
        assert_challenge(&answer, "registered_users", INVALID);
        bodies.insert(answer.text);
    }
    assert_eq!(bodies.len(), 1);
    ann.get("/auth/user").await.assert(Status::Ok);
}

#[rocket::async_test]
async fn jwt_header_and_claims_are_exactly_the_documented_ones() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    let token = ann.token.clone().unwrap();
    let (header, claims) = (part(&token, 0), part(&token, 1));
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&header), ["alg", "kid", "typ"]);
    assert_eq!((&header["alg"], &header["typ"]), (&json!("HS256"), &json!("JWT")));
    assert_eq!(keys(&claims), ["admin", "exp", "iat", "iss", "jti", "sub"]);
    assert_eq!(claims["sub"], ann.public_id().await.to_string());
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 3_600);
    assert_eq!(claims["admin"], false);
    assert!(claims["iss"].as_str().unwrap().starts_with("urn:uuid:"));
    let other = ann.log_in(PASSWORD).await.token();
    assert_ne!(claims["jti"], part(&other, 1)["jti"]);
    app.set_role(&ann, widgetd::domain::Role::Admin).await;
    assert_eq!(part(&ann.log_in(PASSWORD).await.token(), 1)["admin"], true);
}

#[rocket::async_test]
async fn a_lost_signing_key_ends_every_token_and_nothing_else() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    let token = ann.token.clone().unwrap();
    std::fs::remove_file(app.folder.path().join("widgetd.db.key")).unwrap();
    let app = app.restart().await;
    assert_challenge(
        &app.anon().bearing(token).get("/auth/user").await,
        "registered_users",
        INVALID,
    );
    let fields = [("email", "ann@example.com"), ("password", PASSWORD)];
    app.anon().post("/auth/login", &fields).await.assert(Status::Ok);
}
