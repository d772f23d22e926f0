//! The request context: who does something, from where, and when.

use std::net::IpAddr;

use uuid::Uuid;

use super::{Credential, Timestamp, UserId};

/// Names one request in the log, the audit and the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(Uuid);

uuid_id!(RequestId);

/// Who makes a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Somebody who has not authenticated.
    Anonymous,
    User(UserId),
    CommandLine,
    /// The service itself.
    Service,
}

/// What a write knows of the request that makes it, and the audit keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestContext {
    pub actor: Actor,
    /// What they authenticated with; `None` for local actors, and for somebody who registers, logs
    /// in or resets a password.
    pub credential: Option<Credential>,
    /// `None` where it did not come over the network.
    pub address: Option<IpAddr>,
    /// The `User-Agent`.
    pub client: Option<String>,
    pub request: Option<RequestId>,
    pub at: Timestamp,
}

impl RequestContext {
    /// A write without a network and without a request.
    pub const fn local(actor: Actor, at: Timestamp) -> Self {
        Self { actor, credential: None, address: None, client: None, request: None, at }
    }
}
