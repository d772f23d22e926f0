//! `/auth`: register, log in, log out, change or reset a password.

use std::time::Duration;

use rocket::http::Status;
use serde_json::{Value, json};
use widgetd::domain::{Email, LoginName, PasswordHash, Status as AccountStatus, UserRef};

use crate::support::{Actor, Answer, PASSWORD, TestApp, user_count};

const UNKNOWN: &str = "email or password does not match";
const NEW_PASSWORD: &str = "tinker tailor soldier spy";

fn ann_of(app: &TestApp) -> Actor<'_> {
    Actor { email: "ann@example.com".to_owned(), ..app.anon() }
}

async fn hash_of(app: &TestApp, actor: &Actor<'_>) -> PasswordHash {
    let account = UserRef::LoginName(LoginName::Email(Email::parse(&actor.email).unwrap()));
    app.store.find_credentials(&account, None).await.unwrap().unwrap().password_hash
}

fn assert_token(answer: &Answer, message: &str) {
    let body = answer.body.as_object().unwrap();
    let keys: Vec<_> = body.keys().map(String::as_str).collect();
    assert_eq!(keys, ["access_token", "expires_in", "message", "status", "token_type"]);
    assert_eq!(body["status"], "success");
    assert_eq!(body["message"], message);
    assert_eq!(body["token_type"], "bearer");
    assert_eq!(body["expires_in"], 3600);
    assert_eq!(answer.header("Cache-Control"), Some("no-store"));
    assert_eq!(answer.header("Pragma"), Some("no-cache"));
}

#[rocket::async_test]
async fn register_takes_a_form_or_json_and_answers_201_with_an_access_token() {
    let app = TestApp::new().await;
    let answer = app
        .anon()
        .post("/auth/register", &[("email", "Ann@Example.com"), ("password", PASSWORD)])
        .await;
    assert_token(answer.assert(Status::Created), "successfully registered");

    let user = app.anon().bearing(answer.token()).get("/auth/user").await;
    user.assert(Status::Ok);
    let public_id = user.body["public_id"].as_str().unwrap();
    assert_eq!(public_id.len(), 36);
    let expected = json!({
        "email": "Ann@Example.com",
        "public_id": public_id,
        "username": null,
        "name": null,
        "role": "employee",
        "admin": false,
        "active": true,
        "registered_on": "11/21/26 12:00:00 PM UTC",
        "registered_on_iso8601": "2026-11-21T12:00:00+00:00",
        "used_bytes": 0,
        "quota_bytes": 4_194_304,
        "token_expires_in": "00:59:59",
    });
    assert_eq!(user.body, expected);
    // The same in JSON, and with an input that a browser sends empty.
    let json = json!({ "email": "bob@example.com", "username": "Bob.O", "password": PASSWORD });
    let form = [("email", "cid@example.com"), ("username", ""), ("password", PASSWORD)];
    for (answer, username) in [
        (app.anon().post_json("/auth/register", &json).await, json!("Bob.O")),
        (app.anon().post("/auth/register", &form).await, Value::Null),
    ] {
        assert_token(answer.assert(Status::Created), "successfully registered");
        let user = app.anon().bearing(answer.token()).get("/auth/user").await;
        assert_eq!(user.body["username"], username);
    }
}

#[rocket::async_test]
async fn register_with_a_taken_email_or_username_is_409_in_any_letter_case() {
    let app = TestApp::new().await;
    let fields = [("email", "ann@example.com"), ("username", "ann"), ("password", PASSWORD)];
    app.anon().post("/auth/register", &fields).await.assert(Status::Created);
    for (email, username, taken) in [
        ("ann@example.com", "bob", "ann@example.com"),
        ("ANN@example.COM", "", "ANN@example.COM"),
        ("bob@example.com", "ANN", "ANN"),
    ] {
        let fields = [("email", email), ("username", username), ("password", PASSWORD)];
        let answer = app.anon().post("/auth/register", &fields).await;
        answer.assert_message(Status::Conflict, &format!("{taken} is already registered"));
    }
    assert_eq!(user_count(&app).await, 1);
}

#[rocket::async_test]
async fn register_validation_names_every_field_at_fault_in_one_answer() {
    let app = TestApp::new().await;
    let anon = app.anon();
    let answer = anon
        .post(
            "/auth/register",
            &[("email", "first last"), ("password", "short"), ("username", "a b")],
        )
        .await;
    answer.assert_invalid(&["email", "password", "username"]);
    assert_eq!(answer.error_of("email"), "first last is not a valid email");
    assert_eq!(answer.error_of("password"), "must have at least 8 characters");

    let answer = anon.post("/auth/register", &[]).await;
    answer.assert_invalid(&["email", "password"]);
    assert_eq!(answer.error_of("email"), "is required");

    // A weak password is named beside the other fields at fault.
    let answer =
        anon.post("/auth/register", &[("email", "first last"), ("password", "password1")]).await;
    answer.assert_invalid(&["email", "password"]);
    assert!(answer.error_of("password").starts_with("is too easy to guess."), "{}", answer.text);

    let json = json!({ "email": ["a"], "password": 12_345_678 });
    let answer = anon.post_json("/auth/register", &json).await;
    answer.assert_invalid(&["email", "password"]);
    assert_eq!(answer.error_of("password"), "must be a string, not a number");
}

#[rocket::async_test]
async fn a_password_equal_to_the_email_is_400() {
    let app = TestApp::new().await;
    let fields = [
        ("email", "zygmunt.brzeczyszczykiewicz@example.com"),
        ("password", "zygmunt.brzeczyszczykiewicz@example.com"),
    ];
    app.anon().post("/auth/register", &fields).await.assert_invalid(&["password"]);
}

#[rocket::async_test]
async fn password_limit_is_128_characters_and_nothing_is_truncated() {
    let app = TestApp::new().await;
    let long: String = PASSWORD.chars().cycle().take(127).chain(['x']).collect();
    app.anon()
        .post("/auth/register", &[("email", "ann@example.com"), ("password", &long)])
        .await
        .assert(Status::Created);
    let log_in = async |password: &str| {
        app.anon()
            .post("/auth/login", &[("email", "ann@example.com"), ("password", password)])
            .await
    };
    log_in(&long).await.assert(Status::Ok);
    log_in(&format!("{}y", &long[..127])).await.assert(Status::Unauthorized);
    log_in(&long[..127]).await.assert(Status::Unauthorized);
    log_in(&format!("{long}x")).await.assert_invalid(&["password"]);
}

#[rocket::async_test]
async fn login_takes_email_or_username_in_any_letter_case() {
    let app = TestApp::new().await;
    let fields = [("email", "ann@example.com"), ("username", "Ann.O"), ("password", PASSWORD)];
    app.anon().post("/auth/register", &fields).await.assert(Status::Created);
    for name in [
        ("email", "ann@example.com"),
        ("email", "Ann@EXAMPLE.com"),
        ("username", "ann.o"),
        ("username", "ANN.O"),
        ("login", "ann@example.com"),
        ("login", "Ann.o"),
    ] {
        let answer = app.anon().post("/auth/login", &[name, ("password", PASSWORD)]).await;
        assert_token(answer.assert(Status::Ok), "successfully logged in");
        app.anon().bearing(answer.token()).get("/auth/user").await.assert(Status::Ok);
    }
}

#[rocket::async_test]
async fn login_with_a_wrong_password_answers_alike_for_every_account() {
    let app = TestApp::new().await;
    for (name, status) in
        [("pending", AccountStatus::Pending), ("disabled", AccountStatus::Disabled)]
    {
        app.set_status(&app.user(name).await, status).await;
    }
    let active = app.user("active").await;
    active.patch("/auth/user", &[("username", "active")]).await.assert(Status::Ok);
    let guess = async |field: &str, name: &str| {
        let answer = app.anon().post("/auth/login", &[(field, name), ("password", "wrong")]).await;
        let message = format!("{field} or password does not match");
        answer.assert_message(Status::Unauthorized, &message);
        assert_eq!(
            answer.header("WWW-Authenticate"),
            Some("Bearer realm=\"registered_users@widgetd\"")
        );
        let (ids, others): (Vec<_>, Vec<_>) = answer
            .headers
            .into_iter()
            .partition(|(name, _)| name.eq_ignore_ascii_case("X-Request-Id"));
        assert_eq!(ids.len(), 1);
        (answer.text, others)
    };
    let expected = guess("email", "active@example.com").await;
    for name in ["unknown", "pending", "disabled"] {
        assert_eq!(guess("email", &format!("{name}@example.com")).await, expected, "{name}");
    }
    assert_eq!(guess("username", "unknown").await, guess("username", "active").await);
}

#[rocket::async_test]
async fn login_validation_names_each_field_at_fault() {
    let app = TestApp::new().await;
    let log_in = async |fields: &[(&str, &str)]| app.anon().post("/auth/login", fields).await;
    log_in(&[]).await.assert_invalid(&["email", "password"]);
    log_in(&[("email", "first last"), ("password", "x")]).await.assert_invalid(&["email"]);
    log_in(&[("email", "ann@example.com")]).await.assert_invalid(&["password"]);
    log_in(&[("email", "ann@example.com"), ("username", "ann"), ("password", "x")])
        .await
        .assert_invalid(&["username"]);
    log_in(&[("username", "ann"), ("login", "ann"), ("password", "x")])
        .await
        .assert_invalid(&["login"]);
    log_in(&[("login", ""), ("password", "x")]).await.assert_invalid(&["login"]);
    log_in(&[("login", "first last"), ("password", "x")]).await.assert_invalid(&["login"]);
}

#[rocket::async_test]
async fn login_with_an_empty_name_is_told_which_field_is_empty() {
    let app = TestApp::new().await;
    for name in ["email", "username", "login"] {
        let form = app.anon().post("/auth/login", &[(name, ""), ("password", "x")]).await;
        assert_eq!(form.assert_invalid(&[name]).error_of(name), "is required");
        let json = serde_json::json!({ name: "", "password": "x" });
        let json = app.anon().post_json("/auth/login", &json).await;
        assert_eq!(json.assert_invalid(&[name]).error_of(name), "is required");
    }
    let nothing = app.anon().post("/auth/login", &[("password", "x")]).await;
    let why = "is required, unless there is a username";
    assert_eq!(nothing.assert_invalid(&["email"]).error_of("email"), why);
}

#[rocket::async_test]
async fn login_of_an_inactive_account_is_403_only_with_the_right_password() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    for (status, message) in [
        (AccountStatus::Pending, "Your account is waiting for approval"),
        (AccountStatus::Disabled, "Your account is disabled"),
    ] {
        app.set_status(&ann, status).await;
        ann.log_in("a wrong password").await.assert_message(Status::Unauthorized, UNKNOWN);
        ann.log_in(PASSWORD).await.assert_message(Status::Forbidden, message);
    }
    app.set_status(&ann, AccountStatus::Active).await;
    ann.log_in(PASSWORD).await.assert(Status::Ok);
}

#[rocket::async_test]
async fn logout_ends_the_session_of_its_token_alone() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    let other = ann.bearing(ann.log_in(PASSWORD).await.token());

    let answer = ann.post("/auth/logout", &[]).await;
    answer.assert(Status::Ok);
    assert_eq!(answer.body, json!({ "status": "success", "message": "successfully logged out" }));

    for answer in [ann.get("/auth/user").await, ann.post("/auth/logout", &[]).await] {
        answer.assert_message(Status::Unauthorized, "Token blacklisted. Please log in again.");
    }
    other.get("/auth/user").await.assert(Status::Ok);
}

#[rocket::async_test]
async fn logout_takes_an_empty_body_and_no_field() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    ann.post("/auth/logout", &[("all", "1")]).await.assert_invalid(&["all"]);
    ann.post_json("/auth/logout", &json!({ "all": true })).await.assert_invalid(&["all"]);
    ann.post_json("/auth/logout", &json!([])).await.assert(Status::BadRequest);
    ann.get("/auth/user").await.assert(Status::Ok);
    ann.post_json("/auth/logout", &json!({})).await.assert(Status::Ok);
}

#[rocket::async_test]
async fn token_expires_in_reads_like_a_clock() {
    let app = TestApp::with(&[("access_token_seconds", "176400")]).await;
    let ann = app.user("ann").await;
    app.advance(Duration::from_millis(500));
    assert_eq!(ann.get("/auth/user").await.body["token_expires_in"], "2 days, 00:59:59");
    app.advance(Duration::from_hours(24));
    assert_eq!(ann.get("/auth/user").await.body["token_expires_in"], "1 day, 00:59:59");
    let fresh = ann.log_in(PASSWORD).await;
    assert_eq!(fresh.body["expires_in"], 176_400);
}

#[rocket::async_test]
async fn login_upgrades_a_cheaper_password_hash_and_keeps_the_sessions() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    let token = ann.token.clone().unwrap();
    let hash = async |app: &TestApp| hash_of(app, &ann_of(app)).await.as_str().to_owned();
    assert!(hash(&app).await.contains("$m=64,t=1,p=1$"));

    let app = app.restart_with(&[("argon2_passes", "2")]).await;
    let log_in = async |password: &str| {
        app.anon()
            .post("/auth/login", &[("email", "ann@example.com"), ("password", password)])
            .await
    };
    log_in("a wrong password").await.assert(Status::Unauthorized);
    assert!(hash(&app).await.contains("$m=64,t=1,p=1$"));
    log_in(PASSWORD).await.assert(Status::Ok);
    assert!(hash(&app).await.contains("$m=64,t=2,p=1$"));
    log_in(PASSWORD).await.assert(Status::Ok);
    app.anon().bearing(token).get("/auth/user").await.assert(Status::Ok);
}

#[rocket::async_test]
async fn registration_with_approval_answers_201_without_a_token() {
    let app = TestApp::with(&[("registration", "approval")]).await;
    let answer = app
        .anon()
        .post("/auth/register", &[("email", "ann@example.com"), ("password", PASSWORD)])
        .await;
    answer.assert(Status::Created);
    let expected = json!({
        "status": "success", "message": "successfully registered; your account is waiting for approval",
    });
    assert_eq!(answer.body, expected);
    let ann = ann_of(&app);
    let refused = ann.log_in(PASSWORD).await;
    refused.assert_message(Status::Forbidden, "Your account is waiting for approval");
}

#[rocket::async_test]
async fn registration_closed_is_403_and_login_still_works() {
    let app = TestApp::new().await;
    app.user("ann").await;
    let app = app.restart_with(&[("registration", "closed")]).await;
    let message = "Registration is closed. Please ask an administrator for an account.";
    for fields in [&[("email", "bob@example.com"), ("password", PASSWORD)][..], &[]] {
        app.anon().post("/auth/register", fields).await.assert_message(Status::Forbidden, message);
    }
    assert_eq!(user_count(&app).await, 1);
    ann_of(&app).log_in(PASSWORD).await.assert(Status::Ok);
}

#[rocket::async_test]
async fn password_change_ends_every_session_but_its_own() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    let (other, key) = (ann.again().await, ann.key("script", "read").await);
    let change = async |current: &str, new: &str| {
        ann.post("/auth/password", &[("current_password", current), ("new_password", new)]).await
    };
    let wrong = change("wrong", NEW_PASSWORD).await;
    assert_eq!(
        wrong.assert_invalid(&["current_password"]).error_of("current_password"),
        "is not the account's password"
    );
    change(PASSWORD, "password1").await.assert_invalid(&["new_password"]);
    change(PASSWORD, "ann@example.com").await.assert_invalid(&["new_password"]);
    let same = change(PASSWORD, PASSWORD).await;
    assert_eq!(
        same.assert_invalid(&["new_password"]).error_of("new_password"),
        "is the present one"
    );
    change("", "short").await.assert_invalid(&["current_password", "new_password"]);
    other.get("/auth/user").await.assert(Status::Ok);

    let message = "successfully changed the password; every other session has ended";
    change(PASSWORD, NEW_PASSWORD).await.assert_message(Status::Ok, message);
    ann.get("/auth/user").await.assert(Status::Ok);
    other
        .get("/auth/user")
        .await
        .assert_message(Status::Unauthorized, "Token blacklisted. Please log in again.");
    key.get("/auth/user").await.assert(Status::Ok);
    ann.log_in(PASSWORD).await.assert(Status::Unauthorized);
    ann.log_in(NEW_PASSWORD).await.assert(Status::Ok);
}

async fn reset_code(app: &TestApp, actor: &Actor<'_>) -> String {
    let made = app.find("admin@example.com").await;
    let admin = Actor { email: made.names.label().to_owned(), ..app.anon() }.again().await;
    let id = app.find(&actor.email).await.public_id;
    let answer = admin.post(&format!("/users/{id}/reset-code"), &[]).await;
    answer.assert(Status::Created).body["code"].as_str().unwrap().to_owned()
}

#[rocket::async_test]
async fn reset_code_sets_a_password_once_and_ends_every_session() {
    let app = TestApp::new().await;
    app.admin().await;
    let ann = app.user("ann").await;
    let code = reset_code(&app, &ann).await;
    let reset = async |code: &str, new: &str| {
        app.anon().post("/auth/reset", &[("code", code), ("new_password", new)]).await
    };
    reset("abcd-efgh-ijkl-mnop", NEW_PASSWORD).await.assert_invalid(&["code"]);
    reset("not a code", "short").await.assert_invalid(&["code", "new_password"]);
    // A weak password does not use the code.
    reset(&code, "ann@example.com").await.assert_invalid(&["new_password"]);
    ann.get("/auth/user").await.assert(Status::Ok);

    let message = "successfully set the new password; please log in";
    reset(&code.to_uppercase(), NEW_PASSWORD).await.assert_message(Status::Ok, message);
    ann.get("/auth/user").await.assert(Status::Unauthorized);
    ann.log_in(PASSWORD).await.assert(Status::Unauthorized);
    ann.log_in(NEW_PASSWORD).await.assert(Status::Ok);
    let used = reset(&code, PASSWORD).await;
    assert_eq!(
        used.assert_invalid(&["code"]).error_of("code"),
        "is wrong, has been used, or has expired"
    );
}
