//! The audit: SQL and row mapping.

use std::sync::LazyLock;
use std::time::Duration;

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::buckets::Buckets;
use super::conditions::{Index, Order, WhereClause};
use super::engine::SqliteStore;
use super::events;
use super::lists::{Select, select};
use super::portions::Part;
use super::transaction::Transaction;
use super::user_rows;
use super::values::Address;
use crate::domain::{
    Action, Actor, AuditEntry, AuditFilter, AuditStore, Audited, Bookmark, Changes, EventId,
    Failure, HistoryEntry, LoginName, Page, PageRequest, Portion, RequestContext, Target,
    Timestamp, UserId, UserRef,
};
use crate::error::Error;

const AUDIT: Select<AuditEntry> = select! {
    AuditEntry {
        id, at, actor, actor_id, address, action, target: "coalesce(target, record)",
        target_id: "coalesce(target_id, iif(action GLOB 'template.*', NULL, record_id))", result, detail, credential, request_id,
        changes,
    },
    from "audit", id "id", key "id = ?1",
};

const BY_ID: Index = Index::new("audit_by_id").sorted_by("id");
const BY_ACTION: Index = Index::new("audit_by_action").sorted_by("id");
const BY_TIME: Index = Index::new("audit_at");
const BY_RECORD: Index = Index::new("audit_record_id").sorted_by("id");

/// Without what is for administrators.
const HISTORY: Select<HistoryEntry> = select! {
    HistoryEntry { id, at, actor, actor_id, action, changes },
    from "audit", id "id", key "id = ?1",
};

/// An id, but of a template, or what is called so, or was at that time. The name of a widget or a
/// username also means that which has it now, with all of its events.
const IS_ABOUT: &str = "id IN (
    SELECT id FROM audit WHERE record_id = lower(?) AND action NOT GLOB 'template.*'
    UNION SELECT id FROM audit WHERE record = lower(?) AND action GLOB 'widget.*'
    UNION SELECT id FROM audit WHERE record_id = (SELECT CAST(id AS TEXT) FROM widget WHERE name = lower(?))
    UNION SELECT id FROM audit WHERE target_id = lower(?)
    UNION SELECT id FROM audit WHERE target_id = (SELECT public_id FROM user WHERE username_folded = lower(?))
    UNION SELECT id FROM audit WHERE target = ? COLLATE NOCASE)";

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
                let event = Event { target: Some(&target), result: reason, ..Event::of(action) };
                Ok(event.insert(connection, &context)?)
            })
            .await
    }

    async fn list_audit(
        &self,
        reader: Option<UserId>,
        filter: AuditFilter,
        page: PageRequest,
    ) -> Result<Page<AuditEntry>, Error> {
        self.read_page(reader, filter.search.is_some(), move |connection| {
            list(connection, &filter, page)
        })
        .await
    }

    async fn export_audit(
        &self,
        reader: Option<UserId>,
        filter: AuditFilter,
        bookmark: Bookmark,
    ) -> Result<Portion<AuditEntry>, Error> {
        self.read_list(reader, move |connection| list(connection, &filter, bookmark)).await
    }

    async fn read_audit(&self, after: EventId, limit: u32) -> Result<Vec<AuditEntry>, Error> {
        static AFTER: LazyLock<String> =
            LazyLock::new(|| AUDIT.to_sql("id > ?1 ORDER BY id LIMIT ?2"));
        self.read(|connection| {
            connection
                .prepare_cached(&AFTER)?
                .query_map(params![after, limit], AUDIT.from_row)?
                .collect::<rusqlite::Result<_>>()
        })
    }

    async fn latest_event(&self) -> Result<EventId, Error> {
        self.read(events::latest)
    }

    async fn last_event_times(&self, apart: Duration) -> Result<[Option<Timestamp>; 2], Error> {
        let apart = i64::try_from(apart.as_millis()).unwrap_or(i64::MAX);
        let sql = "WITH last (at) AS (SELECT at FROM audit ORDER BY id DESC LIMIT 1)
                   SELECT (SELECT at FROM last),
                          (SELECT at FROM audit WHERE abs(at - (SELECT at FROM last)) > ?1
                           ORDER BY id DESC LIMIT 1)";
        self.read(|connection| {
            connection.query_row(sql, [apart], |row| Ok([row.get(0)?, row.get(1)?]))
        })
    }

    async fn wait_for_event(&self, after: EventId) -> Result<(), Error> {
        while self.latest_event().await? <= after {
            self.committed.wait(after).await;
        }
        Ok(())
    }
}

/// Records a change of a user in the transaction that makes it.
pub fn done(
    transaction: &Transaction<'_>,
    action: Action,
    target: UserId,
    detail: Option<&str>,
) -> rusqlite::Result<()> {
    let target = Target::User(target);
    let event = Event { target: Some(&target), detail, ..Event::of(action) };
    event.insert(transaction, transaction.context)
}

/// Records that this database was made from a backup.
pub fn restored(connection: &Connection, context: &RequestContext) -> rusqlite::Result<()> {
    Event::of(Action::Restore).insert(connection, context)
}

/// Records a change of a record in the transaction that makes it. The id stays the same as long as
/// the record exists, and is no other's afterwards. There is no record before it is created, and none
/// after it is deleted.
pub fn changed<R: Audited>(
    transaction: &Transaction<'_>,
    id: Option<&str>,
    old: Option<&R>,
    new: Option<&R>,
) -> rusqlite::Result<()> {
    let action = match (old, new) {
        (None, _) => R::CREATE,
        (Some(_), Some(_)) => R::UPDATE,
        (Some(_), None) => R::DELETE,
    };
    // A new name is among the changes.
    let record = old.or(new).and_then(R::audit_name);
    let changes = Some(R::changes(old, new)).filter(|changes| !changes.0.is_empty());
    let event = Event { record, record_id: id, changes, ..Event::of(action) };
    event.insert(transaction, transaction.context)
}

/// The events of a record, latest first.
pub fn list_history(
    connection: &Connection,
    id: &str,
    page: PageRequest,
) -> rusqlite::Result<Page<HistoryEntry>> {
    let conditions = WhereClause::new("TRUE").and_by(BY_RECORD, "record_id = ?", Some(&id));
    HISTORY.page(connection, conditions, Order::new("id", true), page)
}

/// An event beside its context.
struct Event<'a> {
    action: Action,
    target: Option<&'a Target>,
    record: Option<&'a str>,
    record_id: Option<&'a str>,
    result: &'a str,
    detail: Option<&'a str>,
    changes: Option<Changes>,
}

impl Event<'_> {
    fn of(action: Action) -> Self {
        Self {
            action,
            target: None,
            record: None,
            record_id: None,
            result: "ok",
            detail: None,
            changes: None,
        }
    }

    fn insert(&self, connection: &Connection, context: &RequestContext) -> rusqlite::Result<()> {
        let (actor, actor_id) = match context.actor {
            Actor::Anonymous => ("anonymous", None),
            Actor::CommandLine => ("command line", None),
            Actor::Service => ("service", None),
            // The statement stores the user's e-mail address or username instead.
            Actor::User(id) => ("", Some(id)),
        };
        let (target, target_id) = match self.target {
            Some(Target::User(id)) => (None, Some(*id)),
            Some(Target::UnknownEmail(email)) => (Some(email), None),
            Some(Target::Unknown) | None => (None, None),
        };
        connection
            .prepare_cached(
                "INSERT INTO audit (at, actor, actor_id, address, action, target, target_id, result, detail, credential,
                                    request_id, record, record_id, changes)
                 VALUES (?1, coalesce((SELECT coalesce(email, username) FROM user WHERE public_id = ?3), ?2), ?3, ?4, ?5,
                         coalesce((SELECT coalesce(email, username) FROM user WHERE public_id = ?7), ?6), ?7, ?8, ?9, ?10,
                         ?11, ?12, ?13, ?14)",
            )?
            .execute(params![
                context.at,
                actor,
                actor_id,
                context.address.map(Address),
                self.action,
                target,
                target_id,
                self.result,
                self.detail,
                context.credential.map(|credential| credential.to_string()),
                context.request,
                self.record,
                self.record_id,
                self.changes,
            ])?;
        Ok(())
    }
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
        .and_by(BY_ID, IS_ABOUT, filter.target.as_ref())
        .and_by(BY_ID, "id > ?", filter.after.as_ref())
        .and_by(BY_ACTION, "action = ?", filter.action.as_ref())
        .and_by(BY_TIME, "at >= ?", filter.since.as_ref())
        .and_match(Some(BY_ID.name), "audit_text", filter.search.as_ref());
    // Latest first, but forwards from where a client was.
    let descending = filter.sort.map_or(filter.after.is_none(), |sort| sort.descending);
    let order = Order::new("id", descending).indexed(BY_ID.name).paged(Buckets::by_id("audit"));
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

/// Of the first `?2` entries, deletes those older than `?1`, up to the first one since then: what came
/// after that is not so old, and the clock was slow. One that is later than `?3` does not count: the
/// clock was fast.
pub const PURGE: &str = "
    WITH first (id, at) AS MATERIALIZED (
        SELECT id, at FROM audit WHERE at <= ?3 ORDER BY id LIMIT ?2)
    DELETE FROM audit WHERE id IN (SELECT id FROM first)
    AND id < coalesce((SELECT min(id) FROM first WHERE at >= ?1), 1 << 62)";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::domain::StoreLimits;
    use crate::store::traits::OpenMode;

    /// What SQLite does for a statement with one value.
    fn plan(sql: &str) -> String {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("test.db");
        let limits = StoreLimits::default();
        let store = SqliteStore::open(&path, OpenMode::Create, Clock::System, limits).unwrap();
        let plan: Vec<String> = store
            .read(|connection| {
                let mut plan = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
                plan.query_map(["x"], |row| row.get(3))?.collect()
            })
            .unwrap();
        plan.join("\n")
    }

    #[test]
    fn the_events_of_a_target_are_found_with_indexes() {
        let condition = IS_ABOUT.replace('?', "?1");
        let plan = plan(&format!("SELECT id FROM audit WHERE {condition} ORDER BY id"));
        assert_eq!(plan.matches("SEARCH audit USING").count(), 7, "{plan}");
        assert!(!plan.contains("SCAN"), "{plan}");
    }

    #[test]
    fn the_history_of_a_record_is_found_with_an_index() {
        let plan = plan("SELECT id FROM audit WHERE record_id = ?1 ORDER BY id DESC");
        assert!(plan.contains("USING COVERING INDEX audit_record_id"), "{plan}");
        assert!(!plan.contains("SCAN") && !plan.contains("SORT"), "{plan}");
    }
}
