//! The engine: one writer and many readers of one file. Each resource implements its trait for it.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use rusqlite::Connection;
use tempfile::NamedTempFile;

use super::connection::{connect, time_checkpoints, use_write_ahead_log};
use super::copy::{copy, folder_of, open_unused, sync_folder, unfinished_file};
use super::deadlines::settle_zone;
use super::disk::Disk;
use super::events::Committed;
use super::health::WriteCheck;
use super::jobs::Kind;
use super::migrate::{create_schema, require_newest};
use super::opened::{OpenedFiles, beside};
use super::permissions;
use super::quotas;
use super::readers::Readers;
use super::schema_watch::SchemaWatch;
use super::transaction::Transaction;
use super::writer::Writer;
use crate::clock::Clock;
use crate::domain::{Quota, RequestContext, StoreLimits, UserId, Zone};
use crate::error::Error;
use crate::store::traits::OpenMode;

pub struct SqliteStore {
    pub writer: Writer,
    pub readers: Readers,
    clock: Clock,
    disk: Disk,
    quota: Quota,
    pub zone: Zone,
    pub committed: Committed,
    pub schema: SchemaWatch,
    pub write_check: WriteCheck,
    pub opened: Arc<OpenedFiles>,
    /// The file, if it is a copy to read. It is deleted after it was closed.
    _copy: Option<NamedTempFile>,
}

impl SqliteStore {
    /// Opens the database, which must have this version's schema.
    pub fn open(
        path: &Path,
        mode: OpenMode,
        clock: Clock,
        limits: StoreLimits,
    ) -> Result<Self, Error> {
        let copy = if mode == OpenMode::Read { copy_if_read_only(path)? } else { None };
        let file = copy.as_ref().map_or(path, NamedTempFile::path);
        prepare_file(file, mode)?;
        let mut connection = connect(file).map_err(|cause| {
            Error::internal(&format!("cannot open the database {}", path.display()), cause)
        })?;
        // Changes nothing about a file of another program.
        require_newest(&connection, path)?;
        use_write_ahead_log(&connection)?;
        time_checkpoints(&connection);
        let zone = settle_zone(&mut connection, &limits.zone, limits.keep_zone)?;
        // What undoes one write of a batch is temporary, too: a file took a third of the time of a
        // write. Jobs of many statements have no savepoint (`jobs::Kind`).
        connection.execute_batch("PRAGMA temp_store = MEMORY")?;
        quotas::note_growth(&connection)?;
        let committed = Committed::new(&connection)?;
        let publishing = committed.clone();
        let opened = Arc::new(OpenedFiles::of(file)?);
        let readers = Readers::new(file, Arc::clone(&opened), clock.clone(), limits.read_timeout)?;
        let schema = SchemaWatch::default();
        let (watched, noticing) = (Arc::clone(&opened), schema.clone());
        Ok(Self {
            writer: Writer::start(
                connection,
                move |connection| {
                    watched.check()?;
                    noticing.check(connection)
                },
                move |connection| publishing.publish(connection),
            )?,
            readers,
            opened,
            write_check: WriteCheck::new(clock.clone()),
            clock,
            disk: Disk::new(file, limits.min_free),
            quota: limits.quota,
            zone,
            committed,
            schema,
            _copy: copy,
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
        self.run(context, false, job).await
    }

    /// The same, for a job that writes many rows.
    pub async fn write_many<T: Send + 'static>(
        &self,
        context: &RequestContext,
        job: impl FnOnce(&Transaction<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.disk.check(context.at, &self.readers)?;
        self.run(context, true, job).await
    }

    /// The same, also if the disk has too little space. For what gives space back, or is needed to do
    /// so: logins, logouts, disabling a user, revoking a key, and deletes. The service's own writes
    /// (purges, failed attempts, the last use of a key) go to the writer directly, and pass as well.
    pub async fn write_on_low_disk<T: Send + 'static>(
        &self,
        context: &RequestContext,
        job: impl FnOnce(&Transaction<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.run(context, false, job).await
    }

    async fn run<T: Send + 'static>(
        &self,
        context: &RequestContext,
        is_long: bool,
        job: impl FnOnce(&Transaction<'_>) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let kind = Kind { is_long, is_dry_run: context.dry_run };
        // The body of the request may have taken a while since `context.at`.
        let (context, quota, now) = (context.clone(), self.quota, self.clock.now());
        let zone = self.zone.clone();
        self.writer
            .run_as(kind, move |connection| {
                let transaction = Transaction::begin(connection, &context, now, &zone)?;
                let done = job(&transaction)?;
                quotas::check(&transaction, quota)?;
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

    /// Reads a page of a list, for a user if one asks. `is_search`: it looks for words.
    pub async fn read_page<T: Send + 'static>(
        &self,
        reader: Option<UserId>,
        is_search: bool,
        read: impl Fn(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        // The full-text index is asked too seldom whether to go on.
        let page = if is_search { None } else { self.readers.inline_if_brief(&read)? };
        match page {
            Some(page) => Ok(page),
            None => self.readers.on_reading_thread(reader, read).await,
        }
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

/// A copy, if this process may read a database that it may not write: SQLite itself writes beside a
/// database also to read it.
fn copy_if_read_only(path: &Path) -> Result<Option<NamedTempFile>, Error> {
    let Err(why) = permissions::check(path, OpenMode::Read) else { return Ok(None) };
    // It may not be read either.
    let Ok(source) = open_unused(path) else { return Err(why) };
    copy(&source, &std::env::temp_dir(), |_| Ok(())).map(Some)
}

/// Creates the database if allowed, readable by its owner only: it holds password hashes, and SQLite
/// gives its side files the same mode. It gets its name when it is whole.
fn prepare_file(path: &Path, mode: OpenMode) -> Result<(), Error> {
    if path.is_dir() {
        return Err(Error::Conflict(format!("{} is a folder, not a database", path.display())));
    }
    permissions::check(path, mode)?;
    // Whoever makes the database names it before its log. So the log is looked for first.
    let log = beside(path, "-wal");
    let has_log = log.exists();
    if path.exists() {
        return Ok(());
    }
    if mode != OpenMode::Create {
        return Err(Error::NotFound(format!(
            "there is no database at {}; `widgetd serve` or `widgetd user add` makes one",
            path.display()
        )));
    }
    if has_log {
        return Err(Error::Conflict(format!(
            "there is a log, {}, but no database {}. Put the database of that log back, or delete the log",
            log.display(),
            path.display()
        )));
    }
    let folder = folder_of(path);
    let cannot = |cause: &dyn std::fmt::Display| {
        let hint = if folder.is_dir() {
            String::new()
        } else {
            format!(" (there is no folder {})", folder.display())
        };
        Error::internal(&format!("cannot make the database {}{hint}", path.display()), cause)
    };
    let file = unfinished_file(folder).map_err(|cause| cannot(&cause))?;
    let mut connection = connect(file.path())?;
    create_schema(&mut connection)?;
    connection.close().map_err(|(_, cause)| cannot(&cause))?;
    match file.persist_noclobber(path) {
        // Another program was faster.
        Err(refusal) if refusal.error.kind() != ErrorKind::AlreadyExists => {
            Err(cannot(&refusal.error))
        }
        _ => sync_folder(folder),
    }
}
