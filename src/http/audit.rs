//! `/audit`: what happened to accounts, sessions and keys, for administrators.

use rocket::{Route, State, get};
use rocket_okapi::okapi::openapi3::OpenApi;
use rocket_okapi::{openapi, openapi_get_routes_spec};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::Services;
use super::docs::Description;
use super::error::Problem;
use super::etag::{HasETag, UNCHANGED};
use super::fields::Fields;
use super::guards::Admin;
use super::page::{Filter, LIST, ListQuery, ListView, one_of, text};
use crate::domain::{Action, AuditEntry, AuditFilter, AuditSort, Search, Sort, Timestamp, UserRef};

/// The route of this file, and its part of the document.
pub fn routes() -> (Vec<Route>, OpenApi) {
    let (routes, mut spec) = openapi_get_routes_spec![list_audit];
    Description::of(&mut spec)
        .extend("list_audit", ListQuery::<AuditFilter>::describe)
        .operation("list_audit", &[(200, "A page of entries.", LIST), UNCHANGED]);
    (routes, spec)
}

impl Filter for AuditFilter {
    fn read(fields: &mut Fields) -> Option<Self> {
        let account = fields.optional("account", UserRef::parse);
        let action = fields.optional("action", Action::parse);
        let since = fields.optional("since", Timestamp::parse_start);
        let search = fields.optional("q", |text| Ok(Search::new(text)));
        let sort = fields.optional("sort", Sort::<AuditSort>::parse);
        Some(Self { user: account?, action: action?, since: since?, search: search?, sort: sort? })
    }

    fn parameters() -> Vec<(&'static str, &'static str, Value)> {
        vec![
            (
                "account",
                "Those whose actor or target is the account of this public id, e-mail address or username.",
                json!({ "type": "string" }),
            ),
            (
                "action",
                "Those of this action.",
                one_of(Action::ALL.iter().map(|action| action.as_str())),
            ),
            (
                "since",
                "Those of this moment and later: a date, from whose start on, or an RFC 3339 time.",
                json!({ "type": "string" }),
            ),
            (
                "q",
                "Those in whose names, action, result or detail each of these words is, or begins a word.",
                text(),
            ),
            ("sort", "The order; `at` for the oldest first.", one_of(Sort::<AuditSort>::names())),
        ]
    }
}

/// An entry as administrators see it. Names are as they were then.
#[derive(Serialize, JsonSchema)]
struct AuditView {
    id: u64,
    /// `12/31/26 11:59:59 PM UTC`
    at: String,
    at_iso8601: String,
    /// An e-mail address, `anonymous`, `command line` or `service`
    actor: String,
    actor_id: Option<String>,
    /// From where it came.
    address: Option<String>,
    /// `account.register`, `session.start` and the like
    action: String,
    /// To whom it was done: an e-mail address, where it is known.
    target: Option<String>,
    target_id: Option<String>,
    /// `ok`, or why it was refused
    result: String,
    /// What else is to be said: a role, the name of a key.
    detail: Option<String>,
    /// By what the actor was let in: `session` or `key`, and its id.
    credential: Option<String>,
    /// The `X-Request-Id` of the request's answer.
    request_id: Option<String>,
}

impl HasETag for AuditEntry {
    fn tag(&self, _: Timestamp) -> String {
        self.id.to_string()
    }
}

impl AuditView {
    fn new(entry: AuditEntry) -> Self {
        Self {
            id: entry.id,
            at: entry.at.to_clock_text(),
            at_iso8601: entry.at.to_iso_8601(),
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
        }
    }
}

/// # Read the audit
///
/// What was done to accounts, sessions and keys, and which logins failed: the latest first.
#[openapi(tag = "Administration")]
#[get("/audit")]
async fn list_audit(
    _admin: Admin,
    query: ListQuery<AuditFilter>,
    services: &State<Services>,
) -> Result<ListView<AuditView>, Problem> {
    let address = query.address(services.base_path(), "/audit");
    let page = services.store.list_audit(query.filter, query.page).await?;
    Ok(ListView::new(&address, page, services.clock.now(), AuditView::new))
}
