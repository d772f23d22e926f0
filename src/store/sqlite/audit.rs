//! The audit: SQL and row mapping.

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::buckets::Buckets;
use super::engine::SqliteStore;
use super::lists::{Order, Select, WhereClause, select};
use super::transaction::Transaction;
use super::values::Address;
use crate::domain::{
    Action, Actor, AuditEntry, AuditFilter, AuditSort, AuditStore, Failure, LoginName, Page,
    PageRequest, RequestContext, Sort, Target, UserId, UserRef,
};
use crate::error::Error;

const AUDIT: Select<AuditEntry> = select! {
    AuditEntry {
        id, at, actor, actor_id, address, action, target, target_id, result, detail, credential,
        request_id,
    },
    from "audit", id "id", key "id = ?1",
};

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

fn list(
    connection: &Connection,
    filter: &AuditFilter,
    page: PageRequest,
) -> rusqlite::Result<Page<AuditEntry>> {
    let (id, email, username) = match &filter.user {
        None => (None, None, None),
        Some(UserRef::Id(id)) => (Some(id), None, None),
        Some(UserRef::LoginName(LoginName::Email(email))) => (None, Some(email), None),
        Some(UserRef::LoginName(LoginName::Username(name))) => (None, None, Some(name.folded())),
    };
    let conditions = WhereClause::new("TRUE")
        .and("(actor_id = ? OR target_id = ?)", id)
        .and("(actor = ? COLLATE NOCASE OR target = ? COLLATE NOCASE)", email)
        // A username means the user who has it now.
        .and(
            "(SELECT public_id FROM user WHERE username_folded = ?) IN (actor_id, target_id)",
            username.as_ref(),
        )
        .and("action = ?", filter.action.as_ref())
        .and("at >= ?", filter.since.as_ref())
        .and_match("id", "audit_text", filter.search.as_ref());
    let Sort { key: AuditSort::At, descending } = filter.sort.unwrap_or(DEFAULT_SORT);
    let order = Order::new("id", descending).counted(Buckets::by_id("audit"));
    AUDIT.page(connection, &conditions, order, page)
}

/// Deletes up to `?2` entries older than `?1`.
pub const PURGE: &str =
    "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE at < ?1 LIMIT ?2)";
