//! Users who read the most expensive lists, searches and templates that they may, all at once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Run;
use crate::connection::{Connection, request};
use crate::latency::{Compared, Reader};
use crate::load::{Load, ready, run_while_idle, stops};
use crate::program::{Place, Server, peak_memory_kib, text};

const READERS: usize = 64;
const MAX_MEMORY_KIB: usize = 128 * 1_024;
const MAX_LIST: Duration = Duration::from_secs(1);

/// The most expensive reads of a plain user.
const READS: [&str; 9] = [
    "/widgets?q=a+b+c+d+e+f+g+w&per_page=100",
    "/widgets?q=w&sort=-deadline&per_page=100&page=90",
    "/tasks?q=a+b+c+d+e+f+g+h&per_page=100",
    "/templates?per_page=100",
    "/templates?q=a+b+c+d+e+f+g+h&per_page=100&sort=-updated_at",
    "/widgets?deadline_after=2020-01-01&sort=-created_at&per_page=100&page=90",
    "/search?q=a+b+c+d+e+f+g+w",
    "/templates/t7",
    "/widgets?q=w&format=csv",
];

pub fn prove(run: &Run) -> String {
    let place = Place::new();
    place.add_admin();
    import_widgets(&place);
    let readers: Vec<_> = (0..READERS).map(|n| format!("u{n}@example.com")).collect();
    for reader in &readers {
        place.add_user(&[reader]);
    }
    let server = place.serve();
    let token = |email: &str| server.log_in(email).token.expect("a token");
    let admin = token("admin@example.com");
    let tokens: Vec<_> = readers.iter().map(|email| token(email)).collect();
    add_templates(&server, &tokens);
    let settings = json!({ "url": server.url, "tokens": tokens });

    let time = Duration::from_secs(run.times(20, 2) as u64);
    let mut compared = Compared::new(run, Reader::new(&server.url, &admin), run.times(10, 3));
    let [mut answered, mut refused] = [0; 2];
    let mut slowest = Duration::ZERO;
    while compared.next(time / 2) {
        let load = Load::start("heavy readers", &settings);
        compared.under_load(time);
        slowest = slowest.max(read_lists(&server, &admin, run.times(200, 20)));
        let report = load.stop();
        answered += report["answered"].as_u64().expect("a count");
        refused += report["refused"].as_u64().expect("a count");
    }
    let memory = peak_memory_kib(&server);
    let done = format!(
        "{READERS} users, whose reads were answered {answered} times and refused \
         {refused} times; {compared}; slowest list {} ms; at most {} MB",
        slowest.as_millis(),
        memory / 1_024
    );
    assert!(answered > 0, "{done}");
    assert!(memory < MAX_MEMORY_KIB, "{done}");
    assert!(!run.judges_time() || slowest < MAX_LIST, "{done}");
    assert!(compared.holds(), "{done}");
    done
}

/// Reads a list some times, and returns how long the slowest took.
fn read_lists(server: &Server, token: &str, times: usize) -> Duration {
    let list = request("GET", "/widgets?per_page=100", token, &[]);
    let mut connection = Connection::open(&server.url).expect("a connection");
    let read = |_| {
        let asked = Instant::now();
        let answer = connection.exchange(&list).expect("an answer");
        assert_eq!(answer.status, 200, "{}", text(&answer.body));
        asked.elapsed()
    };
    (0..times).map(read).max().expect("a time")
}

/// 10,000 whose names have all the words that are searched for.
fn import_widgets(place: &Place) {
    let mut table = "name,info_url,deadline\n".to_owned();
    for n in 0..10_000 {
        let name = format!("a{n}-b{n}-c{n}-d{n}-e{n}-f{n}-g{n}-w{}", n % 8);
        table.extend([&name, ",https://example.com,2099-12-31\n"]);
    }
    let import = place.run(&["import", "widgets", "-"], &table);
    assert!(import.status.success(), "{}", text(&import.stderr));
}

/// 20 for each reader: 64 KiB that JSON makes six times as long, but for some words.
fn add_templates(server: &Server, tokens: &[String]) {
    let words = "a1 b2 c3 d4 e5 f6 g7 h8 ".repeat(100);
    let body = format!("{words}{}", "\u{1}".repeat(64 * 1_024 - words.len()));
    for token in tokens {
        let client = server.client().bearing(token);
        for n in 0..20 {
            let fields = [("name", &*format!("t{n}")), ("body", &*body)];
            let answer = client.post("/templates", &fields);
            assert_eq!(answer.status, 201, "{}", answer.text);
        }
    }
}

/// Each user reads one after the other, all at once.
pub fn generate(settings: &Value) -> Value {
    run_while_idle();
    let url = settings["url"].as_str().unwrap();
    let tokens: Vec<String> = serde_json::from_value(settings["tokens"].clone()).unwrap();
    let (answered, refused) = (AtomicU64::new(0), AtomicU64::new(0));
    ready();
    std::thread::scope(|scope| {
        for (number, token) in tokens.iter().enumerate() {
            let (answered, refused) = (&answered, &refused);
            scope.spawn(move || {
                let mut connection = Connection::open(url);
                for path in READS.iter().cycle().skip(number).take_while(|_| !stops()) {
                    let request = request("GET", path, token, &[]);
                    let answer = connection.as_mut().ok().map(|it| it.exchange(&request));
                    let Some(Ok(answer)) = answer else {
                        // One who does not read in time may see the connection closed.
                        connection = Connection::open(url);
                        refused.fetch_add(1, Ordering::Relaxed);
                        continue;
                    };
                    if !matches!(answer.status, 200 | 429 | 503) {
                        eprintln!("{path}: {}", answer.head);
                        std::process::exit(1);
                    }
                    let is_answered = answer.status == 200;
                    let counter = if is_answered { answered } else { refused };
                    counter.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    json!({ "answered": answered, "refused": refused })
}
