//! Rate limits. Unit tests in `accounts` prove the arithmetic.

use std::net::Ipv4Addr;
use std::time::Duration;

use rocket::futures::future::{Either, join_all, select};
use rocket::http::{Method, Status};
use serde_json::json;

use crate::support::{Actor, Answer, PASSWORD, TestApp, form, make_the_list_of_keys_endless};

const ON: &[(&str, &str)] = &[("throttle", "true")];

async fn guess(actor: &Actor<'_>, n: usize) -> Answer {
    actor.log_in(&format!("guess {n}")).await
}

#[track_caller]
fn assert_throttled(answer: &Answer, seconds: u64) {
    answer.assert(Status::TooManyRequests);
    assert_eq!(answer.header("Retry-After"), Some(seconds.to_string().as_str()));
    assert_eq!(answer.body["status"], "fail");
}

/// The number of such audit events.
async fn audited(admin: &Actor<'_>, action: &str, result: &str) -> usize {
    let list = admin.get(&format!("/audit?per_page=100&action={action}")).await;
    list.body["items"].as_array().unwrap().iter().filter(|entry| entry["result"] == result).count()
}

#[rocket::async_test]
async fn rate_limit_verifies_ten_of_1_000_guesses_and_lets_the_owner_in_elsewhere() {
    let app = TestApp::with(ON).await;
    let (admin, ann) = (app.admin().await, app.user("ann").await);
    let names = ["ann@example.com", "ANN@example.com", "Ann@Example.COM", "aNN@eXample.com"];
    let guesser = app.anon().from("203.0.113.66");
    let mut counts = std::collections::BTreeMap::new();
    for chunk in 0..10 {
        let answers = join_all((0..100).map(async |n| {
            let n: u32 = chunk * 100 + n;
            let address = Ipv4Addr::from(n.wrapping_mul(2_654_435_761)).to_string();
            let forwarded = format!("for={address};proto=https");
            let headers = [
                ("X-Forwarded-For", address.as_str()),
                ("X-Real-IP", address.as_str()),
                ("Forwarded", forwarded.as_str()),
                ("Content-Type", "application/json"),
            ];
            let body = json!({ "email": names[n as usize % 4], "password": format!("guess {n}") })
                .to_string();
            guesser.send_with(Method::Post, "/auth/login", &headers, &body).await.status.code
        }))
        .await;
        for status in answers {
            *counts.entry(status).or_insert(0) += 1;
        }
    }
    assert_eq!(counts, [(401, 10), (429, 990)].into());
    assert_eq!(audited(&admin, "session.start", "wrong_password").await, 10);
    ann.log_in(PASSWORD).await.assert(Status::Ok);
    // From the address of the guesses the right password has to wait, too.
    let owner = ann.from("203.0.113.66");
    assert_throttled(&owner.log_in(PASSWORD).await, 60);
    app.advance(Duration::from_mins(1));
    owner.log_in(PASSWORD).await.assert(Status::Ok);
}

#[rocket::async_test]
async fn rate_limit_of_an_account_is_100_guesses_from_everywhere() {
    let app = TestApp::with(ON).await;
    let ann = app.user("ann").await;
    let mut verified = 0;
    for n in 0..300 {
        let answer = guess(&ann.from(&format!("203.0.{}.{}", n / 100, n % 100)), n).await;
        verified += usize::from(answer.status == Status::Unauthorized);
    }
    assert_eq!(verified, 100);
    assert_throttled(&ann.from("198.51.100.1").log_in(PASSWORD).await, 60);
    ann.log_in(PASSWORD).await.assert(Status::Ok);
}

#[rocket::async_test]
async fn rate_limit_counts_ipv6_addresses_by_their_64() {
    let app = TestApp::with(ON).await;
    let ann = app.user("ann").await;
    for n in 0..10 {
        guess(&ann.from(&format!("2001:db8:0:1::{n}")), n).await.assert(Status::Unauthorized);
    }
    assert_throttled(&guess(&ann.from("2001:db8:0:1:ffff::1"), 10).await, 60);
    guess(&ann.from("2001:db8:0:2::1"), 11).await.assert(Status::Unauthorized);
}

#[rocket::async_test]
async fn rate_limit_of_unknown_accounts_answers_alike() {
    let app = TestApp::with(ON).await;
    let nobody = Actor { email: "nobody@example.com".to_owned(), ..app.anon() };
    for n in 0..10 {
        guess(&nobody, n).await.assert(Status::Unauthorized);
    }
    let unknown = guess(&nobody, 10).await;
    assert_throttled(&unknown, 60);
    let ann = app.user("ann").await;
    for n in 0..10 {
        guess(&ann, n).await.assert(Status::Unauthorized);
    }
    assert_eq!(guess(&ann, 10).await.text, unknown.text);
}

#[rocket::async_test]
async fn rate_limit_counts_every_name_and_every_route_that_asks_for_the_password() {
    let app = TestApp::with(ON).await;
    let ann = app.user("ann").await;
    ann.patch("/auth/user", &[("username", "ann")]).await.assert(Status::Ok);
    for n in 0..10 {
        let name = if n % 2 == 0 { ("username", "ANN") } else { ("email", "ann@example.com") };
        let answer = app.anon().post("/auth/login", &[name, ("password", "wrong")]).await;
        answer.assert(Status::Unauthorized);
    }
    assert_throttled(&guess(&ann, 10).await, 60);
    // The limit also holds where the current password is asked for.
    let change = ann
        .post(
            "/auth/password",
            &[("current_password", PASSWORD), ("new_password", "tinker tailor")],
        )
        .await;
    assert_throttled(&change, 60);
}

#[rocket::async_test]
async fn rate_limit_of_an_address_is_50_failures() {
    let app = TestApp::with(ON).await;
    let mut verified = 0;
    for n in 0..100 {
        let somebody = Actor { email: format!("somebody{n}@example.com"), ..app.anon() };
        verified += usize::from(guess(&somebody, n).await.status == Status::Unauthorized);
    }
    assert_eq!(verified, 50);
    let fields = [("code", "abcd-efgh-ijkl-mnop"), ("new_password", "tinker tailor soldier")];
    assert_throttled(&app.anon().post("/auth/reset", &fields).await, 10);
    app.advance(Duration::from_secs(10));
    app.anon().post("/auth/reset", &fields).await.assert_invalid(&["code"]);
}

#[rocket::async_test]
async fn rate_limit_forgives_failures_after_a_right_password() {
    let app = TestApp::with(ON).await;
    for n in 0..50 {
        let somebody = app.user(&format!("somebody{n}")).await;
        // Some mistype their password.
        if n % 5 == 0 {
            guess(&somebody, n).await.assert(Status::Unauthorized);
        }
        for _ in 0..5 {
            somebody.log_in(PASSWORD).await.assert(Status::Ok);
        }
    }
}

#[rocket::async_test]
async fn rate_limit_of_registrations_is_60_of_an_address() {
    let app = TestApp::with(ON).await;
    for n in 0..60 {
        app.user(&format!("somebody{n}")).await;
    }
    let register = async |actor: Actor<'_>, name: &str, password: &str| {
        actor
            .post(
                "/auth/register",
                &[("email", &format!("{name}@example.com")), ("password", password)],
            )
            .await
    };
    assert_throttled(&register(app.anon(), "ann", PASSWORD).await, 120);
    // The limit is checked before the strength of the password.
    assert_throttled(&register(app.anon(), "ann", "password1").await, 120);
    register(app.anon().from("192.0.2.2"), "ann", PASSWORD).await.assert(Status::Created);
    app.advance(Duration::from_mins(2));
    register(app.anon(), "bob", PASSWORD).await.assert(Status::Created);
}

/// Registers that many accounts, from so many addresses that no limit is reached.
async fn register_all(app: &TestApp, count: usize) -> Vec<Actor<'_>> {
    let mut actors = Vec::new();
    for n in 0..count {
        let email = format!("user{n}@example.com");
        let from = app.anon().from(&format!("198.51.100.{}", n / 50));
        from.post("/auth/register", &[("email", &email), ("password", PASSWORD)])
            .await
            .assert(Status::Created);
        actors.push(Actor { email, ..app.anon() });
    }
    actors
}

#[rocket::async_test]
async fn rate_limit_lets_200_right_logins_at_once_from_one_address_succeed() {
    let app = TestApp::with(ON).await;
    let everyone = register_all(&app, 200).await;
    for answer in join_all(everyone.iter().map(|user| user.log_in(PASSWORD))).await {
        answer.assert(Status::Ok);
    }
    // The same holds for 200 logins of one account.
    for answer in join_all((0..200).map(|_| everyone[0].log_in(PASSWORD))).await {
        answer.assert(Status::Ok);
    }
}

#[rocket::async_test]
async fn rate_limit_counts_the_guesses_among_right_logins_at_once() {
    let app = TestApp::with(ON).await;
    let everyone = register_all(&app, 101).await;
    let (victim, others) = everyone.split_first().unwrap();
    let guesses = join_all((0..100).map(|n| guess(victim, n)));
    let logins = join_all(others.iter().map(|user| user.log_in(PASSWORD)));
    let (guesses, logins) = rocket::futures::future::join(guesses, logins).await;
    let verified = guesses.iter().filter(|answer| answer.status == Status::Unauthorized).count();
    let refused = guesses.iter().filter(|answer| answer.status == Status::TooManyRequests).count();
    assert_eq!((verified, refused), (10, 90));
    for answer in logins {
        answer.assert(Status::Ok);
    }
}

#[rocket::async_test]
async fn rate_limit_behind_a_trusted_proxy_counts_the_forwarded_address() {
    let proxies = ("trusted_proxies", "[\"192.0.2.0/24\", \"10.0.0.1\"]");
    let app = TestApp::with(&[("throttle", "true"), proxies]).await;
    let ann = app.user("ann").await;
    let guess_from = async |forwarded: &[&str], n: usize| {
        let mut headers: Vec<_> =
            forwarded.iter().map(|value| ("X-Forwarded-For", *value)).collect();
        headers.push(("Content-Type", "application/json"));
        let body = json!({ "email": ann.email, "password": format!("guess {n}") }).to_string();
        app.anon().send_with(Method::Post, "/auth/login", &headers, &body).await
    };
    for n in 0..10 {
        // Addresses left of the one that the proxy adds may be forged.
        let forged = format!("198.51.100.{n}, 203.0.113.7");
        let hops: &[&str] = if n % 2 == 0 { &[&forged] } else { &[&forged, "10.0.0.1"] };
        guess_from(hops, n).await.assert(Status::Unauthorized);
    }
    assert_throttled(&guess_from(&["203.0.113.7"], 10).await, 60);
    guess_from(&["203.0.113.8"], 11).await.assert(Status::Unauthorized);
    // The header of a client that is no trusted proxy is ignored.
    let direct = app.anon().from("203.0.113.7");
    let headers = [("X-Forwarded-For", "198.51.100.1"), ("Content-Type", "application/json")];
    let body = json!({ "email": ann.email, "password": "guess" }).to_string();
    assert_throttled(&direct.send_with(Method::Post, "/auth/login", &headers, &body).await, 60);
}

#[rocket::async_test]
async fn rate_limit_does_not_count_a_503() {
    // The hash takes so long that the queue fills up.
    let app = TestApp::with(&[("throttle", "true"), ("argon2_memory_kib", "8192")]).await;
    let somebody = |n: u8| {
        Actor { email: format!("somebody{n}@example.com"), ..app.anon() }
            .from(&format!("192.0.2.{n}"))
    };
    let crowd: Vec<_> = (0..=255).flat_map(|n| [somebody(n), somebody(n), somebody(n)]).collect();
    let answers = join_all(crowd.iter().enumerate().map(|(n, actor)| guess(actor, n))).await;
    let busy = |n: usize| {
        answers[3 * n..3 * n + 3].iter().all(|answer| answer.status == Status::ServiceUnavailable)
    };
    let unlucky = (0..256).find(|n| busy(*n)).expect("somebody found it busy each time");
    for n in 0..10 {
        guess(&crowd[3 * unlucky], n).await.assert(Status::Unauthorized);
    }
    assert_throttled(&guess(&crowd[3 * unlucky], 10).await, 60);
}

#[rocket::async_test]
async fn rate_limit_of_writes_is_300_of_a_user_and_none_of_an_administrator() {
    let app = TestApp::with(ON).await;
    let (admin, ann) = (app.admin().await, app.user("ann").await);
    let write =
        async |actor: &Actor<'_>| actor.patch("/auth/user", &[("username", "a name")]).await;
    for _ in 0..300 {
        write(&ann).await.assert_invalid(&["username"]);
        write(&admin).await.assert_invalid(&["username"]);
    }
    assert_throttled(&write(&ann).await, 1);
    assert_throttled(&ann.log_in(PASSWORD).await, 1);
    write(&admin).await.assert_invalid(&["username"]);
    // Reads are not counted, and 403 comes before 429.
    ann.get("/widgets").await.assert(Status::Ok);
    ann.add_widget("one").await.assert(Status::Forbidden);
    app.advance(Duration::from_secs(1));
    ann.log_in(PASSWORD).await.assert(Status::Ok);
}

/// Every list, and who may read it.
async fn lists<'a>(
    app: &'a TestApp,
    admin: &'a Actor<'a>,
    ann: &'a Actor<'a>,
) -> Vec<(&'a Actor<'a>, String)> {
    let is_list = |path: &str| {
        let operation = &app.document()["paths"][path]["get"];
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        { parameters }.any(|parameter| parameter["name"] == "per_page")
    };
    let paths = app.document()["paths"].as_object().unwrap().keys();
    let lists = paths.filter(|path| is_list(path));
    let reader = |path: &String| {
        if matches!(&**path, "/users" | "/people" | "/audit") { admin } else { ann }
    };
    admin.add_widget("one").await.assert(Status::Created);
    ann.post("/templates", &[("name", "one"), ("body", "a")]).await.assert(Status::Created);
    let task = admin.post("/tasks", &[("title", "one"), ("assignee", &ann.email)]).await;
    let task = task.body["id"].as_str().unwrap();
    let path = |path: &String| path.replace("{name}", "one").replace("{id}", task);
    lists.map(|list| (reader(list), path(list))).collect()
}

#[rocket::async_test]
async fn rate_limit_of_filtered_lists_is_300_of_a_user_whichever_they_are() {
    let app = TestApp::with(ON).await;
    let (admin, ann) = (app.admin().await, app.user("ann").await);
    let lists = lists(&app, &admin, &ann).await;
    for _ in 0..300 {
        ann.get("/tasks?q=a").await.assert(Status::Ok);
        admin.get("/users?q=a").await.assert(Status::Ok);
    }
    let mut limited = 0;
    for (reader, path) in &lists {
        let answer = reader.get(&format!("{path}?q=a")).await;
        if answer.status != Status::BadRequest {
            assert_throttled(&answer, 1);
            limited += 1;
        }
        // A page of a whole list is not counted.
        reader.get(&format!("{path}?page=2&per_page=5")).await.assert(Status::Ok);
    }
    assert!(limited >= 3, "{limited}");
    // Other reads and other users are not counted.
    ann.get("/auth/user").await.assert(Status::Ok);
    app.user("bob").await.get("/tasks?q=a").await.assert(Status::Ok);
    app.advance(Duration::from_secs(1));
    for _ in 0..10 {
        ann.get("/tasks?q=a").await.assert(Status::Ok);
    }
    assert_throttled(&ann.get("/tasks?q=a").await, 1);
}

#[rocket::async_test]
async fn search_of_more_than_8_different_words_or_100_characters_is_400() {
    let app = TestApp::new().await;
    let (admin, ann) = (app.admin().await, app.user("ann").await);
    let mut searched = 0;
    for (reader, path) in lists(&app, &admin, &ann).await {
        let q = |words: &str| format!("{path}?{}", form(&[("q", words)]));
        let answer = reader.get(&q("a b c d e f g h a b c d e f g h")).await;
        if answer.status == Status::BadRequest {
            answer.assert_invalid(&["q"]);
            let is_short = matches!(&*path, "/auth/keys" | "/auth/sessions");
            assert!(is_short || path.ends_with("/history"), "{path} has no search");
            continue;
        }
        answer.assert(Status::Ok);
        let answer = reader.get(&q("a b c d e f g h i")).await;
        answer.assert_invalid(&["q"]);
        assert_eq!(answer.error_of("q"), "must have at most 8 different words");
        reader.get(&q(&"ä".repeat(100))).await.assert(Status::Ok);
        let answer = reader.get(&q(&"ä".repeat(101))).await;
        answer.assert_invalid(&["q"]);
        assert_eq!(answer.error_of("q"), "must have at most 100 characters");
        searched += 1;
    }
    assert_eq!(searched, 6);
}

#[rocket::async_test]
async fn a_list_past_its_read_timeout_is_503_with_retry_after() {
    let app = TestApp::new().await;
    let ann = app.user("ann").await;
    make_the_list_of_keys_endless(&app.folder.path().join("widgetd.db"));
    let answer = {
        let time_passes = async {
            loop {
                app.advance(Duration::from_millis(100));
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let list = std::pin::pin!(ann.get("/auth/keys"));
        match select(list, std::pin::pin!(time_passes)).await {
            Either::Left((answer, _)) => answer,
            Either::Right((never, _)) => never,
        }
    };
    answer.assert(Status::ServiceUnavailable);
    assert_eq!(answer.header("Retry-After"), Some("1"));
    let why =
        "This list took too long to read. Please narrow it with longer words or more filters.";
    assert_eq!((&answer.body["status"], &answer.body["message"]), (&json!("error"), &json!(why)));
}

#[rocket::async_test]
async fn rate_limit_is_off_without_throttle() {
    let app = TestApp::with(&[("throttle", "false")]).await;
    let ann = app.user("ann").await;
    for n in 0..150 {
        guess(&ann, n).await.assert(Status::Unauthorized);
    }
    ann.log_in(PASSWORD).await.assert(Status::Ok);
}
