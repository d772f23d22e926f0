//! Starting, saying so, and stopping.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Output;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::Connection;

use crate::cli::{add_user, assert_failed, look, look_at_json};
use crate::program::{Answer, BINARY, BODY_TIMEOUT, PASSWORD, Place, Server, signal, text};

/// A place whose settings name the first administrator, and the file with this password.
fn with_first_administrator(email: &str, password: &str) -> Place {
    let mut place = Place::new();
    std::fs::write(place.path().join("password"), password).unwrap();
    place.set("WIDGETD_ADMIN_EMAIL", email);
    place.set("WIDGETD_ADMIN_PASSWORD_FILE", "password");
    place
}

#[test]
fn the_first_start_says_where_everything_is_and_what_to_do_next() {
    let place = Place::new();
    let server = place.serve();
    let said = server.said.join("\n");
    assert!(said.contains(&format!("  API pages  {}/api/v1/ui", server.url)), "{said}");
    assert!(said.contains(&format!("  Database   {}", place.database().display())), "{said}");
    assert!(said.contains("There is no administrator yet."), "{said}");
    assert!(said.contains("user add you@example.org --admin"), "{said}");
    assert_eq!(server.client().get("/openapi.json").status, 200);
}

#[test]
fn it_says_where_browsers_reach_it_beside_where_it_listens() {
    let place = Place::with(&[("WIDGETD_PUBLIC_URL", "https://example.org/w/")]);
    let server = place.serve();
    let said = server.said.join("\n");
    assert!(said.contains("  Public     https://example.org/w/\n"), "{said}");
    assert!(said.contains("  API pages  https://example.org/w/api/v1/ui\n"), "{said}");
    assert!(server.url.starts_with("http://127.0.0.1:"), "{said}");
}

#[test]
fn the_command_it_prints_makes_an_administrator_and_is_not_printed_again() {
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

/// The setup link that a start has printed.
fn setup_link(said: &[String]) -> Option<&str> {
    said.iter()
        .map(|line| line.trim())
        .find(|line| line.starts_with("http") && line.contains("/setup/"))
}

/// Makes an administrator with the code in a link.
fn set_up(server: &Server, link: &str, email: &str) -> Answer {
    let code = link.rsplit('/').next().unwrap();
    server.client().post("/auth/setup", &[("code", code), ("email", email), ("password", PASSWORD)])
}

#[test]
fn the_link_it_prints_makes_an_administrator_once_and_is_not_printed_again() {
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
fn the_link_starts_with_the_public_url_where_it_may_be_opened_from_elsewhere() {
    let mut place = Place::new();
    place.set("WIDGETD_PUBLIC_URL", "https://example.org/w/");
    let server = place.serve();
    assert!(setup_link(&server.said).unwrap().starts_with(&server.url), "{:?}", server.said);
    server.terminate();
    place.set("WIDGETD_REMOTE_SETUP", "true");
    let server = place.serve();
    let link = setup_link(&server.said).unwrap();
    assert!(link.starts_with("https://example.org/w/setup/"), "{link}");
    assert!(!server.said.join("\n").contains("on this machine"), "{:?}", server.said);
    assert_eq!(set_up(&server, link, "you@example.org").status, 201);
}

#[test]
fn it_listens_on_this_machine_alone_unless_told_otherwise() {
    let server = Place::new().serve();
    assert!(server.url.starts_with("http://127.0.0.1:"), "{}", server.url);
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
fn a_port_in_use_is_told_as_such() {
    let place = Place::new();
    let server = place.serve();
    let port = server.url.rsplit(':').next().unwrap();
    let output = Place::new().run(&["serve", "--port", port], "");
    assert_eq!(output.status.code(), Some(1));
    let said = text(&output.stderr);
    assert!(said.starts_with("widgetd: cannot listen (is another widgetd running?"), "{said}");
    assert!(!said.contains("panicked"), "{said}");
}

#[test]
fn a_key_that_others_can_read_keeps_it_from_starting() {
    use std::os::unix::fs::PermissionsExt;
    let place = Place::new();
    place.serve().terminate();
    let key = place.path().join("widgetd.db.key");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o644)).unwrap();
    let output = place.run(&["serve", "--port", "0"], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("its mode is 0644"), "{}", text(&output.stderr));
}

#[test]
fn a_setting_it_does_not_know_keeps_it_from_starting() {
    let place = Place::with(&[("WIDGETD_DATABSE", "x.db")]);
    let output = place.run(&["serve", "--port", "0"], "");
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).starts_with("widgetd: there is no setting `databse`"),
        "{}",
        text(&output.stderr)
    );
    assert!(!place.database().exists());
}

#[test]
fn a_signal_ends_it_well_and_leaves_one_file_and_its_key() {
    let place = Place::new();
    place.add_admin();
    for name in ["TERM", "INT"] {
        let server = place.serve();
        let admin = server.log_in("admin@example.com");
        assert_eq!(admin.try_add_widget(&name.to_lowercase()).unwrap().status, 201);
        signal(server.id(), name);
        let (code, said) = server.terminate();
        assert_eq!(code, Some(0), "{said:?}");
        assert!(!said.join("\n").contains("panicked"), "{said:?}");
    }
    let mut files: Vec<_> = std::fs::read_dir(place.path())
        .unwrap()
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    files.sort();
    assert_eq!(files, ["widgetd.db", "widgetd.db.key"]);
}

#[test]
fn a_request_in_flight_is_answered_before_it_stops() {
    let place = Place::new();
    let server = place.serve();
    let mut stream = TcpStream::connect(server.url.trim_start_matches("http://")).unwrap();
    let body = "email=ann%40example.com&password=correct+horse+battery+staple";
    let head = format!(
        "POST /api/v1/auth/register HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&body.as_bytes()[..10]).unwrap();
    // The request has begun, as an answer to another one on a connection of its own shows.
    assert_eq!(server.client().get("/openapi.json").status, 200);
    signal(server.id(), "TERM");
    std::thread::sleep(Duration::from_millis(300));
    stream.write_all(&body.as_bytes()[10..]).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 201 "), "{answer}");
    let (code, said) = server.terminate();
    assert_eq!(code, Some(0), "{said:?}");
    let listed = place.run(&["user", "list"], "");
    assert!(text(&listed.stdout).starts_with("ann@example.com"), "{}", text(&listed.stdout));
}

#[test]
fn a_token_and_a_logout_survive_a_restart() {
    let place = Place::new();
    place.add_admin();
    let server = place.serve();
    let (alive, revoked) = (server.log_in("admin@example.com"), server.log_in("admin@example.com"));
    assert_eq!(revoked.post("/auth/logout", &[]).status, 200);
    server.kill();
    let server = place.serve();
    assert_eq!(server.client().bearing(&alive.token.unwrap()).get("/auth/user").status, 200);
    assert_eq!(server.client().bearing(&revoked.token.unwrap()).get("/auth/user").status, 401);
}

#[test]
fn the_settings_make_the_first_administrator_and_only_while_there_is_none() {
    // The file's first line is the password, however that ends.
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
    // Nor is the password needed any more.
    std::fs::remove_file(place.path().join("password")).unwrap();
    server_has_one_account(&place);
}

#[track_caller]
fn server_has_one_account(place: &Place) {
    place.serve().terminate();
    assert_eq!(look(place, &["user", "list"]).lines().count(), 1);
}

#[test]
fn an_administrator_of_another_making_is_the_first_one_as_well() {
    let place = with_first_administrator("boss@example.com", PASSWORD);
    place.add_admin();
    server_has_one_account(&place);
}

#[test]
fn a_first_administrator_that_cannot_be_made_keeps_it_from_starting() {
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

/// The commands that help are told as they can be typed.
#[track_caller]
fn assert_told(place: &Place, refused: &Output, commands: &[&str]) {
    let full = |command: &&str| {
        format!("`{} {command} --database {}`", *BINARY, place.database().display())
    };
    let said = commands.iter().map(full).collect::<Vec<_>>().join(", ");
    assert_failed(refused, 1, &format!("; to make it one: {said}\n"));
}

#[test]
fn whoever_has_registered_the_first_administrators_address_is_not_made_one_unasked() {
    let place = with_first_administrator("boss@example.com", PASSWORD);
    add_user(&place, &["Boss@example.com"]);
    let refused = place.run(&["serve", "--port", "0"], "");
    let said = "widgetd: cannot make the first administrator: boss@example.com is already registered, and is not one";
    assert_failed(&refused, 1, said);
    assert_told(&place, &refused, &["user role Boss@example.com admin"]);
    assert_eq!(look_at_json(&place, &["user", "list"])[0]["role"], "employee");
    assert!(place.run(&["user", "role", "Boss@example.com", "admin"], "").status.success());
    server_has_one_account(&place);
}

#[test]
fn an_address_that_is_registered_and_may_not_log_in_is_told_to_be_let_in_as_well() {
    let place = with_first_administrator("boss@example.com", PASSWORD);
    add_user(&place, &["boss@example.com"]);
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
fn where_registration_is_closed_accounts_are_made_at_the_command_line() {
    let mut place = Place::new();
    place.set("WIDGETD_REGISTRATION", "closed");
    let server = place.serve();
    let answer = server
        .client()
        .post("/auth/register", &[("email", "ann@example.com"), ("password", PASSWORD)]);
    assert_eq!(answer.status, 403, "{}", answer.text);
    assert_eq!(look_at_json(&place, &["user", "list"]).as_array().unwrap().len(), 0);
    add_user(&place, &["ann@example.com"]);
    server.log_in("ann@example.com");
}

#[test]
fn pages_of_the_origins_in_the_settings_may_call_it() {
    let mut place = Place::new();
    place.set("WIDGETD_CORS_ORIGINS", "[\"https://app.example.org\"]");
    let server = place.serve();
    let allowed = |origin| {
        let answer = server.client().with("Origin", origin).get("/openapi.json");
        answer
            .headers
            .get("Access-Control-Allow-Origin")
            .map(|value| value.to_str().unwrap().to_owned())
    };
    assert_eq!(allowed("https://app.example.org").as_deref(), Some("https://app.example.org"));
    assert_eq!(allowed("https://evil.example.org"), None);
}

#[test]
fn the_audit_is_kept_for_the_days_of_the_settings() {
    let mut place = Place::new();
    place.add_admin();
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis();
    let database = Connection::open(place.database()).unwrap();
    for days in [400, 300, 2] {
        let at = i64::try_from(since_1970 - days * 86_400_000).unwrap();
        let entry = "INSERT INTO audit (at, actor, action, result) VALUES (?1, 'service', 'key.create', 'ok')";
        database.execute(entry, [at]).unwrap();
    }
    drop(database);
    let count = |place: &Place| look(place, &["audit"]).lines().count();
    assert_eq!(count(&place), 4);
    for (days, left) in [("365", 3), ("100", 2), ("1", 1)] {
        place.set("WIDGETD_AUDIT_DAYS", days);
        let server = place.serve();
        // Done beside serving, once it has started.
        let deadline = Instant::now() + BODY_TIMEOUT;
        while count(&place) > left {
            assert!(Instant::now() < deadline, "what is older than {days} days is never forgotten");
        }
        server.terminate();
        assert_eq!(count(&place), left);
    }
    assert_eq!(look_at_json(&place, &["audit"])[0]["target"], "admin@example.com");
}

#[test]
fn a_database_of_version_0_1_0_is_served_as_it_was() {
    let place = Place::new();
    let database = Connection::open(place.database()).unwrap();
    database.execute_batch(include_str!("../store/fixtures/schema_1.sql")).unwrap();
    drop(database);
    let server = place.serve();
    assert!(!server.said.join("\n").contains("administrator"), "{:?}", server.said);
    let admin = server.log_in("ada@example.com");
    let widgets = admin.get("/widgets").body;
    let names: Vec<_> =
        widgets["items"].as_array().unwrap().iter().map(|widget| widget["name"].clone()).collect();
    assert_eq!(names, ["one", "two"]);
    assert_eq!(admin.try_add_widget("three").unwrap().status, 201);
    let bob = server.client().post("/auth/login", &[("username", "bob.b"), ("password", PASSWORD)]);
    assert_eq!(bob.status, 200, "{}", bob.text);
    assert_eq!(server.log_in("CID@example.com").try_add_widget("four").unwrap().status, 403);
    let listed = look_at_json(&place, &["user", "list"]);
    let known: Vec<_> =
        listed.as_array().unwrap().iter().map(|user| (&user["email"], &user["role"])).collect();
    let expected = [
        ("Ada@example.com", "admin"),
        ("Bob@example.com", "employee"),
        ("cid@example.com", "employee"),
    ]
    .map(|(email, role)| (email.into(), role.into()));
    assert_eq!(known, expected.iter().map(|(email, role)| (email, role)).collect::<Vec<_>>());
}

#[test]
fn a_command_brings_a_database_of_version_0_1_0_up_to_date_as_well() {
    let place = Place::new();
    let database = Connection::open(place.database()).unwrap();
    database.execute_batch(include_str!("../store/fixtures/schema_1.sql")).unwrap();
    drop(database);
    assert_eq!(
        look_at_json(&place, &["user", "show", "Bob.B"])["public_id"],
        "6cfbbcd7-43a3-42fb-a9d4-5f6e31a7ce37"
    );
    let server = place.serve();
    server.log_in("ada@example.com");
}
