//! The request context: the actor, their address, and the time.

use std::net::IpAddr;
use std::sync::Arc;

use uuid::Uuid;

use super::{Credential, IdempotencyKey, Timestamp, UserId};

/// Identifies a request in the log, the audit and the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(Uuid);

uuid_id!(RequestId);

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
            address: None,
            client: None,
            request: None,
            at,
            dry_run: false,
            idempotency_key: None,
        }
    }
}
