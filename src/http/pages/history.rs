//! The history of a record in words.

use super::called::{Called, ShownName};
use super::days::Moment;
use super::parts::status_in_words;
use crate::domain::{Action, Changes, HistoryEntry, TaskStatus, Timestamp, Zone};
use crate::error::Error;
use crate::store::Store;

/// An event of a record.
pub struct HistoryLine {
    pub who: ShownName,
    /// `created this`, `changed this`
    pub what: &'static str,
    pub changes: Vec<ChangeLine>,
    pub at: Moment,
}

/// A field that was changed.
pub struct ChangeLine {
    pub field: String,
    /// `None` for a field that only its owner may see.
    pub values: Option<[String; 2]>,
}

impl HistoryLine {
    pub async fn list(
        entries: Vec<HistoryEntry>,
        now: Timestamp,
        store: &dyn Store,
    ) -> Result<Vec<Self>, Error> {
        let called = Called::of(store, entries.iter().map(|entry| entry.actor_id.as_ref())).await?;
        let line = |entry| Self::of(entry, &called, now, store.zone());
        Ok(entries.into_iter().map(line).collect())
    }

    fn of(entry: HistoryEntry, called: &Called, now: Timestamp, zone: &Zone) -> Self {
        let (is_update, what) = match Action::from_name(&entry.action) {
            Some(Action::CreateTask | Action::CreateWidget | Action::CreateTemplate) => {
                (false, "created it")
            }
            _ => (true, "changed it"),
        };
        let changes = entry.changes.filter(|_| is_update);
        Self {
            who: called.name(entry.actor_id.as_deref(), entry.actor),
            what,
            changes: changes.map(change_lines).unwrap_or_default(),
            at: Moment::new(entry.at, now, zone),
        }
    }
}

/// The fields of a record that an event has changed.
pub fn change_lines(changes: Changes) -> Vec<ChangeLine> {
    let line = |(field, values): (String, Option<[Option<String>; 2]>)| ChangeLine {
        values: values.map(|values| values.map(|value| in_words(&field, value))),
        field: field.replace('_', " "),
    };
    changes.0.into_iter().map(line).collect()
}

fn in_words(field: &str, value: Option<String>) -> String {
    let Some(text) = value else { return "none".to_owned() };
    match TaskStatus::from_name(&text) {
        Some(status) if field == "status" => status_in_words(status).to_owned(),
        _ => text,
    }
}
