//! Databases as files: made by commands, checked without the program.

use std::collections::BTreeSet;
use std::path::Path;

use rusqlite::Connection;

use crate::program::{Place, text};

const SCHEMA_1: &str = include_str!("../store/fixtures/schema_1.sql");

/// Runs a command that must succeed. Returns stdout and stderr.
#[track_caller]
pub fn done(place: &Place, arguments: &[&str]) -> (String, String) {
    let output = place.run(arguments, "");
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{arguments:?}: {stderr}");
    (stdout, stderr)
}

/// The names of all widgets of a database, after a check of all of it.
#[track_caller]
pub fn widgets(database: &Path) -> BTreeSet<String> {
    let database = Connection::open(database).unwrap();
    let verdict: String =
        database.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(verdict, "ok");
    let mut names = database.prepare("SELECT name FROM widget").unwrap();
    names.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
}

/// A place with a database of version 0.1.0, which has two widgets.
pub fn with_schema_1() -> Place {
    let place = Place::new();
    Connection::open(place.database()).unwrap().execute_batch(SCHEMA_1).unwrap();
    place
}

pub fn schema(database: &Path) -> u32 {
    let database = Connection::open(database).unwrap();
    database.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
}
