//! The operations on the whole store.

use async_trait::async_trait;

use super::engine::SqliteStore;
use super::{audit, passwords, sessions};
use crate::error::Error;
use crate::store::traits::{Retention, Store};

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
        self.writer.check_alive()?;
        self.read(|connection| {
            connection.prepare_cached("SELECT 1 FROM installation")?.query_row([], |_| Ok(()))
        })
    }

    async fn purge(&self, retention: Retention) -> Result<(), Error> {
        self.writer
            .run(move |connection| {
                sessions::purge_expired(connection, retention.now)?;
                passwords::purge_reset_codes(connection, retention.now)?;
                sessions::purge_networks(connection, retention.networks_since)?;
                Ok(())
            })
            .await?;
        // In batches, so that other writes can run between them.
        while self
            .writer
            .run(move |connection| audit::purge_batch(connection, retention.audit_since))
            .await?
        {}
        Ok(())
    }

    async fn close(&self) {
        self.readers.close();
        self.writer.close();
    }
}
