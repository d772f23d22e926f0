//! Users: SQL and row mapping.

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::buckets::Buckets;
use super::conditions::{Index, Order, WhereClause};
use super::engine::SqliteStore;
use super::idempotency::once;
use super::portions::Part;
use super::transaction::Transaction;
use super::user_rows::{self, USERS};
use super::{audit, passwords, sessions};
use crate::domain::{
    Action, Actor, Bookmark, Email, Network, NewResetCode, NewSession, NewUser, Page, PageRequest,
    PasswordHash, Portion, Precondition, RequestContext, Role, Search, SecretHash, SessionId, Sort,
    Status, StoredCredentials, Timestamp, User, UserChange, UserFilter, UserId, UserNames, UserRef,
    UserSort, UserStore, UserSummary, Username, check_administrator_remains,
    check_no_administrator, full_quota_from, is_approval,
};
use crate::error::Error;

const BY_STATUS: Index = Index::new("user_by_status").sorted_by("user.id");
const BY_ROLE: Index = Index::new("user_by_role").sorted_by("user.id");

#[async_trait]
impl UserStore for SqliteStore {
    async fn create_user(
        &self,
        new: NewUser,
        session: Option<NewSession>,
        context: &RequestContext,
    ) -> Result<User, Error> {
        self.write(context, move |transaction| {
            transaction.require_user_or(new.public_id, Role::Admin)?;
            once(transaction, |transaction| insert(transaction, &new, session.as_ref()))
        })
        .await
    }

    async fn create_first_administrator(
        &self,
        new: NewUser,
        session: NewSession,
        context: &RequestContext,
    ) -> Result<User, Error> {
        self.write(context, move |transaction| {
            transaction.require_user(new.public_id)?;
            check_no_administrator(count_administrators_but(transaction, None)? > 0)?;
            insert(transaction, &new, Some(&session))
        })
        .await
    }

    async fn find_credentials(
        &self,
        user: &UserRef,
        network: Option<Network>,
    ) -> Result<Option<StoredCredentials>, Error> {
        self.read(|connection| passwords::find_credentials(connection, user, network))
    }

    async fn get_user(&self, id: UserId) -> Result<User, Error> {
        self.read(|connection| user_rows::get(connection, id))
    }

    async fn get_user_by_name(&self, user: &UserRef) -> Result<User, Error> {
        self.read(|connection| user_rows::find(connection, user))?.ok_or_else(user_rows::not_found)
    }

    async fn list_users(
        &self,
        reader: Option<UserId>,
        filter: UserFilter,
        page: PageRequest,
    ) -> Result<Page<User>, Error> {
        self.read_page(reader, filter.search.is_some(), move |connection| {
            list(connection, &filter, page)
        })
        .await
    }

    async fn export_users(
        &self,
        reader: Option<UserId>,
        filter: UserFilter,
        bookmark: Bookmark,
    ) -> Result<Portion<User>, Error> {
        self.read_list(reader, move |connection| list(connection, &filter, bookmark)).await
    }

    async fn list_people(
        &self,
        reader: UserId,
        search: Option<Search>,
        page: PageRequest,
    ) -> Result<Page<UserSummary>, Error> {
        self.read_page(Some(reader), search.is_some(), move |connection| {
            user_rows::list_people(connection, search.as_ref(), page)
        })
        .await
    }

    async fn get_people(&self, ids: Vec<UserId>) -> Result<Vec<UserSummary>, Error> {
        self.read(|connection| user_rows::get_people(connection, &ids))
    }

    async fn has_administrator(&self) -> Result<bool, Error> {
        self.read_page(
            None,
            false,
            |connection| Ok(count_administrators_but(connection, None)? > 0),
        )
        .await
    }

    async fn set_password(
        &self,
        id: UserId,
        hash: PasswordHash,
        kept: Option<SessionId>,
        context: &RequestContext,
    ) -> Result<User, Error> {
        self.write(context, move |transaction| {
            transaction.require_user(id)?;
            passwords::set(transaction, id, &hash, kept, Action::ChangePassword)
        })
        .await
    }

    async fn upgrade_password_hash(
        &self,
        id: UserId,
        old: PasswordHash,
        new: PasswordHash,
    ) -> Result<(), Error> {
        self.writer
            .run(move |connection| {
                connection
                    .prepare_cached(
                        "UPDATE user SET password_hash = ?3
                         WHERE public_id = ?1 AND password_hash = ?2 AND deleted_at IS NULL",
                    )?
                    .execute(params![id, old, new])?;
                Ok(())
            })
            .await
    }

    async fn update_user(
        &self,
        id: UserId,
        change: UserChange,
        precondition: Precondition,
        context: &RequestContext,
    ) -> Result<User, Error> {
        let disables = change.status == Some(Status::Disabled);
        let job =
            move |transaction: &Transaction<'_>| update_one(transaction, id, change, &precondition);
        if disables {
            self.write_on_low_disk(context, job).await
        } else {
            self.write(context, job).await
        }
    }

    async fn approve_users(&self, ids: Vec<UserId>, context: &RequestContext) -> Result<(), Error> {
        let active = UserChange { status: Some(Status::Active), ..UserChange::default() };
        self.write(context, move |transaction| {
            transaction.require(Role::Admin)?;
            for id in ids {
                let user = get(transaction, id, &Precondition::default()).map_err(one_is_gone)?;
                if user.status == Status::Disabled {
                    let label = user.names.label();
                    let why = format!("{label} was disabled meanwhile. Nobody was approved.");
                    return Err(Error::Conflict(why));
                }
                update_one(transaction, id, active.clone(), &Precondition::default())?;
            }
            Ok(())
        })
        .await
    }

    async fn delete_user(
        &self,
        id: UserId,
        precondition: Precondition,
        context: &RequestContext,
    ) -> Result<(), Error> {
        self.write_on_low_disk(context, move |transaction| {
            transaction.require_user_or(id, Role::Admin)?;
            let user = get(transaction, id, &precondition)?;
            delete(transaction, &user)
        })
        .await
    }

    async fn create_reset_code(
        &self,
        id: UserId,
        code: NewResetCode,
        context: &RequestContext,
    ) -> Result<User, Error> {
        self.write(context, move |transaction| {
            transaction.require(Role::Admin)?;
            let user = user_rows::get(transaction, id)?;
            passwords::store_reset_code(transaction, id, code)?;
            Ok(user)
        })
        .await
    }

    async fn find_user_by_reset_code(
        &self,
        code: &SecretHash,
        now: Timestamp,
    ) -> Result<Option<User>, Error> {
        self.read(|connection| passwords::find_by_reset_code(connection, code, now))
    }

    async fn redeem_reset_code(
        &self,
        code: SecretHash,
        hash: PasswordHash,
        context: &RequestContext,
    ) -> Result<Option<User>, Error> {
        self.write(context, move |transaction| {
            let user = passwords::find_by_reset_code(transaction, &code, transaction.context.at)?;
            user.map(|user| {
                passwords::set(transaction, user.public_id, &hash, None, Action::ResetPassword)
            })
            .transpose()
        })
        .await
    }
}

/// The error if one of several accounts does not exist any more.
fn one_is_gone(error: Error) -> Error {
    match error {
        Error::NotFound(_) => {
            let why = "One of these accounts does not exist any more. Nobody was approved.";
            Error::Conflict(why.to_owned())
        }
        error => error,
    }
}

fn update_one(
    transaction: &Transaction<'_>,
    id: UserId,
    change: UserChange,
    precondition: &Precondition,
) -> Result<User, Error> {
    let UserChange { username, name, status, role } = change;
    transaction.require_user_or(id, Role::Admin)?;
    if status.is_some() || role.is_some() {
        transaction.require(Role::Admin)?;
    }
    let old = get(transaction, id, precondition)?;
    let mut new = old.clone();
    new.names.username = username.or(new.names.username);
    new.names.name = name.unwrap_or(new.names.name);
    new.status = status.unwrap_or(new.status);
    new.role = role.unwrap_or(new.role);
    if is_approval(&old, &new) {
        new.full_quota_from = old.full_quota_from.min(transaction.context.at);
    }
    update(transaction, old, new)
}

fn insert(
    transaction: &Transaction<'_>,
    new: &NewUser,
    session: Option<&NewSession>,
) -> Result<User, Error> {
    let by_themselves = transaction.context.actor == Actor::User(new.public_id);
    let inserted = transaction.run(
        "INSERT INTO user (public_id, email, email_folded, username, username_folded, name, role,
                           status, password_hash, created_at, updated_at, full_quota_from, version)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10, ?11, random())
         ON CONFLICT DO NOTHING",
        params![
            new.public_id,
            new.names.email,
            new.names.email.as_ref().map(Email::folded),
            new.names.username,
            new.names.username.as_ref().map(Username::folded),
            new.names.name,
            new.role,
            new.status,
            new.password_hash,
            transaction.context.at,
            full_quota_from(new.role, by_themselves, transaction.context.at),
        ],
    )?;
    if inserted == 0 {
        return Err(Error::is_registered(taken_name(transaction, new)?));
    }
    let detail = format!("{}, {}", new.role.as_str(), new.status.as_str());
    audit::done(transaction, Action::Register, new.public_id, Some(&detail))?;
    if let Some(code) = new.reset_code {
        passwords::store_reset_code(transaction, new.public_id, code)?;
    }
    if let Some(session) = session {
        sessions::start(transaction, session, 0)?;
    }
    user_rows::get(transaction, new.public_id)
}

/// Which of a new user's names is taken.
fn taken_name<'a>(connection: &Connection, new: &'a NewUser) -> rusqlite::Result<&'a str> {
    let UserNames { email, username, .. } = &new.names;
    let email_is_taken: bool = connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM user WHERE email_folded = ?1)")?
        .query_row([email.as_ref().map(Email::folded)], |row| row.get(0))?;
    Ok(match username {
        Some(username) if !email_is_taken => username.as_str(),
        _ => new.names.label(),
    })
}

/// The user before a write, if the precondition holds for them.
fn get(connection: &Connection, id: UserId, precondition: &Precondition) -> Result<User, Error> {
    let user = user_rows::get(connection, id)?;
    precondition.check(Some(user.version))?;
    Ok(user)
}

pub fn list<P: Part>(
    connection: &Connection,
    filter: &UserFilter,
    part: P,
) -> rusqlite::Result<P::Of<User>> {
    let conditions = WhereClause::new("deleted_at IS NULL")
        .and_by(BY_STATUS, "status = ?", filter.status.as_ref())
        .and_by(BY_ROLE, "role = ?", filter.role.as_ref())
        .and_match(Some("user_by_id"), "user_text", filter.search.as_ref());
    let Sort { key: UserSort::RegisteredOn, descending } = filter.sort.unwrap_or_default();
    let order = Order::new("user.id", descending)
        .indexed("user_by_id")
        .paged(Buckets::by_id("user").not_deleted());
    part.read(&USERS, connection, conditions, order)
}

/// Counts the active administrators other than this user.
fn count_administrators_but(connection: &Connection, id: Option<UserId>) -> rusqlite::Result<u64> {
    connection
        .prepare_cached(
            "SELECT count(*) FROM user
             WHERE deleted_at IS NULL AND role = ?1 AND status = ?2 AND public_id IS NOT ?3",
        )?
        .query_row(params![Role::Admin, Status::Active, id], |row| row.get(0))
}

fn update(transaction: &Transaction<'_>, old: User, new: User) -> Result<User, Error> {
    if new == old {
        return Ok(old);
    }
    let id = new.public_id;
    let others = || Ok(count_administrators_but(transaction, Some(id))?);
    check_administrator_remains((old.role, old.status), Some((new.role, new.status)), others)?;
    let ends_sessions = new.status != Status::Active && new.status != old.status;
    transaction.run_unless(
        || Error::is_registered(new.names.username.as_ref().map_or("", Username::as_str)),
        "UPDATE user SET username = ?2, username_folded = ?3, role = ?4, status = ?5,
                         token_epoch = token_epoch + ?6, updated_at = ?7, full_quota_from = ?8,
                         name = ?9, version = random()
         WHERE public_id = ?1",
        params![
            id,
            new.names.username,
            new.names.username.as_ref().map(Username::folded),
            new.role,
            new.status,
            ends_sessions,
            transaction.context.at,
            new.full_quota_from,
            new.names.name,
        ],
    )?;
    if ends_sessions {
        sessions::end_all_but(transaction, id, None)?;
        passwords::delete_reset_code(transaction, id)?;
    }
    audit_changes(transaction, &old, &new)?;
    user_rows::get(transaction, id)
}

/// Adds each change to the audit.
fn audit_changes(transaction: &Transaction<'_>, old: &User, new: &User) -> rusqlite::Result<()> {
    let id = new.public_id;
    if let Some(username) = new.names.username.as_ref()
        && new.names.username != old.names.username
    {
        let before = old.names.username.as_ref().map(|old| format!("{} to ", old.as_str()));
        let detail = format!("{}{}", before.unwrap_or_default(), username.as_str());
        audit::done(transaction, Action::ChangeUsername, id, Some(&detail))?;
    }
    if new.names.name != old.names.name {
        audit::done(transaction, Action::ChangeName, id, None)?;
    }
    if new.status != old.status {
        let action = match (old.status, new.status) {
            (Status::Pending, Status::Active) => Action::Approve,
            (_, Status::Active) => Action::Enable,
            _ => Action::Disable,
        };
        audit::done(transaction, action, id, None)?;
    }
    if new.role != old.role {
        let detail = format!("{} to {}", old.role.as_str(), new.role.as_str());
        audit::done(transaction, Action::ChangeRole, id, Some(&detail))?;
    }
    Ok(())
}

/// Deletes a user with their sessions, keys and templates. Shared records keep the row as their
/// owner.
fn delete(transaction: &Transaction<'_>, user: &User) -> Result<(), Error> {
    let id = user.public_id;
    let others = || Ok(count_administrators_but(transaction, Some(id))?);
    check_administrator_remains((user.role, user.status), None, others)?;
    audit::done(transaction, Action::Delete, id, None)?;
    for (table, owner) in [
        ("session", "user_id"),
        ("api_key", "user_id"),
        ("reset_code", "user_id"),
        ("known_network", "user_id"),
        ("idempotency_key", "user_id"),
        ("template", "owner_id"),
    ] {
        transaction
            .prepare_cached(&format!(
                "DELETE FROM {table} WHERE {owner} = (SELECT id FROM user WHERE public_id = ?1)"
            ))?
            .execute([id])?;
    }
    transaction
        .prepare_cached(
            "UPDATE user SET name = iif(email IS NULL, coalesce(name, username), name), email_folded = public_id,
                             username = NULL, username_folded = NULL, password_hash = '', status = 'disabled',
                             token_epoch = token_epoch + 1, updated_at = ?2, deleted_at = ?2, version = random()
             WHERE public_id = ?1",
        )?
        .execute(params![id, transaction.context.at])?;
    Ok(())
}
