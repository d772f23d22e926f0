//! `/auth/setup`: the setup code that a start prints makes the first administrator.

use std::time::Duration;

use rocket::http::{Method, Status};
use widgetd::domain::{NewUser, PasswordHash, Role, Status as AccountStatus, UserId};

use crate::support::{Actor, Answer, PASSWORD, TestApp, form, user_count};

const HERE: &str = "127.0.0.1";
const WRONG: &str = "abcd-efgh-ijkl-mnop";
const ELSEWHERE: &str = "The first administrator is made on the machine itself, unless the setting `remote_setup` is true.";
const IS_ONE: &str = "There is an administrator already.";

async fn set_up_with(actor: &Actor<'_>, code: &str, email: &str, password: &str) -> Answer {
    actor.post("/auth/setup", &[("code", code), ("email", email), ("password", password)]).await
}

/// With the right code.
async fn set_up(actor: &Actor<'_>, email: &str) -> Answer {
    set_up_with(actor, actor.app.setup_code.reveal(), email, PASSWORD).await
}

async fn is_good(app: &TestApp) -> bool {
    let services = app.client.rocket().state::<widgetd::http::Services>().unwrap();
    services.accounts.is_good_setup_code(app.setup_code.reveal()).await.unwrap()
}

/// An administrator whom the command line has made.
async fn add_administrator(app: &TestApp) {
    let new = NewUser {
        public_id: UserId::generate(),
        names: widgetd::domain::Email::parse("root@example.com").unwrap().into(),
        role: Role::Admin,
        status: AccountStatus::Active,
        password_hash: PasswordHash::from_stored("any".to_owned()),
        reset_code: None,
    };
    app.store.create_user(new, None, &app.cli_context()).await.unwrap();
}

#[rocket::async_test]
async fn setup_code_makes_the_first_administrator_with_a_session() {
    let app = TestApp::new().await;
    let here = app.anon().from(HERE);
    let code = app.setup_code.reveal().to_uppercase().replace('-', " ");
    let fields = [
        ("code", &*code),
        ("email", "Ann@example.com"),
        ("username", "ann"),
        ("password", PASSWORD),
    ];
    let answer = here.post("/auth/setup", &fields).await;
    answer.assert_message(Status::Created, "successfully set up; you are the administrator");
    assert_eq!(
        (answer.header("Cache-Control"), answer.body["expires_in"].as_u64()),
        (Some("no-store"), Some(3600))
    );
    let admin = app.anon().bearing(answer.token());
    let user = admin.get("/auth/user").await.body;
    assert_eq!((&user["email"], &user["username"]), (&"Ann@example.com".into(), &"ann".into()));
    assert_eq!((&user["role"], &user["active"]), (&"admin".into(), &true.into()));
    admin.add_widget("one").await.assert(Status::Created);
    let audit = admin.get("/audit?action=account.register").await.body["items"].take();
    assert_eq!(audit.as_array().unwrap().len(), 1);
    assert_eq!(
        (&audit[0]["actor"], &audit[0]["detail"]),
        (&"Ann@example.com".into(), &"admin, active".into())
    );
    assert_eq!((&audit[0]["address"], &audit[0]["result"]), (&HERE.into(), &"ok".into()));
    app.anon()
        .post("/auth/login", &[("username", "ann"), ("password", PASSWORD)])
        .await
        .assert(Status::Ok);
}

#[rocket::async_test]
async fn a_used_setup_code_is_400() {
    let app = TestApp::new().await;
    let here = app.anon().from(HERE);
    assert!(is_good(&app).await);
    set_up(&here, "ann@example.com").await.assert(Status::Created);
    assert!(!is_good(&app).await);
    let used = set_up(&here, "bob@example.com").await;
    assert_eq!(
        used.assert_invalid(&["code"]).error_of("code"),
        "is wrong, has been used, or has expired"
    );
    assert_eq!(user_count(&app).await, 1);
}

#[rocket::async_test]
async fn a_setup_code_of_an_earlier_start_is_400() {
    let app = TestApp::new().await;
    let old = app.setup_code.reveal().to_owned();
    let app = app.restart().await;
    let here = app.anon().from(HERE);
    set_up_with(&here, &old, "ann@example.com", PASSWORD).await.assert_invalid(&["code"]);
    set_up(&here, "ann@example.com").await.assert(Status::Created);
}

#[rocket::async_test]
async fn a_wrong_setup_code_is_400_and_audited_without_what_was_typed() {
    let app = TestApp::new().await;
    let here = app.anon().from(HERE);
    // The strength of the password is not judged without the right code.
    set_up_with(&here, WRONG, "ann@example.com", "ann@example.com").await.assert_invalid(&["code"]);
    let seen = set_up_with(&here, "no code", "first last", "short").await;
    seen.assert_invalid(&["code", "email", "password"]);
    assert_eq!(seen.error_of("code"), "is not a setup code; one looks like abcd-efgh-ijkl-mnop");
    assert_eq!(user_count(&app).await, 0);
    assert!(is_good(&app).await);
    let answer = set_up(&here, "ann@example.com").await;
    let audit = app.anon().bearing(answer.token()).get("/audit?sort=at").await;
    let first = &audit.body["items"][0];
    assert_eq!(
        (&first["action"], &first["result"]),
        (&"account.register".into(), &"wrong_code".into())
    );
    assert_eq!(
        (&first["actor"], &first["target"]),
        (&"anonymous".into(), &serde_json::Value::Null)
    );
    assert!(
        !audit.text.contains(app.setup_code.reveal()) && !audit.text.contains(WRONG),
        "{}",
        audit.text
    );
}

#[rocket::async_test]
async fn rate_limit_counts_wrong_setup_codes_alone() {
    let app = TestApp::with(&[("throttle", "true")]).await;
    let here = app.anon().from(HERE);
    for _ in 0..100 {
        set_up_with(&here, app.setup_code.reveal(), "ann@example.com", "password1")
            .await
            .assert_invalid(&["password"]);
    }
    for _ in 0..50 {
        set_up_with(&here, WRONG, "ann@example.com", PASSWORD).await.assert_invalid(&["code"]);
    }
    set_up(&here, "ann@example.com").await.assert(Status::TooManyRequests);
    app.advance(Duration::from_secs(10));
    set_up(&here, "ann@example.com").await.assert(Status::Created);
}

#[rocket::async_test]
async fn a_weak_password_or_a_taken_name_does_not_use_the_setup_code() {
    let app = TestApp::new().await;
    let here = app.anon().from(HERE);
    app.user("ann").await;
    // The password equals the e-mail address.
    let weak = set_up_with(
        &here,
        app.setup_code.reveal(),
        "zygmunt.brz@example.com",
        "zygmunt.brz@example.com",
    )
    .await;
    assert!(
        weak.assert_invalid(&["password"])
            .error_of("password")
            .starts_with("is too easy to guess.")
    );
    let taken = set_up(&here, "Ann@example.com").await;
    taken.assert_message(Status::Conflict, "Ann@example.com is already registered");
    assert!(is_good(&app).await);
    assert_eq!(app.find("ann@example.com").await.role, Role::Employee);
    set_up(&here, "boss@example.com").await.assert(Status::Created);
}

#[rocket::async_test]
async fn setup_is_409_once_there_is_an_administrator() {
    let app = TestApp::new().await;
    let here = app.anon().from(HERE);
    add_administrator(&app).await;
    assert!(!is_good(&app).await);
    set_up(&here, "ann@example.com").await.assert_message(Status::Conflict, IS_ONE);
    // Also with the name of the administrator.
    set_up(&here, "root@example.com").await.assert_message(Status::Conflict, IS_ONE);
    assert_eq!(user_count(&app).await, 1);
}

#[rocket::async_test]
async fn setup_works_with_any_registration_setting() {
    for registration in ["closed", "approval"] {
        let app = TestApp::with(&[("registration", registration)]).await;
        let admin = set_up(&app.anon().from(HERE), "ann@example.com").await;
        app.anon()
            .bearing(admin.assert(Status::Created).token())
            .get("/users")
            .await
            .assert(Status::Ok);
    }
}

#[rocket::async_test]
async fn setup_from_another_machine_is_403_before_the_code_is_checked() {
    let app = TestApp::new().await;
    for address in ["192.0.2.1", "10.0.0.7", "2001:db8::1", "::ffff:192.0.2.1", "0.0.0.0", "::"] {
        let there = app.anon().from(address);
        for code in [app.setup_code.reveal(), WRONG, "no code"] {
            let refused = set_up_with(&there, code, "ann@example.com", PASSWORD).await;
            refused.assert_message(Status::Forbidden, ELSEWHERE);
        }
    }
    assert_eq!(user_count(&app).await, 0);
    assert!(is_good(&app).await);
}

#[rocket::async_test]
async fn setup_is_allowed_from_every_loopback_or_own_address() {
    for address in [HERE, "127.1.2.3", "::1", "::ffff:127.0.0.1"] {
        let app = TestApp::new().await;
        set_up(&app.anon().from(address), "ann@example.com").await.assert(Status::Created);
    }
    // With an `address` of its own, local clients come from that address.
    let app = TestApp::with(&[("address", "192.0.2.7")]).await;
    set_up(&app.anon().from("192.0.2.8"), "ann@example.com").await.assert(Status::Forbidden);
    set_up(&app.anon().from("192.0.2.7"), "ann@example.com").await.assert(Status::Created);
}

#[rocket::async_test]
async fn setup_with_remote_setup_is_allowed_from_everywhere() {
    for (address, header) in [("192.0.2.1", None), (HERE, Some(("X-Forwarded-For", "203.0.113.9")))]
    {
        let app = TestApp::with(&[("remote_setup", "true")]).await;
        let there = app.anon().from(address);
        passed_on(&there, header.as_slice()).await.assert(Status::Created);
    }
}

/// With the right code and headers of a proxy.
async fn passed_on(actor: &Actor<'_>, headers: &[(&str, &str)]) -> Answer {
    let code = actor.app.setup_code.reveal();
    let body = form(&[("code", code), ("email", "ann@example.com"), ("password", PASSWORD)]);
    let headers = [headers, &[("Content-Type", "application/x-www-form-urlencoded")]].concat();
    actor.send_with(Method::Post, "/auth/setup", &headers, body).await
}

#[rocket::async_test]
async fn setup_through_a_local_proxy_is_403() {
    let app = TestApp::new().await;
    for (name, value) in [
        ("X-Forwarded-For", "203.0.113.9"),
        ("X-Forwarded-For", "127.0.0.1"),
        ("x-forwarded-for", ""),
        ("Forwarded", "for=127.0.0.1"),
        ("X-Real-IP", "127.0.0.1"),
        ("Via", "1.1 proxy"),
        ("X-Forwarded-Host", "widgets.example.org"),
        ("X-Forwarded-Server", "proxy"),
    ] {
        let refused = passed_on(&app.anon().from(HERE), &[(name, value)]).await;
        refused.assert_message(Status::Forbidden, ELSEWHERE);
    }
    assert!(is_good(&app).await);
}

#[rocket::async_test]
async fn setup_through_a_trusted_proxy_is_403_and_past_it_allowed() {
    let app = TestApp::with(&[("trusted_proxies", "[\"127.0.0.1\", \"10.0.0.1\"]")]).await;
    for (peer, headers) in [
        (HERE, &[("X-Forwarded-For", "203.0.113.9")][..]),
        (HERE, &[("X-Forwarded-For", "127.0.0.1, ::1")]),
        (HERE, &[("X-Forwarded-For", "127.0.0.1"), ("X-Real-IP", "203.0.113.9")]),
        (HERE, &[("X-Forwarded-Proto", "https")]),
        ("10.0.0.1", &[("X-Forwarded-For", "127.0.0.1")]),
    ] {
        let refused = passed_on(&app.anon().from(peer), headers).await;
        refused.assert_message(Status::Forbidden, ELSEWHERE);
    }
    passed_on(&app.anon().from(HERE), &[]).await.assert(Status::Created);
}

#[rocket::async_test]
async fn setup_with_the_host_name_of_another_machine_is_403() {
    for (host, is_here) in [
        ("widgets.example.org", false),
        ("127.0.0.1.example.org:8000", false),
        ("203.0.113.9:8000", false),
        ("", false),
        ("localhost:8000", true),
        ("127.0.0.1:8000", true),
        ("[::1]:8000", true),
        ("192.0.2.7:8000", true),
    ] {
        let app = TestApp::with(&[("address", "192.0.2.7")]).await;
        let answer = passed_on(&app.anon().from(HERE), &[("Host", host)]).await;
        assert_eq!(
            answer.status,
            if is_here { Status::Created } else { Status::Forbidden },
            "{host}"
        );
    }
}
