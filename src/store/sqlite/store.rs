//! The operations on the whole store.

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::engine::SqliteStore;
use super::{audit, idempotency, passwords, sessions};
use crate::domain::{DoneRequest, IDEMPOTENCY_SECONDS, Timestamp, UserId, Zone};
use crate::error::Error;
use crate::store::traits::{Retention, Store};

/// How many rows one job deletes at most, so that other writes run between the jobs.
const PURGE_BATCH: usize = 1_000;

#[async_trait]
impl Store for SqliteStore {
    fn zone(&self) -> &Zone {
        &self.zone
    }

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

    async fn find_done_request(
        &self,
        user: UserId,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<DoneRequest>, Error> {
        self.read(|connection| idempotency::find(connection, user, key, now))
    }

    async fn purge(&self, retention: Retention) -> Result<(), Error> {
        let Retention { now, networks_since, audit_since } = retention;
        for (purge, before) in [
            (sessions::PURGE, now),
            (passwords::PURGE_RESET_CODES, now),
            (sessions::PURGE_NETWORKS, networks_since),
            (audit::PURGE, audit_since),
            (idempotency::PURGE, now.plus_seconds(-IDEMPOTENCY_SECONDS)),
        ] {
            let job = move |connection: &Connection| {
                Ok(connection.prepare_cached(purge)?.execute(params![before, PURGE_BATCH])?)
            };
            while self.writer.run(job).await? == PURGE_BATCH {}
        }
        Ok(())
    }

    async fn close(&self) {
        self.readers.close();
        self.writer.close();
    }
}
