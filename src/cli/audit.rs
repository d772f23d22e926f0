//! `widgetd audit`

use serde::Serialize;

use super::database::{all, open};
use super::terminal::{one_of, print_list};
use crate::config::Config;
use crate::domain::{
    Action, AuditEntry, AuditFilter, AuditSort, ChangedFields, Changes, EventId, Sort, TargetRef,
    Timestamp, UserRef,
};
use crate::error::Error;
use crate::store::OpenMode;

#[derive(clap::Args)]
pub struct AuditArgs {
    /// Only entries since then: a date or an RFC 3339 time
    #[arg(long, value_name = "DATE")]
    since: Option<String>,
    /// Only entries by or about this account: an e-mail address, username or public id
    #[arg(long)]
    account: Option<String>,
    /// Only entries about this: the id of a record or an account, or the name of a widget or an account
    #[arg(long)]
    target: Option<String>,
    /// Only entries after the one with this id
    #[arg(long, value_name = "ID")]
    after: Option<String>,
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
    let AuditArgs { since, account, target, after, action, json } = arguments;
    let store = open(config, OpenMode::Read)?;
    let filter = AuditFilter {
        user: parse("account", account, UserRef::parse)?,
        target: parse("target", target, TargetRef::parse)?,
        action,
        after: parse("after", after, EventId::parse)?,
        since: parse("since", since, |text| Timestamp::parse_start(text, store.zone()))?,
        sort: Some(OLDEST_FIRST),
        ..AuditFilter::default()
    };
    let mut entries = all(|page| store.list_audit(None, filter.clone(), page)).await?;
    // Purged or new entries may have shifted the pages meanwhile.
    entries.sort_unstable_by_key(|entry| entry.id);
    entries.dedup_by_key(|entry| entry.id);
    let rows = entries.iter().map(EntryRow::new).collect();
    let headings = ["TIME", "ACTION", "RESULT", "ACTOR", "ADDRESS", "TARGET", "DETAIL"];
    print_list(rows, json, "There are no such entries.", headings, |row| {
        let (address, target) = (row.address.unwrap_or("-"), row.target.unwrap_or("-"));
        let changes = row.changes.map(in_words).unwrap_or_default();
        let detail = row.detail.unwrap_or(&changes);
        [&row.at, row.action, row.result, row.actor, address, target, detail].map(str::to_owned)
    })
}

fn parse<T>(
    name: &str,
    argument: Option<String>,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<Option<T>, Error> {
    argument.as_deref().map(parse).transpose().map_err(|why| Error::invalid(name, why))
}

/// `status: pending -> done, assignee: - -> ann@example.com`; a private field by its name alone.
fn in_words(changes: &ChangedFields) -> String {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let words = changes.iter().map(|(field, texts)| match texts {
        None => field.clone(),
        Some([old, new]) => format!("{field}: {} -> {}", or_dash(old), or_dash(new)),
    });
    words.collect::<Vec<_>>().join(", ")
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
    target_kind: &'a str,
    target: Option<&'a str>,
    target_id: Option<&'a str>,
    result: &'a str,
    detail: Option<&'a str>,
    credential: Option<&'a str>,
    request_id: Option<&'a str>,
    changes: Option<&'a ChangedFields>,
}

impl<'a> EntryRow<'a> {
    fn new(entry: &'a AuditEntry) -> Self {
        Self {
            id: entry.id.get(),
            at: entry.at.to_iso_8601(),
            actor: &entry.actor,
            actor_id: entry.actor_id.as_deref(),
            address: entry.address.as_deref(),
            action: &entry.action,
            target_kind: entry.target_kind().as_str(),
            target: entry.target.as_deref(),
            target_id: entry.target_id.as_deref(),
            result: &entry.result,
            detail: entry.detail.as_deref(),
            credential: entry.credential.as_deref(),
            request_id: entry.request_id.as_deref(),
            changes: entry.changes.as_ref().map(|Changes(changes)| changes),
        }
    }
}
