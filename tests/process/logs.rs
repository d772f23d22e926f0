//! The log: its lines about requests, its forms, and a standard error that cannot be written.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::program::{PASSWORD, Place, Server, TEST_TIMEOUT, signal};

/// A place whose service logs requests, and trusts the proxy that the tests are.
fn logging(access_log: &str, log_format: &str) -> Place {
    let mut place = Place::new();
    place.set("WIDGETD_ACCESS_LOG", access_log);
    place.set("WIDGETD_LOG_FORMAT", log_format);
    place.set("WIDGETD_TRUSTED_PROXIES", "[\"127.0.0.1\"]");
    place.add_admin();
    place
}

/// Sends a few requests, each with an id. Returns the id of the user who was signed in.
fn send(server: &Server) -> String {
    let client = server.client().with("X-Forwarded-For", "203.0.113.7");
    let named = |id: &str| client.with("X-Request-Id", id);
    assert_eq!(named("live").at_root("/healthz/live?key=secret").status, 200);
    let admin = named("in").attempt("admin@example.com", PASSWORD);
    let token = admin.body["access_token"].as_str().unwrap().to_owned();
    let admin = |id: &str| named(id).bearing(&token);
    let user = admin("user").get("/auth/user");
    assert_eq!(user.headers["X-Request-Id"], "user");
    assert_eq!(admin("made").try_add_widget("secret-name").unwrap().status, 201);
    assert_eq!(admin("read").get("/widgets/secret-name").status, 200);
    assert_eq!(named("refused").get("/widgets/secret-name?q=secret").status, 401);
    assert_eq!(admin("absent").at_root("/secret/path").status, 404);
    assert_eq!(admin("gone").get("/widgets/other-secret").status, 404);
    assert_eq!(named("wrong").attempt("admin@example.com", "secret").status, 401);
    user.body["public_id"].as_str().unwrap().to_owned()
}

/// What is expected of each request: its id, whether somebody was signed in, and the rest.
const EXPECTED: [(&str, bool, &str); 9] = [
    ("live", false, "GET /healthz/live 200"),
    ("in", false, "POST /api/v1/auth/login 200"),
    ("user", true, "GET /api/v1/auth/user 200"),
    ("made", true, "POST /api/v1/widgets 201"),
    ("read", true, "GET /api/v1/widgets/<name> 200"),
    ("refused", false, "GET /api/v1/widgets/<name> 401"),
    ("absent", false, "GET - 404"),
    ("gone", true, "GET /api/v1/widgets/<name> 404"),
    ("wrong", false, "POST /api/v1/auth/login 401"),
];

#[track_caller]
fn assert_no_secret(said: &[String]) {
    let secrets = ["secret", PASSWORD, "Bearer", "eyJ"];
    for line in said {
        assert!(!secrets.iter().any(|secret| line.contains(secret)), "{line}");
    }
}

#[test]
fn access_log_as_text_is_one_line_per_request_without_secrets() {
    let place = logging("text", "text");
    let server = place.serve();
    let user = send(&server);
    let (_, said) = server.terminate();
    let lines: Vec<_> = said.iter().filter(|line| line.contains("Z INFO  access] ")).collect();
    assert_eq!(lines.len(), EXPECTED.len(), "{said:#?}");
    for (line, (id, is_signed_in, rest)) in lines.into_iter().zip(EXPECTED) {
        let (frame, line) = line.split_once("] ").unwrap();
        assert!(
            frame.starts_with("[20")
                && frame.len() == "[2026-11-22T12:00:00.000Z INFO  access".len(),
            "{frame}"
        );
        let user = if is_signed_in { &*user } else { "-" };
        let [method, route, status] = rest.split(' ').collect::<Vec<_>>().try_into().unwrap();
        let expected = format!(
            "request={id} ip=203.0.113.7 user={user} method={method} route={route} status={status} bytes="
        );
        let rest = line.strip_prefix(&expected).unwrap_or_else(|| panic!("{line}: {expected}"));
        let (bytes, millis) = rest.split_once(" ms=").unwrap();
        assert!(
            bytes.parse::<u64>().unwrap() > 10 && millis.parse::<f64>().unwrap() > 0.0,
            "{line}"
        );
    }
    assert_no_secret(&said);
}

#[test]
fn access_log_and_all_other_lines_are_json_where_the_settings_say_so() {
    let place = logging("json", "json");
    let server = place.serve();
    let live = server.client().at_root("/healthz/live").text.len();
    let user = send(&server);
    let (_, said) = server.terminate();
    let lines: Vec<Value> =
        said.iter().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let of =
        |target: &str| lines.iter().filter(|line| line["target"] == target).collect::<Vec<_>>();
    let access = of("access");
    assert_eq!(access.len(), EXPECTED.len() + 1, "{said:#?}");
    assert_eq!(access[0]["bytes"], live);
    assert_eq!(access[0]["request"].as_str().unwrap().len(), 36);
    for (line, (id, is_signed_in, rest)) in access[1..].iter().zip(EXPECTED) {
        let keys: Vec<_> = line.as_object().unwrap().keys().map(String::as_str).collect();
        let expected = [
            "bytes", "ip", "level", "method", "ms", "request", "route", "status", "target", "time",
            "user",
        ];
        assert_eq!(keys, expected);
        assert_eq!((&line["request"], &line["ip"]), (&id.into(), &"203.0.113.7".into()));
        let user = if is_signed_in { user.as_str().into() } else { Value::Null };
        assert_eq!(line["user"], user, "{id}");
        let route = line["route"].as_str().unwrap_or("-");
        let said = format!("{} {route} {}", line["method"].as_str().unwrap(), line["status"]);
        assert_eq!(said, rest);
    }
    let failed = of("widgetd::accounts");
    assert_eq!(failed.len(), 1, "{said:#?}");
    let message = failed[0]["message"].as_str().unwrap();
    assert!(message.ends_with("reason=wrong_password") && failed[0]["level"] == "warn");
    assert_no_secret(&said);
}

#[test]
fn a_request_that_its_client_gives_up_is_logged_without_a_status() {
    use std::io::Write;

    let place = logging("text", "text");
    let server = place.serve();
    let token = server.log_in("admin@example.com").token.unwrap();
    let mut stream = server.connect();
    let head = format!(
        "GET /api/v1/audit/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line).unwrap();
    assert!(line.starts_with("HTTP/1.1 200"), "{line}");
    drop(stream);
    let (_, said) = server.terminate();
    // A stream is logged where it ends.
    let is_stream = |line: &&String| line.contains("route=/api/v1/audit/events status=200 bytes=");
    assert_eq!(said.iter().filter(is_stream).count(), 1, "{said:#?}");
}

#[test]
fn nothing_is_logged_of_requests_unless_the_settings_say_so() {
    let mut place = Place::new();
    place.set("WIDGETD_TRUSTED_PROXIES", "[\"127.0.0.1\"]");
    place.add_admin();
    let server = place.serve();
    send(&server);
    let (_, said) = server.terminate();
    assert!(!said.iter().any(|line| line.contains("access")), "{said:#?}");
}

/// The same service with its standard error declared to be the journal.
fn serve_under_journal(place: &Place, stream: &str) -> Server {
    let serve = place.command(&["serve", "--port", "0"]);
    let mut shell = Command::new("sh");
    let script = format!("export JOURNAL_STREAM={stream}; exec \"$0\" \"$@\"");
    shell.args(["-c", &script]).arg(serve.get_program()).args(serve.get_args());
    shell.current_dir(place.path());
    for (name, value) in serve.get_envs().filter_map(|(name, value)| Some((name, value?))) {
        shell.env(name, value);
    }
    Place::start(shell)
}

#[test]
fn lines_for_the_journal_have_a_priority_and_no_time_of_their_own() {
    let own = "$(stat -L -c %d:%i /proc/self/fd/2)";
    // A stream that is inherited, but is not standard error, does not count.
    for (stream, is_journal) in [(own, true), ("1:1", false)] {
        let place = logging("text", "text");
        let server = serve_under_journal(&place, stream);
        send(&server);
        let (_, said) = server.terminate();
        let count = |start: &str| said.iter().filter(|line| line.starts_with(start)).count();
        let expected = if is_journal { (EXPECTED.len(), 1) } else { (0, 0) };
        let found = (count("<6>access: request="), count("<4>widgetd::accounts: auth.fail ip="));
        assert_eq!(found, expected, "{said:#?}");
        assert_eq!(count("[20") == 0, is_journal, "{said:#?}");
    }
}

/// Starts the service and reads its standard error until it is ready.
fn start_and_read(
    place: &Place,
) -> (std::process::Child, BufReader<std::process::ChildStderr>, String) {
    let mut child =
        place.command(&["serve", "--port", "0"]).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut url = String::new();
    for line in stderr.by_ref().lines().map(Result::unwrap) {
        if let Some(address) = line.strip_prefix("  Address    ") {
            address.clone_into(&mut url);
        }
        if line.contains("Ctrl-C") {
            break;
        }
    }
    (child, stderr, url)
}

fn stops(mut child: std::process::Child) -> Option<i32> {
    let deadline = std::time::Instant::now() + TEST_TIMEOUT;
    signal(child.id(), "TERM");
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        assert!(std::time::Instant::now() < deadline, "it does not stop");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

#[test]
fn a_standard_error_that_is_closed_or_not_read_does_not_stop_the_service() {
    for is_closed in [true, false] {
        let place = logging("json", "text");
        let (child, stderr, url) = start_and_read(&place);
        let stderr = Some(stderr).filter(|_| !is_closed);
        let agent = ureq::Agent::new_with_defaults();
        // More than a pipe holds.
        for _ in 0..1_000 {
            assert_eq!(agent.get(format!("{url}/healthz/live")).call().unwrap().status(), 200);
        }
        assert_eq!(stops(child), Some(0));
        drop(stderr);
    }
}
