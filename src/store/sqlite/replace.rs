//! Another database in the place of the present one: a backup that is restored, or the copy that was
//! made before an upgrade.
//!
//! The new database is whole, checked and on disk before its name changes in one step. Until then the
//! old one is the database, and after that the new one is, wherever the process is killed.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, ErrorCode, TransactionBehavior};
use tempfile::NamedTempFile;

use super::audit;
use super::connection::connect;
use super::copy::{UNFINISHED, copy, folder_of, inspect, inspect_in_use, open_unused, sync_folder};
use super::migrate::{apply_missing, schema_version};
use super::opened::beside;
use super::owner::give_to_owner_of;
use super::service_lock::ServiceLock;
use super::space::allow_to_shrink;
use super::upgrade::copy_before_upgrade;
use crate::domain::{Contents, RequestContext, Timestamp, time_in_name};
use crate::error::Error;

/// What a database leaves beside it while it is in use.
const SIDE_FILES: [&str; 3] = ["-wal", "-shm", "-journal"];

/// A new database beside the old one, which has not been changed yet.
pub struct Replacement {
    database: PathBuf,
    file: NamedTempFile,
    _lock: ServiceLock,
    /// What it was made from.
    pub source: Contents,
    /// What the present database holds: `None` if there is none or it cannot be read.
    pub present: Option<Contents>,
}

/// Makes a new database from a backup, with the schema of this program and without sessions and reset
/// codes. `from` is not changed.
///
/// [`Error::Conflict`] if the backup is not whole or a service uses the database.
pub fn prepare_restore(
    from: &Path,
    database: &Path,
    context: &RequestContext,
) -> Result<Replacement, Error> {
    prepare(from, database, |connection| {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        apply_missing(&transaction, schema_version(&transaction, from)?)?;
        end_sessions(&transaction)?;
        audit::restored(&transaction, context)?;
        transaction.commit()?;
        Ok(allow_to_shrink(connection)?)
    })
}

/// Makes a new database from the copy that the last upgrade has kept, with its older schema. Fails as
/// [`prepare_restore`].
pub fn prepare_rollback(database: &Path) -> Result<Replacement, Error> {
    let from = copy_before_upgrade(database);
    if !from.exists() {
        return Err(Error::NotFound(format!(
            "there is no copy {}: no upgrade has made one",
            from.display()
        )));
    }
    prepare(&from, database, |connection| Ok(end_sessions(connection)?))
}

fn prepare(
    from: &Path,
    database: &Path,
    change: impl FnOnce(&mut Connection) -> Result<(), Error>,
) -> Result<Replacement, Error> {
    let is_same = |a: &Path, b: &Path| {
        fs::canonicalize(a).is_ok_and(|a| fs::canonicalize(b).is_ok_and(|b| a == b))
    };
    if is_same(from, database) {
        return Err(Error::Conflict(format!("{} is the database itself", from.display())));
    }
    // The file itself is replaced, not a link to it.
    let database = &database.canonicalize().unwrap_or_else(|_| database.to_owned());
    let lock = ServiceLock::acquire(database)?;
    let backup = open_unused(from)?;
    let source = inspect(&backup, from)?;
    let file = copy(&backup, folder_of(database), change)?;
    give_to_owner_of(database, file.path())?;
    let present = inspect_in_use(database).ok();
    Ok(Replacement { database: database.to_owned(), file, _lock: lock, source, present })
}

/// The tokens of a session that was ended after the backup, and a code that was used, must stay dead.
fn end_sessions(connection: &Connection) -> rusqlite::Result<()> {
    for table in ["session", "reset_code"] {
        if connection.table_exists(None, table)? {
            connection.execute_batch(&format!("DELETE FROM {table}"))?;
        }
    }
    Ok(())
}

impl Replacement {
    /// Puts the new database in the place of the old one, if there was one. Returns where that is kept.
    pub fn replace(self, now: Timestamp) -> Result<Option<PathBuf>, Error> {
        let Self { database, file, .. } = &self;
        let cannot = |cause: &dyn std::fmt::Display| {
            Error::internal(&format!("cannot replace the database {}", database.display()), cause)
        };
        let kept = beside(database, &format!(".replaced-{}", time_in_name(now)));
        let had_one = database.exists();
        // Nobody else reads or writes the old one until its name has changed.
        let held = if had_one { settle(database)? } else { None };
        if held.is_none() {
            move_side_files(database, &kept).map_err(|cause| cannot(&cause))?;
        }
        if had_one {
            keep(database, &kept).map_err(|cause| cannot(&cause))?;
        }
        fs::rename(file.path(), database).map_err(|cause| cannot(&cause))?;
        sync_folder(folder_of(database))?;
        drop(held);
        Ok(had_one.then_some(kept))
    }
}

/// Moves the log of the old database into it, so that it is one file, and locks it. `None` if it is
/// not a database that can be read: then there is nothing to settle.
fn settle(database: &Path) -> Result<Option<Connection>, Error> {
    let settled = connect(database).and_then(|connection| {
        connection.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))?;
        connection.execute_batch("BEGIN EXCLUSIVE")?;
        Ok(connection)
    });
    match settled {
        Ok(connection) => Ok(Some(connection)),
        Err(cause) => match cause.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                Err(Error::Conflict(format!(
                    "another program has the database {} open; nothing was changed",
                    database.display()
                )))
            }
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Ok(None),
            _ => Err(cause.into()),
        },
    }
}

/// A log must never stay beside a database that it does not belong to: it would be replayed into it.
fn move_side_files(database: &Path, kept: &Path) -> std::io::Result<()> {
    for ending in SIDE_FILES {
        match fs::rename(beside(database, ending), beside(kept, ending)) {
            Err(cause) if cause.kind() != ErrorKind::NotFound => return Err(cause),
            _ => {}
        }
    }
    Ok(())
}

/// Gives the old database a second name.
fn keep(database: &Path, kept: &Path) -> std::io::Result<()> {
    match fs::hard_link(database, kept) {
        Err(cause) if cause.kind() == ErrorKind::AlreadyExists => Err(cause),
        // A file system without links.
        Err(_) => {
            let unfinished = beside(kept, UNFINISHED);
            fs::copy(database, &unfinished)?;
            fs::File::open(&unfinished)?.sync_all()?;
            fs::rename(unfinished, kept)
        }
        Ok(()) => Ok(()),
    }
}
