//! Connections that read.
//!
//! A point read by key takes about 5 microseconds, a hop to another thread 20. So threads that
//! serve requests read by key inline, and also begin to read pages of lists: most take a few steps
//! in an index. What is longer begins again on a reading thread. Those reads have a budget: a few
//! run at once, fewer for one user, and each ends early if it takes too long or nobody wants its
//! answer. A thread that serves keeps its connection.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use log::Level;
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::{Connection, OpenFlags};
use tokio::time::timeout;

use super::budgets::{self, Budget, CancelOnDrop, Turns};
use super::connection::initialise;
use super::opened::OpenedFiles;
use super::reading_threads::ReadingThreads;
use super::snapshots::{self, Pooled, end_snapshot};
use crate::clock::Clock;
use crate::domain::UserId;
use crate::error::Error;
use crate::telemetry::{LogLimit, METRICS};

type Pool = r2d2::Pool<SqliteConnectionManager>;

/// How many threads may keep a connection: more than any sensible setting of Rocket's `workers`.
const KEPT_CONNECTIONS: u32 = 1_024;

/// How many reading threads there are: as many as cores, and one that waits for the disk. (Measured
/// with 2 cores and 64 users who search: with 8 threads, the p99 of a read by key was 11 ms and the
/// memory 86 MB; with 3, 6.7 ms and 63 MB, and as many lists.)
fn reading_threads() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    u32::try_from(cores + 1).map_or(MAX_READING_THREADS, |n| n.clamp(3, MAX_READING_THREADS))
}

const MAX_READING_THREADS: u32 = 16;

/// How long a read waits for its turn or a new connection before it is [`Error::Busy`].
const TURN_TIMEOUT: Duration = Duration::from_secs(5);

/// Names each pool, because a thread may outlive one store and serve the next.
static NEXT_POOL: AtomicU64 = AtomicU64::new(0);

/// The query-only connections, opened when a thread first needs one.
struct Connections {
    id: u64,
    pool: Pool,
    opened: Arc<OpenedFiles>,
}

impl Connections {
    /// The one that was used last, so that a quiet service fills few page caches.
    /// [`Error::Unhealthy`] if none is idle and another file is now where the database was.
    fn get(&self) -> Result<Pooled, Error> {
        if self.pool.state().idle_connections == 0 {
            // The pool would try for seconds to open what is not there.
            self.opened.check()?;
        }
        get(&self.pool)
    }
}

pub struct Readers {
    /// Where the database is.
    folder: PathBuf,
    connections: Arc<Connections>,
    threads: ReadingThreads,
    turns: Turns,
    clock: Clock,
    read_timeout: Option<Duration>,
    is_closing: Arc<AtomicBool>,
}

impl Readers {
    pub fn new(
        path: &Path,
        opened: Arc<OpenedFiles>,
        clock: Clock,
        read_timeout: Option<Duration>,
    ) -> Result<Self, Error> {
        let connections = Connections {
            id: NEXT_POOL.fetch_add(1, Ordering::Relaxed),
            pool: pool(path, Arc::clone(&opened))?,
            opened,
        };
        Ok(Self {
            folder: path.parent().map(Path::to_owned).unwrap_or_default(),
            connections: Arc::new(connections),
            threads: ReadingThreads::start(reading_threads())?,
            turns: Turns::new(reading_threads() as usize),
            clock,
            read_timeout,
            is_closing: Arc::default(),
        })
    }

    /// Reads on this thread, with the connection that it keeps. For reads by key.
    pub fn inline<T, E: Into<Error>>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, E>,
    ) -> Result<T, Error> {
        snapshots::read(self.connections.id, || self.connections.get(), read)
    }

    /// Begins to read on this thread. `None` if that takes long.
    pub fn inline_if_brief<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, Error> {
        self.inline(|connection| budgets::run_if_brief(connection, read))
    }

    /// Reads on a reading thread, for a user if one asks. For reads whose cost grows with the data.
    ///
    /// If the future is dropped, a read that waits is not run, and one that runs is interrupted.
    /// [`Error::ReadTimeout`] if it takes too long.
    pub async fn on_reading_thread<T: Send + 'static>(
        &self,
        reader: Option<UserId>,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        // What follows is not older than this.
        end_snapshot();
        let turn = timeout(TURN_TIMEOUT, self.turns.wait(reader))
            .await
            .map_err(|_| Error::Busy)?
            .map_err(|cause| Error::internal("waiting to read", cause))?;
        let budget = Budget {
            clock: self.clock.clone(),
            timeout: self.read_timeout,
            is_cancelled: Arc::default(),
            is_closing: Arc::clone(&self.is_closing),
        };
        let _cancel = CancelOnDrop(Arc::clone(&budget.is_cancelled));
        let connections = Arc::clone(&self.connections);
        let reading = METRICS.lists_read.enter();
        let read = move || {
            let result = connections.get().and_then(|connection| budget.run(&connection, read));
            // The turn ends with the read, not with the future that waits for it.
            drop((turn, reading));
            result
        };
        self.threads.run(read).await?
    }

    /// Fails if no list can be read at the moment, or no file can be opened.
    pub fn check_health(&self) -> Result<(), Error> {
        if self.turns.free() == 0 {
            return Err(Error::Unhealthy("All connections that read lists are busy.".to_owned()));
        }
        // Not the database itself: closing a descriptor of it would drop SQLite's locks.
        match std::fs::read_dir(&self.folder) {
            Ok(_) => Ok(()),
            Err(cause) => Err(Error::Unhealthy(format!("No file can be opened: {cause}"))),
        }
    }

    /// Interrupts the reads on reading threads, and refuses later ones.
    pub fn close(&self) {
        self.is_closing.store(true, Ordering::Relaxed);
    }
}

impl Drop for Readers {
    /// The reading threads end with it.
    fn drop(&mut self) {
        self.close();
    }
}

fn pool(path: &Path, opened: Arc<OpenedFiles>) -> Result<Pool, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let manager =
        SqliteConnectionManager::file(path).with_flags(flags).with_init(move |connection| {
            // What was opened may be another file.
            opened.check().map_err(|cause| rusqlite::Error::UserFunctionError(Box::new(cause)))?;
            initialise(connection)?;
            connection.execute_batch("PRAGMA query_only = ON;")
        });
    r2d2::Pool::builder()
        .max_size(KEPT_CONNECTIONS)
        .min_idle(Some(0))
        // A connection to a file does not become stale.
        .test_on_check_out(false)
        .max_lifetime(None)
        .idle_timeout(None)
        .connection_timeout(TURN_TIMEOUT)
        .build(manager)
        .map_err(|cause| Error::internal("cannot make the pool of readers", cause))
}

fn get(pool: &Pool) -> Result<Pooled, Error> {
    static LIMIT: LazyLock<LogLimit> = LazyLock::new(LogLimit::default);
    pool.get().map_err(|cause| {
        LIMIT.log(Level::Error, &format!("no connection to read with: {cause}"));
        Error::Busy
    })
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::sync::mpsc::{Sender, channel};

    use tokio::runtime::Runtime;
    use tokio::task::JoinHandle;

    use super::super::snapshots::{read_together, snapshot};
    use super::*;
    use crate::domain::Timestamp;

    const TIMEOUT: Duration = Duration::from_secs(2);

    /// A read that never ends by itself.
    const ENDLESS: &str = "WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT 1 FROM n)
                           SELECT count(*) FROM n";

    struct Subject {
        readers: Arc<Readers>,
        clock: Clock,
        runtime: Runtime,
        path: PathBuf,
        /// Another program. It keeps the log.
        writer: Connection,
        _folder: tempfile::TempDir,
    }

    impl Subject {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("test.db");
            let writer = Connection::open(&path).unwrap();
            writer.execute_batch("PRAGMA journal_mode = WAL; CREATE TABLE t (x);").unwrap();
            let clock = Clock::fixed(Timestamp::from_seconds(1_000_000));
            let opened = Arc::new(OpenedFiles::of(&path).unwrap());
            let readers = Readers::new(&path, opened, clock.clone(), Some(TIMEOUT)).unwrap();
            let runtime = tokio::runtime::Builder::new_multi_thread()
                .worker_threads(1)
                .enable_time()
                .build()
                .unwrap();
            Self { readers: Arc::new(readers), clock, runtime, path, writer, _folder: folder }
        }

        /// Starts a read that never ends by itself, and waits until it runs.
        fn read_forever(&self, reader: Option<UserId>) -> JoinHandle<Result<i64, Error>> {
            let (begun, has_begun) = channel();
            let answer = self.queue(reader, begun);
            has_begun.recv().unwrap();
            answer
        }

        fn queue(
            &self,
            reader: Option<UserId>,
            begun: Sender<()>,
        ) -> JoinHandle<Result<i64, Error>> {
            let readers = Arc::clone(&self.readers);
            self.runtime.spawn(async move {
                let endless = move |connection: &Connection| {
                    begun.send(()).unwrap();
                    connection.query_row(ENDLESS, [], |row| row.get(0))
                };
                readers.on_reading_thread(reader, endless).await
            })
        }

        /// A read that ends at once, after all that run and wait before it.
        fn read(&self, reader: Option<UserId>) -> Result<i64, Error> {
            let one = |connection: &Connection| connection.query_row("SELECT 1", [], |r| r.get(0));
            self.runtime.block_on(self.readers.on_reading_thread(reader, one))
        }

        fn wait(&self, answer: JoinHandle<Result<i64, Error>>) -> Result<i64, Error> {
            self.runtime.block_on(answer).unwrap()
        }

        fn free_turns(&self) -> usize {
            self.readers.turns.free()
        }
    }

    impl Drop for Subject {
        /// Ends the endless reads, for which the runtime would wait.
        fn drop(&mut self) {
            self.readers.close();
        }
    }

    #[test]
    fn a_read_past_its_deadline_is_stopped_and_the_connection_serves_on() {
        let subject = Subject::new();
        let answer = subject.read_forever(None);
        assert!(!answer.is_finished());
        subject.clock.advance(TIMEOUT);
        assert!(matches!(subject.wait(answer), Err(Error::ReadTimeout)));
        assert_eq!(subject.read(None).unwrap(), 1);
    }

    #[test]
    fn a_brief_read_needs_no_reading_thread_and_a_long_one_is_left_to_them() {
        let subject = Subject::new();
        let _all: Vec<_> = (0..reading_threads()).map(|_| subject.read_forever(None)).collect();
        let read = |sql| {
            let read = |connection: &Connection| connection.query_row(sql, [], |r| r.get(0));
            subject.readers.inline_if_brief::<i64>(read).unwrap()
        };
        assert_eq!(read("SELECT 1"), Some(1));
        assert_eq!(read(ENDLESS), None);
        assert_eq!(read("SELECT 1"), Some(1));
    }

    #[test]
    fn a_read_whose_future_is_dropped_is_interrupted() {
        let subject = Subject::new();
        let all: Vec<_> = (0..reading_threads()).map(|_| subject.read_forever(None)).collect();
        assert_eq!(subject.free_turns(), 0);
        let why = subject.readers.check_health().unwrap_err().to_string();
        assert_eq!(why, "All connections that read lists are busy.");
        for answer in all {
            answer.abort();
        }
        // It waits for a turn, and no time passes.
        assert_eq!(subject.read(None).unwrap(), 1);
    }

    #[test]
    fn a_read_whose_future_is_dropped_while_it_waits_is_not_run() {
        let subject = Subject::new();
        let all: Vec<_> = (0..reading_threads()).map(|_| subject.read_forever(None)).collect();
        let (begun, has_begun) = channel();
        let waiting = subject.queue(None, begun);
        waiting.abort();
        assert!(subject.runtime.block_on(waiting).unwrap_err().is_cancelled());
        subject.clock.advance(TIMEOUT);
        for answer in all {
            assert!(matches!(subject.wait(answer), Err(Error::ReadTimeout)));
        }
        assert_eq!(subject.read(None).unwrap(), 1);
        assert!(has_begun.recv().is_err());
    }

    #[test]
    fn a_read_cancelled_before_a_thread_takes_it_is_not_run() {
        let budget = Budget {
            clock: Clock::System,
            timeout: None,
            is_cancelled: Arc::default(),
            is_closing: Arc::default(),
        };
        let connection = Connection::open_in_memory().unwrap();
        drop(CancelOnDrop(Arc::clone(&budget.is_cancelled)));
        let refused = budget.run(&connection, |_| -> rusqlite::Result<()> { panic!("it runs") });
        assert!(matches!(refused, Err(Error::Busy)));
    }

    #[test]
    fn one_user_has_two_connections_and_others_the_rest() {
        let subject = Subject::new();
        let (ann, bob) = (Some(UserId::generate()), Some(UserId::generate()));
        let _running = [subject.read_forever(ann), subject.read_forever(ann)];
        let (begun, has_begun) = channel();
        let third = subject.queue(ann, begun);
        assert_eq!(subject.read(bob).unwrap(), 1);
        assert_eq!(subject.read(None).unwrap(), 1);
        assert!(has_begun.try_recv().is_err());
        assert_eq!(subject.free_turns(), reading_threads() as usize - 2);
        // When one of the two ends, the third has its turn.
        subject.clock.advance(TIMEOUT);
        has_begun.recv().unwrap();
        subject.clock.advance(TIMEOUT);
        assert!(matches!(subject.wait(third), Err(Error::ReadTimeout)));
    }

    #[test]
    fn reads_together_are_of_one_state_until_it_ends() {
        let subject = Subject::new();
        let add = || subject.writer.execute("INSERT INTO t VALUES (1)", []).unwrap();
        let count = || {
            let count = |connection: &Connection| {
                connection.query_row("SELECT count(*) FROM t", [], |r| r.get(0))
            };
            let brief = subject.readers.inline_if_brief(|connection| {
                let _snapshot = snapshot(connection)?;
                count(connection)
            });
            assert_eq!(brief.unwrap(), Some(subject.readers.inline(count).unwrap()));
            subject.readers.inline::<i64, _>(count).unwrap()
        };
        assert_eq!(count(), 0);
        read_together(&mut || {
            add();
            // It begins with the first read.
            assert_eq!(count(), 1);
            add();
            assert_eq!(count(), 1);
            end_snapshot();
            assert_eq!(count(), 2);
            add();
            assert_eq!(count(), 2);
            // A reading thread sees the present state, and so does what is read after it.
            assert_eq!(subject.read(None).unwrap(), 1);
            assert_eq!(count(), 3);
        });
        assert_eq!(count(), 3);
        let panics = AssertUnwindSafe(|| {
            read_together(&mut || {
                assert_eq!(count(), 3);
                panic!("on purpose");
            });
        });
        assert!(catch_unwind(panics).is_err());
        add();
        assert_eq!(count(), 4);
    }

    #[test]
    fn a_connection_is_not_opened_to_another_file() {
        let subject = Subject::new();
        let one =
            |connection: &Connection| connection.query_row("SELECT 1", [], |r| r.get::<_, i64>(0));
        assert_eq!(subject.readers.inline(one).unwrap(), 1);
        let aside = subject.path.with_extension("aside");
        std::fs::rename(&subject.path, &aside).unwrap();
        std::fs::copy(&aside, &subject.path).unwrap();
        // This thread has one, the reading threads have none.
        assert_eq!(subject.readers.inline(one).unwrap(), 1);
        assert!(matches!(subject.read(None), Err(Error::Unhealthy(_))));
        std::fs::rename(&aside, &subject.path).unwrap();
        assert_eq!(subject.read(None).unwrap(), 1);
    }

    #[test]
    fn closing_interrupts_the_reads_and_refuses_later_ones() {
        let subject = Subject::new();
        let answer = subject.read_forever(None);
        subject.readers.close();
        assert!(matches!(subject.wait(answer), Err(Error::Busy)));
        assert!(matches!(subject.read(None), Err(Error::Busy)));
    }
}
