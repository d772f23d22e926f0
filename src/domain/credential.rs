//! What a request is authenticated with: the access token of a session, or an API key.

use uuid::Uuid;

use super::Timestamp;

/// A session's name, which is the `jti` of its access token: a random UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionId(Uuid);

uuid_id!(SessionId);

/// A key's name to the world, which is not the key: a random UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyId(Uuid);

uuid_id!(KeyId);

/// What a key may be used for. Never for more than its owner may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyScope {
    /// Reading: GET and HEAD.
    Read,
    /// Reading and writing.
    Write,
}

named!(KeyScope { Read => "read", Write => "write" });

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
