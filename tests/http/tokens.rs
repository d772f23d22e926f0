//! Bearer tokens: what proves who is calling, what does not, and how each is answered.

use std::time::Duration;

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
    let bytes = base64(token.split('.').nth(n).unwrap());
    serde_json::from_slice(&bytes).unwrap()
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

fn base64(text: &str) -> Vec<u8> {
    let value = |c: u8| ALPHABET.iter().position(|a| *a == c).unwrap();
    let bits: Vec<bool> =
        text.bytes().flat_map(|c| (0..6).rev().map(move |bit| value(c) >> bit & 1 == 1)).collect();
    bits.chunks_exact(8)
        .map(|byte| byte.iter().fold(0, |byte, bit| byte << 1 | u8::from(*bit)))
        .collect()
}

fn to_base64(bytes: &[u8]) -> String {
    let mut bits: Vec<bool> =
        bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1)).collect();
    bits.resize(bits.len().div_ceil(6) * 6, false);
    bits.chunks(6)
        .map(|six| char::from(ALPHABET[six.iter().fold(0, |n, bit| n << 1 | usize::from(*bit))]))
        .collect()
}

#[rocket::async_test]
async fn without_a_token_there_is_a_challenge_without_an_error() {
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
async fn the_realm_is_a_setting() {
    let app = TestApp::with(&[("realm", "example.org")]).await;
    let answer = app.anon().get("/widgets").await;
    assert_eq!(
        answer.header("WWW-Authenticate"),
        Some("Bearer realm=\"registered_users@example.org\"")
    );
}

#[rocket::async_test]
async fn who_is_no_administrator_is_told_which_scope_is_missing() {
    let app = TestApp::new().await;
    let answer = app.user("ann").await.add_widget("one").await;
    answer.assert_message(Status::Forbidden, "You are not an administrator");
    let expected = "Bearer realm=\"admin_users@widgetd\", error=\"insufficient_scope\", \
                    error_description=\"You are not an administrator\"";
    assert_eq!(answer.header("WWW-Authenticate"), Some(expected));
}

#[rocket::async_test]
async fn the_scheme_is_matched_without_regard_to_case() {
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
async fn two_authorization_headers_are_a_bad_token() {
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
async fn a_token_dies_with_its_last_second() {
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
async fn whatever_is_not_one_of_our_tokens_is_refused_alike() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    let token = ann.token.clone().unwrap();
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    let mut claims = part(&token, 1);
    claims["admin"] = json!(true);
    let as_admin = to_base64(claims.to_string().as_bytes());
    let header_with = |name: &str, value: &str| {
        let mut header = part(&token, 0);
        header[name] = json!(value);
        to_base64(header.to_string().as_bytes())
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
async fn the_claim_to_be_an_administrator_is_not_believed() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let token = admin.log_in(PASSWORD).await.token();
    assert_eq!(part(&token, 1)["admin"], true);
    let admin = admin.bearing(token);
    admin.add_widget("one").await.assert(Status::Created);
    app.set_role(&app.user("root").await, widgetd::domain::Role::Admin).await;
    app.set_role(&admin, widgetd::domain::Role::Employee).await;
    admin.add_widget("two").await.assert(Status::Forbidden);
}

#[rocket::async_test]
async fn a_token_carries_exactly_the_documented_header_and_claims() {
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
}

#[rocket::async_test]
async fn a_token_of_before_a_restart_is_good_after_it() {
    let app = TestApp::new().await;
    let token = app.user("ann").await.token.unwrap();
    let app = app.restart().await;
    app.anon().bearing(token).get("/auth/user").await.assert(Status::Ok);
}

#[rocket::async_test]
async fn a_lost_key_ends_every_token_and_harms_nothing_else() {
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
