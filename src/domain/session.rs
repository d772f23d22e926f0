//! Sessions: from a login until the token expires or the session is ended.

use std::net::IpAddr;

use async_trait::async_trait;

use super::{
    Action, Authority, Credential, Page, PageRequest, RequestContext, SessionId, Timestamp, UserId,
};
use crate::error::Error;

#[derive(Clone, Debug)]
pub struct NewSession {
    /// The `jti` of the token.
    pub id: SessionId,
    pub user: UserId,
    /// The `exp` of the token.
    pub expires_at: Timestamp,
    /// Until when its life can be extended: that of a browser. `None` for an API client.
    pub renewable_until: Option<Timestamp>,
}

/// Where a session is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionKind {
    /// In a cookie. It lives on while it is used.
    Browser,
    /// By an API client, which has the token. It ends with the token.
    ApiClient,
}

/// How long sessions live, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct SessionLives {
    /// That of an API client, from the login.
    pub api_client: u32,
    /// That of a browser, from its last use.
    pub browser: u32,
    /// The same from the login, at most.
    pub browser_at_most: u32,
}

/// A session that has neither expired nor been ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    pub id: SessionId,
    pub started_at: Timestamp,
    /// The `exp` of the token.
    pub expires_at: Timestamp,
    /// The address of the login; `None` without a network.
    pub address: Option<IpAddr>,
    /// The `User-Agent` of the login.
    pub client: Option<String>,
}

/// The store of sessions.
#[async_trait]
pub trait SessionStore {
    /// The authority of the bearer of a session's token; `None` if the session has ended or belongs
    /// to another user, or the user is not active. Does not check the expiry of the token.
    async fn find_session_authority(
        &self,
        subject: UserId,
        id: SessionId,
    ) -> Result<Option<Authority>, Error>;

    /// The authority of a user by a session or key; `None` if it has ended or expired by `now`, or
    /// the user is not active.
    async fn find_authority(
        &self,
        user: UserId,
        credential: Credential,
        now: Timestamp,
    ) -> Result<Option<Authority>, Error>;

    /// Starts a session. Above the maximum number of sessions, the user's oldest one ends.
    /// [`Error::WrongCredentials`] if the user is not active, or their sessions were ended since
    /// `epoch` was read.
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

    /// Extends the life of a user's session to `expires_at`, or as far as it can be, and returns its
    /// new end. `None` if it cannot be extended or has ended.
    async fn renew_session(
        &self,
        user: UserId,
        id: SessionId,
        expires_at: Timestamp,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, Error>;

    /// Ends one of the user's own sessions, audited as `action`.
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
