//! SIGTERM under load: what the service has accepted, it answers, and then it ends with 0.
//!
//! What a client can know: it has sent a request on a connection that the service may have closed
//! just then. So a write must be either done and answered, or neither, and no answer is cut. What
//! the service is known to have accepted is answered: writes for whose bodies it has asked
//! (`100 Continue`), and lists of which the first bytes have arrived.

use std::io::{ErrorKind, Result};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::connection::{Answer, Connection, request, with_header};
use crate::program::{Place, signal, text};
use crate::random::Random;
use crate::{Run, without_limits};

const WRITERS: usize = 16;
/// Each of their requests has a connection of its own.
const NEWCOMERS: usize = 4;
const READERS: usize = 4;

/// Writes without their bodies, and lists that are not read, when the signal comes.
const WAITING_WRITES: usize = 6;
const WAITING_LISTS: usize = 2;

/// How long they wait after it, at most: far less than the grace period.
const WAIT_MILLIS: usize = 800;

const LOAD_MILLIS: usize = 200;

/// The whole list is more than the kernel holds for a client that does not read.
const WIDGETS: usize = 5_000;

const ROUNDS_PER_DATABASE: usize = 25;

#[derive(Default)]
struct Counts {
    writes: AtomicUsize,
    reads: AtomicUsize,
    unanswered: AtomicUsize,
}

pub fn prove(run: &Run) -> String {
    let rounds = run.times(500, 15);
    let counts = Counts::default();
    for first in (0..rounds).step_by(ROUNDS_PER_DATABASE) {
        let place = without_limits();
        let token = prepare(&place);
        let done_before = counts.writes.load(Ordering::Relaxed);
        for round in first..rounds.min(first + ROUNDS_PER_DATABASE) {
            stop_under_load(&place, &token, round, run.random(round), &counts);
            let server = place.serve();
            let list = request("GET", "/tasks", &token, &[]);
            let answer = Connection::open(&server.url).unwrap().exchange(&list).unwrap();
            let done = answer.header("Total-Count").unwrap().parse::<usize>().unwrap();
            let answered = counts.writes.load(Ordering::Relaxed) - done_before;
            assert_eq!(done, answered, "round {round}: writes that were done, and were answered");
            server.kill();
        }
    }
    let [writes, reads, unanswered] =
        [counts.writes, counts.reads, counts.unanswered].map(AtomicUsize::into_inner);
    assert!(writes > rounds * WAITING_WRITES, "{writes} writes");
    format!(
        "{rounds} times SIGTERM amid {} clients: exit code 0; {writes} writes and {reads} reads were \
         answered in whole; {unanswered} requests met a closed connection, and none of them was done",
        WRITERS + NEWCOMERS + READERS
    )
}

/// An administrator's token, and many widgets.
fn prepare(place: &Place) -> String {
    place.add_admin();
    let url = format!("https://example.com/{}", "x".repeat(230));
    let rows: Vec<_> = (0..WIDGETS).map(|n| format!("w{n},{url},2099-12-31\n")).collect();
    let output = place
        .run(&["import", "widgets", "-"], &format!("name,info_url,deadline\n{}", rows.concat()));
    assert!(output.status.success(), "{}", text(&output.stderr));
    let server = place.serve();
    server.log_in("admin@example.com").token.unwrap()
}

fn stop_under_load(place: &Place, token: &str, round: usize, mut random: Random, counts: &Counts) {
    let server = place.serve();
    let load = &Load { url: &server.url, token, round, sent: AtomicUsize::new(0), counts };
    std::thread::scope(|scope| {
        for _ in 0..WRITERS {
            scope.spawn(|| load.write_until_closed());
        }
        for _ in 0..NEWCOMERS {
            scope.spawn(|| load.write_anew_until_closed());
        }
        for _ in 0..READERS {
            scope.spawn(|| load.read_until_closed());
        }
        let writes: Vec<_> = (0..WAITING_WRITES).map(|_| load.begin_write()).collect();
        let lists: Vec<_> = (0..WAITING_LISTS).map(|_| load.begin_list()).collect();
        std::thread::sleep(Duration::from_millis(random.below(LOAD_MILLIS) as u64));
        signal(server.id(), "TERM");
        let mut wait = || Duration::from_millis(random.below(WAIT_MILLIS) as u64);
        for (connection, body) in writes {
            let wait = wait();
            scope.spawn(move || load.end_write(connection, &body, wait));
        }
        for connection in lists {
            let wait = wait();
            scope.spawn(move || load.end_list(connection, wait));
        }
    });
    let (code, said) = server.wait();
    assert_eq!(code, Some(0), "round {round}: {said:#?}");
    let said = said.join("\n");
    assert!(said.contains("widgetd has stopped.") && !said.contains("panicked"), "{said}");
}

/// The clients of one round.
struct Load<'a> {
    url: &'a str,
    token: &'a str,
    round: usize,
    sent: AtomicUsize,
    counts: &'a Counts,
}

impl Load<'_> {
    fn write(&self) -> Vec<u8> {
        let key = format!("r{}-{}", self.round, self.sent.fetch_add(1, Ordering::Relaxed));
        let request = request("POST", "/tasks", self.token, &[("title", &key)]);
        with_header(request, "Idempotency-Key", &key)
    }

    fn write_until_closed(&self) {
        let Ok(mut connection) = Connection::open(self.url) else { return };
        while self.count(connection.exchange(&self.write()), 201, &self.counts.writes) {}
    }

    /// With a connection for each write.
    fn write_anew_until_closed(&self) {
        // Where nobody listens any more, nothing is sent.
        while let Ok(mut connection) = Connection::open(self.url) {
            let request = with_header(self.write(), "Connection", "close");
            if !self.count(connection.exchange(&request), 201, &self.counts.writes) {
                return;
            }
        }
    }

    fn read_until_closed(&self) {
        let page = request("GET", "/widgets?per_page=100", self.token, &[]);
        let Ok(mut connection) = Connection::open(self.url) else { return };
        while self.count(connection.exchange(&page), 200, &self.counts.reads) {}
    }

    /// Whether there was an answer. None may be cut.
    fn count(&self, answer: Result<Answer>, status: u16, answered: &AtomicUsize) -> bool {
        match answer {
            Ok(answer) => {
                assert_eq!(answer.status, status, "{}", answer.text());
                answered.fetch_add(1, Ordering::Relaxed);
                true
            }
            Err(error) => {
                assert_ne!(error.kind(), ErrorKind::InvalidData, "{error}");
                self.counts.unanswered.fetch_add(1, Ordering::Relaxed);
                false
            }
        }
    }

    /// Sends the head of a write. Returns its body when the service has asked for it.
    fn begin_write(&self) -> (Connection, Vec<u8>) {
        let request = with_header(self.write(), "Expect", "100-continue");
        let end = request.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
        let (head, body) = request.split_at(end);
        let mut connection = Connection::open(self.url).unwrap();
        let answer = connection.exchange(head).unwrap();
        assert_eq!(answer.status, 100, "{}", answer.head);
        (connection, body.to_vec())
    }

    fn end_write(&self, mut connection: Connection, body: &[u8], wait: Duration) {
        std::thread::sleep(wait);
        let answer = connection.exchange(body);
        answer.as_ref().expect("an answer to an accepted write");
        self.count(answer, 201, &self.counts.writes);
    }

    /// Asks for a long list, of which only the first bytes are read.
    fn begin_list(&self) -> Connection {
        let mut connection = Connection::open(self.url).unwrap();
        connection.send(&request("GET", "/widgets?format=csv", self.token, &[])).unwrap();
        connection.wait_for_answer().unwrap();
        connection
    }

    fn end_list(&self, mut connection: Connection, wait: Duration) {
        std::thread::sleep(wait);
        let answer = connection.read_answer(false).expect("the rest of a list");
        let lines = answer.text().lines().count();
        assert_eq!((answer.status, lines), (200, WIDGETS + 1), "{}", answer.head);
        self.counts.reads.fetch_add(1, Ordering::Relaxed);
    }
}
