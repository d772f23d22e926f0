//! The one thread that writes. Its invariants:
//!
//! 1. It owns the only connection that writes. It takes what waits in its queue, runs it in ONE
//!    transaction (BEGIN IMMEDIATE, a savepoint per job if there are several), commits, and only
//!    then answers anyone. An answer means: on disk. So does a refusal, which may rest on what the
//!    same batch wrote.
//! 2. A job that fails or panics undoes only itself. If SQLite dropped the transaction, as it may when
//!    the disk is full, the whole batch fails, loudly.
//! 3. Jobs do no hashing, no I/O and no clock reads: they get values.
//! 4. The queue is bounded. Full means busy.
//! 5. Nothing is committed to files that are not where they were opened.
//! 6. A client that went away does not cancel its job. Closing drains the queue, then joins the
//!    thread.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use log::Level;
use rusqlite::Connection;
use tokio::sync::oneshot;

use super::jobs::{Job, Kind, Pending};
use super::snapshots::end_snapshot;
use crate::clock::Clock;
use crate::error::Error;
use crate::telemetry::{LogLimit, METRICS};

/// How many jobs may wait: about one second of work at a thousand durable writes a second.
const QUEUE_LENGTH: usize = 1_024;

/// How many jobs share a transaction at most, so that the first does not wait long for its answer.
const MAX_BATCH: usize = 256;

/// A handle to the thread that writes.
pub struct Writer {
    /// `None` once closed.
    queue: Mutex<Option<SyncSender<Box<dyn Job>>>>,
    /// How many jobs are in the queue.
    waiting: Arc<AtomicUsize>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Writer {
    /// Starts the thread, which owns `connection` from now on. It asks `before_commit` whether a batch
    /// may be committed, and calls `after_commit` once for each that is on disk, before it answers.
    pub fn start(
        connection: Connection,
        before_commit: impl Fn(&Connection) -> Result<(), Error> + Send + 'static,
        after_commit: impl Fn(&Connection) + Send + 'static,
    ) -> Result<Self, Error> {
        let (sender, receiver) = sync_channel(QUEUE_LENGTH);
        let waiting = Arc::<AtomicUsize>::default();
        let taken = Arc::clone(&waiting);
        let thread = std::thread::Builder::new()
            .name("widgetd-writer".to_owned())
            .spawn(move || {
                write_batches(connection, &receiver, &taken, before_commit, after_commit);
            })
            .map_err(|cause| Error::internal("cannot start the writing thread", cause))?;
        Ok(Self { queue: Mutex::new(Some(sender)), waiting, thread: Mutex::new(Some(thread)) })
    }

    /// Queues a job and waits until it is on disk or has failed.
    pub async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        self.run_as(Kind::default(), work).await
    }

    /// The same, for a job of another kind.
    pub async fn run_as<T: Send + 'static>(
        &self,
        kind: Kind,
        work: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        // What follows sees what this writes.
        end_snapshot();
        let (reply, answer) = oneshot::channel();
        self.enqueue(Box::new(Pending::new(kind, work, reply)))?;
        answer
            .await
            .map_err(|_| Error::internal("the writing thread", "it ended without an answer"))?
    }

    fn enqueue(&self, job: Box<dyn Job>) -> Result<(), Error> {
        let queue = lock(&self.queue);
        match queue.as_ref().map(|sender| sender.try_send(job)) {
            Some(Ok(())) => {
                self.waiting.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Some(Err(TrySendError::Full(_))) | None => Err(Error::Busy),
            Some(Err(TrySendError::Disconnected(_))) => Err(dead()),
        }
    }

    /// Fails if the queue is full, or if the thread has ended unexpectedly, which only a bug can
    /// cause.
    pub fn check_health(&self) -> Result<(), Error> {
        // A job may be taken before it is counted.
        if self.waiting.load(Ordering::Relaxed).cast_signed() >= QUEUE_LENGTH.cast_signed() {
            return Err(Error::Unhealthy("The queue of writes is full.".to_owned()));
        }
        let thread = lock(&self.thread);
        match thread.as_ref() {
            Some(thread) if thread.is_finished() => Err(dead()),
            Some(_) => Ok(()),
            None => Err(Error::Busy),
        }
    }

    /// Takes no more jobs, finishes the queued ones and joins the thread. Idempotent.
    pub fn close(&self) {
        drop(lock(&self.queue).take());
        let thread = lock(&self.thread).take();
        if let Some(Err(_)) = thread.map(JoinHandle::join) {
            log::error!("the writing thread panicked");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.close();
    }
}

/// Ignores poisoning: the guarded values are only replaced as a whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn dead() -> Error {
    Error::internal("the writing thread", "it has ended")
}

fn write_batches(
    connection: Connection,
    queue: &Receiver<Box<dyn Job>>,
    waiting: &AtomicUsize,
    before_commit: impl Fn(&Connection) -> Result<(), Error>,
    after_commit: impl Fn(&Connection),
) {
    let limit = LogLimit::default();
    let mut batch = Vec::with_capacity(MAX_BATCH);
    // It was taken, and is not of the batch before it.
    let mut long = None;
    while let Some(first) = long.take().or_else(|| queue.recv().ok()) {
        let is_long = first.kind().is_long;
        batch.push(first);
        while !is_long && batch.len() < MAX_BATCH {
            match queue.try_recv() {
                Ok(job) if job.kind().is_long => {
                    long = Some(job);
                    break;
                }
                Ok(job) => batch.push(job),
                Err(_) => break,
            }
        }
        waiting.fetch_sub(batch.len(), Ordering::Relaxed);
        METRICS.batch_sizes.observe_count(batch.len());
        let outcome = write_batch(&connection, &mut batch, &before_commit);
        match &outcome {
            Ok(true) => after_commit(&connection),
            Ok(false) => {}
            Err(error) => {
                // An open transaction must not continue into the next batch.
                if !connection.is_autocommit()
                    && let Err(cause) = connection.execute_batch("ROLLBACK")
                {
                    log_failure(&limit, "cannot roll back", &cause.into());
                }
                log_failure(&limit, "a batch of writes was lost", error);
            }
        }
        for job in batch.drain(..) {
            job.answer(outcome.as_ref().err().cloned());
        }
    }
    // Moves the log into the database file, as far as readers allow. The temporary database of this
    // connection has no log.
    if let Err(error) = connection.pragma_query(Some("main"), "wal_checkpoint", |_| Ok(())) {
        log::warn!("cannot check-point the log: {error}");
    }
}

/// Logs what happened to a batch. Who refuses a batch before the commit has said so already.
fn log_failure(limit: &LogLimit, what: &str, error: &Error) {
    if matches!(error, Error::Unhealthy(_)) {
        return;
    }
    limit.log(Level::Error, &format!("{what}: {error}"));
}

/// Returns whether anything was committed.
fn write_batch(
    connection: &Connection,
    batch: &mut [Box<dyn Job>],
    before_commit: &impl Fn(&Connection) -> Result<(), Error>,
) -> Result<bool, Error> {
    execute(connection, "BEGIN IMMEDIATE")?;
    if let [job] = batch {
        if !is_kept(connection, job)? {
            // It may be wrong for the same reason.
            before_commit(connection)?;
            execute(connection, "ROLLBACK")?;
            return Ok(false);
        }
    } else {
        for job in batch {
            execute(connection, "SAVEPOINT job")?;
            if !is_kept(connection, job)? {
                execute(connection, "ROLLBACK TO job")?;
            }
            // Fails, with the whole batch, if a job ended the transaction itself.
            execute(connection, "RELEASE job")?;
        }
    }
    before_commit(connection)?;
    let began = Clock::System.elapsed();
    execute(connection, "COMMIT")?;
    METRICS.commits.observe_time(Clock::System.elapsed().saturating_sub(began));
    Ok(true)
}

/// Runs a job. Returns whether what it did is to be committed.
fn is_kept(connection: &Connection, job: &mut Box<dyn Job>) -> Result<bool, Error> {
    match job.work(connection) {
        Ok(()) => Ok(!job.kind().is_dry_run),
        Err(error @ Error::InsufficientStorage(_)) if connection.is_autocommit() => Err(error),
        Err(other) if connection.is_autocommit() => {
            Err(Error::internal("a write ended the transaction", other))
        }
        Err(_) => Ok(false),
    }
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::super::connection::{connect, use_write_ahead_log};
    use super::*;
    use std::sync::mpsc::{Sender, channel};

    struct Subject {
        writer: Writer,
        reader: Connection,
        _folder: tempfile::TempDir,
    }

    impl Subject {
        fn new() -> Self {
            Self::telling(|_| ())
        }

        /// What is called after each commit.
        fn telling(after_commit: impl Fn(&Connection) + Send + 'static) -> Self {
            Self::asking(|_| Ok(()), after_commit)
        }

        fn asking(
            before_commit: impl Fn(&Connection) -> Result<(), Error> + Send + 'static,
            after_commit: impl Fn(&Connection) + Send + 'static,
        ) -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("test.db");
            let reader = Connection::open(&path).unwrap();
            reader.execute_batch("CREATE TABLE t (x INTEGER PRIMARY KEY)").unwrap();
            let connection = connect(&path).unwrap();
            use_write_ahead_log(&connection).unwrap();
            let writer = Writer::start(connection, before_commit, after_commit).unwrap();
            Self { writer, reader, _folder: folder }
        }

        /// The committed rows, as another connection sees them.
        fn rows(&self) -> Vec<i64> {
            let mut statement = self.reader.prepare("SELECT x FROM t ORDER BY x").unwrap();
            statement.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
        }

        /// Blocks the thread until something is sent. The jobs queued meanwhile are one batch.
        fn hold(&self) -> (Sender<()>, oneshot::Receiver<Result<(), Error>>) {
            let (release, gate) = channel();
            let (begun, has_begun) = channel();
            let held = self.queue(move |_| {
                begun.send(()).unwrap();
                gate.recv().unwrap();
                Ok(())
            });
            has_begun.recv().unwrap();
            (release, held)
        }

        fn queue<T: Send + 'static>(
            &self,
            work: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
        ) -> oneshot::Receiver<Result<T, Error>> {
            self.queue_as(Kind::default(), work)
        }

        fn queue_as<T: Send + 'static>(
            &self,
            kind: Kind,
            work: impl FnOnce(&Connection) -> Result<T, Error> + Send + 'static,
        ) -> oneshot::Receiver<Result<T, Error>> {
            let (reply, answer) = oneshot::channel();
            self.writer.enqueue(Box::new(Pending::new(kind, work, reply))).unwrap();
            answer
        }
    }

    fn insert(x: i64) -> impl FnOnce(&Connection) -> Result<(), Error> {
        move |connection| Ok(connection.execute("INSERT INTO t VALUES (?1)", [x]).map(drop)?)
    }

    fn wait<T>(answer: oneshot::Receiver<Result<T, Error>>) -> Result<T, Error> {
        answer.blocking_recv().unwrap()
    }

    #[test]
    fn an_answered_write_is_seen_by_others() {
        let subject = Subject::new();
        wait(subject.queue(insert(1))).unwrap();
        assert_eq!(subject.rows(), [1]);
    }

    #[test]
    fn a_commit_is_told_when_it_is_on_disk_and_a_lost_batch_is_not() {
        let (commits, told) = channel();
        let subject = Subject::telling(move |connection| {
            let path = connection.path().unwrap().to_owned();
            // As another connection sees it.
            let reader = Connection::open(path).unwrap();
            let count = reader.query_row("SELECT count(*) FROM t", [], |row| row.get(0));
            commits.send(count.unwrap()).unwrap();
        });
        wait(subject.queue(insert(1))).unwrap();
        // It is told before the answer.
        assert_eq!(told.try_iter().collect::<Vec<i64>>(), [1]);
        let dropping = subject.queue(|connection| Ok(connection.execute_batch("ROLLBACK")?));
        assert!(wait(dropping).is_err());
        assert_eq!(told.try_iter().count(), 0);
        wait(subject.queue(insert(2))).unwrap();
        assert_eq!(told.try_iter().collect::<Vec<i64>>(), [2]);
    }

    #[test]
    fn a_job_that_fails_refuses_or_panics_undoes_only_itself() {
        let subject = Subject::new();
        let (release, held) = subject.hold();
        let first = subject.queue(insert(1));
        let refused = subject.queue(|connection| {
            insert(2)(connection)?;
            Err::<(), _>(Error::NotFound("on purpose".to_owned()))
        });
        let panicked = subject.queue(|connection| -> Result<(), Error> {
            insert(3)(connection)?;
            panic!("on purpose")
        });
        let failed = subject.queue(|connection| {
            insert(4)(connection)?;
            insert(1)(connection)
        });
        let last = subject.queue(insert(5));
        assert!(subject.rows().is_empty());
        release.send(()).unwrap();

        for good in [held, first, last] {
            wait(good).unwrap();
        }
        assert!(matches!(wait(refused), Err(Error::NotFound(_))));
        assert!(matches!(wait(panicked), Err(Error::Internal(_))));
        assert!(matches!(wait(failed), Err(Error::Internal(_))));
        assert_eq!(subject.rows(), [1, 5]);
    }

    #[test]
    fn a_job_by_itself_that_fails_or_panics_leaves_nothing_and_is_no_commit() {
        let (commits, told) = channel();
        let subject = Subject::telling(move |_| commits.send(()).unwrap());
        let failed = |connection: &Connection| {
            insert(1)(connection)?;
            insert(1)(connection)
        };
        assert!(matches!(wait(subject.queue(failed)), Err(Error::Internal(_))));
        let panicked = subject.queue(|connection| -> Result<(), Error> {
            insert(2)(connection)?;
            panic!("on purpose")
        });
        assert!(matches!(wait(panicked), Err(Error::Internal(_))));
        assert_eq!((subject.rows(), told.try_iter().count()), (vec![], 0));
        wait(subject.queue(insert(3))).unwrap();
        assert_eq!((subject.rows(), told.try_iter().count()), (vec![3], 1));
    }

    #[test]
    fn what_forbids_a_commit_is_also_said_of_a_job_that_fails_or_is_a_dry_run() {
        let subject = Subject::asking(|_| Err(Error::Unhealthy("moved".to_owned())), |_| ());
        let dry_run = Kind { is_dry_run: true, ..Kind::default() };
        let refused = |_: &Connection| Err::<(), _>(Error::NotFound("on purpose".to_owned()));
        // One after the other, so that none shares its batch.
        let said = [
            wait(subject.queue(refused)),
            wait(subject.queue_as(dry_run, insert(1))),
            wait(subject.queue(insert(1))),
        ];
        assert!(said.iter().all(|said| matches!(said, Err(Error::Unhealthy(_)))), "{said:?}");
        assert!(subject.rows().is_empty());
    }

    #[test]
    fn a_long_job_has_a_transaction_of_its_own() {
        let (commits, told) = channel();
        let subject = Subject::telling(move |_| commits.send(()).unwrap());
        let (release, held) = subject.hold();
        let long = Kind { is_long: true, ..Kind::default() };
        let before = [1, 2].map(|x| subject.queue(insert(x)));
        let alone = [3, 4].map(|x| subject.queue_as(long, insert(x)));
        let after = [5, 6].map(|x| subject.queue(insert(x)));
        release.send(()).unwrap();
        wait(held).unwrap();
        for answer in before.into_iter().chain(alone).chain(after) {
            wait(answer).unwrap();
        }
        assert_eq!(subject.rows(), [1, 2, 3, 4, 5, 6]);
        // What was held, the two before, each long one, the two after.
        assert_eq!(told.try_iter().count(), 5);
    }

    #[test]
    fn a_dry_run_is_undone_by_itself_and_in_a_batch() {
        let subject = Subject::new();
        let dry_run = Kind { is_dry_run: true, ..Kind::default() };
        wait(subject.queue_as(dry_run, insert(1))).unwrap();
        let (release, held) = subject.hold();
        let answers = [
            subject.queue(insert(1)),
            subject.queue_as(dry_run, insert(2)),
            subject.queue(insert(3)),
            subject.queue_as(Kind { is_long: true, ..dry_run }, insert(4)),
        ];
        release.send(()).unwrap();
        wait(held).unwrap();
        for answer in answers {
            wait(answer).unwrap();
        }
        assert_eq!(subject.rows(), [1, 3]);
    }

    #[test]
    fn nobody_is_told_of_success_when_the_transaction_was_dropped() {
        let subject = Subject::new();
        let (release, held) = subject.hold();
        let before = subject.queue(insert(1));
        let dropping = subject.queue(|connection| Ok(connection.execute_batch("ROLLBACK")?));
        let after = subject.queue(insert(2));
        release.send(()).unwrap();
        wait(held).unwrap();
        for lost in [before, dropping, after] {
            assert!(matches!(wait(lost), Err(Error::Internal(_))));
        }
        assert!(subject.rows().is_empty());
        wait(subject.queue(insert(3))).unwrap();
        assert_eq!(subject.rows(), [3]);
    }

    /// The limit on pages stands for the disk: SQLite answers both with `SQLITE_FULL`. It undoes a
    /// statement of many rows alone, but drops the transaction when one row does not fit.
    #[test]
    fn a_full_disk_is_insufficient_storage_and_nothing_is_half_done() {
        fn insert_many(connection: &Connection) -> Result<(), Error> {
            let sql =
                "WITH RECURSIVE n (x) AS (VALUES (10) UNION ALL SELECT x + 1 FROM n LIMIT 5000)
                       INSERT INTO t SELECT x FROM n";
            Ok(connection.execute(sql, []).map(drop)?)
        }
        fn insert_one_by_one(connection: &Connection) -> Result<(), Error> {
            (10..5_010).try_for_each(|x| insert(x)(connection))
        }
        type Fill = fn(&Connection) -> Result<(), Error>;
        let is_full = |answer| matches!(wait(answer), Err(Error::InsufficientStorage(_)));
        for (fill, stays) in [(insert_many as Fill, true), (insert_one_by_one, false)] {
            let subject = Subject::new();
            let limit = |pages: u32| {
                wait(subject.queue(move |connection| {
                    Ok(connection
                        .pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))?)
                }))
            };
            limit(2).unwrap();
            let (release, held) = subject.hold();
            let before = subject.queue(insert(1));
            let filled = subject.queue(fill);
            let after = subject.queue(insert(2));
            release.send(()).unwrap();
            wait(held).unwrap();
            assert!(is_full(filled));
            assert_eq!([is_full(before), is_full(after)], [!stays, !stays]);
            assert_eq!(subject.rows(), if stays { vec![1, 2] } else { vec![] });

            limit(1_000).unwrap();
            wait(subject.queue(insert(3))).unwrap();
            assert_eq!(subject.rows().last(), Some(&3));
        }
    }

    #[test]
    fn a_full_queue_is_busy_and_what_it_held_is_written() {
        let subject = Subject::new();
        let (release, held) = subject.hold();
        let mut queued = Vec::new();
        for x in 0..QUEUE_LENGTH {
            queued.push(subject.queue(insert(i64::try_from(x).unwrap())));
        }
        let (reply, _) = oneshot::channel();
        let refused =
            subject.writer.enqueue(Box::new(Pending::new(Kind::default(), insert(-1), reply)));
        assert!(matches!(refused, Err(Error::Busy)));
        let why = subject.writer.check_health().unwrap_err().to_string();
        assert_eq!(why, "The queue of writes is full.");
        release.send(()).unwrap();
        wait(held).unwrap();
        // The first caller goes away; the write stands.
        drop(queued.remove(0));
        for answer in queued {
            wait(answer).unwrap();
        }
        assert_eq!(subject.rows().len(), QUEUE_LENGTH);
    }

    #[test]
    fn a_lock_that_another_program_keeps_is_busy() {
        let subject = Subject::new();
        subject.reader.execute_batch("BEGIN IMMEDIATE").unwrap();
        assert!(matches!(wait(subject.queue(insert(1))), Err(Error::Busy)));
        subject.reader.execute_batch("COMMIT").unwrap();
        wait(subject.queue(insert(1))).unwrap();
    }

    #[test]
    fn every_commit_is_synchronised() {
        const FULL: i64 = 2;
        let subject = Subject::new();
        let level = wait(subject.queue(|connection| {
            Ok(connection.pragma_query_value(None, "synchronous", |row| row.get::<_, i64>(0))?)
        }));
        assert_eq!(level.unwrap(), FULL);
    }
}
