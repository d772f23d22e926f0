//! The n-th call of a kind fails, once or from then on, for every n until the service makes fewer.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::Run;
use crate::connection::Connection;
use crate::ledger::{State, Step, apply, compare, email};
use crate::program::{PASSWORD, Place, Server, wait_until};
use crate::shim::{MAP, NAME, OPEN, READ, SYNC, Shim, TRUNCATE, WRITE};

const EIO: i32 = 5;
const ENOMEM: i32 = 12;
const EMFILE: i32 = 24;
const ENOSPC: i32 = 28;

const FAULTS: [Fault; 9] = [
    Fault { name: "read EIO", calls: READ, error: EIO },
    Fault { name: "write EIO", calls: WRITE, error: EIO },
    Fault { name: "write ENOSPC", calls: WRITE, error: ENOSPC },
    Fault { name: "short write", calls: WRITE, error: 0 },
    Fault { name: "sync EIO", calls: SYNC, error: EIO },
    Fault { name: "open EMFILE", calls: OPEN, error: EMFILE },
    Fault { name: "truncate EIO", calls: TRUNCATE, error: EIO },
    Fault { name: "rename EIO", calls: NAME, error: EIO },
    Fault { name: "mmap ENOMEM", calls: MAP, error: ENOMEM },
];

/// Two turns of a writer.
const STEPS: usize = 12;
/// Reads between the steps, one after each.
const READS: [&str; 4] = ["/widgets", "/tasks?q=w0", "/search?q=w0", "/audit"];

struct Fault {
    name: &'static str,
    calls: u64,
    error: i32,
}

/// Rounds wait more than they work.
const THREADS: usize = 8;

#[derive(Default)]
struct Sum {
    rounds: usize,
    not_started: usize,
    ended: usize,
    refused: usize,
    unhealthy: usize,
    said: String,
}

pub fn prove(run: &Run) -> String {
    let template = template();
    let all: Vec<_> = FAULTS.iter().flat_map(|fault| [(fault, false), (fault, true)]).collect();
    let (next, sum) = (AtomicUsize::new(0), Mutex::new(Sum::default()));
    let work = || {
        while let Some((fault, is_lasting)) = all.get(next.fetch_add(1, Ordering::Relaxed)) {
            let last = rounds(run, &template, fault, *is_lasting, &sum);
            let how = if *is_lasting { "from then on" } else { "once" };
            let said = format!("\n  {} {how}: up to call {last}", fault.name);
            sum.lock().unwrap().said += &said;
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(work);
        }
    });
    let Sum { rounds, not_started, ended, refused, unhealthy, said } = sum.into_inner().unwrap();
    format!(
        "{rounds} rounds: in {not_started} the service did not start and said why, in {ended} it ended \
         and the next start went on, in {refused} a write was refused, in {unhealthy} it said that it is \
         unwell. Nothing acknowledged is missing.{said}"
    )
}

/// A round for each n until the service makes fewer calls; a short run leaves out most of them. Returns
/// the last n.
fn rounds(run: &Run, template: &Place, fault: &Fault, is_lasting: bool, sum: &Mutex<Sum>) -> u64 {
    let mut random = run.random(fault.name.len());
    let mut nth = 1;
    while round(template, fault, nth, is_lasting, sum) {
        nth += run.times(1, 1 + random.below(60)) as u64;
    }
    nth
}

/// What each round begins with.
fn template() -> Place {
    let place = Place::new();
    place.add_admin();
    for writer in 0..2 {
        place.add_user(&[&email(writer)]);
    }
    place
}

/// Whether the service has made that many calls.
fn round(template: &Place, fault: &Fault, nth: u64, is_lasting: bool, sum: &Mutex<Sum>) -> bool {
    let mut place = Place::new();
    place.set("WIDGETD_THROTTLE", "false");
    for name in template.files() {
        std::fs::copy(template.path().join(&name), place.path().join(&name)).unwrap();
    }
    let about = format!("{} at call {nth}, lasting: {is_lasting}", fault.name);
    let shim = Shim::new();
    shim.fail(fault.calls, nth, if is_lasting { u64::MAX } else { nth }, fault.error);
    let serve = || Place::try_start(shim.below(place.command(&["serve", "--port", "0"])));
    let mut expected = vec![(0, State::new()); 2];
    sum.lock().unwrap().rounds += 1;
    let mut server = match serve() {
        Ok(mut server) => {
            let is_refused = !write(&server, 0, &mut expected[0]);
            sum.lock().unwrap().refused += usize::from(is_refused);
            if is_refused && is_lasting && fault.calls & (WRITE | SYNC) != 0 {
                let says_so = || {
                    server.has_ended() || server.client().at_root("/healthz/ready").status == 503
                };
                wait_until(says_so, || format!("{about}: it says that it is well"));
                sum.lock().unwrap().unhealthy += 1;
            }
            server
        }
        Err(said) => {
            let says_why = said.iter().any(|line| line.starts_with("widgetd: "));
            assert!(says_why && !said.concat().contains("panicked"), "{about}: {said:?}");
            sum.lock().unwrap().not_started += 1;
            shim.heal();
            serve().unwrap_or_else(|said| panic!("{about}, healed: {said:?}"))
        }
    };
    let is_reached = shim.calls() >= nth;
    shim.heal();
    if server.has_ended() {
        sum.lock().unwrap().ended += 1;
        server = serve().unwrap_or_else(|said| panic!("{about}, ended and healed: {said:?}"));
    }
    let ready = || server.client().at_root("/healthz/ready");
    wait_until(|| ready().status == 200, || format!("{about}: {}", ready().text));
    assert!(write(&server, 1, &mut expected[1]), "{about}: healed, and a write is refused");
    server.kill();
    let wrong = compare(place.path(), &expected);
    assert!(wrong.is_none(), "{about}: {}", wrong.unwrap_or_default());
    is_reached
}

/// Whether all steps of a writer are acknowledged; stops at the first that is not.
fn write(server: &Server, writer: usize, (done, state): &mut (usize, State)) -> bool {
    let Some(admin) = log_in(server, "admin@example.com") else { return false };
    let Ok(mut connection) = Connection::open(&server.url) else { return false };
    let mut token = String::new();
    while *done < STEPS {
        let step = Step::nth(writer, *done);
        let Ok(answer) = connection.exchange(&step.request(&admin, &token, 0)) else {
            return false;
        };
        match answer.status {
            200..300 => {}
            500 | 503 | 507 => return false,
            _ => panic!("{step:?}: {}", answer.text()),
        }
        apply(state, &step);
        *done += 1;
        if matches!(step, Step::LogIn { .. }) {
            token = answer.access_token();
        }
        let read = server.client().bearing(&admin).try_get(READS[*done % READS.len()]);
        let Ok(read) = read else { return false };
        assert!(matches!(read.status, 200 | 500 | 503 | 507), "{}", read.text);
    }
    true
}

/// An access token; `None` if the service cannot give one.
fn log_in(server: &Server, email: &str) -> Option<String> {
    let fields = [("email", email), ("password", PASSWORD)];
    let answer = server.client().try_post("/auth/login", &fields).ok()?;
    assert!(matches!(answer.status, 200 | 500 | 503 | 507), "{}", answer.text);
    answer.body["access_token"].as_str().map(str::to_owned)
}
