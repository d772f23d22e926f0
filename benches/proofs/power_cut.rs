//! The power goes at a random moment while many clients write. What happened to the database's files
//! was recorded, so that one run of the service gives any number of such moments.

use std::path::Path;

use tempfile::TempDir;

use crate::Run;
use crate::connection::Connection;
use crate::disk::{Disk, Event, Record, records};
use crate::ledger::{State, Step, apply, compare, email};
use crate::program::Place;
use crate::shim::Shim;

pub const WRITERS: usize = 12;
/// How much one run of the service writes: several checkpoints of the log.
const TRACE_BYTES: usize = 64 << 20;

pub fn prove(run: &Run) -> String {
    let (traces, cuts) = (run.times(20, 3), run.times(500, 60));
    let (mut acknowledged, mut served) = (0, 0);
    let (mut control, mut control_lost) = (0, 0);
    for part in 0..traces {
        let place = place();
        let base = Disk::of(place.path());
        let written = write_until_killed(&place);
        let records = records(&written.trace);
        acknowledged += written.acknowledged.iter().map(Vec::len).sum::<usize>();
        let mut moments = Moments::new(run, part, cuts, records.len());
        moments.cut(base.clone(), &records, &written, |folder, number, length, wrong| {
            assert!(wrong.is_none(), "run {part}, cut {number}: {}", wrong.unwrap_or_default());
            if number % 50 == 0 {
                let (token, since) = &written.token;
                serve(&place, folder, Some(&**token).filter(|_| *since <= length));
                served += 1;
            }
        });
        // Without the syncs that `synchronous=NORMAL` leaves out, writes must be missing: otherwise
        // this could not tell.
        let normal = without_syncs_of_commits(&base, &records);
        let mut moments = Moments::new(run, part, cuts / 10, normal.len());
        moments.cut(base, &normal, &written, |_, _, _, wrong| {
            control += 1;
            control_lost += usize::from(wrong.is_some());
        });
    }
    assert!(control_lost > 0, "{control} cuts without syncs, and nothing is missing");
    format!(
        "{traces} runs of {WRITERS} writers, {acknowledged} acknowledged writes, {} cuts: none missing, \
         none half, each database whole; {served} of them served.\n\
         Control, as with synchronous=NORMAL: {control_lost} of {control} cuts lost writes.",
        traces * cuts
    )
}

/// A folder with the accounts of the writers.
pub fn place() -> Place {
    let mut place = Place::new();
    place.set("WIDGETD_THROTTLE", "false");
    place.add_admin();
    for writer in 0..WRITERS {
        place.add_user(&[&email(writer)]);
    }
    place
}

/// What a service did until it was killed.
struct Written {
    trace: Vec<u8>,
    /// For each writer, how long the trace was when an answer had arrived.
    acknowledged: Vec<Vec<usize>>,
    /// An access token, and how long the trace was when it had arrived.
    token: (String, usize),
}

fn write_until_killed(place: &Place) -> Written {
    let shim = Shim::new();
    let server = Place::start(shim.tracing(place.command(&["serve", "--port", "0"])));
    let admin = server.log_in("admin@example.com").token.unwrap();
    let start = shim.traced();
    let acknowledged = std::thread::scope(|scope| {
        let write = |writer| {
            let (shim, admin, url) = (&shim, &admin, &server.url);
            move || {
                let mut connection = Connection::open(url).unwrap();
                let mut acknowledged = Vec::new();
                let mut token = String::new();
                while shim.traced() < start + TRACE_BYTES {
                    let step = Step::nth(writer, acknowledged.len());
                    let sent = step.request(admin, &token, 0);
                    let answer = connection.exchange(&sent).unwrap();
                    // Busy, such as with another import of the same user.
                    if answer.status == 503 {
                        continue;
                    }
                    assert!((200..300).contains(&answer.status), "{step:?}: {}", answer.text());
                    if matches!(step, Step::LogIn { .. }) {
                        token = answer.access_token();
                    }
                    acknowledged.push(shim.traced());
                }
                acknowledged
            }
        };
        let running: Vec<_> = (0..WRITERS).map(|writer| scope.spawn(write(writer))).collect();
        running.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    server.kill();
    Written { trace: shim.trace(), acknowledged, token: (admin, start) }
}

/// The moments at which the power goes, by the number of records before them.
struct Moments {
    random: crate::random::Random,
    after: Vec<usize>,
}

impl Moments {
    fn new(run: &Run, part: usize, count: usize, records: usize) -> Self {
        let mut random = run.random(part);
        let mut after: Vec<_> = (0..count).map(|_| random.below(records)).collect();
        after.sort_unstable();
        Self { random, after }
    }

    /// Cuts the power at each moment; `judge` gets the folder, the number of the cut, the
    /// length of the trace and what is wrong.
    fn cut<'a>(
        &mut self,
        mut disk: Disk<'a>,
        records: &[Record<'a>],
        written: &Written,
        mut judge: impl FnMut(&Path, usize, usize, Option<String>),
    ) {
        let (mut done, mut expected) = (0, vec![(0, State::new()); WRITERS]);
        for (number, after) in self.after.iter().enumerate() {
            records[done..*after].iter().for_each(|record| disk.apply(&record.event));
            done = *after;
            let length = done.checked_sub(1).map_or(0, |last| records[last].end);
            for (writer, (steps, state)) in expected.iter_mut().enumerate() {
                while written.acknowledged[writer]
                    .get(*steps)
                    .is_some_and(|traced| *traced <= length)
                {
                    apply(state, &Step::nth(writer, *steps));
                    *steps += 1;
                }
            }
            let folder = folder_in_memory();
            disk.cut_power(&mut self.random, folder.path());
            judge(folder.path(), number, length, compare(folder.path(), &expected));
        }
    }
}

/// The records that there would be with `synchronous=NORMAL`: the log is synced only before what it
/// holds is moved into the database, and where it begins anew.
fn without_syncs_of_commits<'a>(base: &Disk, records: &[Record<'a>]) -> Vec<Record<'a>> {
    let database = base.inode("widgetd.db").expect("a database");
    let mut log = None;
    let mut is_left_out = false;
    let mut is_header = false;
    let mut kept = Vec::new();
    for (n, record) in records.iter().enumerate() {
        match record.event {
            Event::Opened { inode, name: "widgetd.db-wal", .. } => log = Some(inode),
            Event::Written { inode, at, .. } if Some(inode) == log => is_header = at == 0,
            Event::SyncBegins { inode } if Some(inode) == log => {
                let mut later = records[n + 1..].iter().filter_map(|later| match later.event {
                    Event::Written { inode, .. } => Some(inode),
                    _ => None,
                });
                is_left_out = !is_header && later.next() != Some(database);
            }
            _ => {}
        }
        let is_sync = matches!(
            record.event,
            Event::SyncBegins { inode } | Event::Synced { inode } if Some(inode) == log
        );
        if !(is_sync && is_left_out) {
            kept.push(*record);
        }
    }
    kept
}

/// The service starts in the folder and answers, also the sessions that it has acknowledged.
fn serve(place: &Place, folder: &Path, token: Option<&str>) {
    let mut command = place.command(&["serve", "--port", "0"]);
    command.current_dir(folder);
    let server = Place::start(command);
    if let Some(token) = token {
        assert_eq!(server.client().bearing(token).get("/auth/user").status, 200);
    }
    let admin = server.log_in("admin@example.com");
    assert_eq!(admin.try_add_widget("after-the-cut").unwrap().status, 201);
    assert_eq!(server.terminate().0, Some(0));
}

/// A folder without a disk below it, where there is one.
pub fn folder_in_memory() -> TempDir {
    TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap()
}
