//! The audit: SQL and row mapping.

use rusqlite::{Connection, Row, params};

use super::places::{Order, Place};
use super::writer::JobError;
use super::{Conditions, page, page_by_place, places, search, users};
use crate::domain::{
    Action, Actor, AuditEntry, AuditFilter, Failure, LoginName, Page, PageRequest, RequestContext,
    RequestId, Target, Timestamp, UserId, UserRef,
};

/// What [`from_row`] reads, in its order.
macro_rules! columns {
    () => {
        "id, at, actor, actor_id, address, action, target, target_id, result, detail, credential, request_id"
    };
}

/// The order of creation.
pub const BY_CREATION: Order =
    Order { list: "audit.created", table: "audit", column: "id", only: "TRUE" };

/// The result of what was done, and not refused.
const OK: &str = "ok";

/// Notes that something was done to an account, in the transaction that does it.
pub fn done(
    connection: &Connection,
    context: &RequestContext,
    action: Action,
    target: UserId,
    detail: Option<&str>,
) -> rusqlite::Result<()> {
    insert(connection, context, action, &Target::User(target), OK, detail)
}

/// Notes that something was refused.
pub fn refused(
    connection: &Connection,
    failure: &Failure,
    context: &RequestContext,
) -> Result<(), JobError> {
    Ok(insert(connection, context, failure.action, &failure.target, failure.reason, None)?)
}

fn insert(
    connection: &Connection,
    context: &RequestContext,
    action: Action,
    target: &Target,
    result: &str,
    detail: Option<&str>,
) -> rusqlite::Result<()> {
    let (actor, actor_id) = match context.actor {
        Actor::Anonymous => ("anonymous", None),
        Actor::CommandLine => ("command line", None),
        Actor::Service => ("service", None),
        // The account's address takes the place of this.
        Actor::User(id) => ("", Some(id)),
    };
    let (target, target_id) = match target {
        Target::User(id) => (None, Some(*id)),
        Target::UnknownEmail(email) => (Some(email.as_str()), None),
        Target::Unknown => (None, None),
    };
    connection
        .prepare_cached(
            "INSERT INTO audit (at, actor, actor_id, address, action, target, target_id, result, detail, credential,
                                request_id)
             VALUES (?1, coalesce((SELECT email FROM user WHERE public_id = ?3), ?2), ?3, ?4, ?5,
                     coalesce((SELECT email FROM user WHERE public_id = ?7), ?6), ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            context.at.as_millis(),
            actor,
            actor_id.map(|id| id.to_string()),
            context.address.map(|address| address.to_string()),
            action.as_str(),
            target,
            target_id.map(|id| id.to_string()),
            result,
            detail,
            context.proof.map(|proof| proof.credential.to_string()),
            context.request.as_ref().map(RequestId::to_string),
        ])?;
    let id = connection.last_insert_rowid();
    places::added(connection, BY_CREATION, Place { key: id, id })
}

/// A page of entries, latest first.
pub fn list(
    connection: &Connection,
    filter: &AuditFilter,
    request: PageRequest,
) -> rusqlite::Result<Page<AuditEntry>> {
    let (id, email) = match &filter.account {
        None => (None, None),
        Some(UserRef::Id(id)) => (Some(id.to_string()), None),
        Some(UserRef::LoginName(LoginName::Email(email))) => (None, Some(email.as_str())),
        // A username is an account's, or nobody's; then no entry has this id.
        Some(account) => (
            Some(
                users::find(connection, account)?
                    .map_or_else(String::new, |user| user.public_id.to_string()),
            ),
            None,
        ),
    };
    let words = filter.search.as_ref().map(search::expression);
    let (action, since) =
        (filter.action.map(Action::as_str), filter.since.map(Timestamp::as_millis));
    let conditions = Conditions::default()
        .and("(actor_id = ? OR target_id = ?)", id.as_ref())
        .and("(actor = ? COLLATE NOCASE OR target = ? COLLATE NOCASE)", email.as_ref())
        .and("action = ?", action.as_ref())
        .and("at >= ?", since.as_ref())
        .and("id IN (SELECT rowid FROM audit_text WHERE audit_text MATCH ?)", words.as_ref());
    if conditions.is_empty() {
        return page_by_place(
            connection,
            request,
            BY_CREATION,
            !filter.oldest_first,
            columns!(),
            ("audit", "audit"),
            from_row,
        );
    }
    let order = if filter.oldest_first { "id" } else { "id DESC" };
    let from = format!("audit WHERE {}", conditions.to_sql("TRUE"));
    page(connection, request, columns!(), &from, order, &conditions.values(), from_row)
}

/// Forgets some of the entries of before `before`, and answers whether there may be more.
pub fn purge_batch(connection: &Connection, before: Timestamp) -> Result<bool, JobError> {
    const SOME: usize = 1_000;
    let forgotten = connection
        .prepare_cached("DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < ?1 LIMIT ?2) RETURNING id")?
        .query_map(params![before.as_millis(), SOME], |row| row.get(0))?
        .collect::<rusqlite::Result<Vec<i64>>>()?;
    for id in &forgotten {
        places::removed(connection, BY_CREATION, Place { key: *id, id: *id })?;
    }
    Ok(forgotten.len() == SOME)
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<AuditEntry> {
    Ok(AuditEntry {
        id: row.get(0)?,
        at: Timestamp::from_millis(row.get(1)?),
        actor: row.get(2)?,
        actor_id: row.get(3)?,
        address: row.get(4)?,
        action: row.get(5)?,
        target: row.get(6)?,
        target_id: row.get(7)?,
        result: row.get(8)?,
        detail: row.get(9)?,
        credential: row.get(10)?,
        request_id: row.get(11)?,
    })
}
