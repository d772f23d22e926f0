//! The proxy that the documentation recommends, with the configuration that it shows.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject;

use crate::cli::look_at_json;
use crate::connections::connect_from;
use crate::doctor::{about, findings};
use crate::program::{PASSWORD, Place, Server, TEST_TIMEOUT};
use crate::readme::blocks;
use crate::tls::{Tls, handshake, rest};

/// Nothing that leaves this machine or its temporary folder; the rest is as documented.
const ON_THIS_MACHINE: &str = "admin off
    skip_install_trust
    auto_https disable_redirects
    default_bind 127.0.0.1
    storage file_system";

/// The certificate of Caddy's authority.
const ROOT: &str = "caddy/pki/authorities/local/root.crt";

const CLIENT: [u8; 4] = [127, 0, 0, 2];
const OTHER_CLIENT: [u8; 4] = [127, 0, 0, 3];

/// The documented configurations, of Caddy and of widgetd, below a path or not.
fn documented(below_a_path: bool) -> (String, String) {
    let blocks = blocks("docs/operations.md");
    let find = |kind: &str, words: &str| {
        let mut found = blocks.iter().filter(|block| {
            block.kind == kind
                && block.contains(words)
                && (block.contains("/w/") || block.contains("/w/*")) == below_a_path
                && !block.contains("unix_socket")
        });
        let block = found.next().unwrap_or_else(|| panic!("no {words}"));
        assert!(found.next().is_none(), "{words} is there twice");
        block.lines.join("\n")
    };
    (find("text", "reverse_proxy"), find("toml", "trusted_proxies"))
}

/// The service behind Caddy, which is stopped when this is dropped.
struct Proxied {
    caddy: Child,
    server: Server,
    place: Place,
    port: u16,
}

impl Drop for Proxied {
    fn drop(&mut self) {
        let _ = self.caddy.kill();
        let _ = self.caddy.wait();
    }
}

impl Proxied {
    fn new(below_a_path: bool) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (site, settings) = documented(below_a_path);
        let mut place = Place::new();
        let settings =
            settings.replace("https://example.org/", &format!("https://localhost:{port}/"));
        std::fs::write(place.path().join("Rocket.toml"), settings).unwrap();
        place.add_admin();
        place.add_user(&["bob@example.com"]);
        let server = place.serve();
        place.set("WIDGETD_PORT", server.url.rsplit(':').next().unwrap());
        place.set("REQUESTS_CA_BUNDLE", ROOT);

        let site = site
            .replace("widgets.example.org {", "example.org {")
            .replace("example.org {", &format!("localhost:{port} {{\n    tls internal"))
            .replace("127.0.0.1:8000", server.url.trim_start_matches("http://"));
        let folder = place.path().join("caddy");
        let file = place.path().join("Caddyfile");
        let global = format!("{{\n    {ON_THIS_MACHINE} {}\n}}\n", folder.display());
        std::fs::write(&file, global + &site + "\n").unwrap();
        let caddy = Command::new("caddy")
            .args(["run", "--adapter", "caddyfile", "--config"])
            .arg(file)
            .envs(["HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"].map(|name| (name, place.path())))
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(place.path().join("caddy.log")).unwrap())
            .spawn()
            .expect("caddy is installed");
        let mut proxied = Self { caddy, server, place, port };
        proxied.wait_until_it_listens();
        proxied
    }

    /// Caddy makes a certificate when it starts.
    fn wait_until_it_listens(&mut self) {
        let deadline = Instant::now() + TEST_TIMEOUT;
        let certificate =
            self.place.path().join("caddy/certificates/local/localhost/localhost.json");
        while !certificate.exists() || TcpStream::connect(("127.0.0.1", self.port)).is_err() {
            let log = std::fs::read_to_string(self.place.path().join("caddy.log"));
            assert!(self.caddy.try_wait().unwrap().is_none(), "{log:?}");
            assert!(Instant::now() < deadline, "{log:?}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// A connection from an address to Caddy, whose authority is trusted, and nobody else.
    fn connect(&self, from: [u8; 4]) -> Tls {
        let root = CertificateDer::from_pem_file(self.place.path().join(ROOT)).unwrap();
        let stream = connect_from(&format!("127.0.0.1:{}", self.port), from);
        handshake(stream, &root, &["http/1.1"])
    }

    /// Sends a request from an address, and reads the answer.
    fn send(&self, from: [u8; 4], request: &str, headers: &str, body: &str) -> String {
        let mut stream = self.connect(from);
        let mut head = format!("{request} HTTP/1.1\r\nHost: localhost:{}\r\n", self.port);
        let length = body.len();
        write!(head, "Connection: close\r\nContent-Length: {length}\r\n{headers}\r\n").unwrap();
        stream.write_all((head + body).as_bytes()).unwrap();
        String::from_utf8(rest(&mut stream)).unwrap()
    }

    fn get(&self, path: &str) -> String {
        self.send(CLIENT, &format!("GET {path}"), "", "")
    }

    /// Sends the form of the page.
    fn sign_in(&self, from: [u8; 4], user: &str, password: &str, headers: &str) -> String {
        let origin = format!("Origin: https://localhost:{}\r\nAccept: text/html\r\n", self.port);
        let form = "Content-Type: application/x-www-form-urlencoded\r\n";
        let body = format!("login={user}%40example.com&password={}", password.replace(' ', "+"));
        self.send(from, "POST /api/v1/auth/login", &format!("{origin}{form}{headers}"), &body)
    }

    /// The addresses from which somebody has tried to log in.
    fn addresses(&self) -> Vec<String> {
        let entries = look_at_json(&self.place, &["audit", "--action", "session.start"]);
        let address = |entry: &serde_json::Value| entry["address"].as_str().unwrap().to_owned();
        entries.as_array().unwrap().iter().map(address).collect()
    }
}

#[track_caller]
fn assert_answered(answer: &str, status: u16, headers: &[&str]) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    let (head, _) = answer.split_once("\r\n\r\n").expect("a head");
    for header in headers {
        assert!(head.lines().any(|line| line.starts_with(header)), "{header}: {head}");
    }
}

#[test]
#[ignore = "needs Caddy; .ci/run installs it"]
fn behind_caddy_answers_have_their_headers_and_the_session_cookie_is_secure() {
    let proxied = Proxied::new(false);
    let headers = [
        "Content-Security-Policy: default-src 'none';",
        "Strict-Transport-Security: max-age=31536000",
        "X-Content-Type-Options: nosniff",
        "X-Request-Id: ",
    ];
    assert_answered(&proxied.get("/login"), 200, &headers);
    assert_answered(&proxied.get("/healthz"), 200, &headers);
    let signed_in = proxied.sign_in(CLIENT, "admin", PASSWORD, "");
    assert_answered(&signed_in, 303, &["Set-Cookie: __Host-", "Location: ../../../"]);
    let cookie = signed_in.lines().find(|line| line.starts_with("Set-Cookie: __Host-")).unwrap();
    for word in ["; Secure", "; HttpOnly", "; SameSite=Lax"] {
        assert!(cookie.contains(word), "{cookie}");
    }
    let (cookie, _) = cookie["Set-".len()..].split_once(';').unwrap();
    let home = proxied.send(CLIENT, "GET /", &format!("{cookie}\r\nAccept: text/html\r\n"), "");
    assert_answered(&home, 200, &headers);
    // A form of another site is refused, although its cookie comes along.
    let forged = "Origin: https://other.example.com\r\n".to_owned() + cookie + "\r\n";
    let refused = proxied.send(CLIENT, "POST /api/v1/auth/logout", &forged, "");
    assert_answered(&refused, 403, &[]);
    // What is for this machine alone is not for the proxy's clients.
    assert_answered(&proxied.get("/metrics"), 404, &[]);
}

#[test]
#[ignore = "needs Caddy; .ci/run installs it"]
fn behind_caddy_the_address_of_the_client_counts_and_no_forged_one() {
    let proxied = Proxied::new(false);
    let forged = "X-Forwarded-For: 203.0.113.9\r\nX-Real-IP: 203.0.113.9\r\n\
        Forwarded: for=203.0.113.9\r\nX-Forwarded-Proto: http\r\n";
    for headers in ["", forged, "X-Forwarded-For: 127.0.0.1, nonsense\r\n"] {
        let signed_in = proxied.sign_in(CLIENT, "admin", PASSWORD, headers);
        assert_answered(&signed_in, 303, &["Set-Cookie: __Host-"]);
    }
    assert_eq!(proxied.addresses(), ["127.0.0.2"; 3]);

    // One client guesses, each time as somebody else; another one is not limited by that.
    let guess = |from, n: u8| {
        let headers = format!("X-Forwarded-For: 203.0.113.{n}\r\n");
        let answer = proxied.sign_in(from, "bob", "a wrong password", &headers);
        answer["HTTP/1.1 ".len()..][..3].to_owned()
    };
    let statuses: Vec<_> = (1..=11).map(|n| guess(CLIENT, n)).collect();
    assert_eq!(statuses[9..], ["401", "429"], "{statuses:?}");
    assert_eq!(guess(OTHER_CLIENT, 1), "401");
}

/// Reads lines until one begins with this. Returns those before it.
fn lines_until(stream: &mut impl BufRead, beginning: &str) -> Vec<String> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        assert!(stream.read_line(&mut line).unwrap() > 0, "no {beginning}: {lines:?}");
        if line.starts_with(beginning) {
            return lines;
        }
        lines.push(line);
    }
}

#[test]
#[ignore = "needs Caddy; .ci/run installs it"]
fn behind_caddy_events_arrive_while_the_stream_is_open() {
    let proxied = Proxied::new(false);
    let admin = proxied.server.log_in("admin@example.com");
    let mut stream = BufReader::new(proxied.connect(CLIENT));
    let request = format!(
        "GET /api/v1/audit/events HTTP/1.1\r\nHost: localhost:{}\r\nAuthorization: Bearer {}\r\n\r\n",
        proxied.port,
        admin.token.as_ref().unwrap()
    );
    stream.get_mut().write_all(request.as_bytes()).unwrap();
    // A comment says that the stream is open; only then does something happen.
    let head = lines_until(&mut stream, ":");
    assert!(head[0].starts_with("HTTP/1.1 200 "), "{head:?}");
    for name in ["first", "second"] {
        assert_eq!(admin.try_add_widget(name).unwrap().status, 201);
        lines_until(&mut stream, "event: widget.create");
        let data = lines_until(&mut stream, "\n").concat();
        assert!(data.contains(&format!("\"{name}\"")), "{data}");
    }
}

#[test]
#[ignore = "needs Caddy; .ci/run installs it"]
fn doctor_looks_through_caddy_and_misses_trusted_proxies() {
    let mut proxied = Proxied::new(false);
    let public_url = format!("https://localhost:{}/", proxied.port);
    proxied.place.set("WIDGETD_PUBLIC_URL", &public_url);
    let (code, found) = findings(&proxied.place, &[]);
    let (grade, says) = about(&found, "proxy");
    assert_eq!((code, grade), (Some(0), "ok"), "{found:?}");
    assert!(says.starts_with(&format!("{public_url} answers")), "{says}");

    proxied.place.set("WIDGETD_TRUSTED_PROXIES", "[]");
    let (code, found) = findings(&proxied.place, &[]);
    let (grade, says) = about(&found, "proxy");
    assert_eq!((code, grade), (Some(1), "wrong"), "{found:?}");
    assert!(says.starts_with("`trusted_proxies` is empty"), "{says}");

    // The certificate of an authority that it does not know is no good one.
    proxied.place.set("REQUESTS_CA_BUNDLE", "");
    proxied.place.set("WIDGETD_TRUSTED_PROXIES", "[\"127.0.0.1\"]");
    let (_, found) = findings(&proxied.place, &[]);
    let (grade, says) = about(&found, "proxy");
    assert!(grade == "wrong" && says.contains("certificate"), "{says}");
}

#[test]
#[ignore = "needs Caddy; .ci/run installs it"]
fn behind_caddy_pages_work_below_a_path() {
    let proxied = Proxied::new(true);
    assert_answered(&proxied.get("/w"), 302, &["Location: /w/"]);
    let page = proxied.get("/w/login");
    assert_answered(&page, 200, &["Strict-Transport-Security: max-age=31536000"]);
    let links = page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next());
    let style = links.filter(|link| link.contains(".css")).last().expect("a style sheet");
    let style = proxied.get(&format!("/w/{}", style.trim_start_matches("./")));
    assert_answered(&style, 200, &["Content-Type: text/css"]);
    // Outside of the path, the site is that of others.
    assert!(!proxied.get("/login").contains("widgetd"));
    let (code, found) = findings(&proxied.place, &[]);
    assert_eq!((code, about(&found, "proxy").0), (Some(0), "ok"), "{found:?}");
}
