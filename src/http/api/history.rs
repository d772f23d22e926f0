//! The history of a record: its events without what is for administrators.

use schemars::JsonSchema;
use serde::Serialize;

use super::changes::ChangesView;
use crate::domain::{Action, HistoryEntry, Timestamp, UserId};
use crate::http::wire::{DateTime, Id, Name, Record, ViewContext};

/// A change of a record. Names are as they were then.
#[derive(Serialize, JsonSchema)]
pub struct HistoryView {
    /// `12/31/26 11:59:59 PM UTC`
    at: String,
    at_iso8601: DateTime,
    /// An e-mail address or else a username, or `command line`
    actor: String,
    #[schemars(with = "Option<Id<UserId>>")]
    actor_id: Option<String>,
    #[schemars(with = "Name<Action>")]
    action: String,
    changes: Option<ChangesView>,
}

impl Record for HistoryEntry {
    type View = HistoryView;

    fn etag(&self, _: Timestamp) -> String {
        self.id.get().to_string()
    }

    fn view(self, _: &ViewContext<'_>) -> HistoryView {
        HistoryView {
            at: self.at.to_clock_text(),
            at_iso8601: DateTime(self.at),
            actor: self.actor,
            actor_id: self.actor_id,
            action: self.action,
            changes: self.changes.map(ChangesView::from),
        }
    }
}
