//! Imports: all rows in the transaction of one job, or none.

use super::transaction::Transaction;
use crate::domain::{Import, Imported, RowEffect};
use crate::error::Error;

/// More rows than a request may have: an import on the command line. With this much of the database
/// in memory, in KiB, a million rows take an eighth of the time. Its process ends with it.
const MANY_ROWS: usize = 100_000;
const CACHE_OF_MANY: i32 = 64 * 1024;

/// Writes the rows, and looks at all of them also if one is at fault, so that every error is named.
/// `key` is the column that tells the records apart.
pub fn run<T>(
    transaction: &Transaction<'_>,
    import: Import<T>,
    key: &str,
    write: impl Fn(T) -> Result<RowEffect, Error>,
) -> Result<Imported, Error> {
    let Import { rows, mut errors, progress, .. } = import;
    let mut imported = Imported::default();
    progress.begin(rows.len());
    if rows.len() > MANY_ROWS {
        // Negative: not in pages.
        transaction.pragma_update(None, "cache_size", -CACHE_OF_MANY)?;
    }
    for (row, record) in rows {
        match write(record) {
            Ok(effect) => imported.count(effect),
            Err(Error::Invalid(columns)) => errors.add_all(row, &columns),
            Err(Error::Conflict(why)) => errors.add(row, key, why),
            Err(other) => return Err(other),
        }
        progress.advance();
    }
    // An error rolls the job back.
    errors.finish()?;
    Ok(imported)
}
