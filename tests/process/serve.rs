//! Starting, saying so, and stopping.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::program::{PASSWORD, Place, signal, text};

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
fn the_command_it_prints_makes_an_administrator_and_is_not_printed_again() {
    let place = Place::with(&[("WIDGETD_DATABASE", "other.db"), ("WIDGETD_ARGON2_MEMORY_KIB", "64")]);
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

#[test]
fn it_listens_on_this_machine_alone_unless_told_otherwise() {
    let server = Place::new().serve();
    assert!(server.url.starts_with("http://127.0.0.1:"), "{}", server.url);
}

#[test]
fn plain_widgetd_serves_with_the_settings_of_the_environment() {
    let place = Place::with(&[("WIDGETD_PORT", "0"), ("WIDGETD_REALM", "example.org"), ("WIDGETD_THROTTLE", "false")]);
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
    assert!(text(&output.stderr).starts_with("widgetd: there is no setting `databse`"), "{}", text(&output.stderr));
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
    let mut files: Vec<_> =
        std::fs::read_dir(place.path()).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
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
