//! The store. Each resource has its trait in the domain; no layer above the store knows SQL.

mod sqlite;
mod traits;

use std::path::Path;
use std::sync::Arc;

pub use self::sqlite::{
    Rehearsal, Replacement, ServiceLock, Upgraded, back_up, beside, delete_old_backups, free_bytes,
    inspect_in_use, newest_version, prepare_restore, prepare_rollback, rehearse_upgrade, upgrade,
};
pub use self::traits::{OpenMode, Retention, Store};
use crate::clock::Clock;
use crate::domain::StoreLimits;
use crate::error::Error;

/// Opens the store at `path`, an SQLite database file with this version's schema.
///
/// Fails if the file is absent and may not be created, is not a database of this program, or has the
/// schema of another version of it; [`upgrade`] upgrades an older one. The error is a sentence for the
/// person at the terminal.
pub fn open(
    path: &Path,
    mode: OpenMode,
    clock: Clock,
    limits: StoreLimits,
) -> Result<Arc<dyn Store>, Error> {
    Ok(Arc::new(sqlite::SqliteStore::open(path, mode, clock, limits)?))
}
