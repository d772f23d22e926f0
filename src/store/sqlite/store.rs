//! The operations on the whole store.

use async_trait::async_trait;
use rusqlite::Connection;

use super::engine::SqliteStore;
use super::{audit, passwords, sessions};
use crate::domain::Timestamp;
use crate::error::Error;
use crate::store::traits::{Retention, Store};

/// How many rows one job deletes at most, so that other writes run between the jobs.
const PURGE_BATCH: usize = 1_000;

/// Deletes some of the rows that are older than a time, and returns their number.
type Purge = fn(&Connection, Timestamp, usize) -> rusqlite::Result<usize>;

#[async_trait]
impl Store for SqliteStore {
    async fn get_installation_id(&self) -> Result<String, Error> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT public_id FROM installation")?
                .query_row([], |row| row.get(0))
        })
    }

    async fn ping(&self) -> Result<(), Error> {
        self.writer.check_health()?;
        self.readers.check_health()?;
        self.read(|connection| {
            connection.prepare_cached("SELECT 1 FROM installation")?.query_row([], |_| Ok(()))
        })
    }

    async fn purge(&self, retention: Retention) -> Result<(), Error> {
        let Retention { now, networks_since, audit_since } = retention;
        let purges: [(Purge, Timestamp); 4] = [
            (sessions::purge_expired, now),
            (passwords::purge_reset_codes, now),
            (sessions::purge_networks, networks_since),
            (audit::purge, audit_since),
        ];
        for (purge, before) in purges {
            let job = move |connection: &Connection| Ok(purge(connection, before, PURGE_BATCH)?);
            while self.writer.run(job).await? == PURGE_BATCH {}
        }
        Ok(())
    }

    async fn close(&self) {
        self.readers.close();
        self.writer.close();
    }
}
