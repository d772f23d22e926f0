//! What takes several changes of tasks back: the audit knows what was before.

use rusqlite::params;

use super::transaction::Transaction;
use crate::domain::{
    Action, Actor, ChangedFields, Changes, RequestId, TaskChange, TaskId, TaskStatus, UserRef,
};
use crate::error::Error;

/// Among so many of a user's latest events, those of a request are searched.
const LATEST: u32 = 2_000;

/// A change of a task.
pub struct Undo {
    pub task: TaskId,
    /// Makes it what it was before.
    pub change: TaskChange,
    /// Whether nothing has happened to the task since.
    pub is_latest: bool,
}

/// The changes that the user has made to tasks with one request.
pub fn of_request(transaction: &Transaction<'_>, request: RequestId) -> Result<Vec<Undo>, Error> {
    let Actor::User(user) = transaction.context.actor else { return Ok(Vec::new()) };
    let mut statement = transaction.prepare_cached(
        "SELECT event.record_id, event.changes, NOT EXISTS (
             SELECT 1 FROM audit later WHERE later.record_id = event.record_id AND later.id > event.id)
         FROM (SELECT id FROM audit_user WHERE user = ?1 ORDER BY id DESC LIMIT ?2) latest
         JOIN audit event ON event.id = latest.id
         WHERE event.request_id = ?3 AND event.action = ?4 AND event.actor_id = ?1",
    )?;
    let of_row = |row: &rusqlite::Row<'_>| {
        let changes: Changes = row.get(1)?;
        Ok(Undo { task: row.get(0)?, change: reversed(changes.0), is_latest: row.get(2)? })
    };
    let found = statement.query_map(params![user, LATEST, request, Action::UpdateTask], of_row)?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// The change back to what was before; only of what several tasks are given at once.
fn reversed(changes: ChangedFields) -> TaskChange {
    let mut change = TaskChange::default();
    for (field, values) in changes {
        let Some([before, _]) = values else { continue };
        match field.as_str() {
            "status" => change.status = before.as_deref().and_then(TaskStatus::from_name),
            "assignee" => {
                change.assignee =
                    Some(before.as_deref().and_then(|name| UserRef::parse(name).ok()));
            }
            _ => {}
        }
    }
    change
}
