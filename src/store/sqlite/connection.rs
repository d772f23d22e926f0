//! Connections: how they are set up, and what their errors mean.

use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::found::add_is_found;
use super::search::add_functions;
use crate::clock::Clock;
use crate::error::Error;
use crate::telemetry::METRICS;

/// The settings and functions of every connection. The writer and the readers add their own.
pub fn initialise(connection: &Connection) -> rusqlite::Result<()> {
    connection.set_prepared_statement_cache_capacity(64);
    // Else the planner looks at values, and prepares a kept statement anew when they change.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.execute_batch("PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF;")?;
    add_functions(connection)?;
    add_is_found(connection)
}

/// Maps an SQLite error by its code. Conflicts and missing rows do not appear here: statements
/// detect them without failing.
pub fn translate(error: &rusqlite::Error) -> Error {
    match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => Error::Busy,
        Some(ErrorCode::DiskFull) => Error::disk_is_full(),
        _ => Error::internal("SQLite", error),
    }
}

impl From<rusqlite::Error> for Error {
    fn from(error: rusqlite::Error) -> Self {
        translate(&error)
    }
}

/// Opens the connection that writes.
///
/// `synchronous = FULL` lets an acknowledged write survive a power cut: in WAL mode, NORMAL syncs
/// the log only at checkpoints. On macOS a sync needs `fullfsync` to reach the disk.
pub fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    initialise(&connection)?;
    connection.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA fullfsync = ON; PRAGMA checkpoint_fullfsync = ON;",
    )?;
    Ok(connection)
}

/// After how many pages in the log SQLite moves them into the database, by default.
const CHECKPOINT_PAGES: i32 = 1_000;

/// Does after a commit what SQLite does by default, and measures how long it takes.
pub fn time_checkpoints(connection: &Connection) {
    connection.wal_hook(Some(|log, pages| {
        if pages < CHECKPOINT_PAGES {
            return Ok(());
        }
        let began = Clock::System.elapsed();
        // The commit stands without it, and the next one tries again. A reader may be in its way.
        let outcome = log.checkpoint();
        METRICS.checkpoints.observe_time(Clock::System.elapsed().saturating_sub(began));
        drop(outcome);
        Ok(())
    }));
}

/// Sets the database to WAL mode, which is persistent.
///
/// SQLite ignores `busy_timeout` for this, so the loop waits for another program's lock.
pub fn use_write_ahead_log(connection: &Connection) -> Result<(), Error> {
    const ATTEMPTS: usize = 250;
    for _ in 0..ATTEMPTS {
        match connection
            .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0))
        {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => {
                return Err(Error::internal(
                    "SQLite offers no write-ahead log here, but only",
                    mode,
                ));
            }
            Err(error) => match translate(&error) {
                Error::Busy => std::thread::sleep(Duration::from_millis(20)),
                other => return Err(other),
            },
        }
    }
    Err(Error::Busy)
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    #[test]
    fn a_statement_is_prepared_once_whatever_its_values_are() {
        let connection = Connection::open_in_memory().unwrap();
        initialise(&connection).unwrap();
        connection
            .execute_batch(
                "CREATE TABLE t (x); CREATE INDEX t_by_x ON t (x);
                 WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT 1000)
                 INSERT INTO t SELECT n FROM n;
                 ANALYZE;",
            )
            .unwrap();
        let mut above = connection.prepare("SELECT count(*) FROM t WHERE x > ?1").unwrap();
        for (least, expected) in [(0, 1_000), (999, 1), (500, 500)] {
            let count: i64 = above.query_row([least], |row| row.get(0)).unwrap();
            assert_eq!(count, expected);
        }
        assert_eq!(above.get_status(StatementStatus::RePrepare), 0);
    }
}
