//! Forged and mangled tokens, cookies and API keys: none is accepted, and their answers are equal.
//!
//! What the contract says of each credential (`docs/access.md`, RFC 6750, RFC 9110):
//! - none of ours, in whatever way: 401, `Invalid token. Please log in again.`
//! - signed by us, but over: `Access token expired. ...`; of no session: `Token blacklisted. ...`
//! - it begins as an API key, and is none: `Unknown API key. ...`
//! - nothing: 401, `Unauthorized`
//! - a header with control characters is no HTTP: 400, and the connection closes
//!
//! All answers of one kind are equal to the byte, but for the request's id and the date.

use std::collections::BTreeMap;

use data_encoding::BASE64URL_NOPAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use serde_json::Value;

use crate::connection::{Answer, Connection, request, with_header};
use crate::forged_tokens::{Forgery, Material, RULES};
use crate::program::{PASSWORD, Place, Server};
use crate::{Run, without_limits};

const EXPIRED: &str = "Access token expired. Please log in again.";
const INVALID: &str = "Invalid token. Please log in again.";
const ENDED: &str = "Token blacklisted. Please log in again.";
const UNKNOWN_KEY: &str = "Unknown API key. It may have been revoked.";
const NO_TOKEN: &str = "Unauthorized";
const NO_HTTP: &str = "";

/// What is encoded in an address: the head of a request has a limit.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');

/// What carries a credential.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Carrier {
    Bearer,
    /// To a route of administrators.
    BearerOfWrite,
    Cookie,
    /// The key of a calendar.
    Address,
}

const CARRIERS: [Carrier; 4] =
    [Carrier::Bearer, Carrier::BearerOfWrite, Carrier::Cookie, Carrier::Address];

struct Attack<'a> {
    server: &'a Server,
    connection: Connection,
    cookie: String,
    material: Material,
    /// All credentials that were issued: they are not forged.
    issued: Vec<String>,
    /// The answers by carrier and message, with how many there were of each.
    answers: BTreeMap<(Carrier, &'static str), BTreeMap<String, usize>>,
}

pub fn prove(run: &Run) -> String {
    let place = without_limits();
    place.add_admin();
    let server = place.serve();
    let elsewhere = without_limits();
    elsewhere.add_admin();
    let stranger = elsewhere.serve().log_in("admin@example.com").token.unwrap();
    let mut attack = prepare(&place, &server, stranger);
    attack.try_issued();
    let count = run.times(200_000, 10_000);
    let mut random = run.random(0);
    for n in 0..count {
        let (rule, forge) = RULES[n % RULES.len()];
        let carrier = CARRIERS[n / RULES.len() % CARRIERS.len()];
        let (credential, forgery) = forge(&attack.material, &mut random);
        attack.try_one(rule, carrier, &credential, forgery);
    }
    attack.try_two_headers();
    attack.try_issued();
    let kinds = attack.answers.iter().map(|((carrier, message), answers)| {
        assert_eq!(answers.len(), 1, "{carrier:?}, {message}: the answers differ: {answers:#?}");
        format!("  {} x {carrier:?}: {message:?}", answers.values().sum::<usize>())
    });
    let kinds: Vec<_> = kinds.collect();
    format!(
        "{count} forged and mangled credentials by {} rules: none was accepted, and the answers of \
         one kind are equal:\n{}",
        RULES.len(),
        kinds.join("\n")
    )
}

fn prepare<'a>(place: &Place, server: &'a Server, stranger: String) -> Attack<'a> {
    let admin = server.log_in("admin@example.com");
    let other = server
        .client()
        .post("/auth/register", &[("email", "other@example.com"), ("password", PASSWORD)]);
    let other = other.body["access_token"].as_str().unwrap().to_owned();
    let ended = server.log_in("admin@example.com");
    assert_eq!(ended.post("/auth/logout", &[]).status, 200);
    let key = admin.post("/auth/keys", &[("name", "one"), ("scope", "write")]);
    let key = key.body["key"].as_str().unwrap().to_owned();
    let token = admin.token.unwrap();
    let others = vec![other.clone(), ended.token.clone().unwrap(), stranger];
    let issued = [vec![token.clone(), key.clone()], others.clone()].concat();
    let signing_key = std::fs::read(place.path().join("widgetd.db.key")).unwrap();
    let other_user = claim(&other, "sub");
    Attack {
        server,
        connection: Connection::open(&server.url).unwrap(),
        cookie: cookie_of(server),
        material: Material { token, others, key, signing_key, other_user },
        issued,
        answers: BTreeMap::new(),
    }
}

fn claim(token: &str, name: &str) -> String {
    let claims = BASE64URL_NOPAD.decode(token.split('.').nth(1).unwrap().as_bytes()).unwrap();
    let claims: Value = serde_json::from_slice(&claims).unwrap();
    claims[name].as_str().unwrap().to_owned()
}

/// The name of the cookie in which a browser keeps its session.
fn cookie_of(server: &Server) -> String {
    let fields = [("email", "admin@example.com"), ("password", PASSWORD)];
    let login = with_header(request("POST", "/auth/login", "", &fields), "Accept", "text/html");
    let answer = Connection::open(&server.url).unwrap().exchange(&login).unwrap();
    let header =
        answer.header("Set-Cookie").unwrap_or_else(|| panic!("no cookie: {}", answer.head));
    header.split_once('=').unwrap().0.to_owned()
}

impl Attack<'_> {
    /// What is genuine is accepted, also amid the others.
    fn try_issued(&mut self) {
        let Material { token, key, others, .. } = &self.material;
        let (token, key, ended) = (token.clone(), key.clone(), others[1].clone());
        let statuses = [
            (Carrier::Bearer, &token, 200),
            (Carrier::Bearer, &key, 200),
            (Carrier::Cookie, &token, 200),
            // A cookie has sessions only.
            (Carrier::Cookie, &key, 401),
            // It is not a calendar's.
            (Carrier::Address, &key, 403),
            (Carrier::Bearer, &ended, 401),
        ];
        for (carrier, credential, status) in statuses {
            let request = self.request(carrier, credential.as_bytes());
            let answer = self.connection.exchange(&request).unwrap();
            assert_eq!(answer.status, status, "{carrier:?}: {}", answer.text());
        }
    }

    fn try_one(&mut self, rule: &str, carrier: Carrier, credential: &[u8], forgery: Forgery) {
        let Some(message) = self.expected(carrier, credential, forgery) else { return };
        let request = self.request(carrier, credential);
        let shown = || format!("{rule}, {carrier:?}: {}", credential.escape_ascii());
        let answer = match self.connection.exchange(&request) {
            Ok(answer) => answer,
            Err(error) => panic!("{}: {error}", shown()),
        };
        let is_http = message != NO_HTTP;
        assert_eq!(
            answer.status,
            if is_http { 401 } else { 400 },
            "{}: {}",
            shown(),
            answer.text()
        );
        if is_http {
            assert_eq!(answer.json()["message"], message, "{}", shown());
            assert_eq!(answer.header("WWW-Authenticate"), Some(&*challenge(carrier, message)));
        } else {
            self.connection = Connection::open(&self.server.url).unwrap();
        }
        let answers = self.answers.entry((carrier, message)).or_default();
        *answers.entry(without_id(&answer)).or_default() += 1;
    }

    /// The message that the contract has for a credential; `None` if it is not forged, or cannot be
    /// carried so.
    fn expected(
        &self,
        carrier: Carrier,
        credential: &[u8],
        forgery: Forgery,
    ) -> Option<&'static str> {
        if carrier != Carrier::Address {
            // A line that ends there makes another request of it.
            if credential.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
                return None;
            }
            let is_control = |byte: &u8| *byte < b' ' && *byte != b'\t' || *byte == 0x7f;
            if credential.iter().any(is_control) {
                return Some(NO_HTTP);
            }
        } else if !credential.iter().all(u8::is_ascii_graphic) {
            // That is the matter of forms.
            return None;
        } else if credential.is_empty() {
            return Some(NO_TOKEN);
        }
        let text = String::from_utf8_lossy(credential);
        // What HTTP and the headers let pass around a value.
        let mut text = text.trim_end_matches([' ', '\t']).trim_start_matches(' ');
        if carrier == Carrier::Cookie {
            text = text.split(';').next().unwrap_or_default().trim_matches(' ');
        }
        if self.issued.iter().any(|issued| issued == text) {
            return None;
        }
        Some(match forgery {
            Forgery::Expired => EXPIRED,
            Forgery::Ended => ENDED,
            // A cookie has sessions only.
            Forgery::Malformed if text.starts_with("wgt_") && carrier != Carrier::Cookie => {
                UNKNOWN_KEY
            }
            Forgery::Malformed => INVALID,
        })
    }

    /// With two headers, who checks the first lets the second one pass.
    fn try_two_headers(&mut self) {
        let genuine = self.material.token.as_bytes().to_vec();
        let others = [&genuine[..], b"x", b"", b"\xff", "\u{e9}".as_bytes()];
        for other in others {
            for pair in [[&genuine, other], [other, &genuine]] {
                let mut request = b"GET /api/v1/auth/user HTTP/1.1\r\nHost: x\r\n".to_vec();
                for token in pair {
                    request.extend([b"Authorization: Bearer ", token, b"\r\n"].concat());
                }
                request.extend(b"\r\n");
                let answer = self.connection.exchange(&request).unwrap();
                let other = other.escape_ascii();
                assert_eq!(answer.status, 401, "two headers, one with {other}");
                assert_eq!(answer.json()["message"], INVALID, "two headers, one with {other}");
            }
        }
    }

    fn request(&self, carrier: Carrier, credential: &[u8]) -> Vec<u8> {
        let mut request = Vec::with_capacity(credential.len() + 200);
        match carrier {
            Carrier::Bearer => {
                request.extend(b"GET /api/v1/auth/user HTTP/1.1\r\nAuthorization: Bearer ");
                request.extend(credential);
            }
            Carrier::BearerOfWrite => {
                request.extend(b"DELETE /api/v1/widgets/none HTTP/1.1\r\nAuthorization: Bearer ");
                request.extend(credential);
            }
            Carrier::Cookie => {
                request.extend(b"GET /api/v1/auth/user HTTP/1.1\r\nCookie: ");
                request.extend([self.cookie.as_bytes(), b"=", credential].concat());
            }
            Carrier::Address => {
                let key = percent_encode(credential, RESERVED);
                let line = format!("GET /api/v1/calendar.ics?key={key} HTTP/1.1\r\nAccept: */*");
                request.extend(line.into_bytes());
            }
        }
        request.extend(b"\r\nHost: x\r\n\r\n");
        request
    }
}

fn challenge(carrier: Carrier, message: &str) -> String {
    let users = if carrier == Carrier::BearerOfWrite { "admin_users" } else { "registered_users" };
    match message {
        NO_TOKEN => format!("Bearer realm=\"{users}@widgetd\""),
        _ => format!(
            "Bearer realm=\"{users}@widgetd\", error=\"invalid_token\", \
             error_description=\"{message}\""
        ),
    }
}

/// An answer but for what differs in each.
fn without_id(answer: &Answer) -> String {
    let varies = |line: &&str| {
        let name = line.split(':').next().unwrap_or_default();
        name.eq_ignore_ascii_case("x-request-id") || name.eq_ignore_ascii_case("date")
    };
    let head: Vec<_> = answer.head.lines().filter(|line| !varies(line)).collect();
    format!("{}{}", head.join("\n"), answer.text())
}
