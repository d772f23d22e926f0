//! Bad input of every kind, over HTTP as it is.
//!
//! Each input that fails is printed, as a line for `corpus/requests.txt`.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::Run;
use crate::connection::{Answer, Connection, request, sign_in};
use crate::inputs::{Input, KINDS, Maker, REQUESTS, unescape};
use crate::program::{PASSWORD, Place, Server, TEST_TIMEOUT, text};
use crate::routes::Route;

const USERS: [(&str, &str); 3] =
    [("ann@example.com", "employee"), ("mia@example.com", "manager"), ("abe@example.com", "admin")];

/// After how many inputs a plain request must be answered as before.
const BATCH: usize = 200;

/// The service closes the connection amid a larger head, which reaches no route, and may do so amid a
/// larger request. So the answer may be lost.
const MAX_HEAD: usize = 15 * 1_024;
const MAX_REQUEST: usize = 60 * 1_024;

pub fn prove(run: &Run) -> String {
    let place = Place::with(&[
        ("WIDGETD_THROTTLE", "false"),
        ("WIDGETD_ARGON2_MEMORY_KIB", "64"),
        ("WIDGETD_ARGON2_PASSES", "1"),
    ]);
    place.add_admin();
    for (email, role) in USERS {
        place.add_user(&[email, "--role", role]);
    }
    let mut said = Vec::new();
    for kind in 0..KINDS.len() {
        said.push(fuzz(run, &place, kind));
    }
    check_database(&place);
    format!("inputs: {}", said.join(", "))
}

/// Sends inputs of one kind for some time. Says how many.
fn fuzz(run: &Run, place: &Place, kind: usize) -> String {
    let server = place.serve();
    let mut target = Target::new(place, &server);
    let document = server.client().get("/openapi.json").body;
    let routes = Route::all(&document);
    let mut maker = Maker::new(kind, &routes, run.random(kind));
    let time = Duration::from_millis(run.times(3_600_000, 4_000) as u64);
    let (started, mut count) = (Instant::now(), 0);
    for line in REQUESTS.lines() {
        target.send_wild(&unescape(line));
    }
    while started.elapsed() < time {
        target.begin_batch();
        for _ in 0..BATCH {
            let input = maker.make();
            if KINDS[kind].0 == "headers" {
                target.send_wild(&input.bytes);
            } else {
                target.send(&input, &routes);
            }
            count += 1;
        }
    }
    target.begin_batch();
    let accepted = target.accepted;
    let (code, said) = server.terminate();
    let is_fault = |line: &&String| line.contains("panicked") || line.contains("ERROR");
    let faults: Vec<_> = said.iter().filter(is_fault).collect();
    assert!(faults.is_empty() && code == Some(0), "{code:?} {faults:#?}");
    format!("{count} {} ({accepted} accepted)", KINDS[kind].0)
}

/// The service, and who sends.
struct Target<'a> {
    place: &'a Place,
    server: &'a Server,
    connection: Connection,
    /// Not one of those who send.
    admin: String,
    /// Of each role: a token, and the cookie of a browser.
    users: Vec<(String, String)>,
    next: usize,
    /// How many users were added meanwhile.
    added: usize,
    /// How many requests did what they asked for.
    accepted: usize,
}

impl<'a> Target<'a> {
    fn new(place: &'a Place, server: &'a Server) -> Self {
        let connection = Connection::open(&server.url).expect("a connection");
        let admin = server.log_in("admin@example.com").token.expect("a token");
        let client = server.client().bearing(&admin);
        let widget =
            [("name", "first"), ("info_url", "https://example.com"), ("deadline", "2099-12-31")];
        let added = client.post("/widgets", &widget).status;
        assert!(matches!(added, 201 | 409), "{added}");
        Self { place, server, connection, admin, users: Vec::new(), next: 0, added: 0, accepted: 0 }
    }

    /// Sees that a plain request is answered, and that all are logged in.
    fn begin_batch(&mut self) {
        let own = request("GET", "/auth/user", &self.admin, &[]);
        let mut connection = Connection::open(&self.server.url).expect("a connection");
        let answer = connection.exchange(&own).expect("an answer");
        assert_eq!(answer.status, 200, "{}", text(&answer.body));
        assert_eq!(answer.json()["email"], "admin@example.com");
        let is_in = |(token, _): &(String, String)| {
            let own = request("GET", "/auth/user", token, &[]);
            connection.exchange(&own).is_ok_and(|answer| answer.status == 200)
        };
        if self.users.is_empty() || !self.users.iter().all(is_in) {
            self.users = USERS.iter().map(|(email, role)| self.log_in(email, role)).collect();
        }
    }

    /// Logs a user in, who may not be there any more under that address: then it is another.
    fn log_in(&mut self, email: &str, role: &str) -> (String, String) {
        let mut email = email.to_owned();
        if self.server.client().attempt(&email, PASSWORD).status != 200 {
            self.added += 1;
            email = format!("{role}-{}-{}@example.com", self.server.id(), self.added);
            self.place.add_user(&[&email, "--role", role]);
        }
        let token = self.server.log_in(&email).token.expect("a token");
        (token, sign_in(&self.server.url, &email, PASSWORD))
    }

    /// The bytes with the token and the cookie of the next user.
    fn signed(&mut self, bytes: &[u8]) -> Vec<u8> {
        self.next += 1;
        let (token, cookie) = match self.users.len() {
            0 => return bytes.to_vec(),
            count => &self.users[self.next % count],
        };
        let bytes = replace(bytes, b"{token}", token.as_bytes());
        replace(&bytes, b"{cookie}", cookie.as_bytes())
    }

    /// Sends a request whose end is clear. Its answer must be whole, and documented.
    fn send(&mut self, input: &Input, routes: &[Route]) {
        let shown = || input.bytes.escape_ascii();
        let bytes = self.signed(&input.bytes);
        let head = bytes.windows(4).position(|end| end == b"\r\n\r\n");
        if head.is_none_or(|at| at > MAX_HEAD) || bytes.len() > MAX_REQUEST {
            return self.send_wild(&input.bytes);
        }
        let mut answer = self.connection.exchange(&bytes);
        if answer.as_ref().is_err_and(|error| error.kind() != ErrorKind::InvalidData) {
            // The service had closed it after the last answer.
            self.connection = Connection::open(&self.server.url).expect("a connection");
            answer = self.connection.exchange(&bytes);
        }
        let answer = answer.unwrap_or_else(|error| panic!("{error}: {}", shown()));
        let Answer { status, body, .. } = &answer;
        let route = input.sent_to.as_ref();
        let route = route.and_then(|(method, path)| Route::find(routes, method, path));
        let is_right = match route {
            Some(route) => route.may_answer(*status),
            None => matches!(status, 200..=499 | 503 | 507),
        };
        assert!(is_right, "{status} {}: {}", text(body), shown());
        self.accepted += usize::from(*status < 300);
    }

    /// Sends what may be several requests or none. There may be no answer, but no internal error, and
    /// the connection must close in the end.
    fn send_wild(&mut self, bytes: &[u8]) {
        let shown = || bytes.escape_ascii();
        let signed = self.signed(bytes);
        let address = self.server.url.trim_start_matches("http://");
        let mut stream = TcpStream::connect(address).expect("a connection");
        stream.set_read_timeout(Some(TEST_TIMEOUT)).expect("a timeout");
        // It may be closed already.
        let _ = stream.write_all(&signed).and_then(|()| stream.shutdown(Shutdown::Write));
        let mut answers = Vec::new();
        if let Err(error) = stream.read_to_end(&mut answers) {
            let is_reset = error.kind() == ErrorKind::ConnectionReset;
            assert!(is_reset, "{error}: {}", shown());
        }
        let answers = text(&answers);
        for answer in answers.split("HTTP/1.1 ").skip(1) {
            let is_right = !answer.starts_with('5') || ["503", "507"].contains(&&answer[..3]);
            assert!(is_right, "{answer}: {}", shown());
            self.accepted += usize::from(answer.starts_with('2'));
        }
    }
}

fn replace(bytes: &[u8], name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::new();
    let mut rest = bytes;
    while let Some(at) = rest.windows(name.len()).position(|part| part == name) {
        replaced.extend([&rest[..at], value].concat());
        rest = &rest[at + name.len()..];
    }
    [&replaced, rest].concat()
}

/// SQLite and the program's own doctor find nothing wrong.
fn check_database(place: &Place) {
    let database = rusqlite::Connection::open(place.database()).expect("the database");
    let verdict: String =
        database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("a verdict");
    assert_eq!(verdict, "ok");
    let found = place.run(&["doctor", "--json"], "");
    let found: Value = serde_json::from_slice(&found.stdout).expect("findings");
    let found = found.as_array().expect("findings");
    let wrong: Vec<_> = found.iter().filter(|found| found["grade"] == "wrong").collect();
    assert!(wrong.is_empty() && !found.is_empty(), "{wrong:#?}");
}
