//! `/audit`: what happened to accounts, sessions and keys, for administrators.

use std::sync::Arc;

use rocket::get;
use rocket_okapi::openapi;
use schemars::JsonSchema;
use serde::Serialize;

use crate::domain::{
    Action, AuditEntry, AuditFilter, AuditSort, Search, Sort, Timestamp, UserId, UserRef,
};
use crate::http::auth::Admin;
use crate::http::wire::{
    Export, List, ListOrCsv, ListOrCsvQuery, Operations, Problem, Record, ViewContext, columns,
    filter, operations,
};
use crate::store::Store;

pub fn routes() -> Operations {
    operations![list_audit]
}

columns! {
    AuditEntry as (entry, _) {
        id: entry.id,
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
        async move { store.export_audit(reader, &filter, bookmark).await }
    })
}

filter! {
    AuditFilter {
        /// Events whose actor or target is this account: a public id, e-mail address or username.
        user = "account": UserRef,
        /// Events of this action.
        action: Action,
        /// Events at this or later: an RFC 3339 time, or a date, which stands for its start in the
        /// service's time zone.
        since: Timestamp,
        /// Events whose names, action, result or detail contain words that begin with each of
        /// these, at most 8 different ones.
        search = "q": Search,
        /// The order; `at` for the oldest first.
        sort: Sort<AuditSort>,
    }
}

/// An event as administrators see it. Names are as they were then.
#[derive(Serialize, JsonSchema)]
pub struct AuditView {
    id: u64,
    /// `12/31/26 11:59:59 PM UTC`
    at: String,
    at_iso8601: String,
    /// An e-mail address, `anonymous`, `command line` or `service`
    actor: String,
    actor_id: Option<String>,
    /// The client's address.
    address: Option<String>,
    /// `account.register`, `session.start` and so on
    action: String,
    /// The e-mail address of the account that it concerns, if known.
    target: Option<String>,
    target_id: Option<String>,
    /// `ok`, or why it was refused
    result: String,
    /// More about it: a role, the name of a key.
    detail: Option<String>,
    /// `session` or `key` and its id.
    credential: Option<String>,
    /// The `X-Request-Id` of the answer.
    request_id: Option<String>,
}

impl Record for AuditEntry {
    type View = AuditView;

    fn etag(&self, _: Timestamp) -> String {
        self.id.to_string()
    }

    fn view(self, _: &ViewContext<'_>) -> AuditView {
        AuditView {
            id: self.id,
            at: self.at.to_clock_text(),
            at_iso8601: self.at.to_iso_8601(),
            actor: self.actor,
            actor_id: self.actor_id,
            address: self.address,
            action: self.action,
            target: self.target,
            target_id: self.target_id,
            result: self.result,
            detail: self.detail,
            credential: self.credential,
            request_id: self.request_id,
        }
    }
}

/// # List the audit events
///
/// What was done to accounts, sessions and keys, and which logins failed; the latest first.
/// `format=csv` answers all events.
#[openapi(tag = "Administration")]
#[get("/audit")]
async fn list_audit(
    admin: Admin,
    query: ListOrCsvQuery<AuditFilter>,
) -> Result<ListOrCsv<AuditEntry>, Problem> {
    let reader = Some(admin.id());
    let query = match query {
        ListOrCsvQuery::Page(query) => query,
        ListOrCsvQuery::Csv(filter) => {
            let export = |store, context| export(store, reader, filter, context);
            return admin.export("audit", export).await;
        }
    };
    let page = admin.store.list_audit(reader, query.filter, query.page).await?;
    Ok(ListOrCsv::List(List::new(query.address, page)))
}
