//! TLS: handshakes that go well, go slowly or never end, and certificates that change.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rcgen::generate_simple_self_signed;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::connections::swagger_script_of;
use crate::program::{PASSWORD, Place, Server, TEST_TIMEOUT, text};

const GET: &str = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";

pub type Tls = StreamOwned<ClientConnection, TcpStream>;

/// A certificate for this machine, which is its own authority.
pub struct Certificate {
    pub der: CertificateDer<'static>,
    pub pem: String,
    pub key: String,
}

impl Certificate {
    pub fn new() -> Self {
        let made = generate_simple_self_signed(["localhost".into(), "127.0.0.1".into()]).unwrap();
        let (pem, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        Self { der: made.cert.der().clone(), pem, key }
    }

    /// Writes the files, the key first.
    fn install(&self, place: &Place) {
        let (key, mode) = (place.path().join("key.pem"), PermissionsExt::from_mode(0o600));
        std::fs::write(&key, &self.key).unwrap();
        std::fs::set_permissions(key, mode).unwrap();
        std::fs::write(place.path().join("cert.pem"), &self.pem).unwrap();
    }

    fn connect(&self, server: &Server) -> Tls {
        handshake(connect(server), &self.der, &["h2", "http/1.1"])
    }

    fn is_served_by(&self, server: &Server) -> bool {
        self.connect(server).write_all(GET.as_bytes()).is_ok()
    }
}

/// TLS over a connection to `localhost`, which trusts this certificate alone.
pub fn handshake(stream: TcpStream, root: &CertificateDer<'static>, protocols: &[&str]) -> Tls {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).unwrap();
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let name = "localhost".try_into().unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    StreamOwned::new(connection, stream)
}

fn place() -> (Place, Certificate) {
    let mut place = Place::new();
    place.set("WIDGETD_TLS_CERT", "cert.pem");
    place.set("WIDGETD_TLS_KEY", "key.pem");
    let certificate = Certificate::new();
    certificate.install(&place);
    (place, certificate)
}

/// A connection without a handshake.
fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.url.trim_start_matches("https://")).unwrap();
    stream.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    stream
}

/// What arrives until the server closes the connection. Fails if it does not.
pub fn rest(stream: &mut impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Err(error) = stream.read_to_end(&mut bytes) {
        let is_closed = [ErrorKind::ConnectionReset, ErrorKind::UnexpectedEof];
        assert!(is_closed.contains(&error.kind()), "{error}");
    }
    bytes
}

fn answer(stream: &mut Tls) -> String {
    let mut bytes = [0; 4_096];
    let count = stream.read(&mut bytes).unwrap();
    text(&bytes[..count])
}

#[test]
fn over_tls_requests_are_answered_as_https() {
    let (mut place, certificate) = place();
    place.add_admin();
    let server = place.serve();
    assert!(server.url.starts_with("https://127.0.0.1:"), "{}", server.url);
    let mut stream = certificate.connect(&server);
    stream.write_all(GET.as_bytes()).unwrap();
    let healthy = answer(&mut stream);
    assert!(healthy.starts_with("HTTP/1.1 200 "), "{healthy}");
    assert!(healthy.contains("\r\nstrict-transport-security: "), "{healthy}");
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    // The connection stays open.
    stream.write_all(GET.replace("/healthz", "/calendar.ics").as_bytes()).unwrap();
    assert!(answer(&mut stream).starts_with("HTTP/1.1 404 "));
    // Without TLS there is no answer.
    let mut plain = connect(&server);
    plain.write_all(GET.as_bytes()).unwrap();
    assert!(!text(&rest(&mut plain)).contains("HTTP/"));

    place.set("WIDGETD_PORT", server.url.rsplit(':').next().unwrap());
    let doctor = place.run(&["doctor"], "");
    let found = text(&doctor.stdout);
    assert!(found.contains("ok       service") && found.contains("https://localhost:"), "{found}");
    assert!(found.contains("ok       certificate"), "{found}");
    place.set("REQUESTS_CA_BUNDLE", "cert.pem");
    let token = ["login", "admin@example.com", "--password-stdin", "--print-token"];
    let login = place.run(&token, PASSWORD);
    assert!(login.status.success(), "{}", text(&login.stderr));
}

#[test]
fn a_large_answer_over_tls_is_whole() {
    let (place, certificate) = place();
    let server = place.serve();
    let mut stream = certificate.connect(&server);
    let get =
        |path: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(get("/api/v1/ui").as_bytes()).unwrap();
    let path = swagger_script_of(&text(&rest(&mut stream)));
    for _ in 0..3 {
        let mut stream = certificate.connect(&server);
        stream.write_all(get(&path).as_bytes()).unwrap();
        let answer = rest(&mut stream);
        let head = text(&answer[..1_024.min(answer.len())]);
        let (head, _) = head.split_once("\r\n\r\n").expect("a head");
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        assert_eq!(answer.len() - head.len() - 4, length.unwrap().parse::<usize>().unwrap());
    }
}

#[test]
fn a_timeout_closes_half_handshakes_and_others_are_served_meanwhile() {
    let (place, certificate) = place();
    let server = place.serve();
    let nothing = connect(&server);
    let mut half = connect(&server);
    // The beginning of a record that holds a greeting.
    half.write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").unwrap();
    let mut dripping = connect(&server);
    dripping.write_all(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03").unwrap();
    let mut drip = dripping.try_clone().unwrap();
    std::thread::spawn(move || {
        // Ends when the connection does.
        while drip.write_all(b"X").is_ok() {
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    let mut no_head = certificate.connect(&server);
    no_head.conn.complete_io(&mut no_head.sock).unwrap();
    let mut half_head = certificate.connect(&server);
    half_head.write_all(&GET.as_bytes()[..20]).unwrap();
    assert!(certificate.is_served_by(&server));
    for mut stream in [nothing, half, dripping] {
        assert_eq!(rest(&mut stream), b"");
    }
    for mut stream in [no_head, half_head] {
        assert_eq!(rest(&mut stream), b"");
    }
}

#[test]
fn half_handshakes_give_way_where_connections_run_out() {
    let (mut place, certificate) = place();
    place.set("WIDGETD_MAX_CONNECTIONS", "16");
    let server = place.serve();
    let mut waiting: Vec<_> = (0..16).map(|_| connect(&server)).collect();
    for _ in 0..4 {
        let mut stream = certificate.connect(&server);
        stream.write_all(GET.as_bytes()).unwrap();
        assert!(answer(&mut stream).starts_with("HTTP/1.1 200 "));
    }
    assert_eq!(rest(&mut waiting[0]), b"");
}

#[test]
fn a_timeout_closes_a_tls_connection_whose_client_does_not_read() {
    let (place, certificate) = place();
    let server = place.serve();
    let mut stream = certificate.connect(&server);
    let page = "GET /api/v1/ui HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    stream.write_all(page.as_bytes()).unwrap();
    let path = swagger_script_of(&text(&rest(&mut stream)));
    let mut stream = certificate.connect(&server);
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    stream.write_all(request.repeat(20).as_bytes()).unwrap();
    // The server closes it with requests unread, which resets it.
    let started = Instant::now();
    while stream.sock.write_all(b"\x17").is_ok() {
        assert!(started.elapsed() < 2 * TEST_TIMEOUT, "the connection is still open");
        std::thread::sleep(Duration::from_millis(500));
    }
    assert!(started.elapsed() > Duration::from_secs(20), "{:?}", started.elapsed());
    assert!(certificate.is_served_by(&server));
}

#[test]
fn files_that_cannot_be_used_refuse_the_start() {
    let (mut place, certificate) = place();
    let refusal = |place: &Place| {
        let output = place.run(&["serve", "--port", "0"], "");
        assert_eq!(output.status.code(), Some(1));
        assert!(!place.database().exists());
        text(&output.stderr)
    };
    let key = place.path().join("key.pem");
    for mode in [0o640, 0o604] {
        std::fs::set_permissions(&key, PermissionsExt::from_mode(mode)).unwrap();
        let why = refusal(&place);
        assert!(why.contains(&format!("`tls_key`, key.pem: its mode is {mode:04o}")), "{why}");
    }
    certificate.install(&place);
    std::fs::write(&key, Certificate::new().key).unwrap();
    let why = refusal(&place);
    assert!(why.contains("`tls_key`, key.pem: it does not fit to cert.pem"), "{why}");
    std::fs::write(&key, "no key").unwrap();
    assert!(refusal(&place).contains("`tls_key`, key.pem: "));
    certificate.install(&place);
    std::fs::write(place.path().join("cert.pem"), "no certificate").unwrap();
    assert!(refusal(&place).contains("`tls_cert`, cert.pem: it has no certificate"));
    std::fs::remove_file(place.path().join("cert.pem")).unwrap();
    assert!(refusal(&place).contains("`tls_cert`, cert.pem: "));
    certificate.install(&place);
    place.set("WIDGETD_PUBLIC_URL", "http://example.org/");
    assert!(refusal(&place).contains("`public_url` must be https"));
}

#[test]
fn a_certificate_that_changes_is_used_without_a_restart() {
    let (mut place, old) = place();
    place.set("WIDGETD_KEEP_ALIVE", "60");
    let server = place.serve();
    let mut held = old.connect(&server);
    held.write_all(GET.as_bytes()).unwrap();
    assert!(answer(&mut held).starts_with("HTTP/1.1 200 "));
    std::fs::write(place.path().join("cert.pem"), "half of a certi").unwrap();
    // More than it takes to look twice.
    std::thread::sleep(Duration::from_secs(5));
    assert!(old.is_served_by(&server));
    let new = Certificate::new();
    new.install(&place);
    let started = Instant::now();
    while !new.is_served_by(&server) {
        assert!(started.elapsed() < TEST_TIMEOUT, "it is not used");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(!old.is_served_by(&server));
    held.write_all(GET.as_bytes()).unwrap();
    assert!(answer(&mut held).starts_with("HTTP/1.1 200 "));
    let (code, said) = server.terminate();
    assert_eq!(code, Some(0));
    let broken = said.iter().filter(|line| line.contains("cert.pem: it has no certificate"));
    assert_eq!(broken.count(), 1, "{said:?}");
}

/// What the listener for redirects answers to a head, until it closes the connection.
fn redirected(server: &Server, head: &str) -> String {
    let mut stream = redirector(server);
    stream.write_all(format!("{head}\r\n\r\n").as_bytes()).unwrap();
    text(&rest(&mut stream))
}

fn redirector(server: &Server) -> TcpStream {
    let at = server.said.iter().find_map(|line| line.strip_prefix("  Redirect   http://"));
    let stream = TcpStream::connect(at.expect("an address")).unwrap();
    stream.set_read_timeout(Some(TEST_TIMEOUT)).unwrap();
    stream
}

#[test]
fn plain_requests_are_redirected_to_https() {
    let (mut place, _) = place();
    place.set("WIDGETD_REDIRECT_PORT", "0");
    let server = place.serve();
    let port = server.url.rsplit(':').next().unwrap();
    for (head, path) in [
        ("GET / HTTP/1.1\r\nHost: example.org", "/"),
        ("GET /tasks?q=a%20b HTTP/1.1\r\nHost: example.org:80", "/tasks?q=a%20b"),
        ("POST /api/v1/tasks HTTP/1.1\r\nHost: example.org", "/api/v1/tasks"),
        ("GET http://example.org/x HTTP/1.1\r\nHost: example.org", "/x"),
    ] {
        let answer = redirected(&server, head);
        assert!(answer.starts_with("HTTP/1.1 308 "), "{head}: {answer}");
        let location = format!("\r\nlocation: https://example.org:{port}{path}\r\n");
        assert!(answer.contains(&location), "{head}: {answer}");
    }
    for head in ["GET / HTTP/1.0", "GET / HTTP/1.1\r\nHost: a/b", "OPTIONS * HTTP/1.1\r\nHost: x"] {
        assert!(redirected(&server, head).contains(" 400 Bad Request\r\n"), "{head}");
    }
    // Half a head has the same deadline.
    let mut half = redirector(&server);
    half.write_all(b"GET / HT").unwrap();
    assert_eq!(rest(&mut half), b"");
    drop(server);

    place.set("WIDGETD_PUBLIC_URL", "https://widgets.example.org/");
    let server = place.serve();
    let answer = redirected(&server, "GET /tasks HTTP/1.1\r\nHost: 192.0.2.1");
    assert!(answer.contains("\r\nlocation: https://widgets.example.org/tasks\r\n"), "{answer}");
    let mut idle = redirector(&server);
    assert_eq!(server.terminate().0, Some(0));
    assert_eq!(rest(&mut idle), b"");
}
