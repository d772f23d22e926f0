//! `/auth/setup`: the first administrator, made with the code that a start prints.

use std::time::Duration;

use rocket::futures::future::join_all;
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
async fn add_administrator(app: &TestApp, status: AccountStatus) {
    let new = NewUser {
        public_id: UserId::generate(),
        email: widgetd::domain::Email::parse("root@example.com").unwrap(),
        username: None,
        role: Role::Admin,
        status,
        password_hash: PasswordHash::from_stored("any".to_owned()),
    };
    app.store.create_user(new, None, &app.cli_context()).await.unwrap();
}

#[rocket::async_test]
async fn whoever_has_the_code_becomes_an_administrator_who_is_logged_in() {
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
async fn the_code_dies_with_its_use() {
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
async fn a_code_of_an_earlier_start_is_wrong() {
    let app = TestApp::new().await;
    let old = app.setup_code.reveal().to_owned();
    let app = app.restart().await;
    let here = app.anon().from(HERE);
    set_up_with(&here, &old, "ann@example.com", PASSWORD).await.assert_invalid(&["code"]);
    set_up(&here, "ann@example.com").await.assert(Status::Created);
}

#[rocket::async_test]
async fn a_wrong_code_is_told_alone_and_noted_without_what_was_typed() {
    let app = TestApp::new().await;
    let here = app.anon().from(HERE);
    // Nothing that takes time is done for who has not got it.
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
async fn wrong_codes_are_counted_and_right_ones_are_not() {
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
async fn a_weak_password_and_a_taken_name_leave_the_code_good() {
    let app = TestApp::new().await;
    let here = app.anon().from(HERE);
    app.user("ann").await;
    // As weak as the account's own name is.
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
async fn where_an_administrator_was_made_meanwhile_the_code_is_good_no_more() {
    let app = TestApp::new().await;
    let here = app.anon().from(HERE);
    add_administrator(&app, AccountStatus::Active).await;
    assert!(!is_good(&app).await);
    set_up(&here, "ann@example.com").await.assert_message(Status::Conflict, IS_ONE);
    // Also for who would take the same name.
    set_up(&here, "root@example.com").await.assert_message(Status::Conflict, IS_ONE);
    assert_eq!(user_count(&app).await, 1);
}

#[rocket::async_test]
async fn an_administrator_who_may_not_log_in_is_none() {
    let app = TestApp::new().await;
    add_administrator(&app, AccountStatus::Disabled).await;
    assert!(is_good(&app).await);
    set_up(&app.anon().from(HERE), "ann@example.com").await.assert(Status::Created);
}

#[rocket::async_test]
async fn of_64_uses_of_the_code_at_once_one_succeeds() {
    let app = TestApp::new().await;
    let here = app.anon().from(HERE);
    let answers = join_all(
        (0..64).map(async |n| set_up(&here, &format!("u{n}@example.com")).await.status.code),
    )
    .await;
    assert_eq!(answers.iter().filter(|status| **status == 201).count(), 1, "{answers:?}");
    assert!(answers.iter().all(|status| [201, 400, 409].contains(status)), "{answers:?}");
    assert_eq!(user_count(&app).await, 1);
}

#[rocket::async_test]
async fn who_may_register_does_not_matter() {
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
async fn it_is_refused_from_other_machines_before_the_code_is_looked_at() {
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
async fn every_address_of_the_machine_itself_is_here() {
    for address in [HERE, "127.1.2.3", "::1", "::ffff:127.0.0.1"] {
        let app = TestApp::new().await;
        set_up(&app.anon().from(address), "ann@example.com").await.assert(Status::Created);
    }
    // Where it listens at one address alone, a browser on the machine calls from that.
    let app = TestApp::with(&[("address", "192.0.2.7")]).await;
    set_up(&app.anon().from("192.0.2.8"), "ann@example.com").await.assert(Status::Forbidden);
    set_up(&app.anon().from("192.0.2.7"), "ann@example.com").await.assert(Status::Created);
}

#[rocket::async_test]
async fn a_setting_allows_it_from_everywhere() {
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
async fn what_a_proxy_on_the_machine_passes_on_is_not_from_here() {
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
async fn a_trusted_proxy_is_not_here_either_and_the_way_past_it_is() {
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
async fn a_name_that_is_not_the_machine_s_own_has_come_through_a_proxy_or_was_given_our_address() {
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
