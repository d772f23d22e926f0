//! Start, setup, settings and shutdown.

use std::io::{Read, Write};
use std::process::Output;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::Connection;

use crate::cli::{assert_failed, look, look_at_json};
use crate::databases::with_schema_1;
use crate::endless::make_the_list_of_keys_endless;
use crate::program::{Answer, BINARY, PASSWORD, Place, Server, TEST_TIMEOUT, signal, text};

/// A place whose settings name the first administrator, and the file with this password.
fn with_first_administrator(email: &str, password: &str) -> Place {
    let mut place = Place::new();
    std::fs::write(place.path().join("password"), password).unwrap();
    place.set("WIDGETD_ADMIN_EMAIL", email);
    place.set("WIDGETD_ADMIN_PASSWORD_FILE", "password");
    place
}

#[test]
fn the_first_start_prints_its_addresses_and_the_setup_command() {
    let place = Place::new();
    let server = place.serve();
    let said = server.said.join("\n");
    assert!(said.contains(&format!("  API pages  {}/api/v1/ui", server.url)), "{said}");
    assert!(said.contains(&format!("  Database   {}", place.database().display())), "{said}");
    assert!(server.url.starts_with("http://127.0.0.1:"), "{said}");
    assert!(said.contains("There is no administrator yet."), "{said}");
    assert!(said.contains("user add you@example.org --admin"), "{said}");
    assert_eq!(server.client().get("/openapi.json").status, 200);
}

#[test]
fn the_printed_setup_command_creates_an_administrator() {
    let place =
        Place::with(&[("WIDGETD_DATABASE", "other.db"), ("WIDGETD_ARGON2_MEMORY_KIB", "64")]);
    let server = place.serve();
    let line = server.said.iter().find(|line| line.contains("user add")).unwrap();
    let arguments: Vec<&str> = line.split_whitespace().skip(1).collect();
    assert!(arguments.contains(&"--database"), "{line}");
    let output = place.run(&[&arguments[..], &["--password-stdin"]].concat(), PASSWORD);
    assert!(output.status.success(), "{}", text(&output.stderr));

    let admin = server.log_in("you@example.org");
    assert_eq!(admin.try_add_widget("one").unwrap().status, 201);
    server.terminate();
    assert!(!place.serve().said.join("\n").contains("administrator"));
}

/// The setup link that the program has printed.
fn setup_link(said: &[String]) -> Option<&str> {
    said.iter()
        .map(|line| line.trim())
        .find(|line| line.starts_with("http") && line.contains("/setup/"))
}

/// Creates an administrator with the code in a link.
fn set_up(server: &Server, link: &str, email: &str) -> Answer {
    let code = link.rsplit('/').next().unwrap();
    server.client().post("/auth/setup", &[("code", code), ("email", email), ("password", PASSWORD)])
}

#[test]
fn the_printed_setup_link_creates_an_administrator_once() {
    let place = Place::new();
    let unused = setup_link(&place.serve().said).unwrap().to_owned();
    let server = place.serve();
    let link = setup_link(&server.said).unwrap();
    assert!(link.starts_with(&format!("{}/setup/", server.url)), "{link}");
    assert!(
        server.said.iter().any(|line| line.contains("open this link on this machine")),
        "{:?}",
        server.said
    );
    // Each start has a code of its own.
    let refused = set_up(&server, &unused, "you@example.org");
    assert_eq!(
        (refused.status, refused.body["errors"]["code"].is_string()),
        (400, true),
        "{}",
        refused.text
    );
    let made = set_up(&server, link, "you@example.org");
    assert_eq!(made.status, 201, "{}", made.text);
    let admin = server.client().bearing(made.body["access_token"].as_str().unwrap());
    assert_eq!(admin.try_add_widget("one").unwrap().status, 201);
    assert_eq!(server.log_in("you@example.org").get("/users").status, 200);
    let refused = set_up(&server, link, "other@example.org");
    assert_eq!(
        (refused.status, refused.body["errors"]["code"].is_string()),
        (400, true),
        "{}",
        refused.text
    );
    server.terminate();
    assert!(setup_link(&place.serve().said).is_none());
}

#[test]
fn the_setup_link_has_the_public_url_where_remote_setup_is_allowed() {
    let mut place = Place::new();
    place.set("WIDGETD_PUBLIC_URL", "https://example.org/w/");
    let server = place.serve();
    let said = server.said.join("\n");
    assert!(said.contains("  Public     https://example.org/w/\n"), "{said}");
    assert!(said.contains("  API pages  https://example.org/w/api/v1/ui\n"), "{said}");
    assert!(server.url.starts_with("http://127.0.0.1:"), "{said}");
    assert!(setup_link(&server.said).unwrap().starts_with(&server.url), "{said}");
    server.terminate();
    place.set("WIDGETD_REMOTE_SETUP", "true");
    let server = place.serve();
    let link = setup_link(&server.said).unwrap();
    assert!(link.starts_with("https://example.org/w/setup/"), "{link}");
    assert!(!server.said.join("\n").contains("on this machine"), "{:?}", server.said);
    assert_eq!(set_up(&server, link, "you@example.org").status, 201);
}

#[test]
fn plain_widgetd_serves_with_the_settings_of_the_environment() {
    let place = Place::with(&[
        ("WIDGETD_PORT", "0"),
        ("WIDGETD_REALM", "example.org"),
        ("WIDGETD_THROTTLE", "false"),
    ]);
    let server = place.serve_with(&[]);
    assert_eq!(server.client().get("/widgets").status, 401);
    // And with the flags of `serve`.
    let server = Place::with(&[("WIDGETD_PORT", "1")]).serve_with(&["--port", "0"]);
    assert_eq!(server.client().get("/widgets").status, 401);
}

#[test]
fn a_failed_start_says_why_and_exits_with_1() {
    use std::os::unix::fs::PermissionsExt;
    let start = |place: &Place, port: &str| {
        let output = place.run(&["serve", "--port", port], "");
        assert_eq!(output.status.code(), Some(1));
        text(&output.stderr)
    };
    let place = Place::new();
    let server = place.serve();
    let other = Place::new();
    let said = start(&other, server.url.rsplit(':').next().unwrap());
    assert!(said.starts_with("widgetd: cannot listen at 127.0.0.1:"), "{said}");
    assert!(said.contains("is another widgetd running?"), "{said}");
    assert!(!other.database().exists());
    assert!(!said.contains("panicked"), "{said}");
    server.terminate();

    let key = place.path().join("widgetd.db.key");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let said = start(&place, "0");
    assert!(said.contains("its mode is 0644"), "{said}");

    let place = Place::with(&[("WIDGETD_DATABSE", "x.db")]);
    let said = start(&place, "0");
    assert!(said.starts_with("widgetd: there is no setting `databse`"), "{said}");
    assert!(!place.database().exists());
}

#[test]
fn shutdown_by_sigterm_or_sigint_leaves_the_database_and_its_key_alone() {
    let place = Place::new();
    place.add_admin();
    for name in ["TERM", "INT"] {
        let server = place.serve();
        let admin = server.log_in("admin@example.com");
        assert_eq!(admin.try_add_widget(&name.to_lowercase()).unwrap().status, 201);
        // Reading threads have a connection of their own.
        assert_eq!(admin.get("/widgets").status, 200);
        signal(server.id(), name);
        let (code, said) = server.wait();
        assert_eq!(code, Some(0), "{said:?}");
        assert!(!said.join("\n").contains("panicked"), "{said:?}");
    }
    assert_eq!(place.files(), ["widgetd.db", "widgetd.db.key", "widgetd.db.lock"]);
}

#[test]
fn shutdown_by_a_second_ctrl_c_does_not_wait_for_requests() {
    let place = Place::new();
    let server = place.serve();
    let mut stream = server.connect();
    let head = "POST /api/v1/auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\n";
    stream.write_all(head.as_bytes()).unwrap();
    assert_eq!(server.client().get("/openapi.json").status, 200);
    signal(server.id(), "INT");
    std::thread::sleep(Duration::from_millis(200));
    signal(server.id(), "INT");
    let (code, said) = server.wait();
    assert_eq!(code, Some(1), "{said:?}");
    assert!(said.last().unwrap().contains("without waiting"), "{said:?}");
}

#[test]
fn shutdown_answers_the_request_in_flight() {
    let place = Place::new();
    let server = place.serve();
    let mut stream = server.connect();
    let body = "email=ann%40example.com&password=correct+horse+battery+staple";
    let head = format!(
        "POST /api/v1/auth/register HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&body.as_bytes()[..10]).unwrap();
    // The service has read the head once it answers a request on another connection.
    assert_eq!(server.client().get("/openapi.json").status, 200);
    signal(server.id(), "TERM");
    std::thread::sleep(Duration::from_millis(300));
    stream.write_all(&body.as_bytes()[10..]).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    let (code, said) = server.wait();
    assert_eq!(code, Some(0), "{said:?}");
    let listed = place.run(&["user", "list"], "");
    assert!(text(&listed.stdout).starts_with("ann@example.com"), "{}", text(&listed.stdout));
}

#[test]
fn shutdown_does_not_wait_for_a_list_that_never_ends() {
    let mut place = Place::new();
    // Far more than the test may take.
    place.set("WIDGETD_READ_TIMEOUT_SECONDS", "86400");
    place.set("WIDGETD_SHUTDOWN", "{grace=1, mercy=1}");
    place.add_admin();
    let server = place.serve();
    let admin = server.log_in("admin@example.com");
    make_the_list_of_keys_endless(&place.database());
    let list = std::thread::spawn(move || admin.try_get("/auth/keys").is_ok());
    std::thread::sleep(Duration::from_millis(500));
    assert!(!list.is_finished());
    let (code, said) = server.terminate();
    assert_eq!(code, Some(1), "{said:?}");
    let all = said.join("\n");
    assert!(all.contains("still running when the grace period ended"), "{all}");
    assert!(!list.join().unwrap());
}

#[test]
fn the_settings_create_the_first_administrator_and_no_other() {
    // The password is the first line of the file, with any line ending.
    let mut place =
        with_first_administrator("boss@example.com", &format!("{PASSWORD}\r\nnot this\n"));
    let server = place.serve();
    let said = server.said.join("\n");
    assert!(said.contains("Added boss@example.com as admin, as the settings say.\n"), "{said}");
    assert!(
        !said.contains("There is no administrator yet.") && !said.contains("/setup/"),
        "{said}"
    );
    assert_eq!(server.log_in("boss@example.com").try_add_widget("one").unwrap().status, 201);
    let entry = look_at_json(&place, &["audit"])[0].take();
    assert_eq!(
        (&entry["actor"], &entry["target"]),
        (&"service".into(), &"boss@example.com".into())
    );
    server.terminate();

    place.set("WIDGETD_ADMIN_EMAIL", "other@example.com");
    let server = place.serve();
    assert!(!server.said.join("\n").contains("Added"), "{:?}", server.said);
    assert_eq!(server.client().attempt("other@example.com", PASSWORD).status, 401);
    server.terminate();
    // The password file is not needed any more.
    std::fs::remove_file(place.path().join("password")).unwrap();
    server_has_one_account(&place);
}

#[track_caller]
fn server_has_one_account(place: &Place) {
    place.serve().terminate();
    assert_eq!(look(place, &["user", "list"]).lines().count(), 1);
}

#[test]
fn the_settings_create_no_administrator_where_one_exists() {
    let place = with_first_administrator("boss@example.com", PASSWORD);
    place.add_admin();
    server_has_one_account(&place);
}

#[test]
fn an_invalid_first_administrator_in_the_settings_prevents_the_start() {
    const WEAK: &str = "widgetd: cannot make the first administrator: the password in password ";
    for (password, said) in [
        ("password1\n", "is too easy to guess. This is a very common password."),
        ("boss@example.com\n", "is too easy to guess."),
        ("short\n", "must have at least 8 characters\n"),
        (&format!("\n{PASSWORD}\n"), "is required\n"),
        ("", "is required\n"),
    ] {
        let place = with_first_administrator("boss@example.com", password);
        assert_failed(&place.run(&["serve", "--port", "0"], ""), 1, &format!("{WEAK}{said}"));
        assert_eq!(look_at_json(&place, &["user", "list"]).as_array().unwrap().len(), 0);
    }
    for (settings, said) in [
        (
            &[("EMAIL", "boss@example.com")][..],
            "widgetd: the setting `admin_email` needs `admin_password_file` beside it\n",
        ),
        (
            &[("PASSWORD_FILE", "password")],
            "widgetd: the setting `admin_password_file` needs `admin_email` beside it\n",
        ),
        (
            &[("EMAIL", "boss"), ("PASSWORD_FILE", "password")],
            "widgetd: the setting `admin_email` boss is not a valid email\n",
        ),
        (
            &[("EMAIL", "boss@example.com"), ("PASSWORD_FILE", "nowhere")],
            "widgetd: cannot read the password in nowhere: No such file or directory",
        ),
    ] {
        let mut place = Place::new();
        std::fs::write(place.path().join("password"), PASSWORD).unwrap();
        for (name, value) in settings {
            place.set(&format!("WIDGETD_ADMIN_{name}"), value);
        }
        assert_failed(&place.run(&["serve", "--port", "0"], ""), 1, said);
    }
}

/// Asserts that the message names these commands in a form that can be typed.
#[track_caller]
fn assert_told(place: &Place, refused: &Output, commands: &[&str]) {
    let full = |command: &&str| {
        format!("`{} {command} --database {}`", *BINARY, place.database().display())
    };
    let said = commands.iter().map(full).collect::<Vec<_>>().join(", ");
    assert_failed(refused, 1, &format!("; to make it one: {said}\n"));
}

#[test]
fn the_settings_do_not_promote_a_registered_user_to_administrator() {
    let place = with_first_administrator("boss@example.com", PASSWORD);
    place.add_user(&["Boss@example.com"]);
    let refused = place.run(&["serve", "--port", "0"], "");
    let said = "widgetd: cannot make the first administrator: boss@example.com is already registered, and is not one";
    assert_failed(&refused, 1, said);
    assert_told(&place, &refused, &["user role Boss@example.com admin"]);
    assert_eq!(look_at_json(&place, &["user", "list"])[0]["role"], "employee");
    assert!(place.run(&["user", "role", "Boss@example.com", "admin"], "").status.success());
    server_has_one_account(&place);
}

#[test]
fn the_settings_name_the_commands_that_make_a_disabled_user_administrator() {
    let place = with_first_administrator("boss@example.com", PASSWORD);
    place.add_user(&["boss@example.com"]);
    place.run(&["user", "disable", "boss@example.com"], "");
    let assert_told = |commands: &[&str]| {
        assert_told(&place, &place.run(&["serve", "--port", "0"], ""), commands);
    };
    assert_told(&["user enable boss@example.com", "user role boss@example.com admin"]);
    place.run(&["user", "role", "boss@example.com", "admin"], "");
    assert_told(&["user enable boss@example.com"]);
    place.run(&["user", "enable", "boss@example.com"], "");
    server_has_one_account(&place);
}

#[test]
fn closed_registration_leaves_user_add_open() {
    let mut place = Place::new();
    place.set("WIDGETD_REGISTRATION", "closed");
    let server = place.serve();
    let answer = server
        .client()
        .post("/auth/register", &[("email", "ann@example.com"), ("password", PASSWORD)]);
    assert_eq!(answer.status, 403, "{}", answer.text);
    assert_eq!(look_at_json(&place, &["user", "list"]).as_array().unwrap().len(), 0);
    place.add_user(&["ann@example.com"]);
    server.log_in("ann@example.com");
}

#[test]
fn audit_retention_follows_the_settings() {
    let mut place = Place::new();
    place.serve().terminate();
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let database = Connection::open(place.database()).unwrap();
    // The last two are not far from each other nor from the clock, so that it can be believed.
    for hours in [400 * 24, 300 * 24, 2 * 24, 12] {
        let at = i64::try_from(since_1970 - hours * 3_600_000).unwrap();
        let entry = "INSERT INTO audit (at, actor, action, result) VALUES (?1, 'service', 'key.create', 'ok')";
        database.execute(entry, [at]).unwrap();
    }
    drop(database);
    place.add_admin();
    let count = |place: &Place| look(place, &["audit"]).lines().count();
    assert_eq!(count(&place), 5);
    for (days, left) in [("365", 4), ("1", 2)] {
        place.set("WIDGETD_AUDIT_DAYS", days);
        let server = place.serve();
        // The purge runs in the background after the start.
        let deadline = Instant::now() + TEST_TIMEOUT;
        while count(&place) > left {
            assert!(Instant::now() < deadline, "what is older than {days} days is never forgotten");
        }
        server.terminate();
        assert_eq!(count(&place), left);
    }
    assert_eq!(look_at_json(&place, &["audit"])[1]["target"], "admin@example.com");
}

#[test]
fn migration_from_version_0_1_0_keeps_users_passwords_and_widgets() {
    let place = with_schema_1();
    let server = place.serve();
    assert!(!server.said.join("\n").contains("administrator"), "{:?}", server.said);
    let admin = server.log_in("ada@example.com");
    let widgets = admin.get("/widgets").body;
    assert_eq!([0, 1].map(|n| &widgets["items"][n]["name"]), ["one", "two"]);
    assert_eq!(admin.try_add_widget("three").unwrap().status, 201);
    let bob = server.client().post("/auth/login", &[("username", "bob.b"), ("password", PASSWORD)]);
    assert_eq!(bob.status, 200, "{}", bob.text);
    assert_eq!(server.log_in("CID@example.com").try_add_widget("four").unwrap().status, 403);
    let listed = look_at_json(&place, &["user", "list"]);
    let users = [0, 1, 2].map(|n| (listed[n]["email"].as_str(), listed[n]["role"].as_str()));
    let expected = [
        ("Ada@example.com", "admin"),
        ("Bob@example.com", "employee"),
        ("cid@example.com", "employee"),
    ];
    assert_eq!(users, expected.map(|(email, role)| (Some(email), Some(role))));
    assert_eq!(listed[1]["public_id"], "6cfbbcd7-43a3-42fb-a9d4-5f6e31a7ce37");
}
