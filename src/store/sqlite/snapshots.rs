//! The connection that a thread keeps to read with, and the snapshot that its reads may share.

use std::cell::{Cell, RefCell};

use r2d2::PooledConnection;
use r2d2_sqlite::SqliteConnectionManager;
use rusqlite::{Connection, Transaction};

use crate::error::Error;

pub type Pooled = PooledConnection<SqliteConnectionManager>;

/// Whether the reads on a thread share a snapshot.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shared {
    No,
    /// The next read begins it.
    Wanted,
    Begun,
}

thread_local! {
    static SHARED: Cell<Shared> = const { Cell::new(Shared::No) };

    /// The connection that this thread keeps, and the pool it is from.
    static KEPT: RefCell<Option<(u64, Pooled)>> = const { RefCell::new(None) };
}

/// Reads with the connection of a pool that this thread keeps, which it gets if it has none.
pub fn read<T, E: Into<Error>>(
    pool: u64,
    get: impl FnOnce() -> Result<Pooled, Error>,
    read: impl FnOnce(&Connection) -> Result<T, E>,
) -> Result<T, Error> {
    KEPT.with_borrow_mut(|kept| {
        let connection = match kept {
            Some((from, connection)) if *from == pool => connection,
            _ => {
                // Returns the other pool's connection before it waits for one of this pool.
                if let Some((_, other)) = kept.take() {
                    end(&other);
                }
                &mut kept.insert((pool, get()?)).1
            }
        };
        if SHARED.get() == Shared::Wanted {
            connection.prepare_cached("BEGIN")?.execute([])?;
            SHARED.set(Shared::Begun);
        }
        read(connection).map_err(Into::into)
    })
}

/// Lets all that `work` reads on this thread be of one state, until it writes. SQLite locks files for
/// each snapshot, which costs more than a read by key.
pub fn read_together(work: &mut dyn FnMut()) {
    struct End;

    impl Drop for End {
        fn drop(&mut self) {
            end_snapshot();
            SHARED.set(Shared::No);
        }
    }

    SHARED.set(Shared::Wanted);
    let _end = End;
    work();
}

/// Lets the next read on this thread see what was written meanwhile.
pub fn end_snapshot() {
    if SHARED.get() == Shared::Begun {
        KEPT.with_borrow(|kept| kept.iter().for_each(|(_, connection)| end(connection)));
    }
}

/// Ends the snapshot of a connection, if it has one.
fn end(connection: &Connection) {
    if SHARED.get() == Shared::Begun {
        SHARED.set(Shared::Wanted);
        // SQLite ends it by itself where a disk fails.
        if connection.is_autocommit() {
            return;
        }
        let run = |sql| connection.prepare_cached(sql)?.execute([]);
        if let Err(cause) = run("COMMIT").or_else(|_| run("ROLLBACK")) {
            log::error!("cannot end a snapshot: {cause}");
        }
    }
}

/// What is read until this is dropped is of one state, which reads before it may share.
pub fn snapshot(connection: &Connection) -> rusqlite::Result<Option<Transaction<'_>>> {
    connection.is_autocommit().then(|| connection.unchecked_transaction()).transpose()
}
