//! Backups, restores and upgrades at the command line, also while the service runs. That they may be
//! killed at any moment is a proof (`benches/proofs/commands.rs`).

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use rusqlite::Connection;

use crate::cli::{assert_failed, json};
use crate::databases::{done, schema, widgets, with_schema_1};
use crate::program::{Client, Place, TEST_TIMEOUT};

fn files(folder: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).collect()
}

#[test]
fn backup_is_made_while_it_serves_into_a_file_a_folder_and_to_stdout() {
    let place = Place::new();
    place.add_admin();
    let server = place.serve();
    let admin = server.log_in("admin@example.com");
    assert_eq!(admin.try_add_widget("one").unwrap().status, 201);

    let (stdout, stderr) = done(&place, &["backup", "copy.db"]);
    let copy = place.path().join("copy.db");
    assert_eq!(stdout, format!("{}\n", copy.display()));
    assert!(stderr.contains("opened and checked"), "{stderr}");
    assert!(stderr.ends_with(&format!("Database: {}\n", place.database().display())), "{stderr}");
    assert_eq!(widgets(&copy), BTreeSet::from(["one".to_owned()]));

    // Named by time, in the folder beside the database; the oldest go.
    for _ in 0..3 {
        done(&place, &["backup", "--keep", "2"]);
    }
    let folder = place.path().join("backups");
    assert_eq!(files(&folder).len(), 2);
    let printed = json(&done(&place, &["backup", "other/", "--json"]).0);
    let file = PathBuf::from(printed["file"].as_str().unwrap());
    assert_eq!(file.parent().unwrap(), place.path().join("other"));
    assert_eq!(printed["bytes"].as_u64().unwrap(), file.metadata().unwrap().len());

    let output = place.run(&["backup", "-"], "");
    assert!(output.status.success());
    let piped = place.path().join("piped.db");
    std::fs::write(&piped, &output.stdout).unwrap();
    assert_eq!(widgets(&piped), BTreeSet::from(["one".to_owned()]));

    assert_failed(&place.run(&["backup", "copy.db"], ""), 1, "copy.db already");
    assert_failed(&place.run(&["backup", "-", "--keep", "2"], ""), 1, "--keep needs a folder");
    assert_failed(&place.run(&["backup", "--keep", "0"], ""), 2, "0 is not in 1..");
}

#[test]
fn restore_ends_every_session_and_is_refused_while_it_serves() {
    let place = Place::new();
    place.add_admin();
    let server = place.serve();
    let admin = server.log_in("admin@example.com");
    assert_eq!(admin.try_add_widget("one").unwrap().status, 201);
    done(&place, &["backup", "copy.db"]);
    assert_eq!(admin.try_add_widget("two").unwrap().status, 201);

    let refused = place.run(&["restore", "copy.db", "--yes"], "");
    assert_failed(&refused, 1, &format!("in use by another widgetd (process {})", server.id()));
    assert_eq!(admin.try_add_widget("three").unwrap().status, 201);
    // As after a power cut: the log has what the database lacks.
    server.kill();
    assert_failed(&place.run(&["restore", "copy.db"], ""), 1, "use --yes");
    assert_eq!(widgets(&place.database()).len(), 3);

    let (_, stderr) = done(&place, &["restore", "copy.db", "--yes"]);
    for said in ["1 user, 1 widget, 0 tasks", "2 events in the audit", "All sessions have ended"] {
        assert!(stderr.contains(said), "{stderr}");
    }
    let kept = stderr.lines().find_map(|line| line.strip_prefix("The old database is kept: "));
    assert_eq!(widgets(Path::new(kept.unwrap())).len(), 3);
    let server = place.serve();
    let token = admin.token.unwrap();
    assert_eq!(server.client().bearing(&token).get("/auth/user").status, 401);
    let again = server.log_in("admin@example.com");
    assert_eq!(again.get("/widgets").body["total_items"], 1);
    assert_eq!(again.try_add_widget("two").unwrap().status, 201);
}

#[test]
fn backups_are_made_by_the_service_on_schedule() {
    let mut place = Place::new();
    let folder = place.path().join("nightly");
    place.set("WIDGETD_BACKUP_DIR", folder.to_str().unwrap());
    place.set("WIDGETD_BACKUP_EVERY", "1d");
    let made = |count| {
        let deadline = Instant::now() + TEST_TIMEOUT;
        let backups = || {
            let all = if folder.exists() { files(&folder) } else { Vec::new() };
            all.iter().filter(|file| file.extension().is_some_and(|end| end == "db")).count()
        };
        while backups() < count {
            assert!(Instant::now() < deadline, "no backup is made");
            std::thread::sleep(Duration::from_millis(20));
        }
        assert_eq!(backups(), count);
    };
    let server = place.serve();
    assert!(
        server.said.contains(&format!("  Backups    {}", folder.display())),
        "{:?}",
        server.said
    );
    made(1);
    server.terminate();
    // The next is due in a day, also after a restart.
    let server = place.serve();
    assert_eq!(server.client().get("/ui").status, 200);
    made(1);
    server.terminate();
    let database = Connection::open(place.database()).unwrap();
    database.execute("UPDATE backup SET made_at = made_at - 86400000", []).unwrap();
    let server = place.serve();
    made(2);
    server.terminate();
}

#[test]
fn upgrade_is_rehearsed_done_and_rolled_back() {
    let place = with_schema_1();
    let database = place.database();
    for command in [&["user", "list"][..], &["audit"], &["export", "widgets"]] {
        assert_failed(&place.run(command, ""), 1, "has schema version 1");
    }
    // A copy of it is as good as one of a newer schema.
    let (_, stderr) = done(&place, &["backup", "copy.db"]);
    assert!(stderr.contains("does not note this backup"), "{stderr}");
    let (_, stderr) = done(&place, &["upgrade", "--check"]);
    assert!(stderr.contains("from schema 1 to"), "{stderr}");
    assert_eq!(schema(&database), 1);
    let (_, stderr) = done(&place, &["upgrade"]);
    assert!(stderr.contains("from schema 1 to"), "{stderr}");
    assert!(schema(&database) > 1);
    let (_, stderr) = done(&place, &["upgrade"]);
    assert!(stderr.contains("nothing to upgrade"), "{stderr}");
    done(&place, &["user", "list"]);

    let (_, stderr) = done(&place, &["rollback", "--yes"]);
    assert!(stderr.contains("New: schema 1, 3 users, 2 widgets"), "{stderr}");
    assert_eq!(schema(&database), 1);
    // The start of the service upgrades as well.
    let server = place.serve();
    let said = format!("Upgraded the database {} from schema 1 to", database.display());
    assert!(server.said.iter().any(|line| line.starts_with(&said)), "{:?}", server.said);
    server.log_in("ada@example.com");
}

#[test]
fn a_second_service_on_one_database_is_refused() {
    let place = Place::new();
    let server = place.serve();
    let second = place.command(&["serve", "--port", "0"]).output().unwrap();
    let said = format!("in use by another widgetd (process {})", server.id());
    assert_failed(&second, 1, &said);
    server.kill();
    place.serve();
}

#[test]
fn a_schema_that_changes_under_the_service_ends_it() {
    let place = Place::new();
    place.add_admin();
    let server = place.serve();
    let admin = server.log_in("admin@example.com");
    let database = Connection::open(place.database()).unwrap();
    database.execute_batch("PRAGMA user_version = 999").unwrap();
    assert_eq!(admin.try_add_widget("one").unwrap().status, 503);
    let (code, said) = server.wait();
    assert_eq!(code, Some(1));
    let said = said.join("\n");
    assert!(said.contains("was changed to version 999 while this widgetd"), "{said}");
    database.execute_batch("PRAGMA user_version = 16").unwrap();
    drop(database);
    assert!(widgets(&place.database()).is_empty());
}

const BACKUPS: usize = 500;
const WRITERS: u64 = 8;
const WRITES_PER_SECOND: u64 = 600;

/// The last number that a writer was told is on disk, and the last that it has sent.
#[derive(Default)]
struct Count {
    acknowledged: AtomicU64,
    sent: AtomicU64,
}

#[test]
#[ignore = "makes 500 backups under load and serves each, for some minutes"]
fn load_of_backups_each_equal_to_a_committed_state_and_served() {
    let place = Place::new();
    place.add_admin();
    let server = place.serve();
    let admin = server.log_in("admin@example.com");
    let counts: Vec<_> = (0..WRITERS).map(|_| Count::default()).collect();
    let stop = AtomicBool::new(false);
    // A writer holds its own while it writes, the test all of them while a backup is served: else the
    // database would grow meanwhile, and take each later backup longer.
    let gates: Vec<_> = (0..WRITERS).map(|_| Mutex::new(())).collect();
    let mut busy = Duration::ZERO;
    std::thread::scope(|scope| {
        for (writer, (count, gate)) in counts.iter().zip(&gates).enumerate() {
            let (admin, stop) = (admin.clone(), &stop);
            scope.spawn(move || write(&admin, writer, count, gate, stop));
        }
        for _ in 0..BACKUPS {
            let started = Instant::now();
            let before = counts.iter().map(|count| count.acknowledged.load(Ordering::SeqCst));
            let before: Vec<_> = before.collect();
            done(&place, &["backup", "copy.db"]);
            let closed: Vec<_> = gates.iter().map(|gate| gate.lock().unwrap()).collect();
            busy += started.elapsed();
            let copy = place.path().join("copy.db");
            for (writer, (count, before)) in counts.iter().zip(before).enumerate() {
                let [first, second] = numbers(&copy, writer);
                assert!((before..=count.sent.load(Ordering::SeqCst)).contains(&second));
                assert!(first == second || first == second + 1, "{first}, {second}");
            }
            assert_served(&copy);
            std::fs::remove_file(copy).unwrap();
            drop(closed);
        }
        stop.store(true, Ordering::Relaxed);
    });
    let written: u64 = counts.iter().map(|count| 2 * count.sent.load(Ordering::SeqCst)).sum();
    let rate = u128::from(written) * 1_000 / busy.as_millis();
    eprintln!("{BACKUPS} backups in {busy:?} beside {written} writes, {rate} a second; all served");
}

/// Writes each number into one widget and then into another.
fn write(admin: &Client, writer: usize, count: &Count, gate: &Mutex<()>, stop: &AtomicBool) {
    for widget in ["first", "second"] {
        assert_eq!(admin.try_add_widget(&format!("{widget}-{writer}")).unwrap().status, 201);
    }
    let pace = Duration::from_secs(2 * WRITERS) / u32::try_from(WRITES_PER_SECOND).unwrap();
    let mut due = Instant::now();
    for n in 1.. {
        if stop.load(Ordering::Relaxed) {
            return;
        }
        let open = gate.lock().unwrap();
        count.sent.store(n, Ordering::SeqCst);
        for widget in ["first", "second"] {
            let (path, url) = (format!("/widgets/{widget}-{writer}"), format!("https://n.org/{n}"));
            let answer = admin.send("PATCH", &path, &[("info_url", &url)]);
            assert_eq!(answer.status, 200, "{}", answer.text);
        }
        count.acknowledged.store(n, Ordering::SeqCst);
        drop(open);
        // What it is late is not made up for: while the gate is closed nothing is to be written.
        due = Instant::now().max(due + pace);
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
    }
}

/// The numbers in the two widgets of a writer, 0 where there is none.
fn numbers(database: &Path, writer: usize) -> [u64; 2] {
    let database = Connection::open(database).unwrap();
    ["first", "second"].map(|widget| {
        let url = database.query_row(
            "SELECT info_url FROM widget WHERE name = ?1",
            [format!("{widget}-{writer}")],
            |row| row.get::<_, String>(0),
        );
        // A new one has no number.
        url.ok().and_then(|url| url.rsplit('/').next().unwrap().parse().ok()).unwrap_or(0)
    })
}

/// Restores a backup elsewhere and serves it.
fn assert_served(backup: &Path) {
    let place = Place::new();
    done(&place, &["restore", backup.to_str().unwrap(), "--yes"]);
    let expected = widgets(&place.database()).len();
    let server = place.serve();
    let admin = server.log_in("admin@example.com");
    assert_eq!(admin.get("/widgets").body["total_items"], expected);
}
