//! The engine: one writer and many readers of one file. Each resource implements its trait for it.

use std::path::Path;

use rusqlite::Connection;

use super::connection::{connect, use_write_ahead_log};
use super::deadlines::settle_zone;
use super::disk::Disk;
use super::events::Committed;
use super::migrate::migrate;
use super::quotas;
use super::readers::Readers;
use super::transaction::Transaction;
use super::writer::Writer;
use crate::clock::Clock;
use crate::domain::{Quota, RequestContext, StoreLimits, UserId, Zone};
use crate::error::Error;
use crate::store::traits::IfAbsent;

pub struct SqliteStore {
    pub writer: Writer,
    pub readers: Readers,
    clock: Clock,
    disk: Disk,
    quota: Quota,
    pub zone: Zone,
    pub committed: Committed,
}

impl SqliteStore {
    /// Opens the database, and brings it to this version's schema.
    pub fn open(
        path: &Path,
        if_absent: IfAbsent,
        clock: Clock,
        limits: StoreLimits,
    ) -> Result<Self, Error> {
        prepare_file(path, if_absent)?;
        let mut connection = connect(path).map_err(|cause| {
            Error::internal(&format!("cannot open the database {}", path.display()), cause)
        })?;
        // Changes nothing about a file of another program.
        migrate(&mut connection, path)?;
        use_write_ahead_log(&connection)?;
        let zone = settle_zone(&mut connection, &limits.zone, limits.keep_zone)?;
        quotas::note_growth(&connection)?;
        let committed = Committed::new(&connection)?;
        let publishing = committed.clone();
        Ok(Self {
            writer: Writer::start(connection, move |connection| publishing.publish(connection))?,
            readers: Readers::new(path, clock.clone(), limits.read_timeout)?,
            clock,
            disk: Disk::new(path, limits.min_free),
            quota: limits.quota,
            zone,
            committed,
        })
    }

    /// Runs a job in a transaction, with the authority that the actor has at that moment.
    /// [`Error::InsufficientStorage`] if the disk has too little space, or if a user stores more than
    /// before and more than their quota. Whether their session or key has expired is judged by the
    /// time at which the job is queued, because jobs read no clock. A dry run is rolled back in the end.
    pub async fn write<T: Send + 'static>(
        &self,
        context: &RequestContext,
        job: impl FnOnce(&Transaction<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.disk.check(context.at, &self.readers)?;
        self.write_on_low_disk(context, job).await
    }

    /// The same, also if the disk has too little space. For what gives space back, or is needed to do
    /// so: logins, logouts, disabling a user, revoking a key, and deletes. The service's own writes
    /// (purges, failed attempts, the last use of a key) go to the writer directly, and pass as well.
    pub async fn write_on_low_disk<T: Send + 'static>(
        &self,
        context: &RequestContext,
        job: impl FnOnce(&Transaction<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        // The body of the request may have taken a while since `context.at`.
        let (context, quota, now) = (context.clone(), self.quota, self.clock.now());
        let zone = self.zone.clone();
        self.writer
            .run(move |connection| {
                let transaction = Transaction::begin(connection, &context, now, &zone)?;
                if context.dry_run {
                    connection.execute_batch("SAVEPOINT dry_run")?;
                }
                let done = job(&transaction)?;
                quotas::check(&transaction, quota)?;
                if context.dry_run {
                    connection.execute_batch("ROLLBACK TO dry_run; RELEASE dry_run")?;
                }
                Ok(done)
            })
            .await
    }

    /// Reads by key, on this thread.
    pub fn read<T, E: Into<Error>>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, Error> {
        self.readers.inline(read)
    }

    /// Reads whose cost grows with the data, on a reading thread, for a user if one asks.
    pub async fn read_list<T: Send + 'static>(
        &self,
        reader: Option<UserId>,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        self.readers.on_reading_thread(reader, read).await
    }
}

/// Creates the file if allowed, readable by its owner only: it holds password hashes, and SQLite
/// gives its side files the same mode.
fn prepare_file(path: &Path, if_absent: IfAbsent) -> Result<(), Error> {
    if path.is_dir() {
        return Err(Error::Conflict(format!("{} is a folder, not a database", path.display())));
    }
    if path.exists() {
        return Ok(());
    }
    if if_absent == IfAbsent::Fail {
        return Err(Error::NotFound(format!(
            "there is no database at {}; `widgetd serve` or `widgetd user add` makes one",
            path.display()
        )));
    }
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop).map_err(|cause| {
        let hint = match path.parent() {
            Some(folder) if !folder.is_dir() => {
                format!(" (there is no folder {})", folder.display())
            }
            _ => String::new(),
        };
        Error::internal(&format!("cannot make the database {}{hint}", path.display()), cause)
    })
}
