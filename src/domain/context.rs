//! The request context: who does something, from where, and when.

use std::net::IpAddr;

use uuid::Uuid;

use super::{Credential, Timestamp, UserId};

/// A request's number, by which the log, the audit and an answer speak of the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(Uuid);

uuid_id!(RequestId);

/// Who does something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// Somebody who has not proved to be anyone.
    Anonymous,
    /// The owner of an account.
    User(UserId),
    /// Somebody at the command line of the machine.
    CommandLine,
    /// The service itself, as its settings say.
    Service,
}

/// On whose behalf something is done, from where, and when: what the audit keeps of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestContext {
    /// Who.
    pub actor: Actor,
    /// What they authenticated with; `None` for local actors, and for somebody who registers, logs
    /// in or resets a password.
    pub credential: Option<Credential>,
    /// From where, where it came over the network.
    pub address: Option<IpAddr>,
    /// With what, as the client called itself.
    pub client: Option<String>,
    /// In which request.
    pub request: Option<RequestId>,
    /// When.
    pub at: Timestamp,
}

impl RequestContext {
    /// Somebody on this machine, who needs neither a network nor a request.
    pub const fn local(actor: Actor, at: Timestamp) -> Self {
        Self { actor, credential: None, address: None, client: None, request: None, at }
    }
}
