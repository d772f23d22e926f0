//! Sessions: from a login until the token expires or the session is ended.

use std::net::IpAddr;

use async_trait::async_trait;

use super::{Action, Authority, Page, PageRequest, RequestContext, SessionId, Timestamp, UserId};
use crate::error::Error;

#[derive(Clone, Debug)]
pub struct NewSession {
    /// The `jti` of the token.
    pub id: SessionId,
    pub user: UserId,
    /// The `exp` of the token.
    pub expires_at: Timestamp,
}

/// A session that has neither expired nor been ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub id: SessionId,
    pub started_at: Timestamp,
    /// The `exp` of the token.
    pub expires_at: Timestamp,
    /// Where the login came from, if it came over the network.
    pub address: Option<IpAddr>,
    /// The `User-Agent` of the login.
    pub client: Option<String>,
}

/// The sessions that are stored.
#[async_trait]
pub trait SessionStore {
    /// The authority of the bearer of a session's token; `None` where the session has ended, is
    /// another user's, or the user is not active. Does not look at when the token expires.
    async fn find_session_authority(
        &self,
        subject: UserId,
        id: SessionId,
    ) -> Result<Option<Authority>, Error>;

    /// Starts a session. Where the user has the most sessions that they may have, the oldest ends.
    /// [`Error::WrongCredentials`] where the user is not active, or where their sessions were ended
    /// since `epoch` was read.
    async fn start_session(
        &self,
        new: NewSession,
        epoch: i64,
        context: &RequestContext,
    ) -> Result<(), Error>;

    /// A user's sessions that have not expired by `now`, oldest first.
    async fn list_sessions(
        &self,
        user: UserId,
        page: PageRequest,
        now: Timestamp,
    ) -> Result<Page<Session>, Error>;

    /// Ends one of the user's own sessions. `action` is what the audit notes.
    async fn end_session(
        &self,
        user: UserId,
        id: SessionId,
        action: Action,
        context: &RequestContext,
    ) -> Result<(), Error>;

    /// Ends all sessions of a user, by the user or an administrator, and counts them.
    async fn end_sessions(&self, user: UserId, context: &RequestContext) -> Result<usize, Error>;
}
