//! Deadlines as two columns, of which one follows from the other by the time zone.

use rusqlite::{Connection, TransactionBehavior, params};
use time::Date;

use super::lists::Columns;
use crate::domain::{Deadline, Timestamp, Zone};
use crate::error::Error;

pub fn deadline(columns: &mut Columns<'_>) -> rusqlite::Result<Deadline> {
    Ok(Deadline::from_stored(columns.get()?, columns.get()?))
}

pub fn deadline_if_any(columns: &mut Columns<'_>) -> rusqlite::Result<Option<Deadline>> {
    let (at, date) = (columns.get::<Option<Timestamp>>()?, columns.get()?);
    Ok(at.map(|at| Deadline::from_stored(at, date)))
}

/// The time zone of a store that is opened: the one that it has if it `keeps` that, else `zone`.
/// Deadlines that are the end of a date keep the date, also where the rules of a zone have changed.
pub fn settle_zone(connection: &mut Connection, zone: &Zone, keeps: bool) -> Result<Zone, Error> {
    let stored: Option<String> =
        connection.query_row("SELECT time_zone FROM installation", [], |row| row.get(0))?;
    if keeps && let Some(name) = &stored {
        return Zone::parse(name)
            .map_err(|why| Error::Conflict(format!("the time zone of the database {why}")));
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    transaction.execute(
        "UPDATE installation SET time_zone = ?1 WHERE time_zone IS NOT ?1",
        [zone.name()],
    )?;
    let widgets = move_deadlines(&transaction, "widget", zone)?;
    let tasks = move_deadlines(&transaction, "task", zone)?;
    transaction.commit()?;
    if widgets + tasks > 0 {
        let before = stored.unwrap_or_default();
        log::warn!(
            "the time zone is {zone} and was {before}: the deadlines of {widgets} widgets and \
             {tasks} tasks have moved to the end of the same date"
        );
    }
    Ok(zone.clone())
}

/// Moves the deadlines of a table to the end of their date in a zone. Returns how many moved. Each start
/// looks at the dates, but not at all rows: an index has the first and the last moment of each date.
fn move_deadlines(connection: &Connection, table: &str, zone: &Zone) -> rusqlite::Result<usize> {
    let mut dates = connection.prepare(&format!(
        "WITH RECURSIVE dates (date) AS (
             SELECT min(deadline_date) FROM {table} WHERE deadline_date IS NOT NULL
             UNION ALL
             SELECT (SELECT min(deadline_date) FROM {table} WHERE deadline_date > date)
             FROM dates WHERE date IS NOT NULL
         )
         SELECT date, (SELECT min(deadline) FROM {table} WHERE deadline_date = date),
                (SELECT max(deadline) FROM {table} WHERE deadline_date = date)
         FROM dates WHERE date IS NOT NULL"
    ))?;
    let dates = dates
        .query_map([], |row| Ok((row.get(0)?, [row.get(1)?, row.get(2)?])))?
        .collect::<rusqlite::Result<Vec<(Date, [Timestamp; 2])>>>()?;
    let mut update = connection.prepare(&format!(
        "UPDATE {table} SET deadline = ?2, version = random()
         WHERE deadline_date = ?1 AND deadline <> ?2"
    ))?;
    let mut moved = 0;
    for (date, limits) in dates {
        let end = zone.end_of(date);
        if limits != [end; 2] {
            moved += update.execute(params![date, end])?;
        }
    }
    Ok(moved)
}
