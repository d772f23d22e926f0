//! The audit: SQL and row mapping.

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::buckets::Buckets;
use super::conditions::{Index, Order, WhereClause};
use super::engine::SqliteStore;
use super::lists::{Select, select};
use super::portions::Part;
use super::transaction::Transaction;
use super::user_rows;
use super::values::Address;
use crate::domain::{
    Action, Actor, AuditEntry, AuditFilter, AuditSort, AuditStore, Bookmark, Failure, LoginName,
    Page, PageRequest, Portion, RequestContext, Sort, Target, UserId, UserRef,
};
use crate::error::Error;

const AUDIT: Select<AuditEntry> = select! {
    AuditEntry {
        id, at, actor, actor_id, address, action, target, target_id, result, detail, credential,
        request_id,
    },
    from "audit", id "id", key "id = ?1",
};

const BY_ACTION: Index = Index::new("audit_by_action").sorted_by("id");
const BY_TIME: Index = Index::new("audit_at");

/// Latest first.
const DEFAULT_SORT: Sort<AuditSort> = Sort { key: AuditSort::At, descending: true };

#[async_trait]
impl AuditStore for SqliteStore {
    async fn record_failure(
        &self,
        failure: Failure,
        context: &RequestContext,
    ) -> Result<(), Error> {
        let context = context.clone();
        self.writer
            .run(move |connection| {
                let Failure { action, target, reason } = failure;
                Ok(insert(connection, &context, action, &target, reason, None)?)
            })
            .await
    }

    async fn list_audit(
        &self,
        reader: Option<UserId>,
        filter: AuditFilter,
        page: PageRequest,
    ) -> Result<Page<AuditEntry>, Error> {
        self.read_list(reader, move |connection| list(connection, &filter, page)).await
    }

    async fn export_audit(
        &self,
        reader: Option<UserId>,
        filter: &AuditFilter,
        bookmark: Bookmark,
    ) -> Result<Portion<AuditEntry>, Error> {
        let filter = filter.clone();
        self.read_list(reader, move |connection| list(connection, &filter, bookmark)).await
    }
}

/// Records a change to a user in the transaction that makes it.
pub fn done(
    transaction: &Transaction<'_>,
    action: Action,
    target: UserId,
    detail: Option<&str>,
) -> rusqlite::Result<()> {
    insert(transaction, transaction.context, action, &Target::User(target), "ok", detail)
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
        // The statement stores the user's e-mail address or username instead.
        Actor::User(id) => ("", Some(id)),
    };
    let (target, target_id) = match target {
        Target::User(id) => (None, Some(*id)),
        Target::UnknownEmail(email) => (Some(email), None),
        Target::Unknown => (None, None),
    };
    connection
        .prepare_cached(
            "INSERT INTO audit (at, actor, actor_id, address, action, target, target_id, result, detail, credential,
                                request_id)
             VALUES (?1, coalesce((SELECT coalesce(email, username) FROM user WHERE public_id = ?3), ?2), ?3, ?4, ?5,
                     coalesce((SELECT coalesce(email, username) FROM user WHERE public_id = ?7), ?6), ?7, ?8, ?9, ?10, ?11)",
        )?
        .execute(params![
            context.at,
            actor,
            actor_id,
            context.address.map(Address),
            action,
            target,
            target_id,
            result,
            detail,
            context.credential.map(|credential| credential.to_string()),
            context.request,
        ])?;
    Ok(())
}

pub fn list<P: Part>(
    connection: &Connection,
    filter: &AuditFilter,
    part: P,
) -> rusqlite::Result<P::Of<AuditEntry>> {
    let user = filter.user.as_ref().map(|user| name(connection, user)).transpose()?;
    let conditions = match &user {
        None => WhereClause::new("TRUE"),
        Some(_) => WhereClause::new("TRUE").of("audit_user").and("user = ?", user.as_ref()),
    };
    let conditions = conditions
        .and_by(BY_ACTION, "action = ?", filter.action.as_ref())
        .and_by(BY_TIME, "at >= ?", filter.since.as_ref())
        .and_match(Some("audit_by_id"), "audit_text", filter.search.as_ref());
    let Sort { key: AuditSort::At, descending } = filter.sort.unwrap_or(DEFAULT_SORT);
    let order = Order::new("id", descending).indexed("audit_by_id").paged(Buckets::by_id("audit"));
    part.read(&AUDIT, connection, conditions, order)
}

/// The id or the folded e-mail address by which the events of a user are found; empty if there is no
/// such user. A username means the user who has it now.
fn name(connection: &Connection, user: &UserRef) -> rusqlite::Result<String> {
    if !matches!(user, UserRef::LoginName(LoginName::Username(_))) {
        return Ok(user.folded());
    }
    let found = user_rows::find(connection, user)?;
    Ok(found.map_or(String::new(), |user| user.public_id.to_string()))
}

/// Deletes up to `?2` entries older than `?1`.
pub const PURGE: &str =
    "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < ?1 LIMIT ?2)";
