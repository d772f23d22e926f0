//! The audit: what was done to users, sessions and keys, by whom and from where.

use async_trait::async_trait;

use super::{
    Email, LoginName, Page, PageRequest, RequestContext, Search, Sort, Timestamp, UserId, UserRef,
};
use crate::error::Error;

/// What is done to a user, a session or a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// By the user, or for them.
    Register,
    LogIn,
    /// Ends the session that is used.
    LogOut,
    /// Ends one session.
    EndSession,
    /// Ends all sessions of a user.
    EndSessions,
    /// With the current password, or at the command line.
    ChangePassword,
    /// With a reset code.
    ResetPassword,
    CreateResetCode,
    ChangeUsername,
    /// From pending to active.
    Approve,
    /// To disabled or pending.
    Disable,
    /// From disabled to active.
    Enable,
    ChangeRole,
    Delete,
    CreateKey,
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

/// The user on whom something was attempted.
#[derive(Clone, Debug)]
pub enum Target {
    User(UserId),
    /// An address that no user has, and that has a domain with a dot.
    UnknownEmail(Email),
    /// Any other name that no user has. It is not kept: people type passwords there.
    Unknown,
}

impl Target {
    /// The target of an attempt that names a user, who may have been found.
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

/// An attempt that was refused.
#[derive(Clone, Debug)]
pub struct Failure {
    pub action: Action,
    pub target: Target,
    /// A word or two, such as `wrong_password`.
    pub reason: &'static str,
}

/// One event. Names are as they were then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    pub id: u64,
    pub at: Timestamp,
    /// An e-mail address, or `anonymous`, `command line` or `service`.
    pub actor: String,
    pub actor_id: Option<String>,
    /// `None` where it did not come over the network.
    pub address: Option<String>,
    /// The name of an [`Action`].
    pub action: String,
    /// An e-mail address, where it is known.
    pub target: Option<String>,
    pub target_id: Option<String>,
    /// `ok`, or why it was refused.
    pub result: String,
    /// More, such as a role or the name of a key.
    pub detail: Option<String>,
    /// What the actor authenticated with: `session {id}` or `key {id}`.
    pub credential: Option<String>,
    pub request_id: Option<String>,
}

/// Which entries a list holds, and in which order.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// The actor or the target is this user.
    pub user: Option<UserRef>,
    pub action: Option<Action>,
    /// At this moment or later.
    pub since: Option<Timestamp>,
    pub search: Option<Search>,
    /// Latest first by default.
    pub sort: Option<Sort<AuditSort>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuditSort {
    At,
}

named!(AuditSort { At => "at" });

/// The audit that is stored. Other writes add to it in their own transaction.
#[async_trait]
pub trait AuditStore {
    /// Records an attempt that was refused, whoever made it.
    async fn record_failure(&self, failure: Failure, context: &RequestContext)
    -> Result<(), Error>;

    async fn list_audit(
        &self,
        filter: AuditFilter,
        page: PageRequest,
    ) -> Result<Page<AuditEntry>, Error>;
}
