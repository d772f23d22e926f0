//! Ten times as many requests as the service can answer. They arrive without waiting for answers.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "counts are small and not negative"
)]

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, mpsc};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Run;
use crate::connection::{Connection, request};
use crate::load::{Load, ready, stops};
use crate::program::{PASSWORD, Place, Server, peak_memory_kib, text};

const TIMES: f64 = 10.0;
/// How much of the best is left, at least.
const MIN_SHARE: f64 = 0.8;
const MAX_MEMORY_KIB: usize = 192 * 1_024;
const USERS: usize = 20;
/// Enough to keep the service busy.
const CLOSED_CONNECTIONS: usize = 32;
/// More than the service takes at once.
const OPEN_CONNECTIONS: usize = 2_500;
/// Who has waited that long for a connection leaves.
const PATIENCE: Duration = Duration::from_secs(2);

pub fn prove(run: &Run) -> String {
    // Rate limits would refuse before there is too much to do.
    let place = Place::with(&[("WIDGETD_THROTTLE", "false")]);
    place.add_admin();
    for n in 0..USERS {
        // Those who log in have 100 sessions each, and then lose the oldest.
        for email in [email(n), format!("reads-{}", email(n))] {
            place.add_user(&[&email, "--admin"]);
        }
    }
    let filled = place.run(&["import", "widgets", "-"], &table("w", 5_000));
    assert!(filled.status.success(), "{}", text(&filled.stderr));
    let server = place.serve();
    let token = |n| server.log_in(&format!("reads-{}", email(n))).token.expect("a token");
    let tokens: Vec<_> = (0..USERS).map(token).collect();
    let search = "/widgets?q=w+red+green+blue&sort=-deadline&per_page=100";
    let search = |n: usize| request("GET", search, &tokens[n], &[]);
    let import = |n: usize| import(&tokens[n]);
    // Each with a part of every right answer.
    let kinds: [(&str, &str, Vec<_>); 3] = [
        ("logins", "\"access_token\"", (0..USERS).map(log_in).collect()),
        ("searches", "\"total_items\":5000,", (0..USERS).map(search).collect()),
        ("imports", "\"created\":2000,", (0..USERS).map(import).collect()),
    ];
    let mut said = Vec::new();
    for (name, expected, requests) in &kinds {
        said.push(overload(run, &server, name, expected, requests));
    }
    let memory = peak_memory_kib(&server);
    said.push(format!("at most {} MB", memory / 1_024));
    assert!(memory < MAX_MEMORY_KIB, "{}", said.join("\n"));
    said.join("\n")
}

fn email(n: usize) -> String {
    format!("u{n}@example.com")
}

fn log_in(n: usize) -> Vec<u8> {
    request("POST", "/auth/login", "", &[("email", &*email(n)), ("password", PASSWORD)])
}

fn table(prefix: &str, rows: usize) -> String {
    let row = |n| format!("{prefix}{n}-red-green-blue,https://example.com,2099-12-31\n");
    "name,info_url,deadline\n".to_owned() + &(0..rows).map(row).collect::<String>()
}

/// A dry run does all of the work, and changes nothing.
fn import(token: &str) -> Vec<u8> {
    let table = table("x", 2_000);
    format!(
        "POST /api/v1/widgets/import?dry_run=true HTTP/1.1\r\nHost: 127.0.0.1\r\n\
         Authorization: Bearer {token}\r\nContent-Type: text/csv\r\nContent-Length: {}\r\n\r\n{table}",
        table.len()
    )
    .into_bytes()
}

/// What came of a load.
struct Outcome {
    arrived: f64,
    good: f64,
    /// For each second of the cores that the service took or could have taken: the load and whatever
    /// else runs on the machine have the rest.
    goodput: f64,
    report: Value,
}

/// Measures the best, and then how much of it is left in an overload.
fn overload(
    run: &Run,
    server: &Server,
    name: &str,
    expected: &str,
    requests: &[Vec<u8>],
) -> String {
    let requests: Vec<_> = requests.iter().map(|bytes| text(bytes)).collect();
    let load = |seconds, rate| {
        let settings =
            json!({ "url": server.url, "requests": requests, "expected": expected, "rate": rate });
        load(server, name == "logins", &settings, Duration::from_secs(seconds as u64))
    };
    let mut done = String::new();
    // Something else may take the machine meanwhile.
    for _ in 0..3 {
        let best = load(run.times(20, 2), None);
        let rate = best.good * TIMES;
        let over = load(run.times(100, 4), Some(rate));
        let share = over.goodput / best.goodput;
        done = format!(
            "{name}: best {:.0} a second; of {:.0} a second that arrived, {:.0} were answered: \
             {share:.2} of the best; {}",
            best.good, over.arrived, over.good, over.report
        );
        // The load may have come too late to be one.
        let is_enough = share >= MIN_SHARE && over.arrived > rate / 2.0;
        if is_enough || !run.judges_time() {
            // Afterwards all is well.
            assert_eq!(server.client().get("/openapi.json").status, 200, "{done}");
            return done;
        }
    }
    panic!("{done}");
}

fn load(server: &Server, gives_way: bool, settings: &Value, time: Duration) -> Outcome {
    let load = Load::start("overload", settings);
    let before = available_seconds(server, gives_way);
    std::thread::sleep(time);
    let available = available_seconds(server, gives_way) - before;
    let report = load.stop();
    let number = |name: &str| report[name].as_f64().expect("a number");
    let (seconds, good) = (number("seconds"), number("good"));
    let goodput = good / available;
    Outcome { arrived: number("arrived") / seconds, good: good / seconds, goodput, report }
}

/// The processor time of the service and that of nobody. Work that does not give way could have had
/// that of nice processes as well.
fn available_seconds(server: &Server, gives_way: bool) -> f64 {
    let read = |path: &str| std::fs::read_to_string(path).expect("the times");
    // Linux shows hundredths of a second.
    let sum = |fields: &[&str]| -> f64 {
        fields.iter().map(|field| field.parse::<f64>().expect("a number") / 100.0).sum()
    };
    let own = read(&format!("/proc/{}/stat", server.id()));
    let own: Vec<&str> = own.rsplit_once(") ").expect("a name").1.split(' ').collect();
    let all = read("/proc/stat");
    let all: Vec<&str> = all.lines().next().expect("a line").split_whitespace().collect();
    // utime and stime of the one; nice, idle and iowait of the other (proc(5)).
    let nice = if gives_way { 0.0 } else { sum(&all[2..3]) };
    sum(&own[11..13]) + nice + sum(&all[4..6])
}

/// What the connections of a load have seen.
#[derive(Default)]
struct Seen {
    arrived: AtomicU64,
    good: AtomicU64,
    refused: AtomicU64,
    /// The service has closed the connection: it makes room for others.
    closed: AtomicU64,
    given_up: AtomicU64,
}

/// Sends requests at a rate, or without one each after the answer to the last. It has the priority of
/// the service: where that is busy, it would not come about otherwise.
pub fn generate(settings: &Value) -> Value {
    let rate = settings["rate"].as_f64();
    let seen = Seen::default();
    let (sender, arrivals) = mpsc::channel();
    let arrivals = rate.map(|_| Mutex::new(arrivals));
    std::thread::scope(|scope| {
        let count = if rate.is_some() { OPEN_CONNECTIONS } else { CLOSED_CONNECTIONS };
        for n in 0..count {
            let (seen, arrivals) = (&seen, arrivals.as_ref());
            std::thread::Builder::new()
                .stack_size(256 * 1_024)
                .spawn_scoped(scope, move || Caller::new(n, settings).call(arrivals, seen))
                .expect("a thread");
        }
        let began = Instant::now();
        ready();
        while !stops() {
            let due = (began.elapsed().as_secs_f64() * rate.unwrap_or(0.0)) as u64;
            while seen.arrived.load(Ordering::Relaxed) < due {
                seen.arrived.fetch_add(1, Ordering::Relaxed);
                sender.send(Instant::now()).unwrap();
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        drop(sender);
        json!({
            "arrived": seen.arrived, "good": seen.good, "refused": seen.refused,
            "closed": seen.closed, "given_up": seen.given_up,
            "seconds": began.elapsed().as_secs_f64(),
        })
    })
}

/// Who uses one connection.
struct Caller<'a> {
    url: &'a str,
    from: Ipv4Addr,
    requests: Vec<&'a str>,
    expected: &'a str,
    next: usize,
    connection: Option<Connection>,
}

impl<'a> Caller<'a> {
    fn new(n: usize, settings: &'a Value) -> Self {
        let requests = settings["requests"].as_array().unwrap();
        Self {
            url: settings["url"].as_str().unwrap(),
            // One address has 256 connections at most.
            from: Ipv4Addr::new(127, 0, 3, u8::try_from(n % 100).unwrap() + 1),
            requests: requests.iter().map(|request| request.as_str().unwrap()).collect(),
            expected: settings["expected"].as_str().unwrap(),
            next: n,
            connection: None,
        }
    }

    /// Sends a request for each that arrives, or one after the other, until the end.
    fn call(&mut self, arrivals: Option<&Mutex<mpsc::Receiver<Instant>>>, seen: &Seen) {
        while !stops() {
            if let Some(arrivals) = arrivals {
                let Ok(arrived) = arrivals.lock().unwrap().recv() else { return };
                if arrived.elapsed() > PATIENCE {
                    seen.given_up.fetch_add(1, Ordering::Relaxed);
                    continue;
                }
            } else {
                seen.arrived.fetch_add(1, Ordering::Relaxed);
            }
            self.ask(seen).fetch_add(1, Ordering::Relaxed);
        }
    }

    /// One request. Returns what counts its outcome.
    fn ask<'s>(&mut self, seen: &'s Seen) -> &'s AtomicU64 {
        self.next += 1;
        let request = self.requests[self.next % self.requests.len()].as_bytes();
        let connection = self.connection.take();
        let connection = connection.map_or_else(|| Connection::open_from(self.url, self.from), Ok);
        let Ok(mut connection) = connection else { return &seen.closed };
        let Ok(answer) = connection.exchange(request) else { return &seen.closed };
        let head = answer.head.to_lowercase();
        if !head.contains("\r\nconnection: close\r\n") {
            self.connection = Some(connection);
        }
        match answer.status {
            200 if text(&answer.body).contains(self.expected) => &seen.good,
            503 | 429 if head.contains("\r\nretry-after: ") => &seen.refused,
            _ => {
                eprintln!("a wrong answer: {head}{}", text(&answer.body));
                std::process::exit(1);
            }
        }
    }
}
