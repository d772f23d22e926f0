//! The audit: what happened to accounts, sessions and keys, by whom, from where.

use std::net::IpAddr;

use uuid::Uuid;

use super::{Credential, Email, LoginName, Role, Search, Timestamp, UserId, UserRef};

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

/// How an account's owner proved to be that, and as what they were let in. Between then and the
/// write either may have ended, so whoever writes asks once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The session or key.
    pub credential: Credential,
    /// The least role that it takes.
    pub at_least: Role,
}

/// On whose behalf something is done, from where, and when: what the audit keeps of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestContext {
    /// Who.
    pub actor: Actor,
    /// By what they were let in, where they had to be.
    pub proof: Option<Proof>,
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
        Self { actor, proof: None, address: None, client: None, request: None, at }
    }
}

/// What happens to an account, a session or a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// An account is made, by whoever will own it or for them.
    Register,
    /// Somebody logs in.
    LogIn,
    /// Somebody logs out of the session that they use.
    LogOut,
    /// One session is ended.
    EndSession,
    /// All sessions of an account are ended.
    EndSessions,
    /// A password is changed by who knows the present one, or at the command line.
    ChangePassword,
    /// A password is set by who has a reset code.
    ResetPassword,
    /// A reset code is made.
    CreateResetCode,
    /// A username is chosen.
    ChangeUsername,
    /// An account that waited may log in.
    Approve,
    /// An account may log in no more.
    Disable,
    /// An account that was disabled may log in again.
    Enable,
    /// An account gets another role.
    ChangeRole,
    /// An account is deleted.
    Delete,
    /// An API key is made.
    CreateKey,
    /// An API key is revoked.
    RevokeKey,
}

named!(Action {
    Register => "account.register",
    LogIn => "session.start",
    LogOut => "session.logout",
    EndSession => "session.end",
    EndSessions => "session.end_all",
    ChangePassword => "password.change",
    ResetPassword => "password.reset",
    CreateResetCode => "password.reset_code",
    ChangeUsername => "account.username",
    Approve => "account.approve",
    Disable => "account.disable",
    Enable => "account.enable",
    ChangeRole => "account.role",
    Delete => "account.delete",
    CreateKey => "key.create",
    RevokeKey => "key.revoke",
});

/// Whom something was attempted on.
#[derive(Clone, Debug)]
pub enum Target {
    /// An account that exists.
    User(UserId),
    /// An address that no account has, and that looks like one: its domain has a dot.
    UnknownEmail(Email),
    /// Something else that no account has. It is not kept: it may be a password, in the wrong field.
    Unknown,
}

impl Target {
    /// Whom somebody named, and whether that is an account.
    pub fn of(named: &UserRef, found: Option<UserId>) -> Self {
        match (found, named) {
            (Some(id), _) => Self::User(id),
            (None, UserRef::LoginName(LoginName::Email(email))) if email.has_dotted_domain() => {
                Self::UnknownEmail(email.clone())
            }
            (None, _) => Self::Unknown,
        }
    }
}

/// An attempt that was refused, and changed nothing.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What was attempted.
    pub action: Action,
    /// On whom.
    pub target: Target,
    /// Why it was refused, in a word or two.
    pub reason: &'static str,
}

/// What the audit remembers of one action. Names are as they were then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// Counts the entries.
    pub id: u64,
    /// When.
    pub at: Timestamp,
    /// Who: an e-mail address, or `anonymous`, `command line` or `service`.
    pub actor: String,
    /// The actor's account, where it is one.
    pub actor_id: Option<String>,
    /// From where, where it came over the network.
    pub address: Option<String>,
    /// What: the name of an [`Action`].
    pub action: String,
    /// To whom: an e-mail address, where it is known.
    pub target: Option<String>,
    /// The target's account, where it is one.
    pub target_id: Option<String>,
    /// `ok`, or why it was refused.
    pub result: String,
    /// What else is to be said: a role, the name of a key.
    pub detail: Option<String>,
    /// By what the actor was let in: a session or an API key, with its id.
    pub credential: Option<String>,
    /// In which request.
    pub request_id: Option<String>,
}

/// Which entries are asked for.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Those of which this account is the actor or the target.
    pub account: Option<UserRef>,
    /// Those of this action.
    pub action: Option<Action>,
    /// Those of this moment and later.
    pub since: Option<Timestamp>,
    /// Those in which this is found.
    pub search: Option<Search>,
    /// Whether the oldest come first; else the latest do.
    pub oldest_first: bool,
}

/// By what entries are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditSort {
    /// By their moment.
    At,
}

named!(AuditSort { At => "at" });
