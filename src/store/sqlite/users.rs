//! Accounts: SQL and row mapping.
//!
//! A deleted account keeps its row as the owner of what it made. Its names are gone from the
//! columns that are looked up, and every other question asks for `deleted_at IS NULL`.

use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::places::{Order, Place};
use super::writer::JobError;
use super::{Conditions, audit, page, page_by_place, places, search, sessions};
use crate::domain::{
    Action, Email, LoginName, Network, NewSession, NewUser, Page, PageRequest, PasswordHash,
    RequestContext, Role, SecretHash, SessionId, Status, StoredCredentials, Timestamp, User,
    UserChange, UserFilter, UserId, UserRef, UserSummary, Username, Version,
    check_administrator_remains, check_no_administrator,
};
use crate::error::Error;

/// The columns that [`from_row`] reads, in its order.
macro_rules! columns {
    () => {
        "public_id, email, username, role, status, token_epoch, created_at, version"
    };
}

/// The order of creation.
pub const BY_CREATION: Order =
    Order { list: "user.created", table: "user", column: "id", only: "deleted_at IS NULL" };

/// What is answered where an account is asked for that is not there.
pub fn not_found() -> Error {
    Error::no_such("account")
}

fn already_registered(name: &str) -> JobError {
    Error::Conflict(format!("{name} is already registered")).into()
}

/// Makes an account, and its first session where it has one.
pub fn create(
    connection: &Connection,
    new: NewUser,
    session: Option<&NewSession>,
    context: &RequestContext,
) -> Result<User, JobError> {
    let created = connection
        .prepare_cached(
            "INSERT INTO user (public_id, email, email_folded, username, username_folded, role, status,
                               password_hash, created_at, updated_at, version)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, random())
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
            context.at.as_millis(),
        ])?;
    if created == 0 {
        return Err(already_registered(taken(connection, &new)?));
    }
    let id = connection.last_insert_rowid();
    places::added(connection, BY_CREATION, Place { key: id, id })?;
    let detail = format!("{}, {}", new.role.as_str(), new.status.as_str());
    audit::done(connection, context, Action::Register, new.public_id, Some(&detail))?;
    if let Some(session) = session {
        sessions::start(connection, session, 0, context)?;
    }
    Ok(find_by_id(connection, new.public_id)?.ok_or_else(not_found)?)
}

/// Makes an administrator's account and its first session, where there is no administrator.
pub fn create_first_administrator(
    connection: &Connection,
    new: NewUser,
    session: &NewSession,
    context: &RequestContext,
) -> Result<User, JobError> {
    check_no_administrator(has_administrator(connection)?)?;
    create(connection, new, Some(session), context)
}

/// Which of a new account's names stands in the way.
fn taken<'a>(connection: &Connection, new: &'a NewUser) -> rusqlite::Result<&'a str> {
    let email_is_taken: bool = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM user WHERE email_folded = ?1)")?
        .query_row([new.email.folded()], |row| row.get(0))?;
    Ok(match &new.username {
        Some(username) if !email_is_taken => username.as_str(),
        _ => new.email.as_str(),
    })
}

/// The condition by which an account is found, up to the value.
fn lookup(account: &UserRef) -> (&'static str, String) {
    let condition = match account {
        UserRef::Id(_) => "deleted_at IS NULL AND public_id",
        UserRef::LoginName(LoginName::Email(_)) => "email_folded",
        UserRef::LoginName(LoginName::Username(_)) => "username_folded",
    };
    (condition, account.folded())
}

/// The account of that name, and whether somebody logged in to it from that network before.
pub fn find_credentials(
    connection: &Connection,
    account: &UserRef,
    network: Option<Network>,
) -> rusqlite::Result<Option<StoredCredentials>> {
    let (condition, value) = lookup(account);
    let sql = format!(
        "SELECT {}, password_hash,
                EXISTS (SELECT 1 FROM known_network AS n WHERE n.user_id = user.id AND n.network = ?2)
         FROM user WHERE {condition} = ?1",
        columns!()
    );
    connection
        .prepare_cached(&sql)?
        .query_row(params![value, network.map(|network| network.to_string())], |row| {
            Ok(StoredCredentials {
                user: from_row(row)?,
                password_hash: PasswordHash::from_phc(row.get(8)?),
                knows_network: row.get(9)?,
            })
        })
        .optional()
}

/// An account by any of its names.
pub fn find(connection: &Connection, account: &UserRef) -> rusqlite::Result<Option<User>> {
    let (condition, value) = lookup(account);
    connection
        .prepare_cached(&format!("SELECT {} FROM user WHERE {condition} = ?1", columns!()))?
        .query_row([value], from_row)
        .optional()
}

/// An account by its public id.
pub fn find_by_id(connection: &Connection, id: UserId) -> rusqlite::Result<Option<User>> {
    find(connection, &UserRef::Id(id))
}

/// The row of the account that a filter names, also of a deleted one by its id; one that no account
/// has, where there is none.
pub fn find_row(connection: &Connection, account: &UserRef) -> rusqlite::Result<i64> {
    let (condition, value) = match account {
        UserRef::Id(id) => ("public_id", id.to_string()),
        UserRef::LoginName(_) => lookup(account),
    };
    let row = connection
        .prepare_cached(&format!("SELECT id FROM user WHERE {condition} = ?1"))?
        .query_row([value], |row| row.get(0))
        .optional()?;
    Ok(row.unwrap_or(0))
}

/// A page of accounts, oldest first.
pub fn list(
    connection: &Connection,
    filter: &UserFilter,
    request: PageRequest,
) -> rusqlite::Result<Page<User>> {
    let (status, role) = (filter.status.map(Status::as_str), filter.role.map(Role::as_str));
    let words = filter.search.as_ref().map(search::expression);
    let conditions = Conditions::default()
        .and("status = ?", status.as_ref())
        .and("role = ?", role.as_ref())
        .and("id IN (SELECT rowid FROM user_text WHERE user_text MATCH ?)", words.as_ref());
    if conditions.is_empty() {
        return page_by_place(
            connection,
            request,
            BY_CREATION,
            filter.latest_first,
            columns!(),
            ("user", "user"),
            from_row,
        );
    }
    let from = format!("user WHERE {}", conditions.to_sql("deleted_at IS NULL"));
    let order = if filter.latest_first { "id DESC" } else { "id" };
    page(connection, request, columns!(), &from, order, &conditions.values(), from_row)
}

/// Whether an active administrator exists.
pub fn has_administrator(connection: &Connection) -> rusqlite::Result<bool> {
    Ok(count_administrators_but(connection, None)? > 0)
}

/// How many active administrators there are, beside this account.
fn count_administrators_but(connection: &Connection, id: Option<UserId>) -> rusqlite::Result<u64> {
    connection
        .prepare_cached(
            "SELECT count(*) FROM user WHERE role = ?1 AND status = ?2 AND public_id IS NOT ?3",
        )?
        .query_row(
            params![Role::Admin.as_str(), Status::Active.as_str(), id.map(|id| id.to_string())],
            |row| row.get(0),
        )
}

/// Sets a new password and ends the account's sessions, but for the one that is kept.
pub fn set_password(
    connection: &Connection,
    id: UserId,
    hash: &PasswordHash,
    kept: Option<SessionId>,
    action: Action,
    context: &RequestContext,
) -> Result<User, JobError> {
    let user = connection
        .prepare_cached(concat!(
            "UPDATE user SET password_hash = ?2, token_epoch = token_epoch + 1, updated_at = ?3
             WHERE public_id = ?1 AND deleted_at IS NULL RETURNING ",
            columns!()
        ))?
        .query_row(
            params![id.encode(&mut [0; 36]), hash.as_str(), context.at.as_millis()],
            from_row,
        )
        .optional()?
        .ok_or_else(not_found)?;
    sessions::end_all_but(connection, id, kept)?;
    delete_reset_code(connection, id)?;
    audit::done(connection, context, action, id, None)?;
    Ok(user)
}

/// Replaces a hash, if it is still the one that was read.
pub fn upgrade_password_hash(
    connection: &Connection,
    id: UserId,
    old: &PasswordHash,
    new: &PasswordHash,
) -> Result<(), JobError> {
    connection
        .prepare_cached(
            "UPDATE user SET password_hash = ?3 WHERE public_id = ?1 AND password_hash = ?2 AND deleted_at IS NULL",
        )?
        .execute([id.encode(&mut [0; 36]), old.as_str(), new.as_str()])?;
    Ok(())
}

/// Gives another username.
pub fn set_username(
    connection: &Connection,
    id: UserId,
    username: Username,
    context: &RequestContext,
) -> Result<User, JobError> {
    let user = find_by_id(connection, id)?.ok_or_else(not_found)?;
    if user.username.as_ref() == Some(&username) {
        return Ok(user);
    }
    let changed = connection
        .prepare_cached(
            "UPDATE OR IGNORE user SET username = ?2, username_folded = ?3, updated_at = ?4, version = random()
             WHERE public_id = ?1",
        )?
        .execute(params![id.encode(&mut [0; 36]), username.as_str(), username.folded(), context.at.as_millis()])?;
    if changed == 0 {
        return Err(already_registered(username.as_str()));
    }
    let detail = match &user.username {
        Some(old) => format!("{} to {}", old.as_str(), username.as_str()),
        None => username.as_str().to_owned(),
    };
    audit::done(connection, context, Action::ChangeUsername, id, Some(&detail))?;
    Ok(find_by_id(connection, id)?.ok_or_else(not_found)?)
}

/// Gives another status, another role, or both.
pub fn change(
    connection: &Connection,
    id: UserId,
    change: UserChange,
    context: &RequestContext,
) -> Result<User, JobError> {
    let before = find_by_id(connection, id)?.ok_or_else(not_found)?;
    let role = change.role.unwrap_or(before.role);
    let status = change.status.unwrap_or(before.status);
    if (role, status) == (before.role, before.status) {
        return Ok(before);
    }
    let others = || Ok(count_administrators_but(connection, Some(id))?);
    check_administrator_remains::<JobError>(
        (before.role, before.status),
        Some((role, status)),
        others,
    )?;

    let ends_sessions = status != Status::Active && status != before.status;
    connection
        .prepare_cached(
            "UPDATE user SET role = ?2, status = ?3, token_epoch = token_epoch + ?4, updated_at = ?5,
                             version = random()
             WHERE public_id = ?1",
        )?
        .execute(params![id.encode(&mut [0; 36]), role.as_str(), status.as_str(), ends_sessions, context.at.as_millis()])?;
    if status != before.status {
        let action = match (before.status, status) {
            (Status::Pending, Status::Active) => Action::Approve,
            (_, Status::Active) => Action::Enable,
            _ => Action::Disable,
        };
        audit::done(connection, context, action, id, None)?;
    }
    if ends_sessions {
        sessions::end_all_but(connection, id, None)?;
        delete_reset_code(connection, id)?;
    }
    if role != before.role {
        let detail = format!("{} to {}", before.role.as_str(), role.as_str());
        audit::done(connection, context, Action::ChangeRole, id, Some(&detail))?;
    }
    Ok(find_by_id(connection, id)?.ok_or_else(not_found)?)
}

/// Deletes an account and all that is its own. What it made for others keeps its row as the owner.
pub fn delete(
    connection: &Connection,
    id: UserId,
    context: &RequestContext,
) -> Result<(), JobError> {
    let user = find_by_id(connection, id)?.ok_or_else(not_found)?;
    let others = || Ok(count_administrators_but(connection, Some(id))?);
    check_administrator_remains::<JobError>((user.role, user.status), None, others)?;
    audit::done(connection, context, Action::Delete, id, None)?;
    let row = find_row(connection, &UserRef::Id(id))?;
    places::removed(connection, BY_CREATION, Place { key: row, id: row })?;
    let id = id.to_string();
    for (table, owner) in [
        ("session", "user_id"),
        ("api_key", "user_id"),
        ("reset_code", "user_id"),
        ("known_network", "user_id"),
        ("template", "owner_id"),
    ] {
        connection
            .prepare_cached(&format!(
                "DELETE FROM {table} WHERE {owner} = (SELECT id FROM user WHERE public_id = ?1)"
            ))?
            .execute([&id])?;
    }
    connection
        .prepare_cached(
            "UPDATE user SET email_folded = public_id, username = NULL, username_folded = NULL, password_hash = '',
                             status = 'disabled', token_epoch = token_epoch + 1, updated_at = ?2, deleted_at = ?2
             WHERE public_id = ?1",
        )?
        .execute(params![id, context.at.as_millis()])?;
    Ok(())
}

/// Makes a reset code for an account, in the place of an older one.
pub fn create_reset_code(
    connection: &Connection,
    id: UserId,
    code: &SecretHash,
    expires_at: Timestamp,
    context: &RequestContext,
) -> Result<User, JobError> {
    let user = find_by_id(connection, id)?.ok_or_else(not_found)?;
    connection
        .prepare_cached(
            "INSERT INTO reset_code (user_id, hash, expires_at) SELECT id, ?2, ?3 FROM user WHERE public_id = ?1
             ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash, expires_at = excluded.expires_at",
        )?
        .execute(params![id.encode(&mut [0; 36]), code.as_bytes(), expires_at.as_millis()])?;
    audit::done(connection, context, Action::CreateResetCode, id, None)?;
    Ok(user)
}

/// The account that a reset code is for, if it is good.
pub fn find_by_reset_code(
    connection: &Connection,
    code: &SecretHash,
    now: Timestamp,
) -> rusqlite::Result<Option<User>> {
    connection
        .prepare_cached(concat!(
            "SELECT ",
            columns!(),
            " FROM user WHERE id = (SELECT user_id FROM reset_code WHERE hash = ?1 AND expires_at > ?2)"
        ))?
        .query_row(params![code.as_bytes(), now.as_millis()], from_row)
        .optional()
}

/// Uses up a reset code: sets the password that comes with it. `None` where the code is not good.
pub fn redeem_reset_code(
    connection: &Connection,
    code: &SecretHash,
    hash: &PasswordHash,
    context: &RequestContext,
) -> Result<Option<User>, JobError> {
    match find_by_reset_code(connection, code, context.at)? {
        Some(user) => {
            set_password(connection, user.public_id, hash, None, Action::ResetPassword, context)
                .map(Some)
        }
        None => Ok(None),
    }
}

fn delete_reset_code(connection: &Connection, id: UserId) -> rusqlite::Result<usize> {
    connection
        .prepare_cached(
            "DELETE FROM reset_code WHERE user_id = (SELECT id FROM user WHERE public_id = ?1)",
        )?
        .execute([id.encode(&mut [0; 36])])
}

/// Forgets the reset codes that have expired.
pub fn purge_expired_codes(connection: &Connection, now: Timestamp) -> rusqlite::Result<usize> {
    connection
        .prepare_cached("DELETE FROM reset_code WHERE expires_at <= ?1")?
        .execute([now.as_millis()])
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        public_id: parsed(row, 0, UserId::parse)?,
        email: Email::from_stored(row.get(1)?),
        username: row.get::<_, Option<String>>(2)?.map(Username::from_stored),
        role: parsed(row, 3, Role::from_name)?,
        status: parsed(row, 4, Status::from_name)?,
        token_epoch: row.get(5)?,
        registered_on: Timestamp::from_millis(row.get(6)?),
        version: Version::from_stored(row.get(7)?),
    })
}

/// Reads what others see of an account: its address, its id and whether it is deleted, from a column on.
pub fn owner(row: &Row<'_>, column: usize) -> rusqlite::Result<UserSummary> {
    Ok(UserSummary {
        email: Email::from_stored(row.get(column)?),
        public_id: parsed(row, column + 1, UserId::parse)?,
        is_deleted: row.get(column + 2)?,
    })
}

/// Reads a column that holds one of the domain's values as text.
pub fn parsed<T>(
    row: &Row<'_>,
    column: usize,
    parse: impl Fn(&str) -> Option<T>,
) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str()?;
    parse(text).ok_or_else(|| {
        let what = format!("'{text}' is not a value this program writes");
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, what.into())
    })
}
