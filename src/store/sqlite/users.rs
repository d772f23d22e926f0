//! Accounts: SQL and row mapping.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::writer::JobError;
use crate::domain::{
    Credentials, Email, Login, NewUser, PasswordHash, PublicId, Role, Status, Timestamp, User, Username,
};
use crate::error::Error;

/// The columns that [`from_row`] reads, in its order.
macro_rules! columns {
    () => {
        "public_id, email, username, role, status, token_epoch, created_at"
    };
}

/// What is answered where an account is asked for that is not there.
pub fn not_found() -> Error {
    Error::NotFound("There is no such account.".to_owned())
}

/// Makes an account.
pub fn create(connection: &Connection, new: NewUser, now: Timestamp) -> Result<User, JobError> {
    let created = connection
        .prepare_cached(
            "INSERT INTO user (public_id, email, email_folded, username, username_folded, role, status,
                               password_hash, created_at, updated_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9)
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            new.public_id.encode(&mut [0; 36]),
            new.email.as_str(),
            new.email.folded(),
            new.username.as_ref().map(Username::as_str),
            new.username.as_ref().map(Username::folded),
            new.role.as_str(),
            new.status.as_str(),
            new.password_hash.as_str(),
            now.as_millis(),
        ])?;
    if created == 0 {
        return Err(taken(connection, &new)?.into());
    }
    Ok(User {
        public_id: new.public_id,
        email: new.email,
        username: new.username,
        role: new.role,
        status: new.status,
        token_epoch: 0,
        registered_on: now,
    })
}

/// Which of a new account's names stands in the way.
fn taken(connection: &Connection, new: &NewUser) -> rusqlite::Result<Error> {
    let email_is_taken: bool = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM user WHERE email_folded = ?1)")?
        .query_row([new.email.folded()], |row| row.get(0))?;
    let name = match &new.username {
        Some(username) if !email_is_taken => username.as_str(),
        _ => new.email.as_str(),
    };
    Ok(Error::Conflict(format!("{name} is already registered")))
}

/// The account that a login names.
pub fn find_credentials(connection: &Connection, login: &Login) -> rusqlite::Result<Option<Credentials>> {
    let (sql, folded) = match login {
        Login::Email(email) => {
            (concat!("SELECT ", columns!(), ", password_hash FROM user WHERE email_folded = ?1"), email.folded())
        }
        Login::Username(username) => {
            (concat!("SELECT ", columns!(), ", password_hash FROM user WHERE username_folded = ?1"), username.folded())
        }
    };
    connection
        .prepare_cached(sql)?
        .query_row([folded], |row| {
            Ok(Credentials { user: from_row(row)?, password_hash: PasswordHash::from_phc(row.get(7)?) })
        })
        .optional()
}

/// An account by its public id.
pub fn find(connection: &Connection, id: PublicId) -> rusqlite::Result<Option<User>> {
    connection
        .prepare_cached(concat!("SELECT ", columns!(), " FROM user WHERE public_id = ?1"))?
        .query_row([id.encode(&mut [0; 36])], from_row)
        .optional()
}

/// Every account, oldest first.
pub fn list(connection: &Connection) -> rusqlite::Result<Vec<User>> {
    connection
        .prepare_cached(concat!("SELECT ", columns!(), " FROM user ORDER BY id"))?
        .query_map([], from_row)?
        .collect()
}

/// Whether an active administrator exists.
pub fn has_administrator(connection: &Connection) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM user WHERE role = ?1 AND status = ?2)")?
        .query_row([Role::Admin.as_str(), Status::Active.as_str()], |row| row.get(0))
}

/// Sets a new password and ends the account's tokens.
pub fn set_password(
    connection: &Connection,
    email: &Email,
    hash: &PasswordHash,
    now: Timestamp,
) -> Result<User, JobError> {
    connection
        .prepare_cached(concat!(
            "UPDATE user SET password_hash = ?2, token_epoch = token_epoch + 1, updated_at = ?3
             WHERE email_folded = ?1 RETURNING ",
            columns!()
        ))?
        .query_row(params![email.folded(), hash.as_str(), now.as_millis()], from_row)
        .optional()?
        .ok_or_else(|| not_found().into())
}

/// Replaces a hash, if it is still the one that was read.
pub fn upgrade_password_hash(
    connection: &Connection,
    id: PublicId,
    old: &PasswordHash,
    new: &PasswordHash,
) -> Result<(), JobError> {
    connection
        .prepare_cached("UPDATE user SET password_hash = ?3 WHERE public_id = ?1 AND password_hash = ?2")?
        .execute([id.encode(&mut [0; 36]), old.as_str(), new.as_str()])?;
    Ok(())
}

/// Gives another role.
pub fn set_role(connection: &Connection, id: PublicId, role: Role, now: Timestamp) -> Result<(), JobError> {
    let changed = connection
        .prepare_cached("UPDATE user SET role = ?2, updated_at = ?3 WHERE public_id = ?1")?
        .execute(params![id.encode(&mut [0; 36]), role.as_str(), now.as_millis()])?;
    found(changed)
}

/// Gives another status; one that is not active ends the account's tokens.
pub fn set_status(connection: &Connection, id: PublicId, status: Status, now: Timestamp) -> Result<(), JobError> {
    let ends_tokens = status != Status::Active;
    let changed = connection
        .prepare_cached(
            "UPDATE user SET status = ?2, token_epoch = token_epoch + ?3, updated_at = ?4 WHERE public_id = ?1",
        )?
        .execute(params![id.encode(&mut [0; 36]), status.as_str(), ends_tokens, now.as_millis()])?;
    found(changed)
}

fn found(changed: usize) -> Result<(), JobError> {
    if changed == 0 { Err(not_found().into()) } else { Ok(()) }
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        public_id: parsed(row, 0, PublicId::parse)?,
        email: Email::from_stored(row.get(1)?),
        username: row.get::<_, Option<String>>(2)?.map(Username::from_stored),
        role: parsed(row, 3, Role::parse)?,
        status: parsed(row, 4, Status::parse)?,
        token_epoch: row.get(5)?,
        registered_on: Timestamp::from_millis(row.get(6)?),
    })
}

/// Reads a column that holds one of the domain's values as text.
pub fn parsed<T>(row: &Row<'_>, column: usize, parse: impl Fn(&str) -> Option<T>) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    parse(text).ok_or_else(|| {
        let what = format!("'{text}' is not a value this program writes");
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, what.into())
    })
}
