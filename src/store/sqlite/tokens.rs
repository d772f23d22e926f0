//! Tokens: the guard's question, and the ones that were revoked. SQL and row mapping.

use rusqlite::{Connection, OptionalExtension, params};

use super::users::parsed;
use super::writer::JobError;
use crate::domain::{Authority, PublicId, Role, Status, Timestamp, TokenId};

/// Active? Administrator? Revoked? One statement.
pub fn find_authority(
    connection: &Connection,
    subject: PublicId,
    token: &TokenId,
) -> rusqlite::Result<Option<Authority>> {
    connection
        .prepare_cached(
            "SELECT role, status, token_epoch, EXISTS (SELECT 1 FROM revoked_token WHERE jti = ?2)
             FROM user WHERE public_id = ?1",
        )?
        .query_row([subject.encode(&mut [0; 36]), token.as_str()], |row| {
            Ok(Authority {
                user: subject,
                role: parsed(row, 0, Role::parse)?,
                status: parsed(row, 1, Status::parse)?,
                token_epoch: row.get(2)?,
                revoked: row.get(3)?,
            })
        })
        .optional()
}

/// Ends a token. One that has ended already stays so.
pub fn revoke(connection: &Connection, token: &TokenId, expires_at: Timestamp, now: Timestamp) -> Result<(), JobError> {
    purge(connection, now)?;
    connection
        .prepare_cached("INSERT INTO revoked_token (jti, expires_at) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute(params![token.as_str(), expires_at.as_millis()])?;
    Ok(())
}

/// Forgets what has expired: such a token is refused for its `exp`.
pub fn purge(connection: &Connection, now: Timestamp) -> Result<usize, JobError> {
    Ok(connection.prepare_cached("DELETE FROM revoked_token WHERE expires_at <= ?1")?.execute([now.as_millis()])?)
}
