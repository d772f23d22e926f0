//! Space that is free within the file, and how the disk gets it back.

use rusqlite::Connection;

/// How many free pages stay for what is written next: 8 MiB.
const SPARE_PAGES: u64 = 2_048;

/// How many pages one job gives back, so that other writes run between the jobs.
const PAGES_AT_ONCE: u64 = 256;

/// `PRAGMA auto_vacuum`: incremental.
const INCREMENTAL: i64 = 2;

/// Lets a database give pages back. Writes all of it anew, unless it does so already.
pub fn allow_to_shrink(connection: &Connection) -> rusqlite::Result<()> {
    let mode: i64 = connection.pragma_query_value(None, "auto_vacuum", |row| row.get(0))?;
    if mode == INCREMENTAL {
        return Ok(());
    }
    connection.execute_batch("PRAGMA auto_vacuum = INCREMENTAL; VACUUM")
}

/// Gives some free pages back, and returns whether there are more. The file shrinks when its log is
/// next moved into it.
pub fn give_back(connection: &Connection) -> rusqlite::Result<bool> {
    let free = || connection.pragma_query_value(None, "freelist_count", |row| row.get::<_, u64>(0));
    let before = free()?;
    let pages = before.saturating_sub(SPARE_PAGES).min(PAGES_AT_ONCE);
    if pages == 0 {
        return Ok(false);
    }
    connection.execute_batch(&format!("PRAGMA incremental_vacuum({pages})"))?;
    let after = free()?;
    Ok(after < before && after > SPARE_PAGES)
}
