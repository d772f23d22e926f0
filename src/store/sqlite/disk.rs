//! The free space on the disk of the database.
//!
//! It is measured before a write is queued, because the writer does no I/O of its own, and at most
//! once a second: other writes only read a flag.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use log::Level;
use rusqlite::Connection;

use super::readers::Readers;
use crate::domain::{MinFree, Size, Timestamp};
use crate::error::Error;
use crate::telemetry::LogLimit;

/// How long a measurement counts, in milliseconds.
const INTERVAL: u64 = 1_000;

pub struct Disk {
    database: PathBuf,
    min_free: MinFree,
    measured_at: AtomicI64,
    is_low: AtomicBool,
    limit: LogLimit,
}

impl Disk {
    /// Measures at the first check.
    pub fn new(database: &Path, min_free: MinFree) -> Self {
        let (measured_at, is_low) = (AtomicI64::new(i64::MIN), AtomicBool::new(false));
        let limit = LogLimit::default();
        Self { database: database.to_owned(), min_free, measured_at, is_low, limit }
    }

    /// [`Error::InsufficientStorage`] if there is less free space than the setting wants.
    pub fn check(&self, now: Timestamp, readers: &Readers) -> Result<(), Error> {
        let (now, last) = (now.as_millis(), self.measured_at.load(Ordering::Relaxed));
        let is_due = now.abs_diff(last) >= INTERVAL;
        // One caller measures, while others go by the last result.
        if is_due
            && self
                .measured_at
                .compare_exchange(last, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
        {
            self.measure(readers);
        }
        if !self.is_low.load(Ordering::Relaxed) {
            return Ok(());
        }
        Err(Error::InsufficientStorage(
            "The disk of the service is nearly full. Until there is more space, only logins, logouts and \
             deletes are accepted."
                .to_owned(),
        ))
    }

    /// Goes by the last result if the space cannot be measured.
    fn measure(&self, readers: &Readers) {
        let (unused, space) = match (readers.inline(unused_bytes), space(&self.database)) {
            (Ok(unused), Ok(space)) => (unused, space),
            (Err(error), _) => {
                return self
                    .limit
                    .log(Level::Warn, &format!("cannot measure the database: {error}"));
            }
            (_, Err(error)) => {
                return self
                    .limit
                    .log(Level::Warn, &format!("cannot measure the free disk space: {error}"));
            }
        };
        let is_low = self.min_free.is_undercut(space.total, space.free, unused);
        if self.is_low.swap(is_low, Ordering::Relaxed) == is_low {
            return;
        }
        let (free, min_free) =
            (Size(space.free.saturating_add(unused)), Size(self.min_free.of(space.total)));
        if is_low {
            log::error!(
                "the disk has {free} left, less than {min_free} (`min_free_mib`): only logins, logouts \
                 and deletes are accepted"
            );
        } else {
            log::warn!("the disk has {free} left again: all writes are accepted");
        }
    }
}

/// The pages of the file that hold nothing.
fn unused_bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let get = |name| connection.pragma_query_value(None, name, |row| row.get::<_, u64>(0));
    Ok(get("freelist_count")? * get("page_size")?)
}

/// What is free on the disk of this file, for programs without privileges.
pub fn free_bytes(path: &Path) -> Result<u64, Error> {
    space(path).map(|space| space.free).map_err(|cause| {
        Error::internal(&format!("cannot measure the free space at {}", path.display()), cause)
    })
}

/// In bytes.
struct Space {
    /// For programs without privileges.
    free: u64,
    total: u64,
}

#[cfg(unix)]
fn space(path: &Path) -> std::io::Result<Space> {
    let disk = rustix::fs::statvfs(path)?;
    Ok(Space {
        free: disk.f_bavail.saturating_mul(disk.f_frsize),
        total: disk.f_blocks.saturating_mul(disk.f_frsize),
    })
}

/// Without `statvfs`, the disk always has enough.
#[cfg(not(unix))]
fn space(_: &Path) -> std::io::Result<Space> {
    Ok(Space { free: u64::MAX, total: u64::MAX })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::super::opened::OpenedFiles;
    use super::*;

    fn at(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    #[test]
    fn the_disk_is_measured_once_a_second_and_has_enough_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        let writer = Connection::open(&path).unwrap();
        writer.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (x);").unwrap();
        let opened = Arc::new(OpenedFiles::of(&path).unwrap());
        let readers = Readers::new(&path, opened, crate::clock::Clock::System, None).unwrap();
        let (all, nothing) = (MinFree::from_mib(Some(u32::MAX)), MinFree::from_mib(Some(0)));
        let mut disk = Disk::new(&path, nothing);
        let mut is_low = |min_free, millis| {
            disk.min_free = min_free;
            disk.check(at(millis), &readers).is_err()
        };
        for (min_free, millis, expected) in [
            (all, 5_000, true),
            (nothing, 5_999, true),
            (nothing, 6_000, false),
            (all, 6_999, false),
            // The clock was set back.
            (all, 1_000, true),
            (nothing, 2_000, false),
        ] {
            assert_eq!(is_low(min_free, millis), expected, "{millis}");
        }
    }

    #[test]
    fn pages_of_what_was_deleted_are_free() {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch("CREATE TABLE t (x); INSERT INTO t VALUES (zeroblob(1000000))")
            .unwrap();
        assert_eq!(unused_bytes(&connection).unwrap(), 0);
        connection.execute_batch("DELETE FROM t").unwrap();
        assert!((990_000..1_010_000).contains(&unused_bytes(&connection).unwrap()));
    }
}
