//! Rows of users, as every resource finds them. A soft-deleted user keeps their row as the owner of
//! their records: their names are removed from the columns for lookups, and every other statement
//! requires `deleted_at IS NULL`.

use std::sync::LazyLock;

use rusqlite::{Connection, OptionalExtension, Row};

use super::lists::Select;
use crate::domain::{LoginName, User, UserId, UserRef, UserSummary};
use crate::error::Error;

/// What [`from_row`] reads, in its order.
macro_rules! user_columns {
    () => {
        "public_id, email, username, role, status, token_epoch, created_at, version, used_bytes,
         full_quota_from"
    };
}
pub(super) use user_columns;

pub const USERS: Select<User> =
    Select { columns: user_columns!(), tables: "user", id: "user.id", from_row };

pub fn from_row(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        public_id: row.get(0)?,
        email: row.get(1)?,
        username: row.get(2)?,
        role: row.get(3)?,
        status: row.get(4)?,
        token_epoch: row.get(5)?,
        registered_on: row.get(6)?,
        version: row.get(7)?,
        used_bytes: row.get(8)?,
        full_quota_from: row.get(9)?,
    })
}

pub fn not_found() -> Error {
    Error::no_such("account")
}

/// The condition that finds a user. Its value is [`UserRef::folded`].
pub fn lookup(user: &UserRef) -> &'static str {
    match user {
        UserRef::Id(_) => "deleted_at IS NULL AND public_id = ?1",
        UserRef::LoginName(LoginName::Email(_)) => "email_folded = ?1",
        UserRef::LoginName(LoginName::Username(_)) => "username_folded = ?1",
    }
}

pub fn find(connection: &Connection, user: &UserRef) -> rusqlite::Result<Option<User>> {
    USERS.find(connection, &USERS.to_sql(lookup(user)), [user.folded()])
}

pub fn find_by_id(connection: &Connection, id: UserId) -> rusqlite::Result<Option<User>> {
    static BY_ID: LazyLock<String> =
        LazyLock::new(|| USERS.to_sql("deleted_at IS NULL AND public_id = ?1"));
    USERS.find(connection, &BY_ID, [id])
}

/// The row id of the user that a filter names; an id also finds a soft-deleted user. 0, which no
/// row has, if there is no such user.
pub fn find_row_of(
    connection: &Connection,
    user: Option<&UserRef>,
) -> rusqlite::Result<Option<i64>> {
    user.map(|user| find_row(connection, user)).transpose()
}

/// The row id of a user, as [`find_row_of`].
pub fn find_row(connection: &Connection, user: &UserRef) -> rusqlite::Result<i64> {
    let condition = match user {
        UserRef::Id(_) => "public_id = ?1",
        UserRef::LoginName(_) => lookup(user),
    };
    let row = connection
        .prepare_cached(&format!("SELECT id FROM user WHERE {condition}"))?
        .query_row([user.folded()], |row| row.get(0))
        .optional()?;
    Ok(row.unwrap_or(0))
}

/// Reads `email`, `public_id` and `deleted_at IS NOT NULL` of a user, starting at `column`.
pub fn summary(row: &Row<'_>, column: usize) -> rusqlite::Result<UserSummary> {
    Ok(UserSummary {
        email: row.get(column)?,
        public_id: row.get(column + 1)?,
        is_deleted: row.get(column + 2)?,
    })
}
