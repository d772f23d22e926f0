//! Whether another program has changed the schema since the database was opened: a service must not
//! write into a schema that it does not know.

use std::sync::Arc;

use rusqlite::Connection;
use tokio::sync::watch;

use super::migrate::newest_version;
use crate::error::Error;

/// Shared by the writer, which notices a change, and by the service, which then ends.
#[derive(Clone)]
pub struct SchemaWatch(Arc<watch::Sender<usize>>);

impl Default for SchemaWatch {
    fn default() -> Self {
        Self(Arc::new(watch::channel(newest_version()).0))
    }
}

impl SchemaWatch {
    /// [`Error::Unhealthy`] if the schema is not that of this program. For the transaction of a write.
    pub fn check(&self, connection: &Connection) -> Result<(), Error> {
        let version: usize =
            connection.prepare_cached("PRAGMA user_version")?.query_row([], |row| row.get(0))?;
        if version == newest_version() {
            return Ok(());
        }
        self.0.send_replace(version);
        let why = "The database was changed to the schema of another version. The service ends.";
        Err(Error::Unhealthy(why.to_owned()))
    }

    /// The version of the schema, once it is not that of this program any more.
    pub async fn changed(&self) -> usize {
        let mut version = self.0.subscribe();
        // The sender lives as long as this.
        version
            .wait_for(|version| *version != newest_version())
            .await
            .map_or(newest_version(), |version| *version)
    }
}
