//! `widgetd audit`

use serde::Serialize;

use super::database::{all, open};
use super::terminal::{one_of, print_list};
use crate::config::Config;
use crate::domain::{Action, AuditEntry, AuditFilter, AuditSort, Sort, Timestamp, UserRef};
use crate::error::Error;
use crate::store::IfAbsent;

#[derive(clap::Args)]
pub struct AuditArgs {
    /// Only entries since then: a date or an RFC 3339 time
    #[arg(long, value_name = "DATE")]
    since: Option<String>,
    /// Only entries by or about this account: an e-mail address, username or public id
    #[arg(long)]
    account: Option<String>,
    /// Only entries about this action
    #[arg(long, value_parser = one_of::<Action>())]
    action: Option<Action>,
    /// Print a JSON array
    #[arg(long)]
    json: bool,
}

const OLDEST_FIRST: Sort<AuditSort> = Sort { key: AuditSort::At, descending: false };

/// Prints the entries, oldest first.
pub async fn run(config: &Config, arguments: AuditArgs) -> Result<(), Error> {
    let AuditArgs { since, account, action, json } = arguments;
    let account = account
        .as_deref()
        .map(UserRef::parse)
        .transpose()
        .map_err(|why| Error::invalid("account", why))?;
    let store = open(config, IfAbsent::Fail)?;
    let since = since
        .map(|text| Timestamp::parse_start(&text, store.zone()))
        .transpose()
        .map_err(|why| Error::invalid("since", why))?;
    let filter = AuditFilter {
        user: account,
        action,
        since,
        sort: Some(OLDEST_FIRST),
        ..AuditFilter::default()
    };
    let mut entries = all(|page| store.list_audit(None, filter.clone(), page)).await?;
    // Purged or new entries may have shifted the pages meanwhile.
    entries.sort_unstable_by_key(|entry| entry.id);
    entries.dedup_by_key(|entry| entry.id);
    let rows = entries.iter().map(EntryRow::new).collect();
    print_list(rows, json, "There are no such entries.", |row| {
        let (address, target) = (row.address.unwrap_or("-"), row.target.unwrap_or("-"));
        let detail = row.detail.unwrap_or_default();
        [&row.at, row.action, row.result, row.actor, address, target, detail].map(str::to_owned)
    })
}

/// An entry as `--json` prints it.
#[derive(Serialize)]
struct EntryRow<'a> {
    id: u64,
    at: String,
    actor: &'a str,
    actor_id: Option<&'a str>,
    address: Option<&'a str>,
    action: &'a str,
    target: Option<&'a str>,
    target_id: Option<&'a str>,
    result: &'a str,
    detail: Option<&'a str>,
    credential: Option<&'a str>,
    request_id: Option<&'a str>,
}

impl<'a> EntryRow<'a> {
    fn new(entry: &'a AuditEntry) -> Self {
        Self {
            id: entry.id,
            at: entry.at.to_iso_8601(),
            actor: &entry.actor,
            actor_id: entry.actor_id.as_deref(),
            address: entry.address.as_deref(),
            action: &entry.action,
            target: entry.target.as_deref(),
            target_id: entry.target_id.as_deref(),
            result: &entry.result,
            detail: entry.detail.as_deref(),
            credential: entry.credential.as_deref(),
            request_id: entry.request_id.as_deref(),
        }
    }
}
