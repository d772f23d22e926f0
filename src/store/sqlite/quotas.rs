//! Quotas: after each job, the domain decides on the users who store more than before.
//!
//! Triggers of the database count what a user stores in `user.used_bytes`. A trigger of this
//! connection alone notes whose count has grown, so that no resource has to ask.

use std::sync::LazyLock;

use rusqlite::Connection;

use super::transaction::Transaction;
use super::user_rows::USERS;
use crate::domain::{Authority, Quota};
use crate::error::Error;

/// Notes on this connection whose count grows.
pub fn note_growth(connection: &Connection) -> rusqlite::Result<()> {
    connection.execute_batch(
        "CREATE TEMP TABLE grown (user_id INTEGER PRIMARY KEY);
         CREATE TEMP TRIGGER user_grown AFTER UPDATE OF used_bytes ON main.user
         WHEN new.used_bytes > old.used_bytes BEGIN
             INSERT INTO grown (user_id) VALUES (new.id) ON CONFLICT DO NOTHING;
         END;",
    )
}

/// [`Error::InsufficientStorage`] if somebody stores more than before, and more than they may.
pub fn check(transaction: &Transaction<'_>, quota: Quota) -> Result<(), Error> {
    static GROWN: LazyLock<String> =
        LazyLock::new(|| USERS.to_sql("id IN (SELECT user_id FROM grown)"));
    let mut statement = transaction.prepare_cached(&GROWN)?;
    let grown = statement.query_map([], USERS.from_row)?.collect::<Result<Vec<_>, _>>()?;
    if grown.is_empty() {
        return Ok(());
    }
    transaction.prepare_cached("DELETE FROM grown")?.execute([])?;
    let actor = transaction.authority().map(|Authority { user, .. }| user);
    grown.iter().try_for_each(|user| quota.check(user, actor, transaction.context.at))
}
