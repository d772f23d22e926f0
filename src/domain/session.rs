//! Sessions: a session is a login, from its start until its token expires or somebody ends it.

use std::net::IpAddr;

use uuid::Uuid;

use super::{KeyId, KeyScope, Timestamp, UserId};

/// A session's name, which is the `jti` of its access token: a random UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionId(Uuid);

uuid_id!(SessionId);

/// By what somebody proved who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// The access token of a session.
    Session {
        /// Which.
        id: SessionId,
        /// When the token expires.
        expires_at: Timestamp,
    },
    /// An API key.
    Key {
        /// Which.
        id: KeyId,
        /// What it may be used for.
        scope: KeyScope,
        /// The last moment at which it is good, if it expires.
        expires_at: Option<Timestamp>,
    },
}

impl std::fmt::Display for Credential {
    /// What it is, and its id.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Session { id, .. } => write!(f, "session {id}"),
            Self::Key { id, .. } => write!(f, "key {id}"),
        }
    }
}

/// A session to be started.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Chosen by whoever signs the token.
    pub id: SessionId,
    /// Whose it is.
    pub user: UserId,
    /// When its token expires.
    pub expires_at: Timestamp,
}

/// A session that has neither expired nor been ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its name.
    pub id: SessionId,
    /// When somebody logged in.
    pub started_at: Timestamp,
    /// When its token expires.
    pub expires_at: Timestamp,
    /// From where somebody logged in, if it was told.
    pub address: Option<IpAddr>,
    /// With what, as the client called itself.
    pub client: Option<String>,
}
