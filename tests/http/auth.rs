//! `/auth`: register, log in, log out, change or reset a password.

use std::time::Duration;

use rocket::http::Status;
use serde_json::{Value, json};
use widgetd::domain::{Email, LoginName, PasswordHash, Role, Status as AccountStatus, UserRef};

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
async fn registering_from_a_form_gives_a_token_that_works_at_once() {
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
        "role": "employee",
        "admin": false,
        "active": true,
        "registered_on": "11/21/26 12:00:00 PM UTC",
        "registered_on_iso8601": "2026-11-21T12:00:00+00:00",
        "token_expires_in": "00:59:59",
    });
    assert_eq!(user.body, expected);
}

#[rocket::async_test]
async fn registering_in_json_is_the_same() {
    let app = TestApp::new().await;
    let body = json!({ "email": "ann@example.com", "username": "Ann.O", "password": PASSWORD });
    let answer = app.anon().post_json("/auth/register", &body).await;
    assert_token(answer.assert(Status::Created), "successfully registered");
    let user = app.anon().bearing(answer.token()).get("/auth/user").await;
    assert_eq!(user.body["username"], "Ann.O");
}

#[rocket::async_test]
async fn an_optional_input_that_a_browser_sends_empty_is_not_there() {
    let app = TestApp::new().await;
    let fields = [("email", "ann@example.com"), ("username", ""), ("password", PASSWORD)];
    let answer = app.anon().post("/auth/register", &fields).await;
    answer.assert(Status::Created);
    assert_eq!(
        app.anon().bearing(answer.token()).get("/auth/user").await.body["username"],
        Value::Null
    );
}

#[rocket::async_test]
async fn a_taken_address_is_a_conflict_in_any_letter_case() {
    let app = TestApp::new().await;
    app.user("ann").await;
    for email in ["ann@example.com", "ANN@example.COM"] {
        let answer =
            app.anon().post("/auth/register", &[("email", email), ("password", PASSWORD)]).await;
        answer.assert_message(Status::Conflict, &format!("{email} is already registered"));
    }
}

#[rocket::async_test]
async fn a_taken_username_is_a_conflict_in_any_letter_case() {
    let app = TestApp::new().await;
    let register = async |email: &str, username: &str| {
        app.anon()
            .post(
                "/auth/register",
                &[("email", email), ("username", username), ("password", PASSWORD)],
            )
            .await
    };
    register("ann@example.com", "ann").await.assert(Status::Created);
    register("bob@example.com", "ANN")
        .await
        .assert_message(Status::Conflict, "ANN is already registered");
    assert_eq!(user_count(&app).await, 1);
}

#[rocket::async_test]
async fn every_field_at_fault_is_named_at_once() {
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

    // What only the estimator finds is named beside what is seen at a glance.
    let answer =
        anon.post("/auth/register", &[("email", "first last"), ("password", "password1")]).await;
    answer.assert_invalid(&["email", "password"]);
    assert!(answer.error_of("password").starts_with("is too easy to guess."), "{}", answer.text);
}

#[rocket::async_test]
async fn a_password_like_the_account_s_own_name_is_too_easy() {
    let app = TestApp::new().await;
    let fields = [
        ("email", "zygmunt.brzeczyszczykiewicz@example.com"),
        ("password", "zygmunt.brzeczyszczykiewicz@example.com"),
    ];
    app.anon().post("/auth/register", &fields).await.assert_invalid(&["password"]);
}

#[rocket::async_test]
async fn a_password_of_128_characters_counts_to_its_last_one() {
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
async fn logging_in_takes_the_address_or_the_username_in_any_letter_case() {
    let app = TestApp::new().await;
    let fields = [("email", "ann@example.com"), ("username", "Ann.O"), ("password", PASSWORD)];
    app.anon().post("/auth/register", &fields).await.assert(Status::Created);
    for name in [
        ("email", "ann@example.com"),
        ("email", "Ann@EXAMPLE.com"),
        ("username", "ann.o"),
        ("username", "ANN.O"),
    ] {
        let answer = app.anon().post("/auth/login", &[name, ("password", PASSWORD)]).await;
        assert_token(answer.assert(Status::Ok), "successfully logged in");
        app.anon().bearing(answer.token()).get("/auth/user").await.assert(Status::Ok);
    }
}

#[rocket::async_test]
async fn whoever_does_not_know_the_password_learns_nothing() {
    let app = TestApp::new().await;
    for (name, status) in
        [("pending", AccountStatus::Pending), ("disabled", AccountStatus::Disabled)]
    {
        app.set_status(&app.user(name).await, status).await;
    }
    app.user("active").await;
    let guess = async |field: &str, name: &str| {
        let answer = app.anon().post("/auth/login", &[(field, name), ("password", "wrong")]).await;
        answer.assert_message(Status::Unauthorized, UNKNOWN);
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
    assert_eq!(guess("username", "unknown").await, expected);
}

#[rocket::async_test]
async fn a_login_names_each_field_at_fault() {
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
async fn one_input_takes_either_name_of_an_account() {
    let app = TestApp::new().await;
    let account = [("email", "ann@example.com"), ("username", "ann"), ("password", PASSWORD)];
    app.anon().post("/auth/register", &account).await.assert(Status::Created);
    for name in ["ann@example.com", "Ann"] {
        app.anon()
            .post("/auth/login", &[("login", name), ("password", PASSWORD)])
            .await
            .assert(Status::Ok);
    }
}

#[rocket::async_test]
async fn who_is_not_active_learns_it_only_with_the_right_password() {
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
async fn after_a_logout_the_token_is_dead_and_the_others_live() {
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
async fn of_64_logouts_of_one_session_at_once_none_is_told_anything_but_that_it_is_over() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    let answers =
        rocket::futures::future::join_all((0..64).map(|_| ann.post("/auth/logout", &[]))).await;
    assert!(answers.iter().any(|answer| answer.status == Status::Ok));
    assert!(
        answers.iter().all(|answer| [Status::Ok, Status::Unauthorized].contains(&answer.status))
    );
    ann.get("/auth/user").await.assert(Status::Unauthorized);
}

#[rocket::async_test]
async fn logging_out_takes_an_empty_form_and_an_empty_object_and_no_field() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    ann.post("/auth/logout", &[("all", "1")]).await.assert_invalid(&["all"]);
    ann.post_json("/auth/logout", &json!({ "all": true })).await.assert_invalid(&["all"]);
    ann.post_json("/auth/logout", &json!([])).await.assert(Status::BadRequest);
    ann.get("/auth/user").await.assert(Status::Ok);
    ann.post_json("/auth/logout", &json!({})).await.assert(Status::Ok);
}

#[rocket::async_test]
async fn a_revoked_token_is_refused_after_a_restart() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    let (revoked, alive) = (ann.token.clone().unwrap(), ann.log_in(PASSWORD).await.token());
    ann.post("/auth/logout", &[]).await.assert(Status::Ok);

    let app = app.restart().await;
    app.anon().bearing(alive).get("/auth/user").await.assert(Status::Ok);
    let answer = app.anon().bearing(revoked).get("/auth/user").await;
    answer.assert_message(Status::Unauthorized, "Token blacklisted. Please log in again.");
}

#[rocket::async_test]
async fn a_change_of_role_holds_from_the_next_request() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let root = app.user("root").await;
    app.set_role(&root, Role::Admin).await;
    admin.add_widget("one").await.assert(Status::Created);

    app.set_role(&admin, Role::Manager).await;
    admin.add_widget("two").await.assert_message(Status::Forbidden, "You are not an administrator");
    assert_eq!(admin.get("/auth/user").await.body["role"], "manager");

    app.set_role(&admin, Role::Admin).await;
    admin.add_widget("two").await.assert(Status::Created);
}

#[rocket::async_test]
async fn a_disabled_account_s_token_is_refused_at_once_and_for_good() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    for status in [AccountStatus::Disabled, AccountStatus::Active] {
        app.set_status(&ann, status).await;
        let answer = ann.get("/auth/user").await;
        answer.assert_message(Status::Unauthorized, "Token blacklisted. Please log in again.");
    }
    let fresh = ann.bearing(ann.log_in(PASSWORD).await.token());
    fresh.get("/auth/user").await.assert(Status::Ok);
}

#[rocket::async_test]
async fn a_new_password_ends_older_tokens_of_the_same_second_and_no_newer_one() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    let other = app.user("bob").await;
    let bobs_hash = hash_of(&app, &other).await;
    let id = app.find(&ann.email).await.public_id;
    app.store.set_password(id, bobs_hash, None, &app.cli_context()).await.unwrap();
    ann.get("/auth/user")
        .await
        .assert_message(Status::Unauthorized, "Token blacklisted. Please log in again.");
    other.get("/auth/user").await.assert(Status::Ok);
    // The clock has not moved: the new token was issued in the second of the change.
    ann.bearing(ann.log_in(PASSWORD).await.token()).get("/auth/user").await.assert(Status::Ok);
}

#[rocket::async_test]
async fn what_is_left_of_a_token_reads_like_a_clock() {
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
async fn a_cheaper_hash_is_replaced_at_the_next_login_and_ends_no_token() {
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
async fn with_approval_an_account_waits_and_has_no_token() {
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
    ann.log_in("a wrong password").await.assert_message(Status::Unauthorized, UNKNOWN);
    ann.log_in(PASSWORD)
        .await
        .assert_message(Status::Forbidden, "Your account is waiting for approval");
    app.set_status(&ann, AccountStatus::Active).await;
    ann.log_in(PASSWORD).await.assert(Status::Ok);
}

#[rocket::async_test]
async fn where_registration_is_closed_nobody_registers_and_who_has_an_account_logs_in() {
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
async fn a_changed_password_ends_every_session_but_the_one_that_changed_it() {
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
    let admin = Actor { email: made.email.into_string(), ..app.anon() }.again().await;
    let id = app.find(&actor.email).await.public_id;
    let answer = admin.post(&format!("/users/{id}/reset-code"), &[]).await;
    answer.assert(Status::Created).body["code"].as_str().unwrap().to_owned()
}

#[rocket::async_test]
async fn a_reset_code_sets_a_password_once_and_ends_every_session() {
    let app = TestApp::new().await;
    app.admin().await;
    let ann = app.user("ann").await;
    let code = reset_code(&app, &ann).await;
    let reset = async |code: &str, new: &str| {
        app.anon().post("/auth/reset", &[("code", code), ("new_password", new)]).await
    };
    reset("abcd-efgh-ijkl-mnop", NEW_PASSWORD).await.assert_invalid(&["code"]);
    reset("not a code", "short").await.assert_invalid(&["code", "new_password"]);
    // A password that does not do leaves the code good.
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

#[rocket::async_test]
async fn a_reset_code_dies_with_its_hour_and_with_the_next_one() {
    let app = TestApp::new().await;
    app.admin().await;
    let ann = app.user("ann").await;
    let reset = async |code: &str| {
        app.anon().post("/auth/reset", &[("code", code), ("new_password", NEW_PASSWORD)]).await
    };
    let first = reset_code(&app, &ann).await;
    let second = reset_code(&app, &ann).await;
    reset(&first).await.assert_invalid(&["code"]);
    app.advance(Duration::from_hours(1));
    reset(&second).await.assert_invalid(&["code"]);
    let third = reset_code(&app, &ann).await;
    app.advance(Duration::from_millis(3_599_999));
    reset(&third).await.assert(Status::Ok);
}

#[rocket::async_test]
async fn of_64_uses_of_one_reset_code_at_once_one_succeeds() {
    let app = TestApp::new().await;
    app.admin().await;
    let ann = app.user("ann").await;
    let code = reset_code(&app, &ann).await;
    let nobody = app.anon();
    let passwords: Vec<String> = (0..64).map(|n| format!("{NEW_PASSWORD} {n}")).collect();
    let answers = rocket::futures::future::join_all(passwords.iter().map(async |password| {
        nobody.post("/auth/reset", &[("code", &code), ("new_password", password)]).await
    }))
    .await;
    let winners: Vec<_> =
        answers.iter().zip(&passwords).filter(|(answer, _)| answer.status == Status::Ok).collect();
    assert_eq!(winners.len(), 1);
    ann.log_in(winners[0].1).await.assert(Status::Ok);
    let refused = answers.iter().filter(|answer| answer.status == Status::BadRequest).count();
    assert_eq!(refused, 63);
}

#[rocket::async_test]
async fn of_64_registrations_of_one_address_at_once_one_succeeds() {
    let app = TestApp::new().await;
    let anon = app.anon();
    let fields = [("email", "ann@example.com"), ("password", PASSWORD)];
    let answers =
        rocket::futures::future::join_all((0..64).map(|_| anon.post("/auth/register", &fields)))
            .await;
    let count = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((count(Status::Created), count(Status::Conflict)), (1, 63));
    assert_eq!(user_count(&app).await, 1);
}
