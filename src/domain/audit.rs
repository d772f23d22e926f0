//! The audit: what happened to accounts, sessions and keys, by whom, from where.

use async_trait::async_trait;

use super::{
    Email, LoginName, Page, PageRequest, RequestContext, Search, Sort, Timestamp, UserId, UserRef,
};
use crate::error::Error;

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
