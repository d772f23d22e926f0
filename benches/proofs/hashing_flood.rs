//! 500 connections that log in again and again, with the real costs of a hash.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Run;
use crate::connection::{Connection, request};
use crate::latency::{Compared, Reader};
use crate::load::{Load, ready, run_while_idle, stops};
use crate::program::{PASSWORD, Place, peak_memory_kib};

const CONNECTIONS: u64 = 500;
const ATTEMPTS: u64 = 300;
const USERS: u64 = 20;
const MAX_GROWTH_KIB: usize = 96 * 1_024;
const MAX_REFUSAL: Duration = Duration::from_secs(2);

pub fn prove(run: &Run) -> String {
    // Rate limits would refuse before the queue does.
    let place = Place::with(&[("WIDGETD_THROTTLE", "false")]);
    place.add_admin();
    for n in 0..USERS {
        place.add_user(&[&email(n)]);
    }
    let server = place.serve();
    let token = server.log_in("admin@example.com").token.expect("a token");
    let idle = peak_memory_kib(&server);
    let time = Duration::from_secs(run.times(10, 1) as u64);
    let mut compared = Compared::new(run, Reader::new(&server.url, &token), run.times(10, 2));
    let mut refusals = Vec::new();
    let [mut logged_in, mut refused] = [0; 2];
    while compared.next(time) {
        let load = Load::start("hashing flood", &json!({ "url": server.url }));
        compared.under_load(time * 2);
        refusals.extend(time_refusals(&server.url));
        let report = load.stop();
        logged_in += report["logged_in"].as_u64().expect("a count");
        refused += report["refused"].as_u64().expect("a count");
    }
    let growth = peak_memory_kib(&server).saturating_sub(idle);
    let slowest = refusals.iter().max().expect("a refusal");
    let done = format!(
        "{CONNECTIONS} connections: {logged_in} logins, {refused} refused; {compared}; \
         the slowest of {} refusals took {} ms; {} MB more than idle",
        refusals.len(),
        slowest.as_millis(),
        growth / 1_024
    );
    assert!(logged_in > 0 && refused > 0, "{done}");
    assert!(growth < MAX_GROWTH_KIB, "{done}");
    assert!(!run.judges_time() || *slowest < MAX_REFUSAL, "{done}");
    assert!(compared.holds(), "{done}");
    done
}

/// More attempts at once than the queue can take, and how long the refusals took. The load cannot
/// tell: it runs only where nothing else does.
fn time_refusals(url: &str) -> Vec<Duration> {
    let attempt = |n| {
        let mut connection = Connection::open_from(url, address(n)).expect("a connection");
        let asked = Instant::now();
        let answer = connection.exchange(&log_in(n)).expect("an answer");
        is_refused(&answer.head, answer.status).then(|| asked.elapsed())
    };
    std::thread::scope(|scope| {
        let attempts: Vec<_> = (0..ATTEMPTS).map(|n| scope.spawn(move || attempt(n))).collect();
        attempts.into_iter().filter_map(|attempt| attempt.join().expect("an attempt")).collect()
    })
}

fn is_refused(head: &str, status: u16) -> bool {
    assert!(matches!(status, 200 | 503), "{head}");
    assert!(status == 200 || head.to_lowercase().contains("\r\nretry-after: "), "{head}");
    status == 503
}

fn email(n: u64) -> String {
    format!("u{}@example.com", n % USERS)
}

/// One address has 256 connections at most.
fn address(n: u64) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 2, u8::try_from(n % 10).unwrap() + 1)
}

fn log_in(n: u64) -> Vec<u8> {
    request("POST", "/auth/login", "", &[("email", &*email(n)), ("password", PASSWORD)])
}

pub fn generate(settings: &Value) -> Value {
    run_while_idle();
    let url = settings["url"].as_str().unwrap();
    let (logged_in, refused) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for n in 0..CONNECTIONS {
            let (logged_in, refused) = (&logged_in, &refused);
            scope.spawn(move || {
                let mut connection = Connection::open_from(url, address(n)).expect("a connection");
                while !stops() {
                    let answer = connection.exchange(&log_in(n)).expect("an answer");
                    let is_refused = is_refused(&answer.head, answer.status);
                    let counter = if is_refused { refused } else { logged_in };
                    counter.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        // The first have been refused: the queue is full.
        while refused.load(Ordering::Relaxed) == 0 {
            std::thread::sleep(Duration::from_millis(10));
        }
        ready();
    });
    json!({ "logged_in": logged_in, "refused": refused })
}
