//! The `Store` trait: the traits of all resources as one object.

use async_trait::async_trait;

use crate::domain::{self, Backup, Timestamp, Zone};
use crate::error::Error;
use crate::telemetry::StoreSizes;

/// What a store is opened for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenMode {
    /// Reads and writes, also in a new one.
    Create,
    /// Reads and writes in an existing one.
    Write,
    /// Reads. Of a file that this process may not write, a copy is opened.
    Read,
}

/// What a purge deletes.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Sessions and reset codes that have expired by now are deleted.
    pub now: Timestamp,
    /// Networks without a login since then are deleted.
    pub networks_since: Timestamp,
    /// Older audit events are deleted.
    pub audit_since: Timestamp,
}

/// Everything the program remembers. Each method is one whole transaction.
///
/// When a method that writes answers `Ok`, what it wrote is on disk. A method that takes a
/// [`RequestContext`](crate::domain::RequestContext) confirms its session or key again in that
/// transaction ([`Error::Token`] if it has ended or the user is not active), decides by the user's
/// current role ([`Error::RoleRequired`], [`Error::Forbidden`]), and audits changes to users,
/// sessions and keys. Local actors may do everything.
///
/// A method that names a record fails with [`Error::NotFound`] if it does not exist, and with
/// [`Error::PreconditionFailed`] if its precondition does not hold. A list may fail with
/// [`Error::ReadTimeout`]; it is stopped if its future is dropped. Every method may fail with
/// [`Error::Busy`] or [`Error::Internal`].
#[async_trait]
pub trait Store:
    domain::AgendaStore
    + domain::ApiKeyStore
    + domain::AuditStore
    + domain::SessionStore
    + domain::TaskStore
    + domain::TemplateStore
    + domain::UserStore
    + domain::WidgetStore
    + Send
    + Sync
{
    /// The time zone that decides when a date begins and ends.
    fn zone(&self) -> &Zone;

    /// The id of this installation, which never changes.
    async fn get_installation_id(&self) -> Result<String, Error>;

    /// Whether the store answers: one read, and a write, which is tried at most once a second.
    /// [`Error::Unhealthy`] if nothing can be written, or if the connections that read lists, the queue
    /// of writes or the process's descriptors are exhausted.
    async fn ping(&self) -> Result<(), Error>;

    /// What its files take, and how many sessions there are.
    async fn measure(&self) -> Result<StoreSizes, Error>;

    /// The request that a user has given this idempotency key in the last day, if it was done.
    async fn find_done_request(
        &self,
        user: domain::UserId,
        key: &str,
        now: domain::Timestamp,
    ) -> Result<Option<domain::DoneRequest>, Error>;

    /// The last backup that was noted.
    async fn find_last_backup(&self) -> Result<Option<Backup>, Error>;

    /// Writes down a backup that was made of this store.
    async fn note_backup(&self, backup: Backup) -> Result<(), Error>;

    /// Resolves with a sentence once another program has changed the database so that this one must
    /// end. A write notices it, and is refused.
    async fn wait_for_other_schema(&self) -> Error;

    /// Deletes what has expired.
    async fn purge(&self, retention: Retention) -> Result<(), Error>;

    /// Lets all that `work` reads on this thread be of one state, until it writes.
    fn read_together(&self, work: &mut dyn FnMut());

    /// Finishes the queued writes, and stops the lists that are read. Every later write and long list
    /// is [`Error::Busy`].
    async fn close(&self);
}
