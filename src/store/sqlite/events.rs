//! The latest event that is on disk, for those who wait for the next one.

use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::domain::EventId;

/// How often to look for events that other processes have committed, such as a command.
const OTHER_PROCESSES: Duration = Duration::from_secs(1);

/// The latest event that this process has committed. Clones are the same.
#[derive(Clone)]
pub struct Committed(watch::Sender<EventId>);

impl Committed {
    pub fn new(connection: &Connection) -> rusqlite::Result<Self> {
        latest(connection).map(|latest| Self(watch::Sender::new(latest)))
    }

    /// Wakes those who wait, if a commit has added events.
    pub fn publish(&self, connection: &Connection) {
        match latest(connection) {
            Ok(latest) => {
                self.0.send_if_modified(|known| {
                    let is_later = latest > *known;
                    // After a purge it may be an earlier one.
                    *known = latest.max(*known);
                    is_later
                });
            }
            Err(error) => log::error!("cannot read which event is the latest: {error}"),
        }
    }

    /// Waits until there may be an event after this one.
    pub async fn wait(&self, after: EventId) {
        let mut committed = self.0.subscribe();
        let _ = timeout(OTHER_PROCESSES, committed.wait_for(|latest| *latest > after)).await;
    }
}

/// 0 if there is none.
pub fn latest(connection: &Connection) -> rusqlite::Result<EventId> {
    connection
        .prepare_cached("SELECT coalesce(max(id), 0) FROM audit")?
        .query_row([], |row| row.get(0))
}
