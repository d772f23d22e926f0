//! The command line, also while the service runs.

use std::process::Output;

use serde_json::Value;

use crate::program::{PASSWORD, Place, text};

fn add(place: &Place, arguments: &[&str], password: &str) -> Output {
    place.run(&[&["user", "add"], arguments, &["--password-stdin"]].concat(), password)
}

#[track_caller]
fn assert_failed(output: &Output, code: i32, said: &str) {
    assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains(said), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "");
}

#[test]
fn adding_an_account_makes_the_database_and_says_where_it_is() {
    let place = Place::new();
    let output = add(&place, &["ann@example.com"], PASSWORD);
    assert_eq!(output.status.code(), Some(0));
    let said = format!("Added ann@example.com as employee.\nDatabase: {}\n", place.database().display());
    assert_eq!((text(&output.stdout), text(&output.stderr)), (String::new(), said));
}

#[test]
fn accounts_are_listed_for_people_and_for_programs() {
    let place = Place::new();
    add(&place, &["ann@example.com"], PASSWORD);
    add(&place, &["bob@example.com", "--admin"], &format!("{PASSWORD}\r\n"));
    let listed = text(&place.run(&["user", "list"], "").stdout);
    let lines: Vec<&str> = listed.lines().collect();
    assert!(lines[0].starts_with("ann@example.com  employee  active"), "{listed}");
    assert!(lines[1].starts_with("bob@example.com  admin     active"), "{listed}");
    let json: Value = serde_json::from_slice(&place.run(&["user", "list", "--json"], "").stdout).unwrap();
    assert_eq!((&json[1]["email"], &json[1]["role"]), (&Value::from("bob@example.com"), &Value::from("admin")));
    assert_eq!(json.as_array().unwrap().len(), 2);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_failure() {
    let place = Place::new();
    add(&place, &["ann@example.com"], PASSWORD);
    let mut listing = place.command(&["user", "list"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(listing.stdout.take());
    assert_eq!(listing.wait().unwrap().code(), Some(0));
}

#[test]
fn what_cannot_be_done_is_said_and_changes_nothing() {
    let place = Place::new();
    assert_failed(&add(&place, &["first last"], PASSWORD), 1, "widgetd: email: first last is not a valid email");
    assert_failed(&add(&place, &["ann@example.com"], "short"), 1, "password: must have at least 8 characters");
    assert_failed(&add(&place, &["ann@example.com"], "password1"), 1, "password: is too easy to guess.");
    assert_failed(&add(&place, &["ann@example.com"], ""), 1, "password: is required");
    assert!(!place.database().exists());
    add(&place, &["ann@example.com"], PASSWORD);
    assert_failed(&add(&place, &["ANN@example.com"], PASSWORD), 1, "ANN@example.com is already registered");
    let passwd = place.run(&["user", "passwd", "bob@example.com", "--password-stdin"], PASSWORD);
    assert_failed(&passwd, 1, "there is no account bob@example.com");
    assert_failed(&place.run(&["user", "add", "bob@example.com"], ""), 1, "use --password-stdin");
    assert_eq!(text(&place.run(&["user", "list"], "").stdout).lines().count(), 1);
}

#[test]
fn only_serving_and_adding_make_a_database() {
    let place = Place::new();
    let there_is_none = format!("there is no database at {}", place.database().display());
    assert_failed(&place.run(&["user", "list"], ""), 1, &there_is_none);
    let passwd = place.run(&["user", "passwd", "ann@example.com", "--password-stdin"], PASSWORD);
    assert_failed(&passwd, 1, &there_is_none);
    assert!(!place.database().exists());
}

#[test]
fn what_is_not_understood_is_2() {
    let place = Place::new();
    for arguments in [
        &["usr"][..],
        &["user"],
        &["user", "add"],
        &["serve", "--port", "x"],
        &["--nope"],
        &["--port", "1", "user", "list"],
    ] {
        assert_eq!(place.run(arguments, "").status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn help_teaches_and_the_version_is_told() {
    let place = Place::new();
    let help = text(&place.run(&["--help"], "").stdout);
    for words in ["widgetd user add ann@example.org --admin", "/api/v1/ui", "--database", "Exit codes"] {
        assert!(help.contains(words), "{help}");
    }
    let version = text(&place.run(&["--version"], "").stdout);
    assert_eq!(version, format!("widgetd {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn commands_work_while_the_service_runs() {
    let place = Place::new();
    let server = place.serve();
    place.add_admin();
    let admin = server.log_in("admin@example.com");
    assert_eq!(admin.try_add_widget("one").unwrap().status, 201);

    let passwd = place.run(&["user", "passwd", "Admin@example.com", "--password-stdin"], "tinker tailor soldier spy");
    assert_eq!(passwd.status.code(), Some(0), "{}", text(&passwd.stderr));
    assert!(text(&passwd.stderr).contains("all its tokens have ended"));
    assert_eq!(admin.get("/widgets").status, 401);
    let log_in =
        |password| server.client().post("/auth/login", &[("email", "admin@example.com"), ("password", password)]);
    assert_eq!(log_in(PASSWORD).status, 401);
    assert_eq!(log_in("tinker tailor soldier spy").status, 200);
}

#[test]
fn another_database_can_be_named_before_or_after_the_command() {
    let place = Place::new();
    let other = place.path().join("other.db");
    let other = other.to_str().unwrap();
    assert!(add(&place, &["ann@example.com", "--database", other], PASSWORD).status.success());
    let listed = place.run(&["--database", other, "user", "list"], "");
    assert!(text(&listed.stdout).starts_with("ann@example.com"));
    assert!(!place.database().exists());
}
