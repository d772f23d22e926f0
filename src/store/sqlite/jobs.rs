//! What waits for the thread that writes.

use std::panic::{AssertUnwindSafe, catch_unwind};

use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::error::Error;
use crate::telemetry::{Inside, METRICS};

/// What the thread has to know about a job.
#[derive(Clone, Copy, Default)]
pub struct Kind {
    /// It writes many rows, and has a transaction of its own: SQLite keeps in memory what it takes to
    /// go back to a savepoint, and looks through all of it at each statement.
    pub is_long: bool,
    /// What it has done is undone.
    pub is_dry_run: bool,
}

/// A queued job with any type of result.
pub trait Job: Send {
    fn kind(&self) -> Kind;

    /// Does the work and keeps its result. An error: roll its changes back.
    fn work(&mut self, connection: &Connection) -> Result<(), Error>;

    /// Sends the result, or `failure` if the batch was lost.
    fn answer(self: Box<Self>, failure: Option<Error>);
}

pub struct Pending<T, F> {
    kind: Kind,
    work: Option<F>,
    result: Option<Result<T, Error>>,
    reply: oneshot::Sender<Result<T, Error>>,
    queued: Option<Inside>,
}

impl<T, F> Pending<T, F> {
    pub fn new(kind: Kind, work: F, reply: oneshot::Sender<Result<T, Error>>) -> Self {
        let queued = Some(METRICS.queued_writes.enter());
        Self { kind, work: Some(work), result: None, reply, queued }
    }
}

impl<T: Send, F: FnOnce(&Connection) -> Result<T, Error> + Send> Job for Pending<T, F> {
    fn kind(&self) -> Kind {
        self.kind
    }

    fn work(&mut self, connection: &Connection) -> Result<(), Error> {
        self.queued = None;
        let Some(work) = self.work.take() else { return Ok(()) };
        // Unwind safe: after a panic, what it has done is rolled back.
        let result = catch_unwind(AssertUnwindSafe(|| work(connection)))
            .unwrap_or_else(|_| Err(Error::internal("a write", "it panicked")));
        let outcome = result.as_ref().map(drop).map_err(Error::clone);
        self.result = Some(result);
        outcome
    }

    fn answer(self: Box<Self>, failure: Option<Error>) {
        let result = match (failure, self.result) {
            (Some(error), _) => Err(error),
            (None, Some(result)) => result,
            (None, None) => Err(Error::internal("a write", "it was not run")),
        };
        // Fails if the client went away; its write stands.
        let _ = self.reply.send(result);
    }
}
