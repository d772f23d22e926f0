//! Requests that a fuzzer makes: whole ones by the OpenAPI document, with one part from a corpus and
//! changed at random.

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};

use crate::random::Random;
use crate::routes::Route;

/// What is fuzzed, with the seeds of its corpus: one in a line, bytes as Rust escapes them.
pub const KINDS: [(&str, &str); 9] = [
    ("forms", include_str!("corpus/forms.txt")),
    ("json", include_str!("corpus/json.txt")),
    ("dates", include_str!("corpus/dates.txt")),
    ("queries", include_str!("corpus/queries.txt")),
    ("csv", include_str!("corpus/csv.txt")),
    ("tokens", include_str!("corpus/tokens.txt")),
    ("cookies", include_str!("corpus/cookies.txt")),
    ("headers", include_str!("corpus/headers.txt")),
    ("words", include_str!("corpus/words.txt")),
];

/// Whole requests that have once failed, or might.
pub const REQUESTS: &str = include_str!("corpus/requests.txt");

const DATES: [&str; 4] = ["deadline", "deadline_before", "deadline_after", "since"];

/// Pages of the browser that show or take what a client sends.
const PAGES: [&str; 8] =
    ["/", "/widgets", "/tasks", "/templates", "/people", "/audit", "/account", "/board"];

/// The bytes of a line of a corpus.
pub fn unescape(line: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = line.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        let (byte, length) = match (first, others.first()) {
            (b'\\', Some(b'n')) => (b'\n', 2),
            (b'\\', Some(b'r')) => (b'\r', 2),
            (b'\\', Some(b't')) => (b'\t', 2),
            (b'\\', Some(b'x')) => {
                let digits = std::str::from_utf8(&rest[2..4]).expect("two digits");
                (u8::from_str_radix(digits, 16).expect("a byte"), 4)
            }
            (b'\\', Some(other)) => (*other, 2),
            _ => (*first, 1),
        };
        bytes.push(byte);
        rest = &rest[length..];
    }
    bytes
}

/// Makes requests of one kind.
pub struct Maker<'a> {
    pub routes: &'a [Route],
    pub random: Random,
    kind: &'static str,
    seeds: Vec<Vec<u8>>,
    /// Values that are valid somewhere.
    values: Vec<Vec<u8>>,
}

/// A request, with `{token}` and `{cookie}` where those of a user belong.
pub struct Input {
    pub bytes: Vec<u8>,
    /// Method and target where they tell the route.
    pub sent_to: Option<(String, String)>,
}

impl<'a> Maker<'a> {
    pub fn new(kind: usize, routes: &'a [Route], random: Random) -> Self {
        let seeds = |corpus: &str| corpus.lines().map(unescape).collect();
        let (name, corpus) = KINDS[kind];
        Self { routes, random, kind: name, seeds: seeds(corpus), values: seeds(KINDS[0].1) }
    }

    pub fn make(&mut self) -> Input {
        let token = b"Bearer {token}".to_vec();
        match self.kind {
            "forms" => {
                let route = self.pick(|route| !route.fields.is_empty());
                let body = self.form(&route.fields);
                self.request(route, Vec::new(), token, "application/x-www-form-urlencoded", body)
            }
            "json" => {
                let route = self.pick(|route| !route.fields.is_empty());
                let body = self.json(&route.fields);
                self.request(route, Vec::new(), token, "application/json", body)
            }
            "dates" => self.date(token),
            "queries" => {
                let route = self.pick(|route| !route.parameters.is_empty());
                let query = self.form(&route.parameters);
                self.request(route, query, token, "", Vec::new())
            }
            "csv" => {
                let route = self.pick(|route| route.takes_csv);
                let query: &[&str] =
                    &["dry_run=true", "mode=upsert", "mode=upsert&dry_run=true", "mode=create"];
                let (query, body) = (self.random.pick(query).into(), self.fuzzed());
                self.request(route, query, token, "text/csv", body)
            }
            "tokens" => {
                let route = self.pick(|_| true);
                let token = self.header_value();
                self.request(route, Vec::new(), token, "", Vec::new())
            }
            "cookies" => self.page(),
            "headers" => self.with_header(token),
            _ => {
                let route = self.pick(|route| route.parameters.iter().any(|name| name == "q"));
                let query = [b"q=".to_vec(), self.encoded()].concat();
                self.request(route, query, token, "", Vec::new())
            }
        }
    }

    /// An event stream has no end, so it is left out.
    fn pick(&mut self, is_wanted: impl Fn(&Route) -> bool) -> &'a Route {
        let routes = self.routes.iter();
        let wanted: Vec<_> =
            routes.filter(|route| is_wanted(route) && !route.path.ends_with("/events")).collect();
        self.random.pick(&wanted)
    }

    /// A seed, mostly changed.
    fn fuzzed(&mut self) -> Vec<u8> {
        let mut bytes = self.random.pick(&self.seeds);
        for _ in 0..self.random.below(4) {
            let other = self.random.pick(&self.seeds);
            mutate(&mut bytes, &other, &mut self.random);
        }
        bytes
    }

    fn encoded(&mut self) -> Vec<u8> {
        percent_encode(&self.fuzzed(), NON_ALPHANUMERIC).to_string().into_bytes()
    }

    /// A value that the field takes, so that the others are looked at as well.
    fn valid(&mut self, name: &str) -> Vec<u8> {
        let number = self.random.below(10_000);
        let value = match name {
            "name" | "title" | "username" | "body" | "description" => format!("w{number}"),
            "info_url" => "https://example.org/".to_owned(),
            "email" => format!("u{number}@example.org"),
            "password" | "new_password" => "another phrase nobody guesses".to_owned(),
            "page" => "1".to_owned(),
            "per_page" => "10".to_owned(),
            "status" => "pending".to_owned(),
            "role" => "employee".to_owned(),
            "format" => "csv".to_owned(),
            name if DATES.contains(&name) => "2099-12-31".to_owned(),
            _ => return self.random.pick(&self.values),
        };
        value.into_bytes()
    }

    /// Some of the fields with values; sometimes changed as a whole.
    fn form(&mut self, names: &[String]) -> Vec<u8> {
        let mut pairs = Vec::new();
        for name in names {
            let value = match self.random.below(4) {
                0 => continue,
                1 => self.encoded(),
                _ => percent_encode(&self.valid(name), NON_ALPHANUMERIC).to_string().into_bytes(),
            };
            pairs.push([name.as_bytes(), b"=", &value].concat());
        }
        let mut form = pairs.join(&b'&');
        if self.random.below(8) == 0 {
            let other = self.fuzzed();
            mutate(&mut form, &other, &mut self.random);
        }
        form
    }

    /// An object with some of the fields, or a seed.
    fn json(&mut self, names: &[String]) -> Vec<u8> {
        if self.random.below(4) == 0 {
            return self.fuzzed();
        }
        let mut pairs = Vec::new();
        for name in names {
            let value = match self.random.below(12) {
                0..3 => continue,
                3 => self.random.pick(&self.seeds),
                number => {
                    let is_valid = number > 4;
                    let value =
                        if is_valid { self.valid(name) } else { self.random.pick(&self.values) };
                    serde_json::to_vec(&String::from_utf8_lossy(&value)).expect("a text")
                }
            };
            pairs.push([b"\"", name.as_bytes(), b"\":", &*value].concat());
        }
        let mut object = [b"{", &*pairs.join(&b','), b"}"].concat();
        if self.random.below(3) == 0 {
            let other = self.random.pick(&self.seeds);
            mutate(&mut object, &other, &mut self.random);
        }
        object
    }

    /// A date where one belongs, with all else valid.
    fn date(&mut self, token: Vec<u8>) -> Input {
        let has_date = |names: &[String]| names.iter().any(|name| DATES.contains(&name.as_str()));
        let route = self.pick(|route| has_date(&route.fields) || has_date(&route.parameters));
        let name = self.random.pick(&DATES);
        let date = self.encoded();
        let pair = |name: &str| [name.as_bytes(), b"=", &date].concat();
        if route.method == "GET" {
            return self.request(route, pair(name), token, "", Vec::new());
        }
        let number = self.random.below(1_000);
        let mut body = pair("deadline");
        for (field, value) in [("name", "w"), ("title", "t"), ("info_url", "https://e.org/")] {
            if route.fields.iter().any(|name| name == field) {
                body.extend(format!("&{field}={value}{number}").into_bytes());
            }
        }
        self.request(route, Vec::new(), token, "application/x-www-form-urlencoded", body)
    }

    /// Without what would end the head.
    fn header_value(&mut self) -> Vec<u8> {
        let mut value = self.fuzzed();
        value.retain(|byte| !matches!(byte, b'\r' | b'\n' | 0));
        value
    }

    fn page(&mut self) -> Input {
        let cookie = self.header_value();
        let page = self.random.pick(&PAGES);
        let head =
            format!("GET {page} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/html\r\nCookie: ");
        let bytes = [head.as_bytes(), &cookie, b"\r\n\r\n"].concat();
        Input { bytes, sent_to: None }
    }

    /// A request with headers that may change where its body ends, or whether it is one.
    fn with_header(&mut self, token: Vec<u8>) -> Input {
        let route = self.pick(|_| true);
        let plain = self.request(route, Vec::new(), token, "application/json", b"{}".to_vec());
        let at = plain.bytes.iter().position(|byte| *byte == b'\n').expect("a line") + 1;
        let (line, rest) = plain.bytes.split_at(at);
        let mut headers = Vec::new();
        for _ in 0..=self.random.below(3) {
            headers.extend([&*self.fuzzed(), b"\r\n"].concat());
        }
        Input { bytes: [line, &headers, rest].concat(), sent_to: None }
    }

    fn request(
        &mut self,
        route: &Route,
        query: Vec<u8>,
        token: Vec<u8>,
        content_type: &str,
        body: Vec<u8>,
    ) -> Input {
        let names: [&[u8]; 4] = [b"first", b"none", b"1", b"00000000-0000-0000-0000-000000000000"];
        let mut path = route.path.clone();
        while let (Some(from), Some(to)) = (path.find('{'), path.find('}')) {
            let mut name = self.random.pick(&names).to_vec();
            if self.random.below(8) == 0 {
                name.extend(self.random.pick(&self.values));
            }
            let name = percent_encode(&name, NON_ALPHANUMERIC).to_string();
            path.replace_range(from..=to, &name);
        }
        let mut target = path.clone().into_bytes();
        if !query.is_empty() {
            target.push(b'?');
            target.extend(query.into_iter().map(|byte| match byte {
                0..=b' ' | b'#' | 127.. => b'+',
                byte => byte,
            }));
        }
        let mut bytes = [route.method.as_bytes(), b" ", &target, b" HTTP/1.1\r\n"].concat();
        bytes.extend(b"Host: 127.0.0.1\r\nAuthorization: ");
        bytes.extend(token);
        if route.method != "GET" {
            if !content_type.is_empty() {
                bytes.extend(format!("\r\nContent-Type: {content_type}").into_bytes());
            }
            bytes.extend(format!("\r\nContent-Length: {}", body.len()).into_bytes());
        }
        bytes.extend(b"\r\n\r\n");
        if route.method != "GET" {
            bytes.extend(body);
        }
        Input { bytes, sent_to: Some((route.method.clone(), path)) }
    }
}

/// One change at a random place.
fn mutate(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    const SPECIAL: [&[u8]; 10] =
        [b"\0", b"\xff", b"%", b"\"", b"\\", b"\n", b",", b"9999999999999999999", b"\xc3", b"{"];
    let length = bytes.len();
    let (from, to) = (random.below(length + 1), random.below(length + 1));
    let (from, to) = (from.min(to), from.max(to));
    match random.below(6) {
        0 if length > 0 => bytes[from.min(length - 1)] ^= 1 << random.below(8),
        1 => drop(bytes.drain(from..to)),
        2 => drop(bytes.splice(from..from, random.pick(&SPECIAL).iter().copied())),
        3 => drop(bytes.splice(from..to, other.iter().copied())),
        4 => {
            let part = bytes[from..to].repeat(1 + random.below(64));
            bytes.splice(from..from, part);
        }
        _ => drop(bytes.splice(from..from, other.iter().copied())),
    }
}
