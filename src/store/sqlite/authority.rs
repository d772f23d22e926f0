//! The current authority of a session or an API key. The guards read it before a request, and each
//! transaction that writes reads it again.

use rusqlite::{Connection, OptionalExtension, ToSql};

use crate::domain::{Authority, Credential, SessionId, UserId};

/// The authority of a user by a session or key; `None` if it has ended or the user is not active.
pub fn find(
    connection: &Connection,
    user: UserId,
    credential: Credential,
) -> rusqlite::Result<Option<Authority>> {
    match credential {
        Credential::Session { id, .. } => find_by_session(connection, user, id),
        Credential::Key { id, .. } => {
            let sql = "SELECT u.role FROM api_key AS k JOIN user AS u ON u.id = k.user_id
                       WHERE k.public_id = ?1 AND u.public_id = ?2 AND u.status = 'active'";
            find_role(connection, sql, id, user)
        }
    }
}

pub fn find_by_session(
    connection: &Connection,
    user: UserId,
    session: SessionId,
) -> rusqlite::Result<Option<Authority>> {
    let sql = "SELECT u.role FROM session AS s JOIN user AS u ON u.id = s.user_id
               WHERE s.id = ?1 AND u.public_id = ?2 AND u.status = 'active'";
    find_role(connection, sql, session, user)
}

fn find_role(
    connection: &Connection,
    sql: &str,
    credential: impl ToSql,
    user: UserId,
) -> rusqlite::Result<Option<Authority>> {
    connection
        .prepare_cached(sql)?
        .query_row((credential, user), |row| Ok(Authority { user, role: row.get(0)? }))
        .optional()
}
