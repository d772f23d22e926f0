//! A Unix socket as the address, for a proxy on the same machine.

use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use crate::program::{PASSWORD, Place, TEST_TIMEOUT, text};
use crate::service_manager::serve_on;

fn place() -> (Place, PathBuf) {
    let mut place = Place::with(&[("WIDGETD_TRUSTED_PROXIES", "[\"127.0.0.1\"]")]);
    let file = place.path().join("widgetd.sock");
    place.set("WIDGETD_UNIX_SOCKET", file.to_str().unwrap());
    (place, file)
}

/// A request on a connection of its own, and its whole answer.
fn ask(file: &Path, request: &str, body: &str) -> String {
    let mut stream = UnixStream::connect(file).unwrap();
    stream.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    let length = body.len();
    let head = "Host: localhost\r\nConnection: close\r\nContent-Length";
    write!(stream, "{request}\r\n{head}: {length}\r\n\r\n{body}").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

const LIVE: &str = "GET /healthz/live HTTP/1.1";

#[test]
fn unix_socket_is_served_with_the_addresses_that_the_proxy_names() {
    let (place, file) = place();
    place.add_admin();
    let server = place.serve();
    assert_eq!(server.url, format!("{} (a Unix socket)", file.display()));
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o660);
    assert!(ask(&file, LIVE, "").starts_with("HTTP/1.1 200 "));
    let login = "POST /api/v1/auth/login HTTP/1.1\r\nX-Forwarded-For: 203.0.113.9\r\n\
                 Content-Type: application/x-www-form-urlencoded";
    let body = format!("email=admin@example.com&password={}", PASSWORD.replace(' ', "+"));
    let answer = ask(&file, login, &body);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let audit = text(&place.run(&["audit", "--action", "session.start"], "").stdout);
    assert!(audit.contains("203.0.113.9"), "{audit}");

    let doctor = text(&place.run(&["doctor"], "").stdout);
    assert!(doctor.contains(&format!("{} is ready", file.display())), "{doctor}");
    let refused = place.run(&["login", "admin@example.com"], PASSWORD);
    assert!(text(&refused.stderr).contains("--url: is required"), "{}", text(&refused.stderr));

    let second = place.run(&["serve"], "");
    assert_eq!(second.status.code(), Some(1));
    assert!(text(&second.stderr).contains("another program listens there"));
    assert!(ask(&file, LIVE, "").starts_with("HTTP/1.1 200 "));
    let (code, said) = server.terminate();
    assert_eq!(code, Some(0), "{said:?}");
    assert!(!file.exists());
}

#[test]
fn unix_socket_that_a_killed_process_left_is_replaced_but_no_other_file() {
    let (mut place, file) = place();
    place.serve().kill();
    assert!(file.exists());
    let server = place.serve();
    assert!(ask(&file, LIVE, "").starts_with("HTTP/1.1 200 "));
    let setup = server.said.join("\n");
    assert!(!setup.contains("/setup/") && setup.contains("user add you@example.org"), "{setup}");
    server.terminate();

    std::fs::write(&file, "a letter").unwrap();
    let refused = place.run(&["serve"], "");
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("there is a file that is no socket"));
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "a letter");

    place.set("WIDGETD_TLS_CERT", "cert.pem");
    place.set("WIDGETD_TLS_KEY", "key.pem");
    let refused = text(&place.run(&["serve"], "").stderr);
    assert!(
        refused.contains("unix_socket") && refused.contains("leave out `tls_cert`"),
        "{refused}"
    );
}

#[test]
fn unix_socket_that_is_passed_is_served_and_stays() {
    let place = Place::new();
    let file = place.path().join("passed.sock");
    let listener = UnixListener::bind(&file).unwrap();
    let server = serve_on(&place, listener.try_clone().unwrap().into());
    assert_eq!(server.url, "the Unix socket of systemd");
    assert!(ask(&file, LIVE, "").starts_with("HTTP/1.1 200 "));
    server.terminate();
    assert!(file.exists());
}
