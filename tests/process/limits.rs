//! Rate limits over TCP, and the log lines of failed logins.

use crate::cli::{look, look_at_json};
use crate::program::{Answer, PASSWORD, Place};

const ANN: &str = "ann@example.com";
const WRONG: &str = "not the password";

/// Guesses until the rate limit refuses.
#[track_caller]
fn guess_until_refused(mut guess: impl FnMut(usize) -> Answer) -> Answer {
    for n in 0..20 {
        let answer = guess(n);
        if answer.status == 429 {
            assert!(n >= 10, "after {n}");
            return answer;
        }
        assert_eq!(answer.status, 401, "{}", answer.text);
    }
    panic!("20 guesses, and none is refused");
}

/// The log lines of failures, without time, level and module.
fn failures(said: &[String]) -> Vec<&str> {
    said.iter()
        .filter_map(|line| {
            Some(line.strip_prefix('[')?.split_once("Z WARN  widgetd::accounts] ")?.1)
        })
        .collect()
}

#[test]
fn each_failed_login_is_one_log_line_for_fail2ban() {
    let mut place = Place::new();
    place.set("WIDGETD_REGISTRATION", "approval");
    let server = place.serve();
    place.add_admin();
    for email in [ANN, "off@example.com"] {
        place.add_user(&[email, "--username", email.split_once('@').unwrap().0]);
    }
    place.run(&["user", "disable", "off@example.com"], "");
    let client = server.client();
    let log_in = |field, name, password| {
        client.post("/auth/login", &[(field, name), ("password", password)]).status
    };
    let statuses = [
        log_in("email", "Ann@Example.com", WRONG),
        log_in("username", "ANN", WRONG),
        log_in("email", ANN, PASSWORD),
        log_in("email", "Nobody@example.com", WRONG),
        log_in("username", "hunter2", WRONG),
        // A password with an @ in it.
        log_in("email", "P@ssw0rd", WRONG),
        log_in("email", "off@example.com", WRONG),
        log_in("email", "off@example.com", PASSWORD),
        client
            .post("/auth/register", &[("email", "new@example.com"), ("password", PASSWORD)])
            .status,
        log_in("email", "new@example.com", PASSWORD),
        client
            .post("/auth/reset", &[("code", "aaaa-bbbb-cccc-dddd"), ("new_password", PASSWORD)])
            .status,
    ];
    assert_eq!(statuses, [401, 401, 200, 401, 401, 401, 401, 403, 201, 403, 400]);
    let (_, said) = server.terminate();
    let expected = [
        "auth.fail ip=127.0.0.1 account=ann@example.com reason=wrong_password",
        "auth.fail ip=127.0.0.1 account=ann@example.com reason=wrong_password",
        "auth.fail ip=127.0.0.1 account=Nobody@example.com reason=unknown_account",
        "auth.fail ip=127.0.0.1 account=- reason=unknown_account",
        "auth.fail ip=127.0.0.1 account=- reason=unknown_account",
        "auth.fail ip=127.0.0.1 account=off@example.com reason=wrong_password",
        "auth.fail ip=127.0.0.1 account=off@example.com reason=disabled",
        "auth.fail ip=127.0.0.1 account=new@example.com reason=pending",
        "auth.fail ip=127.0.0.1 account=- reason=wrong_code",
    ];
    assert_eq!(failures(&said), expected);
    assert!(!said.join("\n").contains("hunter2"), "{said:?}");
}

#[test]
fn rate_limit_ignores_forwarding_headers_and_is_logged() {
    let place = Place::new();
    let server = place.serve();
    place.add_user(&[ANN]);
    place.add_user(&["bob@example.com"]);
    let from = |n: usize| {
        let (client, address) = (server.client(), format!("203.0.113.{n}"));
        match n % 4 {
            0 => client,
            1 => client.with("X-Forwarded-For", &address),
            2 => client.with("X-Real-IP", &address),
            _ => client.with("Forwarded", &format!("for={address}")),
        }
    };
    let refused = guess_until_refused(|n| from(n).attempt(ANN, WRONG));
    let seconds: u64 = refused.headers["Retry-After"].to_str().unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    let message = format!("Too many attempts. Please try again in {seconds} seconds.");
    assert_eq!(
        (&refused.body["status"], &refused.body["message"]),
        (&"fail".into(), &message.into())
    );
    // The right password is limited as well.
    assert_eq!(from(5).attempt(ANN, PASSWORD).status, 429);
    assert_eq!(server.log_in("bob@example.com").get("/auth/user").status, 200);

    let audit = look(&place, &["audit", "--action", "session.start"]);
    assert!(!audit.contains("203.0.113."), "{audit}");
    let (_, said) = server.terminate();
    let failures = failures(&said);
    let (wrong, throttled) = failures.split_at(failures.len() - 2);
    assert!(wrong.len() >= 10, "{failures:?}");
    for line in wrong {
        assert_eq!(*line, "auth.fail ip=127.0.0.1 account=ann@example.com reason=wrong_password");
    }
    assert_eq!(throttled, ["auth.fail ip=127.0.0.1 account=ann@example.com reason=throttled"; 2]);
}

#[test]
fn rate_limit_on_unknown_names_is_logged_without_what_is_no_email() {
    let place = Place::new();
    let server = place.serve();
    guess_until_refused(|_| server.client().attempt("nobody@example.com", WRONG));
    let unknown = [("username", "hunter2"), ("password", WRONG)];
    guess_until_refused(|_| server.client().post("/auth/login", &unknown));
    let (_, said) = server.terminate();
    let failures = failures(&said).into_iter();
    let throttled: Vec<&str> = failures.filter(|line| line.ends_with("throttled")).collect();
    let expected = [
        "auth.fail ip=127.0.0.1 account=nobody@example.com reason=throttled",
        "auth.fail ip=127.0.0.1 account=- reason=throttled",
    ];
    assert_eq!(throttled, expected);
}

#[test]
fn rate_limit_behind_a_trusted_proxy_counts_the_forwarded_address() {
    let mut place = Place::new();
    place.set("WIDGETD_TRUSTED_PROXIES", "[\"127.0.0.1\"]");
    let server = place.serve();
    place.add_user(&[ANN]);
    let from = |forwarded_for: &str| server.client().with("X-Forwarded-For", forwarded_for);
    guess_until_refused(|_| from("203.0.113.7").attempt(ANN, WRONG));
    // The proxy appends the address that it has seen to what the client claims.
    assert_eq!(from("198.51.100.1, 203.0.113.7").attempt(ANN, WRONG).status, 429);
    assert_eq!(from("203.0.113.8").attempt(ANN, WRONG).status, 401);
    let elsewhere =
        from("203.0.113.9").with("X-Real-IP", "198.51.100.2").with("Forwarded", "for=198.51.100.3");
    assert_eq!(elsewhere.attempt(ANN, PASSWORD).status, 200);
    assert_eq!(server.client().attempt(ANN, WRONG).status, 401);

    let entries = look_at_json(&place, &["audit", "--action", "session.start"]);
    let entries = entries.as_array().unwrap();
    let addresses: Vec<&str> =
        entries.iter().map(|entry| entry["address"].as_str().unwrap()).collect();
    let (guessed, others) = addresses.split_at(addresses.len() - 3);
    assert!(guessed.iter().all(|address| *address == "203.0.113.7"), "{addresses:?}");
    assert_eq!(others, ["203.0.113.8", "203.0.113.9", "127.0.0.1"]);
    assert_eq!(look_at_json(&place, &["user", "sessions", ANN])[0]["address"], "203.0.113.9");
    let (_, said) = server.terminate();
    let expected = "auth.fail ip=203.0.113.7 account=ann@example.com reason=throttled";
    assert_eq!(failures(&said).iter().filter(|line| **line == expected).count(), 2);
}

#[test]
fn quota_of_new_accounts_bounds_what_one_address_can_fill_the_disk_with() {
    let mut place = Place::new();
    place.set("WIDGETD_QUOTA_MIB", "1");
    let server = place.serve();
    let body = "x".repeat(8 * 1024);
    let fill = |n: usize| {
        let fields = [("email", &*format!("new{n}@example.com")), ("password", PASSWORD)];
        let answer = server.client().post("/auth/register", &fields);
        let user = server.client().bearing(answer.body["access_token"].as_str().unwrap());
        let statuses = std::thread::scope(|scope| {
            let writes: Vec<_> = (0..20)
                .map(|n| {
                    let (user, body) = (user.clone(), &body);
                    let name = format!("{n:02}");
                    scope.spawn(move || {
                        user.post("/templates", &[("name", &*name), ("body", body)]).status
                    })
                })
                .collect();
            writes.into_iter().map(|write| write.join().unwrap()).collect::<Vec<_>>()
        });
        // A sixteenth of the quota holds seven of them.
        assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 7, "{statuses:?}");
        assert_eq!(statuses.iter().filter(|status| **status == 507).count(), 13, "{statuses:?}");
        assert_eq!(user.get("/auth/user").body["used_bytes"], 7 * (8 * 1024 + 512 + 2));
    };
    (0..10).for_each(fill);
}
