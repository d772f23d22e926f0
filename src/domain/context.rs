//! The request context: the actor, their address, and the time.

use std::cell::RefCell;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use uuid::fmt::Hyphenated;
use uuid::{Builder, Uuid};

use super::{Credential, IdempotencyKey, Timestamp, UserId};

/// Identifies a request in the log, the audit and the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

/// What an id may have in characters.
const MAX_ID_LENGTH: usize = 64;

impl RequestId {
    /// A random UUID.
    pub fn generate() -> Self {
        let mut text = [0; Hyphenated::LENGTH];
        let id = Builder::from_random_bytes(random_bytes()).into_uuid();
        Self(Arc::from(&*id.hyphenated().encode_lower(&mut text)))
    }

    /// An id of a proxy: 1 to 64 of `A-Z`, `a-z`, `0-9`, `.`, `_` and `-`.
    pub fn parse(text: &str) -> Option<Self> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
        let is_id = (1..=MAX_ID_LENGTH).contains(&text.len()) && text.bytes().all(is_allowed);
        is_id.then(|| Self(text.into()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Random bytes for what is no secret. The system is asked once for many, because every request needs
/// some.
fn random_bytes() -> [u8; 16] {
    const COUNT: usize = 64;
    thread_local! {
        static RANDOM: RefCell<Vec<[u8; 16]>> = const { RefCell::new(Vec::new()) };
    }
    RANDOM.with_borrow_mut(|random| {
        if random.is_empty() {
            let mut bytes = [0; COUNT * 16];
            if getrandom::fill(&mut bytes).is_err() {
                return Uuid::new_v4().into_bytes();
            }
            random.extend(bytes.as_chunks().0);
        }
        random.pop().unwrap_or_default()
    })
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The author of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Not authenticated.
    Anonymous,
    User(UserId),
    CommandLine,
    /// The service itself.
    Service,
}

/// The facts about a request that a write checks and the audit stores.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestContext {
    pub actor: Actor,
    /// `None` for local actors, and for a user who registers, logs in or resets a password.
    pub credential: Option<Credential>,
    /// The user's token epoch when their password was checked for this write, if it was.
    pub password_epoch: Option<i64>,
    /// `None` without a network.
    pub address: Option<IpAddr>,
    /// The `User-Agent`.
    pub client: Option<String>,
    pub request: Option<RequestId>,
    pub at: Timestamp,
    /// Whether the transaction is rolled back in the end.
    pub dry_run: bool,
    /// A create with a key is done once.
    pub idempotency_key: Option<Arc<IdempotencyKey>>,
}

impl RequestContext {
    /// A write without a network and without a request.
    pub const fn local(actor: Actor, at: Timestamp) -> Self {
        Self {
            actor,
            credential: None,
            password_epoch: None,
            address: None,
            client: None,
            request: None,
            at,
            dry_run: false,
            idempotency_key: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_is_1_to_64_letters_digits_dots_hyphens_and_underscores() {
        let generated = RequestId::generate();
        let longest = "x".repeat(64);
        for id in ["a", "A-b_c.9", &longest, generated.as_str()] {
            assert_eq!(RequestId::parse(id).unwrap().as_str(), id);
        }
        for id in ["", "a b", "a\"", "é", "a\n", "a/b", &"x".repeat(65)] {
            assert_eq!(RequestId::parse(id), None, "{id}");
        }
        assert_ne!(RequestId::generate(), generated);
    }
}
