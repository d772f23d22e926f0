//! Credentials of a request: the access token of a session, or an API key.

use uuid::Uuid;

use super::Timestamp;

/// The `jti` of the session's access token: a random UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SessionId(Uuid);

uuid_id!(SessionId);

/// The public id of an API key, not the key itself: a random UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KeyId(Uuid);

uuid_id!(KeyId);

/// The methods that an API key allows, within the rights of its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyScope {
    /// GET and HEAD.
    Read,
    /// Every method.
    Write,
    /// The calendar, and nothing else: its address contains the key.
    Calendar,
}

named!(KeyScope { Read => "read", Write => "write", Calendar => "calendar" });

/// What a request was authenticated with.
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
        /// The last moment at which it is valid; `None` if it does not expire.
        expires_at: Option<Timestamp>,
    },
}

impl std::fmt::Display for Credential {
    /// `session {id}` or `key {id}`, as the audit stores it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Session { id, .. } => write!(f, "session {id}"),
            Self::Key { id, .. } => write!(f, "key {id}"),
        }
    }
}
