//! Connections that read.
//!
//! A point read by key takes about 5 microseconds, a hop to a blocking thread 20. So each thread
//! that serves requests keeps one pooled connection for itself and reads by key inline, and only
//! reads whose cost grows with the data go to the blocking threads.

use std::cell::RefCell;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use r2d2::PooledConnection;
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::{Connection, OpenFlags};

use super::connection::initialise;
use crate::error::Error;

type Pool = r2d2::Pool<SqliteConnectionManager>;

/// How many threads may keep a connection: more than any sensible setting of Rocket's `workers`.
const KEPT_CONNECTIONS: u32 = 1_024;

/// How many connections the blocking threads share.
const SHARED_CONNECTIONS: u32 = 8;

/// How long a read waits for a free connection before it is [`Error::Busy`].
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(5);

/// Names each pool, because a thread may outlive one store and serve the next.
static NEXT_POOL: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// The connection that this thread keeps, and the pool it is from.
    static KEPT: RefCell<Option<(u64, PooledConnection<SqliteConnectionManager>)>> = const { RefCell::new(None) };
}

/// The query-only connections: those that threads keep, and those that blocking threads share. Two
/// pools, so that neither can starve the other.
pub struct Readers {
    id: u64,
    kept: Pool,
    shared: Pool,
}

impl Readers {
    /// Connections are opened when they are first needed.
    pub fn new(path: &Path) -> Result<Self, Error> {
        Ok(Self {
            id: NEXT_POOL.fetch_add(1, Ordering::Relaxed),
            kept: pool(path, KEPT_CONNECTIONS)?,
            shared: pool(path, SHARED_CONNECTIONS)?,
        })
    }

    /// Reads on this thread, with the connection that it keeps. For reads by key only.
    pub fn inline<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        KEPT.with_borrow_mut(|kept| {
            let connection = match kept {
                Some((pool, connection)) if *pool == self.id => connection,
                _ => {
                    // Returns the other pool's connection before it waits for one of this pool.
                    *kept = None;
                    &mut kept.insert((self.id, get(&self.kept)?)).1
                }
            };
            Ok(read(connection)?)
        })
    }

    /// Reads on a blocking thread. For reads whose cost grows with the data.
    pub async fn on_blocking_thread<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Error> {
        let pool = self.shared.clone();
        tokio::task::spawn_blocking(move || Ok(read(&*get(&pool)?)?))
            .await
            .map_err(|cause| Error::internal("a reading thread failed", cause))?
    }
}

fn pool(path: &Path, size: u32) -> Result<Pool, Error> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let manager = SqliteConnectionManager::file(path).with_flags(flags).with_init(|connection| {
        initialise(connection)?;
        connection.execute_batch("PRAGMA query_only = ON;")
    });
    r2d2::Pool::builder()
        .max_size(size)
        .min_idle(Some(0))
        // A connection to a file does not become stale.
        .test_on_check_out(false)
        .max_lifetime(None)
        .idle_timeout(None)
        .connection_timeout(CONNECTION_TIMEOUT)
        .build(manager)
        .map_err(|cause| Error::internal("cannot make the pool of readers", cause))
}

fn get(pool: &Pool) -> Result<PooledConnection<SqliteConnectionManager>, Error> {
    pool.get().map_err(|cause| {
        log::error!("no connection to read with: {cause}");
        Error::Busy
    })
}
