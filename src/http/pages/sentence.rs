//! An event of the audit as a sentence, with links to whom and what it is about.

use super::audit_words::ActionWords;
use super::called::{Called, ShownName};
use super::days::Moment;
use super::history::{ChangeLine, change_lines};
use super::parts::record_address;
use crate::domain::{Action, AuditEntry, Changes, TargetKind, Timestamp, Zone};
use crate::error::Error;
use crate::store::Store;

/// An event. People have their names of now, records those of then.
pub struct Sentence {
    pub id: u64,
    pub actor: Named,
    /// The words between the actor and the target.
    pub before: String,
    pub target: Option<Named>,
    pub after: String,
    pub detail: Option<String>,
    /// Why it was refused.
    pub refused: Option<String>,
    pub at: Moment,
    /// What an update has changed.
    pub changes: Vec<ChangeLine>,
    /// What a record was when it was created or deleted.
    pub values: Vec<ChangeLine>,
    pub by_key: bool,
    pub address: Option<String>,
    /// More about it, for those who look into it: label and text.
    pub facts: Vec<(&'static str, String)>,
}

/// A name, and the address of its page relative to the root; empty without one.
pub struct Named {
    pub name: ShownName,
    pub address: String,
}

impl Sentence {
    pub async fn list(
        entries: Vec<AuditEntry>,
        now: Timestamp,
        store: &dyn Store,
    ) -> Result<Vec<Self>, Error> {
        let ids = entries.iter().flat_map(|entry| [&entry.actor_id, &entry.target_id]);
        let called = Called::of(store, ids.map(Option::as_ref)).await?;
        let sentence = |entry| Self::of(entry, &called, now, store.zone());
        Ok(entries.into_iter().map(sentence).collect())
    }

    fn of(entry: AuditEntry, called: &Called, now: Timestamp, zone: &Zone) -> Self {
        let action = Action::from_name(&entry.action);
        let is_success = entry.result == "ok";
        // Who signs in, registers or resets a password is anonymous until it succeeds.
        let is_by_target = entry.target_id.is_some() && entry.actor_id == entry.target_id;
        let is_own = is_success && (entry.actor == "anonymous" || is_by_target);
        let phrase = phrase(action, &entry.action, is_own, is_success);
        let (before, after) = match phrase.split_once("{}") {
            Some((before, after)) => (before.to_owned(), Some(after.to_owned())),
            None => (phrase, None),
        };
        let target = target(&entry, action, called);
        let actor = actor(&entry, called);
        let facts = facts(&entry, [("Actor then", &actor), ("Target then", &target)]);
        let is_update = entry.action.ends_with(".update");
        let lines = entry.changes.map(change_lines).unwrap_or_default();
        let (changes, values) = if is_update { (lines, vec![]) } else { (vec![], lines) };
        let (actor, target) = match after {
            _ if is_own => (target, None),
            Some(_) => (actor, Some(target)),
            None => (actor, None),
        };
        Self {
            id: entry.id.get(),
            actor,
            before,
            target,
            after: after.unwrap_or_default(),
            detail: entry.detail,
            refused: (!is_success).then(|| entry.result.replace('_', " ")),
            at: Moment::new(entry.at, now, zone),
            changes,
            values,
            by_key: entry.credential.is_some_and(|credential| credential.starts_with("key ")),
            address: entry.address,
            facts,
        }
    }
}

/// What was done, with `{}` in place of the target. The database may be that of a newer program.
fn phrase(action: Option<Action>, name: &str, is_own: bool, is_success: bool) -> String {
    match action.map(ActionWords::of) {
        Some(words) if is_own => words.own.to_owned(),
        Some(words) if is_success => words.other.to_owned(),
        Some(words) => words.tried.to_owned(),
        None if is_own => name.to_owned(),
        None => format!("{name} {{}}"),
    }
}

fn actor(entry: &AuditEntry, called: &Called) -> Named {
    let id = entry.actor_id.as_deref();
    let then = match entry.actor.as_str() {
        "anonymous" => "Somebody",
        "command line" => "The command line",
        "service" => "The service",
        name => name,
    };
    let address = id.map_or_else(String::new, |id| record_address("people", id));
    Named { name: called.name(id, then.to_owned()), address }
}

/// The target with its page, unless it was deleted.
fn target(entry: &AuditEntry, action: Option<Action>, called: &Called) -> Named {
    use Action::{Delete, DeleteTask, DeleteTemplate, DeleteWidget};
    let is_gone = matches!(action, Some(Delete | DeleteTask | DeleteTemplate | DeleteWidget));
    let id = entry.target_id.as_deref().filter(|_| !is_gone);
    let kind = entry.target_kind();
    let address = match (kind, id) {
        (TargetKind::Account, Some(id)) => record_address("people", id),
        (TargetKind::Task, Some(id)) => record_address("tasks", id),
        (TargetKind::Widget, Some(_)) => widget_address(entry),
        _ => String::new(),
    };
    let text = entry.target.clone().unwrap_or_else(|| "an unknown account".to_owned());
    let account = entry.target_id.as_deref().filter(|_| kind == TargetKind::Account);
    Named { name: called.name(account, text), address }
}

/// The address of a widget by the name that it has since then.
fn widget_address(entry: &AuditEntry) -> String {
    let renamed = entry.changes.as_ref().and_then(|Changes(fields)| fields.get("name"));
    let new = renamed.and_then(Option::as_ref).and_then(|[_, new]| new.as_deref());
    let name = new.or(entry.target.as_deref());
    name.map_or_else(String::new, |name| record_address("widgets", name))
}

fn facts(entry: &AuditEntry, names: [(&'static str, &Named); 2]) -> Vec<(&'static str, String)> {
    let then = |(label, named): (_, &Named)| Some((label, named.name.then.clone()?));
    let optional = [
        ("Actor’s id", &entry.actor_id),
        ("Target’s id", &entry.target_id),
        ("Credential", &entry.credential),
        ("Request", &entry.request_id),
    ];
    let optional = optional.into_iter().filter_map(|(name, text)| Some((name, text.clone()?)));
    let optional = names.into_iter().filter_map(then).chain(optional);
    let result = ("Result", entry.result.clone());
    let at = ("When", entry.at.to_iso_8601());
    [("Action", entry.action.clone()), result, at].into_iter().chain(optional).collect()
}
