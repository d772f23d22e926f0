//! The clock of the machine jumps, by seconds and by years.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::Run;
use crate::program::{Place, Server};
use crate::random::Random;
use crate::shim::Shim;

/// The default of `access_token_seconds`.
const LIFE: i64 = 3_600;
/// How far in the future a token may have been issued.
const TOLERANCE: i64 = 60;
/// What is this close to a limit is not judged: the service looks at its clock a moment later.
const BLUR: i64 = 10;
const DAY: i64 = 86_400;
const SHIFTS: [i64; 11] =
    [0, 3, 30, 40, 90, 1_000, 4_000, DAY, 370 * DAY, 3_653 * DAY, 3_653 * DAY + 7_200];

/// A session, by the clock of the service.
struct Session {
    token: String,
    since: i64,
    /// A login deletes the user's sessions that have expired by then.
    is_purged: bool,
}

impl Session {
    /// Whether it has to be accepted; `None` where it may be, because a limit is too close.
    fn is_alive(&self, now: i64) -> Option<bool> {
        let limits = [self.since - TOLERANCE, self.since + LIFE];
        if self.is_purged {
            return Some(false);
        }
        let is_far = limits.iter().all(|limit| (now - limit).abs() > BLUR);
        is_far.then_some(limits[0] < now && now < limits[1])
    }
}

/// So many that no user reaches the limit of sessions, which ends the oldest.
const JUMPS: usize = 40;

#[derive(Default)]
struct Sum {
    starts: usize,
    accepted: usize,
    refused: usize,
}

pub fn prove(run: &Run) -> String {
    let parts = run.times(50, 2);
    let mut sum = Sum::default();
    for part in 0..parts {
        jump(&mut run.random(part), &mut sum);
    }
    let Sum { starts, accepted, refused } = sum;
    assert!(accepted > 0 && refused > 0, "{accepted} accepted, {refused} refused");
    format!(
        "{} jumps by up to ten years, {starts} starts: sessions accepted {accepted} times and refused \
         {refused} times, each as it should be; no event and no record is missing.",
        parts * JUMPS
    )
}

fn jump(random: &mut Random, sum: &mut Sum) {
    let mut place = Place::new();
    place.set("WIDGETD_THROTTLE", "false");
    place.add_admin();
    let shim = Shim::new();
    let serve = || Place::start(shim.below(place.command(&["serve", "--port", "0"])));
    let mut server = serve();
    let mut sessions: Vec<Session> = Vec::new();
    for n in 0..JUMPS {
        let shift = random.pick(&SHIFTS) * if random.below(2) == 0 { 1 } else { -1 };
        shim.shift_clock(shift);
        if random.below(4) == 0 {
            // What purges does so at a start.
            assert_eq!(server.terminate().0, Some(0));
            server = serve();
            sum.starts += 1;
        }
        let now = machine_seconds() + shift;
        for session in &sessions {
            let status = server.client().bearing(&session.token).get("/auth/user").status;
            let wanted = session.is_alive(now).map(|is_alive| if is_alive { 200 } else { 401 });
            let is_right = wanted.map_or(matches!(status, 200 | 401), |wanted| status == wanted);
            assert!(is_right, "session of {} at {now}: {status}", session.since);
            sum.accepted += usize::from(status == 200);
            sum.refused += usize::from(status == 401);
        }
        let admin = server.log_in("admin@example.com");
        assert_eq!(admin.try_add_widget(&format!("w-{n}")).unwrap().status, 201);
        check_kept(&server, n + 1);
        for session in &mut sessions {
            session.is_purged |= now >= session.since + LIFE;
        }
        sessions.push(Session { token: admin.token.unwrap(), since: now, is_purged: false });
        let oldest = sessions.len().saturating_sub(8);
        sessions.drain(..oldest);
    }
}

/// Nothing is missing of what was created `count` times: neither records nor events.
fn check_kept(server: &Server, count: usize) {
    let admin = server.log_in("admin@example.com");
    for path in ["/widgets?per_page=5", "/audit?action=widget.create&per_page=5"] {
        let total: Value = admin.get(path).body["total_items"].clone();
        assert_eq!(total, count, "{path}");
    }
}

fn machine_seconds() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    i64::try_from(since.as_secs()).unwrap()
}
