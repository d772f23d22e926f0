//! Whole copies of a database: how they are made, and checked as a restore checks them.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::Path;

use rusqlite::backup::{Backup as OnlineBackup, StepResult};
use rusqlite::{Connection, OpenFlags, OptionalExtension};
use tempfile::NamedTempFile;
use url::Url;

use super::connection::initialise;
use super::last_backup;
use super::migrate::schema_version;
use super::opened::beside;
use crate::domain::Contents;
use crate::error::Error;

/// The ending of a file that is not finished.
pub const UNFINISHED: &str = ".partial";

const UNFINISHED_PREFIX: &str = "widgetd-";

/// A table and how many rows it has.
type Rows = Vec<(String, u64)>;

/// Copies a whole database into a new file in `folder`, while others write to it. The copy has the
/// state of one moment, is one file without a log, is readable by its owner only, and is on disk. It
/// is deleted when it is dropped.
///
/// Fails if the copy is not as whole as a restore needs it, or has other rows than the source.
pub fn copy(
    source: &Connection,
    folder: &Path,
    change: impl FnOnce(&mut Connection) -> Result<(), Error>,
) -> Result<NamedTempFile, Error> {
    let failed = |cause: &dyn std::fmt::Display| {
        Error::internal(&format!("cannot write a copy into {}", folder.display()), cause)
    };
    let file = unfinished_file(folder).map_err(|cause| failed(&cause))?;
    // The first read fixes the state that this transaction sees.
    let snapshot = source.unchecked_transaction()?;
    let rows = count_rows(&snapshot)?;
    let mut target = Connection::open(file.path())?;
    // Synced once, at the end.
    target.execute_batch("PRAGMA synchronous = OFF")?;
    match OnlineBackup::new(&snapshot, &mut target)?.step(-1) {
        Ok(StepResult::Done) => {}
        Ok(other) => return Err(failed(&format!("{other:?}"))),
        Err(cause) => return Err(failed(&cause)),
    }
    drop(snapshot);
    // The log's content goes into the file. There is no other connection.
    target.pragma_update(None, "journal_mode", "DELETE")?;
    if count_rows(&target)? != rows {
        return Err(failed(&"it has other rows than the database"));
    }
    initialise(&target)?;
    change(&mut target)?;
    target.close().map_err(|(_, cause)| failed(&cause))?;
    file.as_file().sync_all().map_err(|cause| failed(&cause))?;
    inspect(&open_unused(file.path())?, file.path())?;
    Ok(file)
}

/// A new file of mode 0600, which is deleted when it is dropped. A process that is killed leaves it.
pub fn unfinished_file(folder: &Path) -> std::io::Result<NamedTempFile> {
    tempfile::Builder::new().prefix(UNFINISHED_PREFIX).suffix(UNFINISHED).tempfile_in(folder)
}

/// Whether a killed process may have left a file of this name, or what SQLite keeps beside it.
pub fn is_unfinished(name: &str) -> bool {
    name.starts_with(UNFINISHED_PREFIX) && name.contains(UNFINISHED)
}

/// Says what a database holds, after a check of all of it.
///
/// [`Error::Conflict`] if it is damaged, of another program, or of a newer version of this one.
pub fn inspect(connection: &Connection, path: &Path) -> Result<Contents, Error> {
    let schema = schema_version(connection, path)?;
    let is_damaged = |why: String| Error::Conflict(format!("{} is damaged: {why}", path.display()));
    let verdict: Result<String, _> =
        connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0));
    match verdict {
        Ok(verdict) if verdict == "ok" => {}
        Ok(verdict) => return Err(is_damaged(verdict)),
        Err(cause) => return Err(is_damaged(cause.to_string())),
    }
    let orphan: Option<String> = connection
        .query_row("SELECT \"table\" FROM pragma_foreign_key_check LIMIT 1", [], |row| row.get(0))
        .optional()?;
    if let Some(table) = orphan {
        return Err(is_damaged(format!("a row of {table} refers to a row that is missing")));
    }
    contents(connection, schema)
}

/// The same of a database that others may use at the same time.
pub fn inspect_in_use(path: &Path) -> Result<Contents, Error> {
    inspect(&open_in_use(path)?, path)
}

/// Opens a database that others may use at the same time, to read it.
pub fn open_in_use(path: &Path) -> Result<Connection, Error> {
    open_to_read(path, path.as_os_str(), OpenFlags::SQLITE_OPEN_READ_WRITE)
}

/// Opens a database that nobody uses, so that nothing about it or beside it changes. A log beside it
/// that has not been moved into it counts.
pub fn open_unused(path: &Path) -> Result<Connection, Error> {
    let path = std::path::absolute(path)
        .map_err(|cause| Error::internal("cannot tell the current folder", cause))?;
    let mut url = Url::from_file_path(&path)
        .map_err(|()| Error::internal("a path", "it cannot be written as a URL"))?;
    let has_log = std::fs::metadata(beside(&path, "-wal")).is_ok_and(|log| log.len() > 0);
    // Otherwise a database in WAL mode needs a file beside it even to be read.
    url.set_query(Some(if has_log { "mode=ro" } else { "immutable=1" }));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    open_to_read(&path, url.as_str().as_ref(), flags)
}

fn open_to_read(path: &Path, name: &OsStr, flags: OpenFlags) -> Result<Connection, Error> {
    let cannot = |cause: &dyn std::fmt::Display| {
        Error::internal(&format!("cannot read the database {}", path.display()), cause)
    };
    match std::fs::metadata(path) {
        Err(cause) if cause.kind() == ErrorKind::NotFound => {
            return Err(Error::NotFound(format!("there is no file {}", path.display())));
        }
        Err(cause) => return Err(cannot(&cause)),
        Ok(metadata) if metadata.is_dir() => {
            return Err(Error::Conflict(format!("{} is a folder, not a database", path.display())));
        }
        Ok(_) => {}
    }
    let connection =
        Connection::open_with_flags(Path::new(name), flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)
            .map_err(|cause| cannot(&cause))?;
    initialise(&connection).map_err(|cause| cannot(&cause))?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// The folder of a file.
pub fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Makes a new or changed name in a folder durable, if folders can be synced.
pub fn sync_folder(folder: &Path) -> Result<(), Error> {
    if cfg!(unix) {
        std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(|cause| {
            Error::internal(&format!("cannot sync the folder {}", folder.display()), cause)
        })?;
    }
    Ok(())
}

fn count_rows(connection: &Connection) -> rusqlite::Result<Rows> {
    let mut tables = connection.prepare(
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name",
    )?;
    let tables = tables.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
    tables
        .into_iter()
        .map(|table| count(connection, &table, "").map(|rows| (table, rows)))
        .collect()
}

fn count(connection: &Connection, table: &str, condition: &str) -> rusqlite::Result<u64> {
    let sql = format!("SELECT count(*) FROM \"{table}\" {condition}");
    connection.query_row(&sql, [], |row| row.get(0))
}

/// Earlier schemas lack some of it.
fn contents(connection: &Connection, schema: usize) -> Result<Contents, Error> {
    let has = |table: &str| connection.table_exists(None, table);
    let count_of = |table: &str| if has(table)? { count(connection, table, "") } else { Ok(0) };
    let is_soft_deleted = connection.column_exists(None, "user", "deleted_at")?;
    let users = if is_soft_deleted { "WHERE deleted_at IS NULL" } else { "" };
    let events = if has("audit")? {
        let sql = "SELECT id, (SELECT at FROM audit ORDER BY id LIMIT 1), at FROM audit ORDER BY id DESC LIMIT 1";
        connection
            .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()?
    } else {
        None
    };
    Ok(Contents {
        schema,
        users: count(connection, "user", users)?,
        widgets: count_of("widget")?,
        tasks: count_of("task")?,
        templates: count_of("template")?,
        events: events.map_or(0, |(id, ..)| id),
        first_event: events.map(|(_, first, _)| first),
        last_event: events.map(|(.., last)| last),
        backup: if has("backup")? { last_backup::get(connection)? } else { None },
    })
}
