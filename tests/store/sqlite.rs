//! What is particular to the SQLite engine: its file.

use std::path::Path;

use rusqlite::Connection;
use tempfile::TempDir;
use widgetd::error::Error;
use widgetd::store::{self, IfAbsent};

use crate::{NOW, Subject, block_on, new_widget};

fn refusal(path: &Path, if_absent: IfAbsent) -> String {
    match store::open(path, if_absent) {
        Ok(_) => panic!("{} was opened", path.display()),
        Err(error) => error.to_string(),
    }
}

#[test]
fn an_absent_database_is_made_only_where_that_is_allowed() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("widgetd.db");
    assert!(refusal(&path, IfAbsent::Fail).starts_with(&format!("there is no database at {}", path.display())));
    assert!(!path.exists());
    assert!(store::open(&path, IfAbsent::Create).is_ok());
    assert!(store::open(&path, IfAbsent::Fail).is_ok());
}

#[test]
fn a_folder_that_is_not_there_is_named() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("none").join("widgetd.db");
    let expected = format!("(there is no folder {})", folder.path().join("none").display());
    assert!(refusal(&path, IfAbsent::Create).contains(&expected));
}

#[cfg(unix)]
#[test]
fn nobody_but_its_owner_can_read_the_database_and_its_side_files() {
    use std::os::unix::fs::PermissionsExt;
    block_on(async {
        let subject = Subject::new();
        subject.add_user("ann").await;
        let mut files = 0;
        for file in std::fs::read_dir(subject.folder.path()).unwrap() {
            let file = file.unwrap();
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.file_name());
            files += 1;
        }
        assert_eq!(files, 3);
    });
}

#[test]
fn a_newer_database_is_refused_by_both_versions_and_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("widgetd.db");
    drop(store::open(&path, IfAbsent::Create).unwrap());
    let connection = Connection::open(&path).unwrap();
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    connection.pragma_update(None, "user_version", version + 41).unwrap();
    let refusal = refusal(&path, IfAbsent::Create);
    assert!(refusal.contains(&format!("schema version {}", version + 41)), "{refusal}");
    assert!(refusal.contains(&format!("knows versions up to {version}")), "{refusal}");
    let after: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(after, version + 41);
}

#[test]
fn another_program_s_file_is_refused_and_left_alone() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("other.db");
    let connection = Connection::open(&path).unwrap();
    connection.execute_batch("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)").unwrap();
    let before = std::fs::read(&path).unwrap();
    assert!(refusal(&path, IfAbsent::Create).ends_with("is an SQLite database of another program"));
    assert_eq!(std::fs::read(&path).unwrap(), before);

    let path = folder.path().join("letter.txt");
    std::fs::write(&path, "Dear Ann, this is no database at all. ".repeat(100)).unwrap();
    assert!(refusal(&path, IfAbsent::Create).contains("letter.txt"));
    assert!(std::fs::read_to_string(&path).unwrap().starts_with("Dear Ann"));
}

#[test]
fn two_openings_of_a_new_database_at_once_agree() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("widgetd.db");
    let ids: Vec<String> = std::thread::scope(|scope| {
        let open =
            || block_on(async { store::open(&path, IfAbsent::Create).unwrap().get_installation_id().await.unwrap() });
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
}

#[test]
fn another_process_may_write_meanwhile_and_is_seen_at_once() {
    block_on(async {
        let subject = Subject::new();
        let ann = subject.add_user("ann").await;
        subject.store.get_user(ann.public_id).await.unwrap();
        let other = Connection::open(subject.folder.path().join("widgetd.db")).unwrap();
        other.execute("UPDATE user SET role = 'admin'", []).unwrap();
        assert!(subject.store.get_user(ann.public_id).await.unwrap().role.is_admin());
    });
}

#[test]
fn a_value_that_this_program_does_not_write_is_an_error_not_a_guess() {
    block_on(async {
        let subject = Subject::new();
        let ann = subject.add_user("ann").await;
        let other = Connection::open(subject.folder.path().join("widgetd.db")).unwrap();
        other.execute_batch("PRAGMA ignore_check_constraints = ON; UPDATE user SET role = 'root'").unwrap();
        assert!(matches!(subject.store.get_user(ann.public_id).await, Err(Error::Internal(_))));
    });
}

#[test]
fn the_database_has_a_write_ahead_log() {
    block_on(async {
        let subject = Subject::new();
        let ann = subject.add_user("ann").await;
        subject.store.create_widget(new_widget("one", &ann), NOW).await.unwrap();
        let other = Connection::open(subject.folder.path().join("widgetd.db")).unwrap();
        let mode: String = other.pragma_query_value(None, "journal_mode", |row| row.get(0)).unwrap();
        assert_eq!(mode, "wal");
        let count: i64 = other.query_row("SELECT count(*) FROM widget", [], |row| row.get(0)).unwrap();
        assert_eq!(count, 1);
    });
}
