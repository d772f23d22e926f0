//! Users who read as much as they can, and another who works meanwhile.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::connections::latency;
use crate::program::{Client, PASSWORD, Place, peak_memory_kib};

const READERS: usize = 64;

/// The most expensive lists that a plain user may ask for.
const LISTS: [&str; 6] = [
    "/widgets?q=a+b+c+d+e+f+g+w&per_page=100",
    "/widgets?q=w&sort=-deadline&per_page=100&page=90",
    "/tasks?q=a+b+c+d+e+f+g+h&per_page=100",
    "/templates?per_page=100",
    "/templates?q=a+b+c+d+e+f+g+h&per_page=100&sort=-updated_at",
    "/widgets?deadline_after=2020-01-01&sort=-created_at&per_page=100&page=90",
];

/// 64 KiB that JSON makes six times as long, but for some words.
fn heavy_body() -> String {
    let words = "a1 b2 c3 d4 e5 f6 g7 h8 ".repeat(100);
    format!("{words}{}", "\u{1}".repeat(64 * 1024 - words.len()))
}

fn fill(admin: &Client, readers: &[Client]) {
    std::thread::scope(|scope| {
        for part in 0..8 {
            scope.spawn(move || {
                for n in 0..1_250 {
                    let name = format!("a{n}-b{n}-c{n}-d{n}-e{n}-f{n}-g{n}-w{part}");
                    assert_eq!(admin.try_add_widget(&name).unwrap().status, 201);
                }
            });
        }
        for readers in readers.chunks(16) {
            scope.spawn(move || {
                let body = heavy_body();
                for (reader, n) in
                    readers.iter().flat_map(|reader| (0..20).map(move |n| (reader, n)))
                {
                    let fields = [("name", &*format!("t{n}")), ("body", &*body)];
                    assert_eq!(reader.post("/templates", &fields).status, 201);
                }
            });
        }
    });
}

/// The median and the 99th percentile of reads by key, and the slowest list, until `stop`.
fn work(client: &Client, mut stop: impl FnMut(usize) -> bool) -> [Duration; 3] {
    let mut slowest_list = Duration::ZERO;
    let (_, [median, p99, _]) = latency(client, |count| {
        if count > 0 && count.is_multiple_of(100) {
            let started = Instant::now();
            assert_eq!(client.get("/tasks").status, 200);
            slowest_list = slowest_list.max(started.elapsed());
        }
        stop(count)
    });
    [median, p99, slowest_list]
}

#[test]
#[ignore = "loads the machine for a minute"]
fn load_of_users_who_read_as_much_as_they_can() {
    let place = Place::new();
    let server = place.serve();
    place.add_admin();
    let admin = server.log_in("admin@example.com");
    let readers: Vec<_> = (0..READERS)
        .map(|n| {
            let fields = [("email", &*format!("u{n}@example.com")), ("password", PASSWORD)];
            let from = server.client();
            let answer = from.post("/auth/register", &fields);
            assert!(answer.status == 201 || answer.status == 429, "{}", answer.text);
            if answer.status == 429 {
                let add = ["user", "add", &*format!("u{n}@example.com"), "--password-stdin"];
                assert!(place.run(&add, PASSWORD).status.success());
                return server.log_in(&format!("u{n}@example.com"));
            }
            from.bearing(answer.body["access_token"].as_str().unwrap())
        })
        .collect();
    fill(&admin, &readers);
    let filled = peak_memory_kib(&server);
    let idle = work(&admin, |count| count == 3_000);

    let (stop, refused, answered) =
        (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let busy = std::thread::scope(|scope| {
        for (number, reader) in readers.iter().enumerate() {
            let (stop, refused, answered) = (&stop, &refused, &answered);
            scope.spawn(move || {
                for path in LISTS.iter().cycle().skip(number) {
                    if stop.load(Ordering::Relaxed) {
                        return;
                    }
                    // A refused reader may see its connection closed.
                    let is_answered = reader.try_get(path).is_ok_and(|a| a.status == 200);
                    let counter = if is_answered { answered } else { refused };
                    counter.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        let started = Instant::now();
        let busy = work(&admin, |_| started.elapsed() > Duration::from_secs(30));
        stop.store(true, Ordering::Relaxed);
        busy
    });
    let memory = peak_memory_kib(&server);
    eprintln!(
        "reads by key, median and p99, and the slowest list: alone {idle:?}; beside {READERS} readers \
         {busy:?}; theirs: {} answered, {} refused; {filled} KiB when filled, then {memory}",
        answered.load(Ordering::Relaxed),
        refused.load(Ordering::Relaxed),
    );
    assert!(memory < 128 * 1_024, "{memory} KiB");
}
