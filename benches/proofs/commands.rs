//! `kill -9` of upgrades, restores, imports and backups: there is one whole database afterwards.
//!
//! The moment is chosen at random within the time that the command takes, which is followed: it gets
//! shorter where a command was done before it could be killed, and longer where it was killed.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::connection::{Connection, request};
use crate::databases::{done, schema, widgets, with_schema_1};
use crate::program::Place;
use crate::random::Random;
use crate::{Run, without_limits};

/// The widgets of the database, of its two backups, and of an import.
const PRESENT: usize = 300;
const IN_A: usize = 100;
const IN_B: usize = 200;
const ROWS: usize = 2_000;

/// What was killed, and what it had done by then.
struct Killer {
    random: Random,
    /// How long the command takes.
    whole: Duration,
    killed: usize,
    finished: usize,
    /// Of those that were killed, how many had had their effect.
    changed: usize,
}

pub fn prove(run: &Run) -> String {
    let kills = run.times(500, 30);
    let place = without_limits();
    fill(&place);
    [
        ("upgrade", kill_upgrades(run.random(0), kills)),
        ("restore", kill_restores(&place, run.random(1), kills)),
        ("backup", kill_backups(&place, run.random(2), kills)),
        ("import", kill_imports(&place, run.random(3), kills)),
        ("import of the service", kill_imports_of_the_service(&place, run.random(4), kills)),
    ]
    .map(|(name, Killer { killed, finished, changed, .. })| {
        format!(
            "{name}: killed {killed} times, of which {changed} had had their effect; {finished} \
             were done before; one whole database each time"
        )
    })
    .join("\n")
}

impl Killer {
    fn new(random: Random, whole: &mut Command) -> Self {
        let started = Instant::now();
        let output = whole.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        Self { random, whole: started.elapsed(), killed: 0, finished: 0, changed: 0 }
    }

    /// A moment in the time that it takes, or a little later.
    fn delay(&mut self) -> Duration {
        self.whole * u32::try_from(self.random.below(1_100)).unwrap() / 1_000
    }

    fn count(&mut self, is_killed: bool, is_changed: bool) {
        if is_killed {
            self.killed += 1;
            self.changed += usize::from(is_changed);
            self.whole = self.whole * 102 / 100;
        } else {
            self.finished += 1;
            assert!(is_changed, "it was done, and has no effect");
            self.whole = self.whole * 9 / 10;
        }
    }

    /// Runs a command and kills it. Returns whether it was still running.
    fn kill(&mut self, command: &mut Command) -> bool {
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(self.delay());
        child.kill().unwrap();
        let status = child.wait().unwrap();
        assert!(status.success() || status.signal() == Some(9), "it failed by itself: {command:?}");
        !status.success()
    }
}

/// Widgets, two backups from before the last of them, and tables to import.
fn fill(place: &Place) {
    place.add_admin();
    let import = |from: usize, to: usize| {
        let imported = place.run(&["import", "widgets", "-"], &table(from, to));
        assert!(imported.status.success(), "{imported:?}");
    };
    import(0, IN_A);
    done(place, &["backup", "a.db"]);
    import(IN_A, IN_B);
    done(place, &["backup", "b.db"]);
    import(IN_B, PRESENT);
    std::fs::write(place.path().join("rows.csv"), table(PRESENT, PRESENT + ROWS)).unwrap();
}

fn table(from: usize, to: usize) -> String {
    let rows = (from..to).map(|n| format!("w{n},https://example.com/{n},2099-12-31\n"));
    format!("name,info_url,deadline\n{}", rows.collect::<Vec<_>>().concat())
}

/// The same database in another place.
fn copy_of(place: &Place) -> Place {
    let copy = without_limits();
    for name in ["widgetd.db", "rows.csv"] {
        std::fs::copy(place.path().join(name), copy.path().join(name)).unwrap();
    }
    copy
}

fn kill_upgrades(random: Random, kills: usize) -> Killer {
    let upgrade = |place: &Place| place.command(&["upgrade"]);
    let mut killer = Killer::new(random, &mut upgrade(&with_schema_1()));
    while killer.killed < kills {
        let place = with_schema_1();
        let is_killed = killer.kill(&mut upgrade(&place));
        assert_eq!(widgets(&place.database()).len(), 2);
        let is_upgraded = schema(&place.database()) > 1;
        let copy = place.path().join("widgetd.db.before-upgrade");
        assert!(!is_upgraded || widgets(&copy).len() == 2 && schema(&copy) == 1);
        // What is left of the first does not disturb the second.
        done(&place, &["upgrade"]);
        done(&place, &["user", "list"]);
        killer.count(is_killed, is_upgraded);
    }
    killer
}

fn kill_restores(filled: &Place, random: Random, kills: usize) -> Killer {
    let place = copy_of(filled);
    let restore = |from: &str| {
        let from = filled.path().join(from);
        place.command(&["restore", from.to_str().unwrap(), "--yes"])
    };
    let mut killer = Killer::new(random, &mut restore("b.db"));
    let mut present = IN_B;
    while killer.killed < kills {
        let (from, next) = if present == IN_B { ("a.db", IN_A) } else { ("b.db", IN_B) };
        let is_killed = killer.kill(&mut restore(from));
        let count = widgets(&place.database()).len();
        assert!(count == present || count == next, "{count} widgets, not {present} or {next}");
        killer.count(is_killed, count == next);
        present = count;
        remove_all_with(place.path(), &[".replaced-", ".partial"]);
    }
    done(&place, &["user", "list"]);
    killer
}

fn kill_backups(filled: &Place, random: Random, kills: usize) -> Killer {
    let place = copy_of(filled);
    let folder = TempDir::new().unwrap();
    let copy = folder.path().join("copy.db");
    let backup = || place.command(&["backup", copy.to_str().unwrap()]);
    let mut killer = Killer::new(random, &mut backup());
    std::fs::remove_file(&copy).unwrap();
    while killer.killed < kills {
        let is_killed = killer.kill(&mut backup());
        assert_eq!(widgets(&place.database()).len(), PRESENT);
        // Under its name there is a whole copy or none.
        let is_there = copy.exists();
        assert!(!is_there || widgets(&copy).len() == PRESENT, "half a copy");
        killer.count(is_killed, is_there);
        remove_all_with(folder.path(), &["."]);
    }
    killer
}

fn kill_imports(filled: &Place, random: Random, kills: usize) -> Killer {
    let import = |place: &Place| place.command(&["import", "widgets", "rows.csv"]);
    let mut killer = Killer::new(random, &mut import(&copy_of(filled)));
    while killer.killed < kills {
        let place = copy_of(filled);
        let is_killed = killer.kill(&mut import(&place));
        let is_imported = all_or_none(&place);
        killer.count(is_killed, is_imported);
    }
    killer
}

/// The service is killed while it imports for a client.
fn kill_imports_of_the_service(filled: &Place, random: Random, kills: usize) -> Killer {
    let mut killer = Killer { random, whole: Duration::ZERO, killed: 0, finished: 0, changed: 0 };
    let table = std::fs::read(filled.path().join("rows.csv")).unwrap();
    while killer.killed < kills {
        let place = copy_of(filled);
        let server = place.serve();
        let token = server.log_in("admin@example.com").token.unwrap();
        let head = request("POST", "/widgets/import", &token, &[]);
        let head = String::from_utf8(head).unwrap().replace(
            "Content-Length: 0",
            &format!("Content-Type: text/csv\r\nContent-Length: {}", table.len()),
        );
        let mut connection = Connection::open(&server.url).unwrap();
        let importing = [head.as_bytes(), &table].concat();
        if killer.whole.is_zero() {
            let started = Instant::now();
            assert_eq!(connection.exchange(&importing).unwrap().status, 200);
            killer.whole = started.elapsed();
            continue;
        }
        let client = std::thread::spawn(move || connection.exchange(&importing));
        std::thread::sleep(killer.delay());
        server.kill();
        let is_answered = client.join().unwrap().is_ok();
        let is_imported = all_or_none(&place);
        killer.count(!is_answered, is_imported);
    }
    killer
}

/// Whether all rows of an import are there, or none.
fn all_or_none(place: &Place) -> bool {
    let count = widgets(&place.database()).len();
    assert!(count == PRESENT || count == PRESENT + ROWS, "{count} widgets");
    count > PRESENT
}

fn remove_all_with(folder: &Path, parts: &[&str]) {
    for file in std::fs::read_dir(folder).unwrap() {
        let file = file.unwrap();
        let name = file.file_name().into_string().unwrap();
        if parts.iter().any(|part| name.contains(part)) {
            std::fs::remove_file(file.path()).unwrap();
        }
    }
}
