//! The last backup: in a database the newest one that was made of it, in a backup itself.

use std::path::PathBuf;

use rusqlite::{Connection, OptionalExtension};

use crate::domain::Backup;

pub fn get(connection: &Connection) -> rusqlite::Result<Option<Backup>> {
    connection
        .prepare_cached("SELECT made_at, version, file, bytes FROM backup")?
        .query_row([], |row| {
            Ok(Backup {
                made_at: row.get(0)?,
                version: row.get(1)?,
                file: row.get::<_, Option<String>>(2)?.map(PathBuf::from),
                bytes: row.get(3)?,
            })
        })
        .optional()
}

/// Writes down a backup, in the database that it is of, or in itself.
pub fn note(connection: &Connection, backup: &Backup) -> rusqlite::Result<()> {
    let Backup { made_at, version, file, bytes } = backup;
    let file = file.as_ref().map(|file| file.to_string_lossy());
    let sql = "INSERT OR REPLACE INTO backup (id, made_at, version, file, bytes) VALUES (1, ?1, ?2, ?3, ?4)";
    connection.prepare_cached(sql)?.execute((made_at, version, file, bytes)).map(drop)
}
