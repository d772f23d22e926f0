//! What a request is authenticated with: the access token of a session, or an API key.

use uuid::Uuid;

use super::Timestamp;

/// The `jti` of the session's access token: a random UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionId(Uuid);

uuid_id!(SessionId);

/// The public id of an API key, which is not the key itself: a random UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyId(Uuid);

uuid_id!(KeyId);

/// What an API key may be used for, and never for more than its owner may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyScope {
    /// GET and HEAD.
    Read,
    /// Every method.
    Write,
}

named!(KeyScope { Read => "read", Write => "write" });

/// What a user authenticated with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Credential {
    /// The access token of a session.
    Session {
        id: SessionId,
        /// The `exp` of the token.
        expires_at: Timestamp,
    },
    /// An API key.
    Key {
        id: KeyId,
        scope: KeyScope,
        /// The last moment at which it is valid, if it expires.
        expires_at: Option<Timestamp>,
    },
}

impl std::fmt::Display for Credential {
    /// `session {id}` or `key {id}`, as the audit keeps it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Session { id, .. } => write!(f, "session {id}"),
            Self::Key { id, .. } => write!(f, "key {id}"),
        }
    }
}
