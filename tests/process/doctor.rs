//! `widgetd doctor` and `widgetd config show`.

use std::os::unix::fs::PermissionsExt;

use rusqlite::Connection;
use serde_json::Value;

use crate::cli::json;
use crate::program::{Place, text};

/// The exit code and the findings.
pub fn findings(place: &Place, arguments: &[&str]) -> (Option<i32>, Vec<Value>) {
    let output = place.run(&[&["doctor", "--json"], arguments].concat(), "");
    let findings = json(&text(&output.stdout)).as_array().unwrap().clone();
    (output.status.code(), findings)
}

/// The grade of the first finding about something, and what it says.
#[track_caller]
pub fn about<'a>(findings: &'a [Value], about: &str) -> (&'a str, &'a str) {
    let finding = findings.iter().find(|finding| finding["about"] == about);
    let finding = finding.unwrap_or_else(|| panic!("nothing about {about}: {findings:?}"));
    (finding["grade"].as_str().unwrap(), finding["says"].as_str().unwrap())
}

#[test]
fn doctor_finds_nothing_wrong_with_a_service_that_runs_and_has_a_backup() {
    let mut place = Place::new();
    place.set("WIDGETD_REALM", "acme");
    place.add_admin();
    let server = place.serve();
    place.set("WIDGETD_PORT", server.url.rsplit(':').next().unwrap());
    assert!(place.run(&["backup"], "").status.success());
    let (code, findings) = findings(&place, &[]);
    assert_eq!(code, Some(0), "{findings:?}");
    for name in ["settings", "files", "disk", "database", "backup", "clock", "service", "address"] {
        assert_eq!(about(&findings, name).0, "ok", "{findings:?}");
    }
    assert!(about(&findings, "settings").1.contains("realm (WIDGETD_REALM)"));
    assert!(about(&findings, "descriptors").1.contains("are open"));
    let output = place.run(&["doctor"], "");
    assert!(text(&output.stdout).contains("\nok       database  whole; schema "));
}

#[test]
fn doctor_says_what_is_wrong_and_what_to_do() {
    let mut place = Place::new();
    place.add_admin();
    for (name, value) in [
        ("WIDGETD_ADDRESS", "0.0.0.0"),
        ("WIDGETD_PORT", "1"),
        ("WIDGETD_PUBLIC_URL", "http://127.0.0.1:1/"),
    ] {
        place.set(name, value);
    }
    let mode = std::fs::Permissions::from_mode(0o644);
    std::fs::set_permissions(place.database(), mode).unwrap();
    let database = Connection::open(place.database()).unwrap();
    database.execute("UPDATE audit SET at = at + 86400000", []).unwrap();
    let (code, findings) = findings(&place, &[]);
    assert_eq!(code, Some(1));
    for (name, grade, said) in [
        ("files", "wrong", "mode 0644"),
        ("clock", "wrong", "the last event was at"),
        ("backup", "warning", "none was made"),
        ("service", "warning", "does not answer"),
        ("address", "wrong", "0.0.0.0:1 is open to others"),
        ("proxy", "wrong", "`trusted_proxies` is empty"),
    ] {
        let (is, says) = about(&findings, name);
        assert_eq!(is, grade, "{says}");
        assert!(says.contains(said), "{says}");
    }
    assert!(
        findings.iter().all(|finding| finding["grade"] == "ok" || finding["advice"].is_string())
    );
}

#[test]
fn doctor_looks_at_the_public_address() {
    let mut place = Place::new();
    place.add_admin();
    let server = place.serve();
    // Instead of a proxy: the service itself, and a file server that knows no widgetd.
    place.set("WIDGETD_TRUSTED_PROXIES", "[\"127.0.0.1\"]");
    place.set("WIDGETD_PUBLIC_URL", &format!("{}/", server.url));
    let (_, found) = findings(&place, &[]);
    assert_eq!(about(&found, "proxy").0, "ok", "{found:?}");
    place.set("WIDGETD_PUBLIC_URL", &format!("{}/other/", server.url));
    let (code, found) = findings(&place, &[]);
    assert_eq!((code, about(&found, "proxy").0), (Some(1), "wrong"), "{found:?}");
}

#[test]
fn doctor_tells_a_health_check_whether_the_service_is_ready_and_nothing_else() {
    let mut place = Place::new();
    let server = place.serve();
    place.set("WIDGETD_PORT", server.url.rsplit(':').next().unwrap());
    let (code, found) = findings(&place, &["--ready"]);
    assert_eq!((code, found.len(), about(&found, "service").0), (Some(0), 1, "ok"), "{found:?}");
    std::fs::remove_file(place.database()).unwrap();
    // Readiness is looked at once a second.
    std::thread::sleep(std::time::Duration::from_millis(1_500));
    let (code, found) = findings(&place, &["--ready"]);
    assert_eq!((code, about(&found, "service").0), (Some(1), "wrong"), "{found:?}");
    assert!(about(&found, "service").1.contains(" answers 503: "), "{found:?}");
    server.terminate();
    let (code, found) = findings(&place, &["--ready"]);
    assert_eq!((code, about(&found, "service").0), (Some(1), "wrong"), "{found:?}");
    assert!(about(&found, "service").1.contains("does not answer"), "{found:?}");
}

#[test]
fn doctor_finds_a_damaged_or_missing_database() {
    let place = Place::new();
    let (code, found) = findings(&place, &[]);
    assert_eq!((code, about(&found, "files").0), (Some(1), "wrong"));
    place.add_admin();
    let mut bytes = std::fs::read(place.database()).unwrap();
    let end = bytes.len();
    bytes[end - 4_096..end - 3_596].fill(0xAB);
    std::fs::write(place.database(), bytes).unwrap();
    let (code, found) = findings(&place, &[]);
    assert_eq!((code, about(&found, "database").0), (Some(1), "wrong"), "{found:?}");
}

#[test]
fn config_show_prints_every_setting_and_where_it_comes_from() {
    let mut place = Place::new();
    std::fs::write(place.path().join("site.toml"), "[default]\nrealm = \"acme\"").unwrap();
    place.set("WIDGETD_PORT", "8123");
    let shown = |arguments: &[&str]| {
        let output = place.run(arguments, "");
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    let plain = shown(&["config", "show", "--config", "site.toml"]);
    assert!(plain.contains("\nrealm = \"acme\"\n") && plain.contains("\npublic_url is not set\n"));
    let origins = shown(&["config", "show", "--origin", "--config", "site.toml"]);
    let origin = |key: &str| {
        let line = origins.lines().find(|line| line.starts_with(&format!("{key} = "))).unwrap();
        line.split_whitespace().last().unwrap().to_owned()
    };
    assert!(origin("realm").ends_with("site.toml"));
    assert_eq!(
        (origin("port"), origin("audit_days")),
        ("WIDGETD_PORT".to_owned(), "default".to_owned())
    );
    let all = json(&shown(&["config", "show", "--json"]));
    assert!(all.as_array().unwrap().iter().any(|one| one["key"] == "port" && one["value"] == 8123));
}
