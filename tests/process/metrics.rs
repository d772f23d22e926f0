//! The metrics: who may see them, what they count, and what reads them.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::program::{Answer, Place, Server, text};

const TOKEN: &str = "a-token-of-a-monitor";

fn metrics(server: &Server) -> Answer {
    let answer = server.client().at_root("/metrics");
    assert_eq!(answer.status, 200, "{}", answer.text);
    answer
}

/// Each sample, with its labels.
fn samples(text: &str) -> BTreeMap<&str, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name, value.parse().unwrap())
        })
        .collect()
}

#[test]
fn metrics_are_for_the_token_or_this_machine_without_a_proxy_and_do_not_exist_for_others() {
    let mut place = Place::new();
    place.set("WIDGETD_METRICS_TOKEN", TOKEN);
    place.add_admin();
    let server = place.serve();
    assert_eq!(server.client().at_root("/metrics").status, 200);
    let sent_by_proxy = [
        ("X-Forwarded-For", "203.0.113.7"),
        ("X-Forwarded-Proto", "https"),
        ("Forwarded", "for=203.0.113.7"),
        ("X-Real-IP", "203.0.113.7"),
        ("Via", "1.1 proxy"),
        ("Host", "widgets.example.org"),
    ];
    for (name, value) in sent_by_proxy {
        let proxied = server.client().with(name, value);
        let refused = proxied.at_root("/metrics");
        assert_eq!((refused.status, &refused.body["status"]), (404, &"fail".into()), "{name}");
        assert_eq!(proxied.bearing(TOKEN).at_root("/metrics").status, 200, "{name}");
        for wrong in ["a-token-of-a-monito", "a-token-of-a-monitor2", "A-token-of-a-monitor"] {
            assert_eq!(proxied.bearing(wrong).at_root("/metrics").status, 404, "{wrong}");
        }
    }
    // A wrong token is an error of who sends it, wherever they are.
    assert_eq!(server.client().bearing("wrong").at_root("/metrics").status, 404);
    let admin = server.log_in("admin@example.com").with("Via", "1.1 proxy");
    assert_eq!(admin.at_root("/metrics").status, 404);
    let (_, said) = server.terminate();
    assert!(!said.join("\n").contains("a-token-of-a-monitor"), "{said:?}");

    // All that a trusted proxy sends is from somewhere else. The token is the first line of a file.
    std::fs::write(place.path().join("token"), format!("{TOKEN}\nmore")).unwrap();
    place.set("WIDGETD_METRICS_TOKEN", "");
    place.set("WIDGETD_METRICS_TOKEN_FILE", "token");
    place.set("WIDGETD_TRUSTED_PROXIES", "[\"127.0.0.1\"]");
    let server = place.serve();
    assert_eq!(server.client().at_root("/metrics").status, 404);
    assert_eq!(server.client().bearing(TOKEN).at_root("/metrics").status, 200);
    server.terminate();

    // Without a token, nobody has it.
    let place = Place::new();
    let server = place.serve();
    assert_eq!(server.client().with("Via", "1.1 x").bearing("").at_root("/metrics").status, 404);
}

#[test]
fn metrics_count_requests_logins_writes_and_what_is_stored() {
    let place = Place::new();
    place.add_admin();
    let server = place.serve();
    let before = metrics(&server).text;
    let admin = server.log_in("admin@example.com");
    server.client().attempt("admin@example.com", "wrong");
    server.client().attempt("nobody@example.com", "wrong");
    assert_eq!(admin.try_add_widget("one").unwrap().status, 201);
    for name in ["one", "one", "two"] {
        admin.get(&format!("/widgets/{name}"));
    }
    server.client().get("/widgets/one");
    server.client().at_root("/no/such/page");
    let answer = metrics(&server);
    let content_type = answer.headers["Content-Type"].to_str().unwrap();
    assert!(content_type.starts_with("application/openmetrics-text"), "{content_type}");
    assert!(answer.text.ends_with("# EOF\n"));
    let (before, after) = (samples(&before), samples(&answer.text));
    let requests = |method: &str, route: &str, class: &str| {
        format!(
            "widgetd_requests_total{{method=\"{method}\",route=\"{route}\",status=\"{class}\"}}"
        )
    };
    let of_widget = "method=\"GET\",route=\"/api/v1/widgets/<name>\"";
    for (name, expected) in [
        (requests("GET", "/api/v1/widgets/<name>", "2xx"), 2.0),
        (requests("GET", "/api/v1/widgets/<name>", "4xx"), 2.0),
        (requests("POST", "/api/v1/widgets", "2xx"), 1.0),
        (requests("POST", "/api/v1/auth/login", "2xx"), 1.0),
        (requests("POST", "/api/v1/auth/login", "4xx"), 2.0),
        (requests("-", "-", "4xx"), 1.0),
        (requests("GET", "/metrics", "2xx"), 1.0),
        (format!("widgetd_request_duration_seconds_count{{{of_widget}}}"), 4.0),
        (format!("widgetd_request_duration_seconds_bucket{{le=\"+Inf\",{of_widget}}}"), 4.0),
        ("widgetd_sign_ins_total".to_owned(), 1.0),
        ("widgetd_sign_in_refusals_total{reason=\"wrong_password\"}".to_owned(), 1.0),
        ("widgetd_sign_in_refusals_total{reason=\"unknown_account\"}".to_owned(), 1.0),
        ("widgetd_sign_in_refusals_total{reason=\"throttled\"}".to_owned(), 0.0),
        ("widgetd_sessions".to_owned(), 1.0),
        ("widgetd_queued_writes".to_owned(), 0.0),
        ("widgetd_queued_hashes".to_owned(), 0.0),
        ("widgetd_event_listeners".to_owned(), 0.0),
    ] {
        assert_eq!(after.get(&*name), Some(&expected), "{name}\n{}", answer.text);
    }
    let version = format!("widgetd_build_info{{version=\"{}\"}}", env!("CARGO_PKG_VERSION"));
    assert!(answer.text.contains(&format!("{version} 1\n")));
    for grown in ["widgetd_commit_duration_seconds_count", "widgetd_batch_size_count"] {
        assert!(after[grown] >= before[grown] + 4.0, "{grown}");
        assert!(after[&*grown.replace("_count", "_sum")] > 0.0, "{grown}");
    }
    let database = std::fs::metadata(place.database()).unwrap().len();
    let log = std::fs::metadata(place.path().join("widgetd.db-wal")).unwrap().len();
    for (name, size) in [("database", database), ("log", log)] {
        let expected = format!("widgetd_{name}_bytes {size}\n");
        assert!(answer.text.contains(&expected), "{expected} {}", answer.text);
    }
    assert!(!answer.text.contains("last_backup"), "nobody has made one");
    assert!(place.run(&["backup"], "").status.success());
    assert!(metrics(&server).text.contains("\nwidgetd_last_backup_timestamp_seconds 1"));
}

#[test]
fn metrics_count_checkpoints_and_event_streams() {
    let mut place = Place::new();
    place.set("WIDGETD_THROTTLE", "false");
    place.add_admin();
    let server = place.serve();
    let admin = server.log_in("admin@example.com");
    let mut stream = server.connect();
    let head = format!(
        "GET /api/v1/audit/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\n\r\n",
        admin.token.as_ref().unwrap()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // Each commits more than one page of the log.
    for n in 0..400 {
        assert_eq!(admin.try_add_widget(&format!("w{n}")).unwrap().status, 201);
    }
    let answer = metrics(&server);
    let after = samples(&answer.text);
    assert!(after["widgetd_checkpoint_duration_seconds_count"] >= 1.0, "{}", answer.text);
    assert!(answer.text.contains("widgetd_event_listeners 1\n"));
    // The log was emptied, and used again.
    assert!(after["widgetd_log_bytes"] < 3_000.0 * 4_096.0, "{}", answer.text);
}

fn docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)
}

/// Every name that starts as ours do.
fn names(text: &str) -> BTreeSet<&str> {
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.split(|c| !is_name(c)).filter(|name| name.starts_with("widgetd_")).collect()
}

#[test]
fn dashboard_and_alert_rules_name_metrics_that_exist() {
    let place = Place::new();
    place.add_admin();
    let server = place.serve();
    server.log_in("admin@example.com");
    assert!(place.run(&["backup"], "").status.success());
    let answer = metrics(&server);
    let known = names(&answer.text);
    let mut used = 0;
    for file in ["grafana.json", "alerts.yml", "alerts_test.yml"] {
        let text = std::fs::read_to_string(docs(file)).unwrap();
        for name in names(&text) {
            assert!(known.contains(name), "{file} names {name}, which is not in {known:?}");
            used += 1;
        }
    }
    assert!(used > 20, "{used}");
    let dashboard = std::fs::read_to_string(docs("grafana.json")).unwrap();
    let dashboard: serde_json::Value = serde_json::from_str(&dashboard).unwrap();
    assert!(dashboard["panels"].as_array().unwrap().len() >= 10);
}

#[test]
#[ignore = "needs promtool; .ci/run installs it"]
fn promtool_accepts_the_metrics_and_the_alert_rules() {
    let promtool = |arguments: &[&str], stdin: &str| {
        let mut child = Command::new("promtool")
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("promtool is installed");
        child.stdin.take().unwrap().write_all(stdin.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code(), text(&output.stdout) + &text(&output.stderr))
    };
    let (code, said) = promtool(&["check", "rules", docs("alerts.yml").to_str().unwrap()], "");
    assert!(code == Some(0) && said.contains("6 rules found"), "{said}");
    let (code, said) = promtool(&["test", "rules", docs("alerts_test.yml").to_str().unwrap()], "");
    assert_eq!(code, Some(0), "{said}");
    let place = Place::new();
    let server = place.serve();
    metrics(&server);
    let (code, said) = promtool(&["check", "metrics"], &metrics(&server).text);
    // It reads the older format, in which the help of a counter has the name of its samples.
    let is_expected = |line: &str| line.ends_with("_total no help text");
    assert!(code != Some(1) && said.lines().all(is_expected), "{code:?} {said}");
}
