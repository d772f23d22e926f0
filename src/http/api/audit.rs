//! `/audit`: what happened to accounts, sessions, keys and records, for administrators.

use std::sync::Arc;

use rocket::get;
use rocket_okapi::openapi;
use schemars::JsonSchema;
use serde::Serialize;

use super::changes::ChangesView;
use crate::domain::{
    Action, AuditEntry, AuditFilter, AuditSort, Changes, EventId, EventResult, Search, Sort,
    TargetKind, TargetRef, Timestamp, UserId, UserRef,
};
use crate::http::auth::Admin;
use crate::http::wire::{
    DateTime, Export, Id, List, ListOrCsv, ListOrCsvQuery, Name, Operations, Problem, Record,
    ViewContext, columns, field, filter, operations,
};
use crate::store::Store;

pub fn routes() -> Operations {
    operations![list_audit]
}

field!(EventId, { "type": "integer", "format": "int64", "minimum": 0 });
field!(TargetRef, { "type": "string", "maxLength": 255 });

columns! {
    AuditEntry as (entry, _) {
        id: entry.id.get(),
        at: entry.at.to_rfc_3339(),
        actor: entry.actor.as_str(),
        actor_id: entry.actor_id.as_deref(),
        address: entry.address.as_deref(),
        action: entry.action.as_str(),
        target: entry.target.as_deref(),
        target_id: entry.target_id.as_deref(),
        result: entry.result.as_str(),
        detail: entry.detail.as_deref(),
        credential: entry.credential.as_deref(),
        request_id: entry.request_id.as_deref(),
        target_kind: entry.target_kind().as_str(),
        changes: entry.changes.as_ref().map(Changes::to_json),
    }
}

/// The events of a list, all of them.
pub fn export(
    store: Arc<dyn Store>,
    reader: Option<UserId>,
    filter: AuditFilter,
    context: ViewContext<'static>,
) -> Export {
    Export::new(context, move |bookmark| {
        let (store, filter) = (Arc::clone(&store), filter.clone());
        async move { store.export_audit(reader, filter, bookmark).await }
    })
}

filter! {
    AuditFilter {
        /// Events whose actor or target is this account: a public id, e-mail address or username.
        user = "account": UserRef,
        /// Events about this: a `target_id`, or the name of a widget or an account at that time. The
        /// name of a widget and a username also find the events from before they were chosen.
        target: TargetRef,
        /// Events of this action.
        action: Action,
        /// Events after the one of this `id`, oldest first. To follow the audit, ask again with the `id`
        /// of the last event that you have.
        after: EventId,
        /// Events at this or later: an RFC 3339 time, or a date, which stands for its start in the
        /// service's time zone.
        since: Timestamp,
        /// Events whose names, action, result or detail contain words that begin with each of
        /// these, at most 8 different ones.
        search = "q": Search,
        /// The order: `-at` is the default, or with `after` the oldest first, `at`.
        sort: Sort<AuditSort>,
    }
}

/// An event as administrators see it. Names are as they were then.
#[derive(Serialize, JsonSchema)]
pub struct AuditView {
    id: u64,
    /// `12/31/26 11:59:59 PM UTC`
    at: String,
    at_iso8601: DateTime,
    /// An e-mail address or else a username, `anonymous`, `command line` or `service`
    actor: String,
    #[schemars(with = "Option<Id<UserId>>")]
    actor_id: Option<String>,
    /// The client's address.
    address: Option<String>,
    #[schemars(with = "Name<Action>")]
    pub action: String,
    target_kind: Name<TargetKind>,
    /// What it concerns: the e-mail address or else the username of an account, if known; the name of
    /// a widget before the event; the title of a task before it. A template has none here.
    target: Option<String>,
    /// A public id, or the number of a widget, which stays when its name changes.
    target_id: Option<String>,
    /// `ok`, or why it was refused
    #[schemars(with = "Name<EventResult>")]
    result: String,
    /// More about it: a role, the name of a key.
    detail: Option<String>,
    /// `session` or `key` and its id.
    credential: Option<String>,
    /// The `X-Request-Id` of the answer: a UUID, or what a trusted proxy has sent.
    request_id: Option<String>,
    /// Of a widget, a task or a template.
    changes: Option<ChangesView>,
}

impl From<AuditEntry> for AuditView {
    fn from(entry: AuditEntry) -> Self {
        Self {
            id: entry.id.get(),
            at: entry.at.to_clock_text(),
            at_iso8601: DateTime(entry.at),
            target_kind: Name(entry.target_kind()),
            actor: entry.actor,
            actor_id: entry.actor_id,
            address: entry.address,
            action: entry.action,
            target: entry.target,
            target_id: entry.target_id,
            result: entry.result,
            detail: entry.detail,
            credential: entry.credential,
            request_id: entry.request_id,
            changes: entry.changes.map(ChangesView::from),
        }
    }
}

impl Record for AuditEntry {
    type View = AuditView;

    fn etag(&self, _: Timestamp) -> String {
        self.id.get().to_string()
    }

    fn view(self, _: &ViewContext<'_>) -> AuditView {
        self.into()
    }
}

/// # List the audit events
///
/// What was done to accounts, sessions, keys, widgets, tasks and templates, and which logins failed;
/// the latest first. With `after` it is a feed of changes, in the order of their commits.
/// `format=csv` answers all events.
#[openapi(tag = "Administration")]
#[get("/audit")]
async fn list_audit(
    admin: Admin,
    query: ListOrCsvQuery<AuditFilter>,
) -> Result<ListOrCsv<AuditEntry>, Problem> {
    let reader = Some(admin.id());
    match query {
        ListOrCsvQuery::Page(query) => {
            let page = admin.store.list_audit(reader, query.filter, query.page).await?;
            Ok(ListOrCsv::List(List::new(query.address, page)))
        }
        ListOrCsvQuery::Csv(filter) => {
            let export = |store, context| export(store, reader, filter, context);
            admin.export("audit", export).await
        }
    }
}
