//! Passwords and reset codes of users: SQL.

use rusqlite::{Connection, OptionalExtension, params};

use super::transaction::Transaction;
use super::user_rows::{self, USERS, lookup};
use super::{audit, sessions};
use crate::domain::{
    Action, Network, NewResetCode, PasswordHash, SecretHash, SessionId, StoredCredentials,
    Timestamp, User, UserId, UserRef,
};
use crate::error::Error;

pub fn find_credentials(
    connection: &Connection,
    user: &UserRef,
    network: Option<Network>,
) -> rusqlite::Result<Option<StoredCredentials>> {
    let sql = format!(
        "SELECT {}, password_hash,
                EXISTS (SELECT 1 FROM known_network AS n WHERE n.user_id = user.id AND n.network = ?2)
                    AS knows_network
         FROM user WHERE {}",
        USERS.columns,
        lookup(user)
    );
    connection
        .prepare_cached(&sql)?
        .query_row(params![user.folded(), network], |row| {
            Ok(StoredCredentials {
                user: (USERS.from_row)(row)?,
                password_hash: row.get("password_hash")?,
                knows_network: row.get("knows_network")?,
            })
        })
        .optional()
}

/// Sets a new password and ends the user's sessions except `kept`.
pub fn set(
    transaction: &Transaction<'_>,
    id: UserId,
    hash: &PasswordHash,
    kept: Option<SessionId>,
    action: Action,
) -> Result<User, Error> {
    transaction.run(
        "UPDATE user SET password_hash = ?2, token_epoch = token_epoch + 1, updated_at = ?3
         WHERE public_id = ?1 AND deleted_at IS NULL",
        params![id, hash, transaction.context.at],
    )?;
    let user = user_rows::get(transaction, id)?;
    sessions::end_all_but(transaction, id, kept)?;
    delete_reset_code(transaction, id)?;
    audit::done(transaction, action, id, None)?;
    Ok(user)
}

/// Stores a code for a user, in the place of an older one.
pub fn store_reset_code(
    transaction: &Transaction<'_>,
    id: UserId,
    NewResetCode { hash, expires_at }: NewResetCode,
) -> rusqlite::Result<()> {
    transaction.run(
        "INSERT INTO reset_code (user_id, hash, expires_at)
         SELECT id, ?2, ?3 FROM user WHERE public_id = ?1
         ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash, expires_at = excluded.expires_at",
        params![id, hash, expires_at],
    )?;
    audit::done(transaction, Action::CreateResetCode, id, None)
}

pub fn find_by_reset_code(
    connection: &Connection,
    code: &SecretHash,
    now: Timestamp,
) -> rusqlite::Result<Option<User>> {
    let condition = "id = (SELECT user_id FROM reset_code WHERE hash = ?1 AND expires_at > ?2)";
    USERS.find_where(connection, condition, params![code, now])
}

pub fn delete_reset_code(connection: &Connection, id: UserId) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "DELETE FROM reset_code WHERE user_id = (SELECT id FROM user WHERE public_id = ?1)",
        )?
        .execute([id])
}

/// Deletes up to `?2` reset codes that have expired by `?1`.
pub const PURGE_RESET_CODES: &str = "DELETE FROM reset_code
     WHERE user_id IN (SELECT user_id FROM reset_code WHERE expires_at <= ?1 LIMIT ?2)";
