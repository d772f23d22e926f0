//! Rows of users, as every resource finds them. A soft-deleted user keeps their row as the owner of
//! their records: their names are removed from the columns for lookups, and every other statement
//! requires `deleted_at IS NULL`.

use std::sync::LazyLock;

use rusqlite::{Connection, OptionalExtension};

use super::conditions::{Order, WhereClause};
use super::lists::{Columns, Select, select};
use super::transaction::Transaction;
use crate::domain::{
    LoginName, Page, PageRequest, Search, User, UserId, UserNames, UserRef, UserSummary, folded,
};
use crate::error::Error;

pub const USERS: Select<User> = select! {
    User {
        public_id, names: "email, username, name" as names, role, status, token_epoch, registered_on: "created_at",
        version, used_bytes, full_quota_from,
    },
    from "user", id "user.id", key "deleted_at IS NULL AND public_id = ?1",
};

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
    USERS.find_where(connection, lookup(user), [user.folded()])
}

/// The user that a field of a record names.
pub fn find_named(connection: &Connection, user: &UserRef, field: &str) -> Result<User, Error> {
    find(connection, user)?.ok_or_else(|| user.unknown_in(field))
}

pub fn get(connection: &Connection, id: UserId) -> Result<User, Error> {
    USERS.find(connection, [id])?.ok_or_else(not_found)
}

/// The row id of a user who is to own a record.
pub fn get_row(connection: &Connection, id: UserId) -> Result<i64, Error> {
    connection
        .prepare_cached("SELECT id FROM user WHERE deleted_at IS NULL AND public_id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()?
        .ok_or_else(not_found)
}

/// The row id of the owner of a private record. [`Error::Forbidden`] unless the actor is this user.
pub fn require_owner(transaction: &Transaction<'_>, owner: UserId) -> Result<i64, Error> {
    transaction.require_user(owner)?;
    get_row(transaction, owner)
}

/// [`Error::Conflict`] if a user has the maximum number of records. `count` is the statement that
/// counts them; its value is the row id of the user.
pub fn check_count(
    connection: &Connection,
    user: i64,
    count: &str,
    most: u32,
    records: &str,
) -> Result<(), Error> {
    let present: u32 = connection.prepare_cached(count)?.query_row([user], |row| row.get(0))?;
    if present < most {
        return Ok(());
    }
    Err(Error::Conflict(format!("There are {most} {records} already, the most there may be.")))
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

pub fn names(columns: &mut Columns<'_>) -> rusqlite::Result<UserNames> {
    Ok(UserNames { email: columns.get()?, username: columns.get()?, name: columns.get()? })
}

/// Reads the names, `public_id`, `version` and `deleted_at IS NOT NULL` of a user.
pub fn summary(columns: &mut Columns<'_>) -> rusqlite::Result<UserSummary> {
    Ok(UserSummary {
        names: names(columns)?,
        public_id: columns.get()?,
        version: columns.get()?,
        is_deleted: columns.get()?,
    })
}

/// The same of a user who may be absent from a LEFT JOIN.
pub fn summary_if_any(columns: &mut Columns<'_>) -> rusqlite::Result<Option<UserSummary>> {
    let (names, id, version) = (names(columns)?, columns.get()?, columns.get::<Option<_>>()?);
    let is_deleted = columns.get()?;
    let user = Option::zip(id, version);
    Ok(user.map(|(public_id, version)| UserSummary { names, public_id, version, is_deleted }))
}

const PEOPLE: Select<UserSummary> = select! {
    UserSummary {
        names: "email, username, name" as names, public_id, version,
        is_deleted: "deleted_at IS NOT NULL",
    },
    from "user", id "user.id", key "public_id = ?1",
};

/// The user of a row, also a soft-deleted one.
pub fn find_summary(connection: &Connection, row: i64) -> rusqlite::Result<Option<UserSummary>> {
    PEOPLE.find_where(connection, "id = ?1", [row])
}

/// Those of these users who are not deleted.
pub fn get_people(connection: &Connection, ids: &[UserId]) -> rusqlite::Result<Vec<UserSummary>> {
    static BY_IDS: LazyLock<String> = LazyLock::new(|| {
        PEOPLE.to_sql("deleted_at IS NULL AND public_id IN (SELECT value FROM json_each(?1))")
    });
    let ids: Vec<_> = ids.iter().map(UserId::to_string).collect();
    connection
        .prepare_cached(&BY_IDS)?
        .query_map([serde_json::json!(ids).to_string()], PEOPLE.from_row)?
        .collect()
}

/// No index helps to find parts of words. A team is small enough to look at everybody.
const HAS_PART: &str = "instr(folded(concat_ws(' ', email, username, name)), ?) > 0";

const BY_NAME: &str = "folded(coalesce(name, username, email))";

pub fn list_people(
    connection: &Connection,
    search: Option<&Search>,
    page: PageRequest,
) -> rusqlite::Result<Page<UserSummary>> {
    let words: Vec<_> = search.iter().flat_map(|search| search.words()).map(folded).collect();
    let mut conditions = WhereClause::new("deleted_at IS NULL AND status = 'active'");
    for word in &words {
        conditions = conditions.and(HAS_PART, Some(word));
    }
    PEOPLE.page(connection, conditions, Order::new(BY_NAME, false), page)
}
