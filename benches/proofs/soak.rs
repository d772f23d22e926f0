//! Everything that users do, for hours: nothing may grow but what is stored.
//!
//! `SOAK_MINUTES` is how long, instead of the 4 hours of a whole run.

#![allow(clippy::cast_precision_loss, reason = "counts are small")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Run;
use crate::connection::{Answer, Connection, request, sign_in};
use crate::load::{Load, ready, run_while_idle, stops};
use crate::program::{PASSWORD, Place, Server};

const CLIENTS: u64 = 8;
/// Each entry of the audit stays: without pauses, there would be gigabytes of them in the end.
const PAUSE: Duration = Duration::from_millis(500);
/// The service gives back the memory of hashing after 5 seconds, and ends threads after 10.
const REST: Duration = Duration::from_secs(12);
const MAX_MEMORY_KIB: f64 = 128.0 * 1_024.0;
/// 1 MiB.
const MAX_SLOPE_KIB_AN_HOUR: f64 = 1_024.0;
/// In less time, a slope says nothing.
const MIN_HOURS_OF_SLOPE: f64 = 0.75;
/// How many more than at the first rest: connections to the database that are opened when needed.
const MAX_MORE: f64 = 16.0;
/// What an audit entry takes with its indexes, and what an idempotency key or a session may add.
const MAX_BYTES_OF_ENTRY: u64 = 1_500;

pub fn prove(run: &Run) -> String {
    let minutes = std::env::var("SOAK_MINUTES").ok();
    let minutes = minutes.map(|text| text.parse().expect("a number of minutes"));
    let time = minutes.unwrap_or(run.times(240, 1)) as u64 * 60;
    let place = Place::with(&[
        ("WIDGETD_THROTTLE", "false"),
        // Longer than the run.
        ("WIDGETD_ACCESS_TOKEN_SECONDS", "864000"),
    ]);
    place.add_admin();
    let server = place.serve();
    let token = server.log_in("admin@example.com").token.expect("a token");
    let cookie = sign_in(&server.url, "admin@example.com", PASSWORD);
    let settings = json!({ "url": server.url, "token": token, "cookie": cookie });
    let (before, _) = stored(&place);
    let (mut samples, mut requests) = (Vec::new(), 0);
    let began = Instant::now();
    while began.elapsed().as_secs() < time {
        let load = Load::start("soak", &settings);
        std::thread::sleep(Duration::from_secs(run.times(60, 6) as u64));
        requests += load.stop()["requests"].as_u64().expect("a count");
        std::thread::sleep(REST);
        samples.push(Sample::of(&server, began));
    }
    let said = judge(&samples);
    let (code, _) = server.terminate();
    assert_eq!(code, Some(0));
    let (after, entries) = stored(&place);
    let each = (after - before) / entries.max(1);
    let said = format!(
        "{requests} requests; {said}; {entries} audit entries, {each} bytes of the database for each"
    );
    assert!(each < MAX_BYTES_OF_ENTRY, "{said}");
    said
}

/// What the service has while nothing happens.
struct Sample {
    hours: f64,
    resident_kib: f64,
    anonymous_kib: f64,
    threads: f64,
    descriptors: f64,
}

type Figure = fn(&Sample) -> f64;

impl Sample {
    fn of(server: &Server, began: Instant) -> Self {
        let process = format!("/proc/{}", server.id());
        let status = std::fs::read_to_string(format!("{process}/status")).expect("its status");
        let number = |name: &str| -> f64 {
            let line = status.lines().find_map(|line| line.strip_prefix(name)).expect("a line");
            line.trim().trim_end_matches(" kB").parse().expect("a number")
        };
        let descriptors = std::fs::read_dir(format!("{process}/fd")).expect("its descriptors");
        Self {
            hours: began.elapsed().as_secs_f64() / 3_600.0,
            resident_kib: number("VmRSS:"),
            anonymous_kib: number("RssAnon:"),
            threads: number("Threads:"),
            descriptors: descriptors.count() as f64,
        }
    }
}

fn judge(samples: &[Sample]) -> String {
    let figures: [(&str, Figure, f64); 4] = [
        ("resident KiB", |sample| sample.resident_kib, MAX_MEMORY_KIB),
        ("anonymous KiB", |sample| sample.anonymous_kib, MAX_MEMORY_KIB),
        ("threads", |sample| sample.threads, samples[0].threads + MAX_MORE),
        ("descriptors", |sample| sample.descriptors, samples[0].descriptors + MAX_MORE),
    ];
    // The first part fills caches.
    let later = &samples[samples.len() / 4..];
    let hours = later[later.len() - 1].hours - later[0].hours;
    let mut said = vec![format!("{} rests", samples.len())];
    for (name, figure, limit) in figures {
        let slope = slope(later, figure);
        let [first, last] = [&samples[0], &samples[samples.len() - 1]].map(figure);
        let line = format!("{name} {first} to {last}, {slope:+.0} an hour");
        let most = samples.iter().map(figure).fold(0.0, f64::max);
        assert!(most <= limit, "at most {most}: {line}");
        let is_memory = name.ends_with("KiB");
        let may_grow = !is_memory || hours < MIN_HOURS_OF_SLOPE;
        assert!(may_grow || slope < MAX_SLOPE_KIB_AN_HOUR, "{line}");
        said.push(line);
    }
    said.join("; ")
}

/// How much a figure grows in an hour, by linear regression.
fn slope(samples: &[Sample], figure: Figure) -> f64 {
    let count = samples.len() as f64;
    let mean = |of: Figure| samples.iter().map(of).sum::<f64>() / count;
    let (hour, middle) = (mean(|sample| sample.hours), mean(figure));
    let products = samples.iter().map(|sample| (sample.hours - hour) * (figure(sample) - middle));
    let squares: f64 = samples.iter().map(|sample| (sample.hours - hour).powi(2)).sum();
    products.sum::<f64>() / squares.max(f64::MIN_POSITIVE)
}

/// The bytes of the database that are in use, and the entries of the audit: all that is kept of records
/// that are deleted.
fn stored(place: &Place) -> (u64, u64) {
    let database = rusqlite::Connection::open(place.database()).expect("the database");
    let number = |query: &str| -> u64 {
        let number = database.query_row(query, [], |row| row.get::<_, i64>(0)).expect("a number");
        number.unsigned_abs()
    };
    let pages = number("PRAGMA page_count") - number("PRAGMA freelist_count");
    (pages * number("PRAGMA page_size"), number("SELECT count(*) FROM audit"))
}

/// Clients that do all there is to do, again and again.
pub fn generate(settings: &Value) -> Value {
    run_while_idle();
    let requests = AtomicU64::new(0);
    ready();
    let text = |name: &str| settings[name].as_str().unwrap();
    std::thread::scope(|scope| {
        for n in 0..CLIENTS {
            let requests = &requests;
            scope.spawn(move || {
                let connection = Connection::open(text("url")).expect("a connection");
                let [url, token, cookie] = ["url", "token", "cookie"].map(text);
                let mut client = Client { url, token, cookie, connection, requests };
                for round in 0.. {
                    if stops() {
                        return;
                    }
                    client.work(n, round);
                    std::thread::sleep(PAUSE);
                }
            });
        }
    });
    json!({ "requests": requests })
}

struct Client<'a> {
    url: &'a str,
    token: &'a str,
    cookie: &'a str,
    connection: Connection,
    requests: &'a AtomicU64,
}

impl Client<'_> {
    fn send(&mut self, bytes: &[u8], status: u16) -> Answer {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let answer = self.connection.exchange(bytes).expect("an answer");
        if answer.status != status {
            eprintln!("{} {}", bytes.escape_ascii(), answer.head);
            std::process::exit(1);
        }
        answer
    }

    fn call(&mut self, method: &str, path: &str, fields: &[(&str, &str)], status: u16) -> Answer {
        self.send(&request(method, path, self.token, fields), status)
    }

    fn work(&mut self, client: u64, round: u64) {
        // Names of an earlier load are deleted.
        let name = format!("soak-{client}-{round}");
        let deadline = ("deadline", "2099-12-31");
        let widget = [("name", &*name), ("info_url", "https://example.com"), deadline];
        self.call("POST", "/widgets", &widget, 201);
        let task = self.call("POST", "/tasks", &[("title", &name), deadline], 201).json();
        let task = format!("/tasks/{}", task["id"].as_str().expect("an id"));
        let widget = format!("/widgets/{name}");
        self.call("GET", &widget, &[], 200);
        self.call("PATCH", &widget, &[("info_url", "https://example.org")], 200);
        self.call("PATCH", &task, &[("status", "done")], 200);
        for list in ["/widgets?q=soak&sort=-deadline", "/tasks?per_page=25", "/search?q=soak"] {
            self.call("GET", list, &[], 200);
        }
        for table in ["/widgets?format=csv", "/tasks?format=csv"] {
            self.call("GET", table, &[], 200);
        }
        for page in ["/", "/widgets", "/tasks", "/account"] {
            let head = format!("GET {page} HTTP/1.1\r\nHost: x\r\nAccept: text/html\r\n");
            self.send(format!("{head}Cookie: {}\r\n\r\n", self.cookie).as_bytes(), 200);
        }
        self.call("DELETE", &task, &[], 204);
        self.call("DELETE", &widget, &[], 204);
        if round.is_multiple_of(4) {
            let fields = [("email", "admin@example.com"), ("password", PASSWORD)];
            let session = self.send(&request("POST", "/auth/login", "", &fields), 200).json();
            let token = session["access_token"].as_str().expect("a token");
            self.send(&request("POST", "/auth/logout", token, &[]), 200);
        }
        if client == 0 {
            self.listen();
        }
    }

    /// Opens an event stream, waits for what comes first, and leaves.
    fn listen(&self) {
        let mut stream = Connection::open(self.url).expect("a connection");
        stream.send(&request("GET", "/audit/events", self.token, &[])).expect("it takes it");
        let head = stream.read_head().expect("a head");
        assert!(head.starts_with("HTTP/1.1 200 "), "{head}");
        self.requests.fetch_add(1, Ordering::Relaxed);
    }
}
