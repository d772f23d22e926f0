//! The disk fills and gets space again, while many clients write.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use crate::Run;
use crate::connection::Connection;
use crate::ledger::{State, Step, apply, compare};
use crate::power_cut::{WRITERS, place};
use crate::program::{Place, wait_until};
use crate::shim::{Shim, TRUNCATE, WRITE};

const ENOSPC: i32 = 28;

pub fn prove(run: &Run) -> String {
    let times = run.times(500, 15);
    let mut random = run.random(0);
    let place = place();
    let shim = Shim::new();
    let mut server = Place::start(shim.below(place.command(&["serve", "--port", "0"])));
    let admin = server.log_in("admin@example.com").token.unwrap();
    let (has_ended, done, refused) =
        (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let expected = std::thread::scope(|scope| {
        let write = |writer| {
            let (admin, url, has_ended, done, refused) =
                (&admin, &server.url, &has_ended, &done, &refused);
            move || write_until(writer, admin, url, has_ended, done, refused)
        };
        let writers: Vec<_> = (0..WRITERS).map(|writer| scope.spawn(write(writer))).collect();
        for _ in 0..times {
            let before = refused.load(Ordering::Relaxed);
            shim.fail(WRITE | TRUNCATE, 1, u64::MAX, ENOSPC);
            wait_until(
                || refused.load(Ordering::Relaxed) > before,
                || "the disk is full, and no write is refused".to_owned(),
            );
            std::thread::sleep(Duration::from_millis(random.below(50) as u64));
            shim.heal();
            let before = done.load(Ordering::Relaxed);
            wait_until(
                || done.load(Ordering::Relaxed) > before + WRITERS,
                || "the disk has space, and nothing is written".to_owned(),
            );
            std::thread::sleep(Duration::from_millis(random.below(100) as u64));
        }
        has_ended.store(true, Ordering::Relaxed);
        writers.into_iter().map(|writer| writer.join().unwrap()).collect::<Vec<_>>()
    });
    assert!(!server.has_ended());
    let ready = server.client().at_root("/healthz/ready");
    assert_eq!(ready.status, 200, "{}", ready.text);
    server.kill();
    let wrong = compare(place.path(), &expected);
    assert!(wrong.is_none(), "{}", wrong.unwrap_or_default());
    format!(
        "{times} times full while {WRITERS} clients wrote: {} writes acknowledged, all there; {} refused, \
         none of them done; one start.",
        done.into_inner(),
        refused.into_inner()
    )
}

/// Tries each step until it is done. One that was refused must not be done.
fn write_until(
    writer: usize,
    admin: &str,
    url: &str,
    has_ended: &AtomicBool,
    done: &AtomicUsize,
    refusals: &AtomicUsize,
) -> (usize, State) {
    let mut connection = Connection::open(url).unwrap();
    let (mut written, mut state, mut token) = (0, State::new(), String::new());
    let mut attempt = 0;
    while !has_ended.load(Ordering::Relaxed) {
        let step = Step::nth(writer, written);
        attempt += 1;
        let answer = connection.exchange(&step.request(admin, &token, attempt)).unwrap();
        match answer.status {
            200..300 => {}
            500 | 503 | 507 => {
                refusals.fetch_add(usize::from(answer.status != 503), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(2));
                continue;
            }
            _ => panic!("{step:?}: {}", answer.text()),
        }
        if matches!(step, Step::LogIn { .. }) {
            token = answer.access_token();
        }
        apply(&mut state, &step);
        written += 1;
        done.fetch_add(1, Ordering::Relaxed);
    }
    (written, state)
}
