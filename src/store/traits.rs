//! The `Store` trait: the traits of all resources, as one object.

use async_trait::async_trait;

use crate::domain::{
    ApiKeyStore, AuditStore, SessionStore, TaskStore, TemplateStore, Timestamp, UserStore,
    WidgetStore,
};
use crate::error::Error;

/// Whether opening a store may create it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfAbsent {
    Create,
    Fail,
}

/// From when on data is kept that expires.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// Sessions and reset codes that have expired by now are deleted.
    pub now: Timestamp,
    /// Networks from which nobody has logged in since are deleted.
    pub networks_since: Timestamp,
    /// Audit events from before are deleted.
    pub audit_since: Timestamp,
}

/// Everything the program remembers. Each method is one whole transaction.
///
/// When a method that writes answers `Ok`, what it wrote is on disk. A method that takes a
/// [`RequestContext`](crate::domain::RequestContext) confirms its session or key again in that
/// transaction ([`Error::Token`] where it has ended, or the user is not active), decides by the
/// role that the user has then ([`Error::RoleRequired`], [`Error::Forbidden`]), and adds what it
/// did to users, sessions and keys to the audit. Local actors may do everything.
///
/// A method that names one record refuses with [`Error::NotFound`] where there is none, and one
/// that takes a precondition with [`Error::PreconditionFailed`] where it does not hold. Every
/// method may fail with [`Error::Busy`] or [`Error::Internal`].
#[async_trait]
pub trait Store:
    ApiKeyStore
    + AuditStore
    + SessionStore
    + TaskStore
    + TemplateStore
    + UserStore
    + WidgetStore
    + Send
    + Sync
{
    /// The id of this installation, which never changes.
    async fn get_installation_id(&self) -> Result<String, Error>;

    /// Whether the store answers: one read, and whether the writer lives.
    async fn ping(&self) -> Result<(), Error>;

    /// Deletes what has expired.
    async fn purge(&self, retention: Retention) -> Result<(), Error>;

    /// Finishes what is queued, and takes no more: every later write is [`Error::Busy`].
    async fn close(&self);
}
