//! The budget of a read whose cost grows with the data: how many run at once, and what ends one
//! early.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

use crate::clock::Clock;
use crate::domain::UserId;
use crate::error::Error;

/// How many of these reads run for one user at once, so that others find a free connection.
const READS_PER_USER: usize = 2;

/// After how many instructions of its virtual machine, roughly, SQLite asks whether to go on: some
/// ten microseconds.
const INSTRUCTIONS_PER_CHECK: i32 = 1_000;

/// After how many of these checks a read is not brief any more.
const CHECKS_OF_BRIEF_READ: u32 = 20;

/// The right to run one read. It is given back when it is dropped.
pub struct Turn {
    _of_user: Option<OwnedSemaphorePermit>,
    _of_all: OwnedSemaphorePermit,
}

/// Who may read now. Whoever waits gets their turn in the order of arrival.
pub struct Turns {
    all: Arc<Semaphore>,
    /// The users who read or wait at this moment.
    by_user: Mutex<HashMap<UserId, Weak<Semaphore>>>,
}

impl Turns {
    pub fn new(most: usize) -> Self {
        Self { all: Arc::new(Semaphore::new(most)), by_user: Mutex::default() }
    }

    /// Waits for a turn. A user who has too many waits without keeping others from theirs.
    pub async fn wait(&self, user: Option<UserId>) -> Result<Turn, AcquireError> {
        let of_user = match user {
            Some(user) => Some(self.of_user(user).acquire_owned().await?),
            None => None,
        };
        let of_all = Arc::clone(&self.all).acquire_owned().await?;
        Ok(Turn { _of_user: of_user, _of_all: of_all })
    }

    /// How many more reads could run now.
    pub fn free(&self) -> usize {
        self.all.available_permits()
    }

    fn of_user(&self, user: UserId) -> Arc<Semaphore> {
        // A panic cannot leave a half-changed map.
        let mut users = self.by_user.lock().unwrap_or_else(PoisonError::into_inner);
        users.retain(|_, semaphore| semaphore.strong_count() > 0);
        let known = users.get(&user).and_then(Weak::upgrade);
        known.unwrap_or_else(|| {
            let semaphore = Arc::new(Semaphore::new(READS_PER_USER));
            users.insert(user, Arc::downgrade(&semaphore));
            semaphore
        })
    }
}

/// What ends a read early.
#[derive(Clone)]
pub struct Budget {
    pub clock: Clock,
    /// `None`: it may take any time.
    pub timeout: Option<Duration>,
    /// Set when nobody waits for the answer any more.
    pub is_cancelled: Arc<AtomicBool>,
    /// Set when the store closes.
    pub is_closing: Arc<AtomicBool>,
}

impl Budget {
    fn is_unwanted(&self) -> bool {
        self.is_cancelled.load(Ordering::Relaxed) || self.is_closing.load(Ordering::Relaxed)
    }

    /// Runs a read; not at all if it is unwanted already. [`Error::ReadTimeout`] if it took too
    /// long, [`Error::Busy`] if it is unwanted.
    pub fn run<T>(
        &self,
        connection: &Connection,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, Error> {
        if self.is_unwanted() {
            return Err(Error::Busy);
        }
        let (budget, start) = (self.clone(), self.clock.elapsed());
        let must_end = move || {
            let took = || budget.clock.elapsed().saturating_sub(start);
            budget.is_unwanted() || budget.timeout.is_some_and(|most| took() >= most)
        };
        run_until(must_end, connection, read).map_err(|error| match error.sqlite_error_code() {
            Some(ErrorCode::OperationInterrupted) if self.is_unwanted() => Error::Busy,
            Some(ErrorCode::OperationInterrupted) => Error::ReadTimeout,
            _ => error.into(),
        })
    }
}

/// Runs a read unless it takes long: then it is interrupted, and the result is `None`.
pub fn run_if_brief<T>(
    connection: &Connection,
    read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<Option<T>> {
    let mut checks = 0;
    let is_long = move || {
        checks += 1;
        checks > CHECKS_OF_BRIEF_READ
    };
    match run_until(is_long, connection, read) {
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => {
            Ok(None)
        }
        result => result.map(Some),
    }
}

/// Runs a read, which SQLite interrupts as soon as `must_end` says so.
fn run_until<T>(
    must_end: impl FnMut() -> bool + Send + 'static,
    connection: &Connection,
    read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    connection.progress_handler(INSTRUCTIONS_PER_CHECK, Some(must_end))?;
    let result = read(connection);
    connection.progress_handler(0, None::<fn() -> bool>)?;
    result
}

/// Cancels a read when it is dropped: with the future of the request, if the client leaves.
pub struct CancelOnDrop(pub Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_text_search_is_interrupted_within() {
        let connection = Connection::open_in_memory().unwrap();
        connection
            .execute_batch(
                "CREATE VIRTUAL TABLE t USING fts5 (text, content = '', contentless_delete = 1);
                 WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n LIMIT 3000)
                 INSERT INTO t (rowid, text) SELECT n, 'a' || n || ' a' || (n % 7) FROM n",
            )
            .unwrap();
        // It would take many seconds.
        let words = "a* ".repeat(30_000);
        let budget = Budget {
            clock: Clock::System,
            timeout: Some(Duration::from_millis(50)),
            is_cancelled: Arc::default(),
            is_closing: Arc::default(),
        };
        let search = |connection: &Connection| {
            let sql = "SELECT count(*) FROM t WHERE t MATCH ?1";
            connection.query_row(sql, [&words], |row| row.get::<_, i64>(0))
        };
        assert!(matches!(budget.run(&connection, search), Err(Error::ReadTimeout)));
        // The index answers the next search.
        let found = |connection: &Connection| {
            let sql = "SELECT count(*) FROM t WHERE t MATCH 'a1'";
            connection.query_row(sql, [], |row| row.get::<_, i64>(0))
        };
        let unlimited = Budget { timeout: None, ..budget };
        assert_eq!(unlimited.run(&connection, found).unwrap(), 429);
    }
}
