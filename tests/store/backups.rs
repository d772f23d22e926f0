//! Backups, restores and upgrades, as functions of the store.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::Connection;
use tempfile::TempDir;
use widgetd::domain::{AuditFilter, Backup, BackupTo, User, WidgetFilter};
use widgetd::error::Error;
use widgetd::store::{self, OpenMode, ServiceLock, Store};

use crate::{ALL, CLI, NOW, Subject, database, later, new_widget, secret};

/// Only a restore writes these.
pub const ACTIONS_OF_THE_DATABASE: usize = 1;

const SCHEMA_1: &str = include_str!("fixtures/schema_1.sql");

fn back_up(subject: &Subject, name: &str) -> PathBuf {
    let file = subject.folder.path().join(name);
    store::back_up(&database(&subject.folder), BackupTo::File(file.clone()), NOW).unwrap();
    file
}

fn restore(from: &Path, folder: &TempDir) -> Result<Option<PathBuf>, Error> {
    let replacement = store::prepare_restore(from, &database(folder), CLI)?;
    replacement.replace(NOW)
}

/// The refusal, and that nothing in the folder has changed.
fn refusal_of_restore(from: &Path, folder: &TempDir) -> String {
    let before = names(folder);
    let content = fs::read(database(folder)).unwrap();
    let error = restore(from, folder).expect_err("refused").to_string();
    assert_eq!(names(folder), before);
    assert!(fs::read(database(folder)).unwrap() == content);
    error
}

/// Without the lock's file, which stays.
fn names(folder: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(folder.path()).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name != "widgetd.db.lock");
    names.sort();
    names
}

/// Whether it has incremental vacuum.
fn gives_space_back(path: &Path) -> bool {
    let database = Connection::open(path).unwrap();
    let mode: i64 = database.pragma_query_value(None, "auto_vacuum", |row| row.get(0)).unwrap();
    mode == 2
}

async fn widgets(store: &Arc<dyn Store>) -> Vec<String> {
    let page = store.list_widgets(None, WidgetFilter::default(), ALL, NOW).await.unwrap();
    page.items.iter().map(|widget| widget.name.as_str().to_owned()).collect()
}

/// An administrator, and the widgets that are named.
async fn subject_with(names: &[&str]) -> (Subject, User) {
    let subject = Subject::new();
    let ann = subject.add_admin("ann").await;
    for name in names {
        subject.store.create_widget(new_widget(name, &ann), CLI).await.unwrap();
    }
    (subject, ann)
}

#[tokio::test]
async fn backup_is_one_file_with_all_that_was_acknowledged_and_says_what_it_is() {
    let (subject, _) = subject_with(&["one", "two"]).await;
    let file = back_up(&subject, "copy.db");
    assert_eq!(
        names(&subject.folder),
        ["copy.db", "widgetd.db", "widgetd.db-shm", "widgetd.db-wal"]
    );
    let copy = Connection::open(&file).unwrap();
    let rows: i64 = copy.query_row("SELECT count(*) FROM widget", [], |row| row.get(0)).unwrap();
    let mode: String = copy.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
    let noted: (i64, String) = copy
        .query_row("SELECT made_at, version FROM backup", [], |row| Ok((row.get(0)?, row.get(1)?)))
        .unwrap();
    assert_eq!((rows, mode.as_str()), (2, "delete"));
    assert_eq!(noted, (NOW.as_millis(), env!("CARGO_PKG_VERSION").to_owned()));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn backup_never_overwrites_a_file_and_leaves_nothing_where_it_fails() {
    let (subject, _) = subject_with(&[]).await;
    let path = database(&subject.folder);
    let taken = subject.folder.path().join("notes.txt");
    fs::write(&taken, "mine").unwrap();
    let before = names(&subject.folder);
    let to_taken = store::back_up(&path, BackupTo::File(taken.clone()), NOW);
    assert!(matches!(to_taken, Err(Error::Conflict(why)) if why.contains("notes.txt")));
    assert_eq!(fs::read_to_string(&taken).unwrap(), "mine");
    let damaged = subject.folder.path().join("damaged.db");
    fs::write(&damaged, damaged_database(&subject)).unwrap();
    let of_damaged =
        store::back_up(&damaged, BackupTo::File(subject.folder.path().join("new.db")), NOW);
    assert!(of_damaged.is_err());
    fs::remove_file(damaged).unwrap();
    assert_eq!(names(&subject.folder), before);
}

/// Closes every connection of a subject. This thread keeps one until it needs one of another store.
async fn release(subject: Subject) -> TempDir {
    subject.close().await;
    let Subject { folder, store, .. } = subject;
    drop(store);
    Subject::new().store.get_installation_id().await.unwrap();
    folder
}

/// A backup of the subject with bytes of its last page overwritten.
fn damaged_database(subject: &Subject) -> Vec<u8> {
    let file = back_up(subject, "to-damage.db");
    let mut bytes = fs::read(&file).unwrap();
    fs::remove_file(file).unwrap();
    let end = bytes.len();
    bytes[end - 4_096..end - 3_596].fill(0xAB);
    bytes
}

#[tokio::test]
async fn the_database_remembers_its_last_backup() {
    let (subject, _) = subject_with(&[]).await;
    assert_eq!(subject.store.find_last_backup().await.unwrap(), None);
    for minutes in [1, 2] {
        let made_at = later(minutes * 60_000);
        let to = BackupTo::Folder(subject.folder.path().join("backups"));
        let backup = store::back_up(&database(&subject.folder), to, made_at).unwrap();
        assert_eq!(
            backup.file.as_ref().unwrap().file_name().unwrap(),
            &*Backup::file_name(made_at)
        );
        subject.store.note_backup(backup.clone()).await.unwrap();
        assert_eq!(subject.store.find_last_backup().await.unwrap(), Some(backup));
    }
    let folder = subject.folder.path().join("backups");
    assert_eq!(store::delete_old_backups(&folder, 1).unwrap().len(), 1);
    assert_eq!(fs::read_dir(folder).unwrap().count(), 1);
}

#[tokio::test]
async fn restore_brings_the_backup_back_and_keeps_what_it_replaces() {
    let (subject, ann) = subject_with(&["one"]).await;
    let backup = back_up(&subject, "copy.db");
    let before = fs::read(&backup).unwrap();
    subject.store.create_widget(new_widget("two", &ann), CLI).await.unwrap();
    let folder = release(subject).await;
    let kept = restore(&backup, &folder).unwrap().unwrap();
    assert!(fs::read(&backup).unwrap() == before, "the backup was changed");
    let restored = Subject::open(folder, OpenMode::Write);
    assert_eq!(widgets(&restored.store).await, ["one"]);
    let last = restored.store.list_audit(None, AuditFilter::default(), ALL).await.unwrap().items;
    assert_eq!(last[0].action, "database.restore");
    assert_eq!(last[0].target_kind().as_str(), "database");
    let kept = Connection::open(kept).unwrap();
    let rows: i64 = kept.query_row("SELECT count(*) FROM widget", [], |row| row.get(0)).unwrap();
    assert_eq!(rows, 2);
}

#[tokio::test]
async fn restore_ends_sessions_and_reset_codes_of_the_backup() {
    let (subject, ann) = subject_with(&[]).await;
    let context = subject.context_of(ann.public_id).await;
    let code = crate::reset_code(secret(1), later(1_000_000));
    subject.store.create_reset_code(ann.public_id, code, CLI).await.unwrap();
    let backup = back_up(&subject, "copy.db");
    let folder = release(subject).await;
    restore(&backup, &folder).unwrap();
    let restored = Subject::open(folder, OpenMode::Write);
    let change = restored.store.create_widget(new_widget("one", &ann), &context).await;
    assert!(matches!(change, Err(Error::Token(_))), "{change:?}");
    assert!(restored.store.find_user_by_reset_code(&secret(1), NOW).await.unwrap().is_none());
}

#[tokio::test]
async fn restore_takes_a_log_away_that_is_not_of_the_new_database() {
    let (subject, _) = subject_with(&["one"]).await;
    let backup = back_up(&subject, "copy.db");
    let path = database(&subject.folder);
    let log = subject.folder.path().join("widgetd.db-wal");
    // As after a crash: the log has what the database lacks. The database itself is damaged.
    let old_log = fs::read(&log).unwrap();
    assert!(!old_log.is_empty());
    let folder = release(subject).await;
    fs::write(&log, old_log).unwrap();
    fs::write(&path, "no database").unwrap();
    restore(&backup, &folder).unwrap().unwrap();
    assert!(!log.exists());
    assert_eq!(widgets(&Subject::open(folder, OpenMode::Write).store).await, ["one"]);
}

#[tokio::test]
async fn restore_upgrades_a_backup_of_an_earlier_version() {
    let folder = TempDir::new().unwrap();
    let backup = folder.path().join("old.db");
    Connection::open(&backup).unwrap().execute_batch(SCHEMA_1).unwrap();
    let before = fs::read(&backup).unwrap();
    assert_eq!(restore(&backup, &folder).unwrap(), None);
    assert!(fs::read(&backup).unwrap() == before);
    assert!(gives_space_back(&database(&folder)));
    let restored = Subject::open(folder, OpenMode::Write);
    assert_eq!(widgets(&restored.store).await, ["one", "two"]);
}

#[tokio::test]
async fn restore_of_a_file_that_is_no_whole_backup_changes_nothing() {
    let (subject, _) = subject_with(&[]).await;
    let folder = &subject.folder;
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let whole = back_up(&subject, "whole.db");
    let bytes = fs::read(&whole).unwrap();
    for (name, content, said) in [
        ("empty.db", &b""[..], "is empty"),
        ("letter.txt", "Dear Ann. ".repeat(1_000).as_bytes(), "letter.txt"),
        ("half.db", &bytes[..bytes.len() / 2 / 4_096 * 4_096], "half.db"),
        ("damaged.db", &damaged_database(&subject), "is damaged"),
    ] {
        let refusal = refusal_of_restore(&file(name, content), folder);
        assert!(refusal.contains(said), "{refusal}");
    }
    let none = folder.path().join("none.db");
    assert!(refusal_of_restore(&none, folder).contains("there is no file"));
    assert!(refusal_of_restore(folder.path(), folder).contains("is a folder"));
    assert!(refusal_of_restore(&database(folder), folder).contains("is the database itself"));
    // Somebody has the database open.
    assert!(refusal_of_restore(&whole, folder).contains("another program has the database"));
    let folder = release(subject).await;
    let lock = ServiceLock::acquire(&database(&folder)).unwrap();
    let refusal = refusal_of_restore(&whole, &folder);
    let said = format!("in use by another widgetd (process {})", std::process::id());
    assert!(refusal.contains(&said), "{refusal}");
    drop(lock);
    assert!(restore(&whole, &folder).is_ok());
}

#[test]
fn an_older_schema_is_refused_until_it_is_upgraded() {
    let folder = TempDir::new().unwrap();
    let path = database(&folder);
    Connection::open(&path).unwrap().execute_batch(SCHEMA_1).unwrap();
    let before = fs::read(&path).unwrap();
    let open = || {
        let limits = widgetd::domain::StoreLimits::default();
        store::open(&path, OpenMode::Create, widgetd::clock::Clock::fixed(NOW), limits)
    };
    let Err(Error::Conflict(refusal)) = open() else { panic!("it was opened") };
    assert!(refusal.contains("has schema version 1") && refusal.contains("widgetd upgrade"));
    assert!(fs::read(&path).unwrap() == before);

    let rehearsal = store::rehearse_upgrade(&path).unwrap().unwrap();
    assert!(rehearsal.fits() && rehearsal.from == 1);
    assert!(fs::read(&path).unwrap() == before);
    assert_eq!(names(&folder), ["widgetd.db"]);

    let upgraded = store::upgrade(&path).unwrap().unwrap();
    assert_eq!((upgraded.from, upgraded.to), (1, rehearsal.to));
    assert!(open().is_ok());
    assert!(store::upgrade(&path).unwrap().is_none());
    assert!(gives_space_back(&path));
}

#[tokio::test]
async fn rollback_goes_back_to_the_copy_of_the_last_upgrade() {
    let folder = TempDir::new().unwrap();
    let path = database(&folder);
    Connection::open(&path).unwrap().execute_batch(SCHEMA_1).unwrap();
    let none = store::prepare_rollback(&path).err().expect("there is no copy").to_string();
    assert!(none.contains("no upgrade has made one"));
    let upgraded = Subject::upgraded(folder);
    let admin = upgraded.add_admin("new").await;
    upgraded.store.create_widget(new_widget("three", &admin), CLI).await.unwrap();
    let _folder = release(upgraded).await;
    let replacement = store::prepare_rollback(&path).unwrap();
    assert_eq!((replacement.source.schema, replacement.source.widgets), (1, 2));
    assert_eq!(replacement.present.as_ref().unwrap().widgets, 3);
    let kept = replacement.replace(NOW).unwrap().unwrap();
    let schema = |path: &Path| -> (i64, i64) {
        let database = Connection::open(path).unwrap();
        let version = database.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        let widgets = "SELECT count(*) FROM widget";
        (version, database.query_row(widgets, [], |row| row.get(0)).unwrap())
    };
    assert_eq!(schema(&path), (1, 2));
    assert_eq!(schema(&kept).1, 3);
}

#[test]
fn an_empty_file_or_a_log_alone_is_not_taken_for_a_new_installation() {
    for (name, said) in [("widgetd.db", "is empty"), ("widgetd.db-wal", "there is a log")] {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join(name), "").unwrap();
        let limits = widgetd::domain::StoreLimits::default();
        let clock = widgetd::clock::Clock::fixed(NOW);
        let opened = store::open(&database(&folder), OpenMode::Create, clock, limits);
        let refusal = opened.err().expect("refused").to_string();
        assert!(refusal.contains(said), "{refusal}");
        assert_eq!(names(&folder), [name]);
    }
}
