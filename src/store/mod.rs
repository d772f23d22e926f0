//! The store. Each resource has its trait in the domain; no layer above the store knows SQL.

mod sqlite;
mod traits;

use std::path::Path;
use std::sync::Arc;

pub use self::traits::{IfAbsent, Retention, Store};
use crate::clock::Clock;
use crate::domain::StoreLimits;
use crate::error::Error;

/// Opens the store at `path`, an SQLite database file, and brings it to this version's schema.
///
/// Fails if the file is absent and may not be created, is not a database of this program, or was
/// written by a newer version of it. The error is a sentence for the person at the terminal.
pub fn open(
    path: &Path,
    if_absent: IfAbsent,
    clock: Clock,
    limits: StoreLimits,
) -> Result<Arc<dyn Store>, Error> {
    Ok(Arc::new(sqlite::SqliteStore::open(path, if_absent, clock, limits)?))
}
