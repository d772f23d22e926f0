//! The files of the database: who may use them, what happens where they are moved or the disk is
//! full, and what the health checks say.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use crate::program::{Place, Server, TEST_TIMEOUT, text};

/// The user `nobody` on most systems. Root may write files that are read-only.
const NOBODY: u32 = 65_534;

fn set_mode(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// A place with a database, where the program runs as a user without privileges.
struct Unprivileged {
    place: Place,
    program: std::path::PathBuf,
    is_root: bool,
}

impl Unprivileged {
    fn new() -> Self {
        let place = Place::new();
        place.add_admin();
        let is_root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
        // Others may not be able to reach the one that was built.
        let program = place.path().join("widgetd");
        std::fs::copy(&*crate::program::BINARY, &program).unwrap();
        set_mode(place.path(), 0o755);
        if is_root {
            for path in [place.path(), &place.database(), &place.path().join("widgetd.db.key")] {
                if path.exists() {
                    std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
                }
            }
        }
        Self { place, program, is_root }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self.place.command(arguments);
        let mut as_nobody = Command::new(&self.program);
        as_nobody.args(arguments).current_dir(command.get_current_dir().unwrap());
        for (name, value) in command.get_envs().filter_map(|(name, value)| Some((name, value?))) {
            as_nobody.env(name, value);
        }
        command = as_nobody;
        if self.is_root {
            command.uid(NOBODY).gid(NOBODY);
        }
        command.stdin(Stdio::null()).output().unwrap()
    }

    fn refusal(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
        text(&output.stderr)
    }
}

const SERVE: [&str; 3] = ["serve", "--port", "0"];

#[test]
fn a_file_or_folder_that_may_not_be_used_refuses_to_start_and_is_named_with_owner_and_mode() {
    let subject = Unprivileged::new();
    let (folder, database) = (subject.place.path(), subject.place.database());
    let owner = std::fs::metadata(&database).unwrap().uid();
    let assert_named = |path: &Path, what: &str, mode: &str| {
        let said = subject.refusal(&SERVE);
        let named = format!("{what} {}: permission denied; its owner is ", path.display());
        assert!(said.contains(&named) && said.contains(&format!("its mode {mode}")), "{said}");
        assert!(owner != NOBODY || said.contains("owner is nobody"), "{said}");
        assert!(said.starts_with("widgetd: widgetd runs as "), "{said}");
        assert!(!said.contains("there is no"), "{said}");
    };
    set_mode(&database, 0o400);
    assert_named(&database, "which may not write the database", "0400");
    set_mode(&database, 0o600);
    set_mode(folder, 0o555);
    assert_named(folder, "which may not write into the folder of the database,", "0555");
    set_mode(folder, 0o755);

    // The folder of the database alone, because the program is in this one.
    let inner = folder.join("inner");
    std::fs::create_dir(&inner).unwrap();
    let log = inner.join("other.db-wal");
    for name in ["other.db", "other.db-wal"] {
        std::fs::copy(&database, inner.join(name)).unwrap();
    }
    if subject.is_root {
        for path in [inner.clone(), inner.join("other.db"), log.clone()] {
            std::os::unix::fs::chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }
    let other = ["serve", "--port", "0", "--database", "inner/other.db"];
    set_mode(&log, 0o400);
    let said = subject.refusal(&other);
    assert!(said.contains(&format!("may not write {}: permission", log.display())), "{said}");
    set_mode(&inner, 0o000);
    let said = subject.refusal(&other);
    let named = format!("may not enter the folder {}: permission denied", inner.display());
    assert!(said.contains(&named) && said.contains("its mode 0000"), "{said}");
    let said = subject.refusal(&["user", "list", "--database", "inner/other.db"]);
    assert!(said.contains(&named) && !said.contains("there is no"), "{said}");
    set_mode(&inner, 0o755);
    let said = subject.refusal(&["user", "list", "--database", "inner/none.db"]);
    assert!(said.contains("there is no database at"), "{said}");
}

#[test]
fn commands_that_only_read_work_on_a_database_that_may_not_be_written() {
    let subject = Unprivileged::new();
    let place = &subject.place;
    assert_eq!(
        place.run(&["key", "add", "admin@example.com", "--name", "ci"], "").status.code(),
        Some(0)
    );
    for path in [&place.database(), place.path()] {
        set_mode(path, if path.is_dir() { 0o555 } else { 0o400 });
    }
    for arguments in [
        &["user", "list"][..],
        &["user", "show", "admin@example.com"],
        &["user", "sessions", "admin@example.com"],
        &["key", "list"],
        &["audit"],
        &["export", "users"],
    ] {
        let output = subject.run(arguments);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {}", text(&output.stderr));
        if arguments != ["user", "sessions", "admin@example.com"] {
            assert!(text(&output.stdout).contains("admin@example.com"), "{arguments:?}");
        }
    }
    for arguments in [
        &["user", "role", "admin@example.com", "employee"][..],
        &["key", "revoke", "admin@example.com", "ci", "--yes"],
        &["upgrade"],
    ] {
        let said = subject.refusal(arguments);
        assert!(said.contains("which may not write the database"), "{arguments:?}: {said}");
    }
    set_mode(&place.database(), 0o000);
    let said = subject.refusal(&["user", "list"]);
    assert!(said.contains("permission denied"), "{said}");
    set_mode(place.path(), 0o755);
    assert_eq!(place.files(), ["widgetd", "widgetd.db"]);
}

#[test]
fn a_folder_for_backups_that_root_makes_is_for_the_owner_of_the_database() {
    let subject = Unprivileged::new();
    let owner = std::fs::metadata(subject.place.database()).unwrap().uid();
    let folder = subject.place.path().join("far/backups");
    let made = subject.place.run(&["backup", folder.join("").to_str().unwrap()], "");
    assert_eq!(made.status.code(), Some(0), "{}", text(&made.stderr));
    for folder in [folder.parent().unwrap(), &folder] {
        let folder = std::fs::metadata(folder).unwrap();
        assert_eq!((folder.uid(), folder.mode() & 0o777), (owner, 0o700));
    }
}

/// The status and text of a health check.
fn health(server: &Server, path: &str) -> (u16, String) {
    let answer = server.client().at_root(path);
    (answer.status, answer.text)
}

#[test]
fn a_moved_database_refuses_writes_fails_readiness_and_is_logged_once() {
    let place = Place::new();
    place.add_admin();
    let server = place.serve();
    let admin = server.log_in("admin@example.com");
    assert_eq!(admin.try_add_widget("one").unwrap().status, 201);
    for path in ["/healthz/live", "/healthz/ready", "/healthz"] {
        assert_eq!(health(&server, path).0, 200, "{path}");
    }
    let aside = place.path().join("aside.db");
    std::fs::rename(place.database(), &aside).unwrap();
    for name in ["two", "three"] {
        let refused = admin.try_add_widget(name).unwrap();
        assert_eq!(refused.status, 503, "{}", refused.text);
        let why =
            "The database of the service was moved, replaced or deleted. Nothing was changed.";
        assert_eq!(refused.body["message"], why);
    }
    std::thread::sleep(Duration::from_millis(1_100));
    assert_eq!(health(&server, "/healthz/live").0, 200);
    for path in ["/healthz/ready", "/healthz"] {
        let (status, said) = health(&server, path);
        assert!(status == 503 && said.contains("moved, replaced or deleted"), "{said}");
    }
    std::fs::rename(&aside, place.database()).unwrap();
    assert_eq!(admin.try_add_widget("four").unwrap().status, 201);
    assert_eq!(admin.get("/widgets").body["total_items"], 2);
    let (_, said) = server.terminate();
    let count = |what: &str| said.iter().filter(|line| line.contains(what)).count();
    assert_eq!(count("was moved, replaced or deleted while it was in use"), 1, "{said:?}");
    assert_eq!(count("are back: writes are accepted"), 1, "{said:?}");
    assert_eq!(count("was lost"), 0, "{said:?}");
}

/// A disk of four megabytes, until it is dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn new() -> Self {
        let folder = tempfile::TempDir::new().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=4m", "none"])
            .arg(folder.path())
            .status();
        assert!(mounted.unwrap().success());
        Self(folder)
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
#[ignore = "needs root, to mount a disk; skips itself otherwise"]
fn a_full_disk_is_507_fails_readiness_and_is_one_line_of_the_log() {
    if std::fs::metadata("/proc/self").unwrap().uid() != 0 {
        return;
    }
    let disk = SmallDisk::new();
    let database = disk.0.path().join("widgetd.db");
    let mut place = Place::with(&[
        ("WIDGETD_DATABASE", database.to_str().unwrap()),
        ("WIDGETD_MIN_FREE_MIB", "0"),
        ("WIDGETD_THROTTLE", "false"),
    ]);
    place.set("WIDGETD_ARGON2_MEMORY_KIB", "64");
    place.add_admin();
    let server = place.serve();
    let admin = server.log_in("admin@example.com");
    // Fills the disk to the last byte.
    let filled = std::fs::write(disk.0.path().join("filler"), vec![1; 8 << 20]);
    assert!(filled.is_err());
    let started = std::time::Instant::now();
    let mut full = 0;
    for n in 0..400 {
        let answer = admin.try_add_widget(&format!("w{n}")).unwrap();
        match answer.status {
            // What the log has room for.
            201 => assert_eq!(full, 0),
            507 => full += 1,
            other => panic!("{other}: {}", answer.text),
        }
    }
    assert!(full > 100, "{full}");
    std::thread::sleep(Duration::from_millis(1_100));
    let (status, said) = health(&server, "/healthz/ready");
    assert!(status == 503 && said.contains("The disk of the service is full"), "{said}");
    assert_eq!(health(&server, "/healthz/live").0, 200);

    std::fs::remove_file(disk.0.path().join("filler")).unwrap();
    assert_eq!(admin.try_add_widget("last").unwrap().status, 201);
    let lines = usize::try_from(started.elapsed().as_secs() / 10 + 1).unwrap();
    assert!(started.elapsed() < TEST_TIMEOUT);
    let (_, said) = server.terminate();
    let lost = said.iter().filter(|line| line.contains("a batch of writes was lost")).count();
    assert!((1..=lines).contains(&lost), "{said:?}");

    let read_only = |mode: &str| {
        let remount = format!("remount,{mode}");
        let mounted = Command::new("mount").args(["-o", &remount]).arg(disk.0.path()).status();
        assert!(mounted.unwrap().success());
    };
    read_only("ro");
    let refused = place.run(&SERVE, "");
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1), "{said}");
    assert!(said.contains("mounted read-only; its owner is root and its mode 0600"), "{said}");
}
