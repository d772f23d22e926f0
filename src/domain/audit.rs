//! The audit: changes to users, sessions and keys, with the actor and the address.

use async_trait::async_trait;

use super::{
    Bookmark, Email, LoginName, Page, PageRequest, Portion, RequestContext, Search, Sort,
    Timestamp, UserId, UserRef,
};
use crate::error::Error;

/// A change to a user, a session or a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// By the user, or by an administrator for them.
    Register,
    LogIn,
    /// Ends the session in use.
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
    ChangeName,
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
    ChangeName => "account.name",
    Approve => "account.approve",
    Disable => "account.disable",
    Enable => "account.enable",
    ChangeRole => "account.role",
    Delete => "account.delete",
    CreateKey => "key.create",
    RevokeKey => "key.revoke",
});

/// The user that an attempt was made on.
#[derive(Clone, Debug)]
pub enum Target {
    User(UserId),
    /// An address that no user has, with a dot in its domain.
    UnknownEmail(Email),
    /// Any other name that no user has. It is not stored: people type passwords there.
    Unknown,
}

impl Target {
    /// The target of an attempt on the user `named`, whose id is `found` if they exist.
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

/// One event, with the names at that time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    pub id: u64,
    pub at: Timestamp,
    /// An e-mail address or else a username, or `anonymous`, `command line` or `service`.
    pub actor: String,
    pub actor_id: Option<String>,
    /// `None` without a network.
    pub address: Option<String>,
    /// The name of an [`Action`].
    pub action: String,
    /// An e-mail address or else a username, if it is known.
    pub target: Option<String>,
    pub target_id: Option<String>,
    /// `ok`, or the reason of the refusal.
    pub result: String,
    /// For example a role or the name of a key.
    pub detail: Option<String>,
    /// What the actor authenticated with: `session {id}` or `key {id}`.
    pub credential: Option<String>,
    pub request_id: Option<String>,
}

/// Filter and sort order of a list of entries.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// This user is the actor or the target.
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

/// The store of the audit. Other writes add entries in their own transaction.
#[async_trait]
pub trait AuditStore {
    /// Records a refused attempt. Needs no authority.
    async fn record_failure(&self, failure: Failure, context: &RequestContext)
    -> Result<(), Error>;

    /// For a user, unless the program itself reads.
    async fn list_audit(
        &self,
        reader: Option<UserId>,
        filter: AuditFilter,
        page: PageRequest,
    ) -> Result<Page<AuditEntry>, Error>;

    /// All entries of such a list, a portion at a time.
    async fn export_audit(
        &self,
        reader: Option<UserId>,
        filter: &AuditFilter,
        bookmark: Bookmark,
    ) -> Result<Portion<AuditEntry>, Error>;
}
