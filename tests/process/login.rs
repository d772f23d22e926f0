//! `widgetd login`, and the HTTPie session that it writes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::cli::assert_failed;
use crate::program::{PASSWORD, Place, Server, text};

const ANN: &str = "ann@example.com";

/// A place where HTTPie keeps its sessions as well, with a user and a running service.
fn place() -> (Place, Server) {
    let mut place = Place::new();
    place.add_user(&[ANN, "--username", "ann", "--role", "manager"]);
    let folder = place.path().join("httpie");
    place.set("HTTPIE_CONFIG_DIR", folder.to_str().unwrap());
    let server = place.serve();
    (place, server)
}

fn port(url: &str) -> &str {
    url.rsplit_once(':').unwrap().1
}

/// The service's address as HTTPie understands `:8000`.
fn local(server: &Server) -> String {
    format!("http://localhost:{}", port(&server.url))
}

/// Logs in with the right password.
fn log_in(place: &Place, arguments: &[&str]) -> Output {
    place.run(&[&["login"], arguments, &["--password-stdin"]].concat(), PASSWORD)
}

#[track_caller]
fn assert_done(output: &Output) -> (String, String) {
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    (text(&output.stdout), text(&output.stderr))
}

fn session_file(place: &Place, host: &str, name: &str) -> PathBuf {
    place.path().join("httpie/sessions").join(host).join(format!("{name}.json"))
}

fn read(file: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn token_of(session: &Value) -> &str {
    session["auth"]["raw_auth"].as_str().unwrap()
}

#[test]
fn a_login_writes_a_session_that_only_its_owner_can_read() {
    let (mut place, server) = place();
    // The settings say where the service is.
    place.set("WIDGETD_PORT", port(&server.url));
    let an_hour_from_now =
        || (OffsetDateTime::now_utc() + Duration::from_hours(1)).replace_nanosecond(0).unwrap();
    let earliest = an_hour_from_now();
    let (printed, said) = assert_done(&log_in(&place, &[ANN]));
    let latest = an_hour_from_now();

    let file = session_file(&place, &format!("localhost_{}", port(&server.url)), "widgetd");
    let session = read(&file);
    let token = token_of(&session);
    let expected = json!({
        "__meta__": {
            "about": "HTTPie session file",
            "help": "https://httpie.io/docs#sessions",
        },
        "auth": { "type": "bearer", "raw_auth": token },
        "cookies": [],
        "headers": [],
    });
    assert_eq!(session, expected);
    assert_eq!(server.client().bearing(token).get("/auth/user").body["email"], ANN);
    assert_eq!(mode(&file), 0o600);
    for folder in file.ancestors().skip(1).take(3) {
        assert_eq!(mode(folder), 0o700, "{}", folder.display());
    }

    assert_eq!(printed, "");
    let (who, rest) = said.split_once(" until ").unwrap();
    let (until, rest) = rest.split_once(". ").unwrap();
    assert_eq!(who, "Logged in as ann@example.com");
    let until = OffsetDateTime::parse(until, &Rfc3339).unwrap();
    assert!(earliest <= until && until <= latest, "{until}");
    let port = port(&server.url);
    let expected =
        format!("Try: http --session=widgetd :{port}/api/v1/tasks\nSession: {}\n", file.display());
    assert_eq!(rest, expected);
}

#[test]
fn a_login_keeps_what_else_is_in_the_session() {
    let (place, server) = place();
    let file = session_file(&place, &format!("localhost_{}", port(&server.url)), "work");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let mut expected = json!({
        "__meta__": { "about": "HTTPie session file", "httpie": "3.2.1" },
        "auth": { "type": "basic", "raw_auth": "ann:secret" },
        "cookies": [{ "name": "a", "value": "b", "expires": null, "path": "/", "secure": false }],
        "headers": [{ "name": "X-Team", "value": "north" }],
    });
    std::fs::write(&file, expected.to_string()).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
    // A username does as well.
    let arguments = ["ann", "--url", &local(&server), "--session", "work"];
    let (_, said) = assert_done(&log_in(&place, &arguments));
    assert!(said.contains("Try: http --session=work :"), "{said}");
    let session = read(&file);
    expected["auth"] = json!({ "type": "bearer", "raw_auth": token_of(&session) });
    assert_eq!(session, expected);
    assert_eq!(mode(&file), 0o600);
    let left = std::fs::read_dir(file.parent().unwrap()).unwrap().count();
    assert_eq!(left, 1, "no temporary file is left");
}

#[test]
fn a_file_that_is_no_session_is_not_overwritten() {
    let (place, server) = place();
    let url = local(&server);
    let file = session_file(&place, &format!("localhost_{}", port(&server.url)), "widgetd");
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    for content in ["notes", "[]", "{\"headers\": 1}", "{\"auth\": \"ann\"}", "{\"__meta__\": 3}"] {
        std::fs::write(&file, content).unwrap();
        let said = format!(
            "widgetd: the session {}: it is not an HTTPie session; nothing was overwritten\n",
            file.display()
        );
        assert_failed(&log_in(&place, &[ANN, "--url", &url]), 1, &said);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), content);
    }
    // Nobody was logged in.
    let sessions = place.run(&["user", "sessions", ANN, "--json"], "").stdout;
    assert_eq!(text(&sessions), "[]\n");
}

#[test]
fn a_refused_login_says_why_and_writes_nothing() {
    let (place, server) = place();
    let url = local(&server);
    let attempt = |name: &str, password: &str| {
        place.run(&["login", name, "--url", &url, "--password-stdin"], password)
    };
    let refused = "widgetd: email or password does not match\n";
    assert_failed(&attempt(ANN, "not the password"), 1, refused);
    assert_failed(&attempt("nobody@example.com", PASSWORD), 1, refused);
    let invalid = "widgetd: Input payload validation failed\nlogin: is required\n";
    assert_failed(&attempt("", PASSWORD), 1, invalid);
    assert!(!place.path().join("httpie").exists());
}

#[test]
fn print_token_prints_the_token_alone_and_writes_no_session() {
    let (place, server) = place();
    let output = log_in(&place, &[ANN, "--url", &local(&server), "--print-token"]);
    let (printed, said) = assert_done(&output);
    let token = printed.strip_suffix('\n').unwrap();
    assert_eq!(server.client().bearing(token).get("/auth/user").status, 200);
    assert!(said.starts_with("Logged in as ann@example.com until "), "{said}");
    assert!(said.lines().count() == 1 && !said.contains(token), "{said}");
    assert!(!place.path().join("httpie").exists());
}

/// A service that answers one request, whatever it is, and returns it.
fn answering(answer: String) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let thread = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        while !request.ends_with(b"}") {
            let mut bytes = [0; 1024];
            let count = stream.read(&mut bytes).unwrap();
            assert!(count > 0, "{}", text(&request));
            request.extend(&bytes[..count]);
        }
        stream.write_all(answer.as_bytes()).unwrap();
        text(&request)
    });
    (address, thread)
}

fn answer(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

#[test]
fn the_path_of_the_url_is_kept() {
    let body = r#"{"message": "welcome", "access_token": "abc.def", "expires_in": 60}"#;
    for ending in ["", "/"] {
        let (address, service) = answering(answer("200 OK", body));
        let (place, _server) = place();
        let url = format!("http://{address}/w{ending}");
        let (_, said) = assert_done(&log_in(&place, &[ANN, "--url", &url]));
        let request = service.join().unwrap();
        assert!(request.starts_with("POST /w/api/v1/auth/login HTTP/1.1\r\n"), "{request}");
        let (_, sent) = request.rsplit_once("\r\n").unwrap();
        let expected = json!({ "login": ANN, "password": PASSWORD });
        assert_eq!(serde_json::from_str::<Value>(sent).unwrap(), expected);
        let hint = format!("Try: http --session=widgetd http://{address}/w/api/v1/tasks\n");
        assert!(said.contains(&hint), "{said}");
        let file = session_file(&place, &address.replace(':', "_"), "widgetd");
        assert_eq!(token_of(&read(&file)), "abc.def");
    }
}

#[test]
fn what_is_no_login_of_widgetd_is_refused() {
    let (place, _server) = place();
    let moved = "HTTP/1.1 307 Moved\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n";
    let with_token = |token: &str| {
        answer(
            "200 OK",
            &json!({"message": "", "access_token": token, "expires_in": 1}).to_string(),
        )
    };
    let stranger =
        |status| format!("/api/v1/auth/login: this is not widgetd; it answered {status}\n");
    for (answer, said) in [
        (answer("404 Not Found", "<h1>Not found</h1>"), stranger(404)),
        (answer("200 OK", r#"{"message": "hello"}"#), stranger(200)),
        (with_token("a b"), stranger(200)),
        (with_token("a\nb"), stranger(200)),
        // The password goes to no other address.
        (moved.to_owned(), stranger(307)),
        // The terminal obeys no service.
        (answer("401 No", r#"{"message": "\u001b[2J"}"#), "widgetd: \u{fffd}[2J\n".to_owned()),
    ] {
        let (address, service) = answering(answer);
        let output = log_in(&place, &[ANN, "--url", &format!("http://{address}")]);
        service.join().unwrap();
        assert_failed(&output, 1, &said);
        assert!(!text(&output.stderr).contains(PASSWORD));
    }
    assert!(!place.path().join("httpie").exists());
}

#[test]
fn a_service_that_cannot_be_reached_is_named() {
    let (place, server) = place();
    let url = local(&server);
    server.kill();
    let said = format!("widgetd: cannot log in at {url}/api/v1/auth/login: ");
    assert_failed(&log_in(&place, &[ANN, "--url", &url]), 1, &said);
}

#[test]
fn a_password_leaves_this_machine_over_https_only() {
    let (mut place, server) = place();
    let said = "widgetd: http would show your password to the network on its way to \
                192.0.2.1:8000. Use --url https://...\n";
    let remote = "http://192.0.2.1:8000/";
    assert_failed(&log_in(&place, &[ANN, "--url", remote]), 1, said);
    place.set("WIDGETD_PUBLIC_URL", remote);
    assert_failed(&log_in(&place, &[ANN]), 1, said);
    // `--url` goes over the setting, and a proxy for other hosts does not see what stays here.
    place.set("http_proxy", "http://192.0.2.1:3128");
    assert_done(&log_in(&place, &[ANN, "--url", &local(&server)]));
}

#[test]
fn a_file_of_authorities_without_any_is_refused() {
    let (mut place, _server) = place();
    let file = place.path().join("authorities.pem");
    let url = ["login", ANN, "--url", "https://localhost:1", "--password-stdin"];
    place.set("REQUESTS_CA_BUNDLE", file.to_str().unwrap());
    let named = format!("widgetd: REQUESTS_CA_BUNDLE, {}: ", file.display());
    assert_failed(&place.run(&url, PASSWORD), 1, &named);
    std::fs::write(&file, "no certificate").unwrap();
    assert_failed(&place.run(&url, PASSWORD), 1, &format!("{named}it has no certificate\n"));
}

/// A TLS server with the certificate and key of its arguments, which prints its port and answers
/// each login.
const TLS_SERVER: &str = r#"
import http.server, ssl, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b'{"message": "welcome", "access_token": "abc.def", "expires_in": 60}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1], sys.argv[2])
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
"#;

#[test]
#[ignore = "needs openssl and python3; .ci/run installs them"]
fn over_https_only_a_trusted_service_gets_the_password() {
    let (mut place, _server) = place();
    let [certificate, key] = ["cert.pem", "key.pem"].map(|name| place.path().join(name));
    let made = Command::new("openssl")
        .args("req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=localhost".split(' '))
        .args(["-addext", "subjectAltName=DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .args([&"-out".into(), &certificate, &"-keyout".into(), &key])
        .output()
        .expect("openssl is installed");
    assert!(made.status.success(), "{}", text(&made.stderr));
    let mut python = Command::new("python3")
        .args(["-c", TLS_SERVER])
        .args([&certificate, &key])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("python3 is installed");
    let mut port = String::new();
    BufReader::new(python.stdout.take().unwrap()).read_line(&mut port).unwrap();
    let url = format!("https://localhost:{}", port.trim());

    let untrusted = log_in(&place, &[ANN, "--url", &url, "--print-token"]);
    place.set("REQUESTS_CA_BUNDLE", certificate.to_str().unwrap());
    let trusted = log_in(&place, &[ANN, "--url", &url, "--print-token"]);
    python.kill().unwrap();
    python.wait().unwrap();
    let said = format!("widgetd: cannot log in at {url}/api/v1/auth/login: ");
    assert_failed(&untrusted, 1, &said);
    assert!(text(&untrusted.stderr).contains("certificate"), "{}", text(&untrusted.stderr));
    assert_eq!(assert_done(&trusted).0, "abc.def\n");
}

#[test]
fn a_url_or_a_session_name_that_cannot_be_is_refused() {
    let (place, _server) = place();
    for url in ["localhost:8000", "https://ann@example.org", "https://example.org/?a=b", ""] {
        let said = "widgetd: url: must look like https://example.org/";
        assert_failed(&log_in(&place, &[ANN, "--url", url]), 1, said);
    }
    for name in ["a/b", "..\\x", "", "a b"] {
        let said = "a session's name consists of";
        assert_failed(&log_in(&place, &[ANN, "--session", name]), 2, said);
    }
    let both = [ANN, "--print-token", "--session", "work"];
    assert_failed(&log_in(&place, &both), 2, "cannot be used with");
}

#[test]
fn the_session_is_where_httpie_looks_for_it() {
    let (place, server) = place();
    let home = place.path().join("home");
    let file = format!("httpie/sessions/localhost_{}/widgetd.json", port(&server.url));
    let log_in = |variables: &[(&str, &Path)]| {
        let mut command = place.command(&["login", ANN, "--url", &local(&server)]);
        command.arg("--password-stdin").env_remove("HTTPIE_CONFIG_DIR").env("HOME", &home);
        command.env_remove("XDG_CONFIG_HOME").envs(variables.iter().copied());
        command.stdin(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(PASSWORD.as_bytes()).unwrap();
        assert_done(&child.wait_with_output().unwrap());
    };
    log_in(&[]);
    assert!(home.join(".config").join(&file).exists());
    log_in(&[("XDG_CONFIG_HOME", &place.path().join("xdg"))]);
    assert!(place.path().join("xdg").join(&file).exists());
    std::fs::create_dir(home.join(".httpie")).unwrap();
    log_in(&[("XDG_CONFIG_HOME", &place.path().join("other"))]);
    assert!(home.join(format!(".{file}")).exists());
    assert!(!place.path().join("other").exists());
}

#[test]
#[ignore = "needs HTTPie; .ci/run installs it"]
fn httpie_uses_the_session() {
    let (place, server) = place();
    assert_done(&log_in(&place, &[ANN, "--url", &local(&server)]));
    let http = |arguments: &[&str]| {
        Command::new("http")
            .args(["--ignore-stdin", "--check-status", "--body", "--session=widgetd"])
            .args(arguments)
            .env("HTTPIE_CONFIG_DIR", place.path().join("httpie"))
            .output()
            .expect("HTTPie is installed")
    };
    let port = port(&server.url);
    let [tasks, user] = ["tasks", "auth/user"].map(|path| format!(":{port}/api/v1/{path}"));
    // HTTPie writes the session after each request.
    let (made, warned) = assert_done(&http(&["POST", &tasks, "title=Count", "X-Team:north"]));
    assert_eq!(warned, "");
    let made: Value = serde_json::from_str(&made).unwrap();
    let (shown, _) = assert_done(&http(&[&tasks]));
    let shown: Value = serde_json::from_str(&shown).unwrap();
    assert_eq!(shown["items"][0]["id"], made["id"]);

    // The next login replaces the token in what HTTPie has written.
    let file = session_file(&place, &format!("localhost_{port}"), "widgetd");
    let first = read(&file);
    assert_eq!(server.client().bearing(token_of(&first)).post("/auth/logout", &[]).status, 200);
    assert_eq!(http(&[&user]).status.code(), Some(4));
    assert_done(&log_in(&place, &[ANN, "--url", &local(&server)]));
    let (shown, warned) = assert_done(&http(&[&user]));
    assert!(shown.contains(ANN) && warned.is_empty(), "{shown}{warned}");
    let mut second = read(&file);
    assert_ne!(token_of(&second), token_of(&first));
    assert_eq!(mode(&file), 0o600);
    second["auth"] = first["auth"].clone();
    assert_eq!(second, first);
}
