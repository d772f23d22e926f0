//! The current authority of a session or an API key. The guards read it before a request, and each
//! transaction that writes reads it again.

use rusqlite::{Connection, OptionalExtension, Params};

use crate::domain::{Authority, Credential, SessionId, Timestamp, UserId};

/// The authority of a user by a session or key; `None` if it has ended or expired by `now`, or the
/// user is not active.
pub fn find(
    connection: &Connection,
    user: UserId,
    credential: Credential,
    now: Timestamp,
) -> rusqlite::Result<Option<Authority>> {
    match credential {
        Credential::Session { id, .. } => {
            let sql = "SELECT u.role FROM session AS s JOIN user AS u ON u.id = s.user_id
                       WHERE s.id = ?1 AND u.public_id = ?2 AND u.status = 'active'
                       AND s.expires_at > ?3";
            find_role(connection, sql, user, (id, user, now))
        }
        Credential::Key { id, .. } => {
            // It is valid at the moment of its end, too.
            let sql = "SELECT u.role FROM api_key AS k JOIN user AS u ON u.id = k.user_id
                       WHERE k.public_id = ?1 AND u.public_id = ?2 AND u.status = 'active'
                       AND (k.expires_at IS NULL OR k.expires_at >= ?3)";
            find_role(connection, sql, user, (id, user, now))
        }
    }
}

/// The authority of a user by a session whose token has not expired.
pub fn find_by_session(
    connection: &Connection,
    user: UserId,
    session: SessionId,
) -> rusqlite::Result<Option<Authority>> {
    let sql = "SELECT u.role FROM session AS s JOIN user AS u ON u.id = s.user_id
               WHERE s.id = ?1 AND u.public_id = ?2 AND u.status = 'active'";
    find_role(connection, sql, user, (session, user))
}

/// Whether the password of a user is the one that it was when `epoch` was read.
pub fn has_epoch(connection: &Connection, user: UserId, epoch: i64) -> rusqlite::Result<bool> {
    connection
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM user WHERE public_id = ?1 AND token_epoch = ?2)",
        )?
        .query_row((user, epoch), |row| row.get(0))
}

fn find_role(
    connection: &Connection,
    sql: &str,
    user: UserId,
    values: impl Params,
) -> rusqlite::Result<Option<Authority>> {
    connection
        .prepare_cached(sql)?
        .query_row(values, |row| Ok(Authority { user, role: row.get(0)? }))
        .optional()
}
