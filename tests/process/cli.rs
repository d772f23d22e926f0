//! What holds for every command of the command line, also while the service runs.

use std::io::Write;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::keys::make_key;
use crate::program::{BINARY, PASSWORD, Place, text};

/// A public id that no user has.
const NOBODY: &str = "00000000-0000-4000-8000-000000000000";

/// Each command about one user, who is marked by `@`.
const ABOUT_AN_ACCOUNT: [&[&str]; 13] = [
    &["user", "show", "@"],
    &["user", "approve", "@"],
    &["user", "disable", "@"],
    &["user", "enable", "@"],
    &["user", "role", "@", "manager"],
    &["user", "reset-code", "@"],
    &["user", "sessions", "@"],
    &["user", "sessions", "@", "--end", "--yes"],
    &["user", "delete", "@", "--yes"],
    &["user", "passwd", "@", "--password-stdin"],
    &["key", "add", "@", "--name", "script"],
    &["key", "list", "@"],
    &["key", "revoke", "@", "script", "--yes"],
];

fn about<'a>(command: &[&'a str], account: &'a str) -> Vec<&'a str> {
    command.iter().map(|word| if *word == "@" { account } else { word }).collect()
}

#[track_caller]
pub fn assert_failed(output: &Output, code: i32, said: &str) {
    assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
    assert!(text(&output.stderr).contains(said), "{}", text(&output.stderr));
    assert_eq!(text(&output.stdout), "");
}

/// Runs a command that writes. Asserts that it names the change and the database on stderr.
/// Returns stdout.
#[track_caller]
pub fn assert_changed(place: &Place, arguments: &[&str], said: &str) -> String {
    let output = place.run(arguments, PASSWORD);
    let said = format!("{said}\nDatabase: {}\n", place.database().display());
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), said), "{arguments:?}");
    text(&output.stdout)
}

/// Runs a command that only reads. Asserts that stderr is empty. Returns stdout.
#[track_caller]
pub fn look(place: &Place, arguments: &[&str]) -> String {
    let output = place.run(arguments, "");
    assert_eq!(
        (output.status.code(), text(&output.stderr)),
        (Some(0), String::new()),
        "{arguments:?}"
    );
    text(&output.stdout)
}

#[track_caller]
pub fn look_at_json(place: &Place, arguments: &[&str]) -> Value {
    json(&look(place, &[arguments, &["--json"]].concat()))
}

/// Parses what `--json` prints.
#[track_caller]
pub fn json(printed: &str) -> Value {
    assert!(printed.ends_with('\n'), "{printed}");
    serde_json::from_str(printed).unwrap_or_else(|error| panic!("{error}: {printed}"))
}

/// Runs a command at a terminal with this input. Returns its exit code and what the terminal
/// shows.
fn at_a_terminal(place: &Place, arguments: &[&str], typed: &str) -> (Option<i32>, String) {
    let command =
        format!("{} --database {} {}", *BINARY, place.database().display(), arguments.join(" "));
    let mut child = Command::new("script")
        .args(["--quiet", "--return", "--echo", "never", "--command", &command, "/dev/null"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("script(1) is installed");
    let mut keyboard = child.stdin.take().unwrap();
    keyboard.write_all(typed.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    drop(keyboard);
    (output.status.code(), text(&output.stdout))
}

#[test]
#[ignore = "needs script(1) of bsdutils; .ci/run installs it"]
fn tables_have_headings_at_a_terminal() {
    let place = Place::new();
    place.try_add_user(&["ann@example.com"], PASSWORD);
    let (code, shown) = at_a_terminal(&place, &["user", "list"], "");
    assert_eq!(code, Some(0));
    let lines: Vec<_> = shown.lines().collect();
    assert!(lines[0].starts_with("EMAIL            ROLE      STATUS"), "{shown}");
    assert!(lines[1].starts_with("ann@example.com  employee  active"), "{shown}");
}

#[test]
fn a_closed_stdout_pipe_is_no_failure() {
    let place = Place::new();
    place.try_add_user(&["ann@example.com"], PASSWORD);
    let mut listing =
        place.command(&["user", "list"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(listing.stdout.take());
    assert_eq!(listing.wait().unwrap().code(), Some(0));
}

#[test]
fn user_add_refuses_what_is_invalid_or_taken_and_changes_nothing() {
    let place = Place::new();
    for (email, password, said) in [
        ("first last", PASSWORD, "widgetd: email: first last is not a valid email"),
        ("ann@example.com", "short", "password: must have at least 8 characters"),
        ("ann@example.com", "password1", "password: is too easy to guess."),
        ("ann@example.com", "", "password: is required"),
    ] {
        assert_failed(&place.try_add_user(&[email], password), 1, said);
    }
    assert!(!place.database().exists());
    place.add_user(&["ann@example.com"]);
    let taken = place.try_add_user(&["ANN@example.com"], PASSWORD);
    assert_failed(&taken, 1, "ANN@example.com is already registered");
    assert_failed(&place.run(&["user", "add", "bob@example.com"], ""), 1, "use --password-stdin");
    assert_eq!(look(&place, &["user", "list"]).lines().count(), 1);
}

#[test]
fn only_serve_and_user_add_create_a_database() {
    let place = Place::new();
    let there_is_none = format!("there is no database at {}", place.database().display());
    assert_failed(&place.run(&["user", "list"], ""), 1, &there_is_none);
    for command in ABOUT_AN_ACCOUNT {
        assert_failed(&place.run(&about(command, "ann@example.com"), PASSWORD), 1, &there_is_none);
    }
    assert_failed(&place.run(&["key", "list"], ""), 1, &there_is_none);
    assert_failed(&place.run(&["audit"], ""), 1, &there_is_none);
    assert!(!place.database().exists());
}

#[test]
fn a_usage_error_exits_with_2() {
    let place = Place::new();
    for arguments in [
        &["usr"][..],
        &["user"],
        &["user", "add"],
        &["serve", "--port", "x"],
        &["--nope"],
        &["--port", "1", "user", "list"],
        &["user", "add", "ann@example.com", "--admin", "--role", "manager"],
        &["user", "role", "ann@example.com"],
        &["user", "sessions", "ann@example.com", "--yes"],
        &["user", "delete"],
        &["key"],
        &["key", "add", "ann@example.com"],
        &["key", "revoke", "ann@example.com"],
        &["audit", "ann@example.com"],
    ] {
        assert_failed(&place.run(arguments, ""), 2, "--help");
    }
}

#[test]
fn an_unknown_value_exits_with_2_and_names_the_possible_ones() {
    let place = Place::new();
    place.add_user(&["ann@example.com"]);
    let roles = "[possible values: employee, manager, admin]";
    for (arguments, said) in [
        (&["user", "add", "bob@example.com", "--role", "boss"][..], roles),
        (&["user", "role", "ann@example.com", "boss"], roles),
        (&["user", "list", "--role", "boss"], roles),
        (&["user", "list", "--status", "gone"], "[possible values: pending, active, disabled]"),
        (
            &["key", "add", "ann@example.com", "--name", "k", "--scope", "all"],
            "[possible values: read, write, calendar]",
        ),
        (&["audit", "--action", "login"], "[possible values: account.register, session.start, "),
    ] {
        assert_failed(&place.run(arguments, ""), 2, said);
    }
    assert_eq!(look_at_json(&place, &["user", "list"])[0]["role"], "employee");
    assert_eq!(look_at_json(&place, &["user", "list"]).as_array().unwrap().len(), 1);
    assert_eq!(look_at_json(&place, &["audit"]).as_array().unwrap().len(), 1);
}

#[test]
fn each_command_takes_a_user_by_email_username_or_public_id() {
    let place = Place::new();
    place.add_admin();
    place.add_user(&["ann@example.com", "--username", "Ann.A"]);
    let id_of = |email| {
        look_at_json(&place, &["user", "show", email])["public_id"].as_str().unwrap().to_owned()
    };
    let id = id_of("ann@example.com");
    for name in ["ann@example.com", "ANN@Example.com", "Ann.A", "ann.a", &id, &id.to_uppercase()] {
        for command in ABOUT_AN_ACCOUNT.iter().filter(|command| command[1] != "delete") {
            let output = place.run(&about(command, name), PASSWORD);
            if command[1] == "approve" {
                assert_failed(
                    &output,
                    1,
                    "widgetd: ann@example.com is active; nothing was changed\n",
                );
            } else {
                assert_eq!(
                    output.status.code(),
                    Some(0),
                    "{command:?} {name}: {}",
                    text(&output.stderr)
                );
            }
            if command[1] == "role" {
                place.run(&["user", "role", name, "employee"], "");
            }
        }
        let entries = look_at_json(&place, &["audit", "--account", name]);
        assert_eq!(entries.as_array().unwrap().last().unwrap()["action"], "key.revoke", "{name}");
    }

    place.add_user(&["bob@example.com", "--username", "Bob.B"]);
    place.add_user(&["cid@example.com"]);
    for (name, email) in [
        ("ANN@example.com", "ann@example.com"),
        ("bob.b", "bob@example.com"),
        (&id_of("cid@example.com"), "cid@example.com"),
    ] {
        assert_changed(&place, &["user", "delete", name, "--yes"], &format!("Deleted {email}."));
    }
}

fn no_name(text: &str) -> String {
    format!("'{text}' is not an account's e-mail address, username or public id")
}

#[test]
fn each_command_names_an_absent_user_and_refuses_an_invalid_name() {
    let place = Place::new();
    place.add_admin();
    for command in ABOUT_AN_ACCOUNT {
        for name in ["bob@example.com", "Bob.B", NOBODY] {
            let output = place.run(&about(command, name), PASSWORD);
            assert_failed(&output, 1, &format!("widgetd: there is no account {name}\n"));
        }
        for name in ["first last", "bob@", "ab", ""] {
            assert_failed(
                &place.run(&about(command, name), PASSWORD),
                1,
                &format!("widgetd: account: {}", no_name(name)),
            );
        }
    }
    assert_failed(&place.run(&["audit", "--account", "bob@"], ""), 1, &no_name("bob@"));
    assert_eq!(look_at_json(&place, &["audit"]).as_array().unwrap().len(), 1);
}

#[test]
fn an_irreversible_command_without_a_terminal_needs_yes() {
    let place = Place::new();
    let server = place.serve();
    place.add_user(&["ann@example.com"]);
    let ann = server.log_in("ann@example.com");
    let key = server.client().bearing(&make_key(&place, "ann@example.com", &["--name", "ci"]));
    let before = look(&place, &["audit"]);
    for (arguments, question) in [
        (&["user", "delete", "ann@example.com"][..], "Delete ann@example.com for ever?"),
        (&["user", "sessions", "ann@example.com", "--end"], "End all sessions of ann@example.com?"),
        (&["key", "revoke", "ann@example.com", "ci"], "Revoke the key ci of ann@example.com?"),
    ] {
        for stdin in ["", "y\n"] {
            let said = format!(
                "widgetd: {question} There is no terminal to ask for confirmation; use --yes\n"
            );
            assert_failed(&place.run(arguments, stdin), 1, &said);
            assert_failed(&place.run(&[arguments, &["--json"]].concat(), stdin), 1, &said);
        }
    }
    assert_eq!((ann.get("/auth/user").status, key.get("/auth/user").status), (200, 200));
    assert_eq!(look(&place, &["audit"]), before);
}

#[test]
#[ignore = "needs script(1), for a terminal; .ci/run installs it"]
fn an_irreversible_command_asks_for_confirmation_at_a_terminal() {
    let place = Place::new();
    place.add_user(&["ann@example.com"]);
    let delete = ["user", "delete", "ann@example.com"];
    for typed in ["n\n", "\n", "yess\n", "\u{4}"] {
        let (code, shown) = at_a_terminal(&place, &delete, typed);
        assert_eq!(code, Some(1), "{typed:?}: {shown}");
        assert!(shown.contains("Delete ann@example.com for ever? [y/N] "), "{shown}");
        assert!(shown.contains("cancelled; nothing was changed"), "{shown}");
    }
    look(&place, &["user", "show", "ann@example.com"]);
    let (code, shown) = at_a_terminal(&place, &delete, "y\n");
    assert_eq!(code, Some(0), "{shown}");
    assert!(shown.contains("Deleted ann@example.com."), "{shown}");
    assert_eq!(look_at_json(&place, &["audit", "--action", "account.delete"])[0]["result"], "ok");
}

#[test]
fn each_command_about_a_user_leaves_other_users_unchanged() {
    let place = Place::new();
    place.add_admin();
    for name in ["ann@example.com", "bob@example.com"] {
        place.add_user(&[name]);
    }
    let bob = || look(&place, &["user", "show", "bob@example.com"]);
    let before = bob();
    for command in ABOUT_AN_ACCOUNT {
        place.run(&about(command, "ann@example.com"), PASSWORD);
    }
    assert_eq!(bob(), before);
    assert_eq!(
        look_at_json(&place, &["audit", "--account", "bob@example.com"]).as_array().unwrap().len(),
        1
    );
}

#[test]
fn help_lists_commands_and_examples_and_version_prints_the_version() {
    let place = Place::new();
    let help = text(&place.run(&["--help"], "").stdout);
    for words in [
        "  key ",
        "  audit ",
        "widgetd user add ann@example.org --admin",
        "/api/v1/ui",
        "--database",
        "Exit codes",
    ] {
        assert!(help.contains(words), "{help}");
    }
    let version = text(&place.run(&["--version"], "").stdout);
    assert!(version.starts_with(concat!("widgetd ", env!("CARGO_PKG_VERSION"))), "{version}");
    // The commit and its day, where it was built from a Git checkout.
    let commit = std::process::Command::new("git").args(["log", "-1", "--format=%h %cs"]).output();
    if let Some(commit) = commit.ok().filter(|commit| commit.status.success()) {
        assert!(version.contains(text(&commit.stdout).trim()), "{version}");
    }
}

#[test]
fn the_database_flag_stands_before_or_after_the_command() {
    let place = Place::new();
    let other = place.path().join("other.db");
    let other = other.to_str().unwrap();
    assert!(
        place.try_add_user(&["ann@example.com", "--database", other], PASSWORD).status.success()
    );
    let listed = place.run(&["--database", other, "user", "list"], "");
    assert!(text(&listed.stdout).starts_with("ann@example.com"));
    assert!(!place.database().exists());
}
