//! The audit: changes of users, sessions, keys and records, with the actor and the address.

use std::time::Duration;

use async_trait::async_trait;

use super::text::check_line;
use super::{
    Bookmark, Changes, Email, LoginName, Page, PageRequest, Portion, RequestContext, Search, Sort,
    Timestamp, UserId, UserRef,
};
use crate::error::Error;

/// A change of a user, a session, a key or a record.
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
    CreateWidget,
    UpdateWidget,
    DeleteWidget,
    CreateTask,
    UpdateTask,
    DeleteTask,
    CreateTemplate,
    UpdateTemplate,
    DeleteTemplate,
    /// Of the database, from a backup.
    Restore,
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
    CreateWidget => "widget.create",
    UpdateWidget => "widget.update",
    DeleteWidget => "widget.delete",
    CreateTask => "task.create",
    UpdateTask => "task.update",
    DeleteTask => "task.delete",
    CreateTemplate => "template.create",
    UpdateTemplate => "template.update",
    DeleteTemplate => "template.delete",
    Restore => "database.restore",
});

/// A record whose changes are audited. Declared by `audited!`.
pub trait Audited {
    const CREATE: Action;
    const UPDATE: Action;
    const DELETE: Action;

    /// What its events call it; `None` if only the owner may know.
    fn audit_name(&self) -> Option<&str>;

    /// What changed. There is no record before it is created, and none after it is deleted.
    fn changes(old: Option<&Self>, new: Option<&Self>) -> Changes;
}

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

/// What an event is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetKind {
    Account,
    Widget,
    Task,
    Template,
    /// All of it.
    Database,
}

named!(TargetKind {
    Account => "account",
    Widget => "widget",
    Task => "task",
    Template => "template",
    Database => "database",
});

/// How an attempt ended: well, or why it was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventResult {
    Ok,
    WrongPassword,
    WrongCode,
    UnknownAccount,
    /// The account waits for approval.
    Pending,
    Disabled,
}

named!(EventResult {
    Ok => "ok",
    WrongPassword => "wrong_password",
    WrongCode => "wrong_code",
    UnknownAccount => "unknown_account",
    Pending => "pending",
    Disabled => "disabled",
});

/// An attempt that was refused.
#[derive(Clone, Debug)]
pub struct Failure {
    pub action: Action,
    pub target: Target,
    /// A word or two, such as `wrong_password`.
    pub reason: &'static str,
}

/// The number of an event. They grow in the order of the commits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventId(u64);

impl EventId {
    pub const fn new(id: u64) -> Self {
        Self(id)
    }

    /// Parses a whole number. SQL has no larger ones than `i64`.
    pub fn parse(text: &str) -> Result<Self, String> {
        let id = text.parse().ok().filter(|id| i64::try_from(*id).is_ok());
        id.map(Self).ok_or_else(|| format!("'{text}' is not the id of an event, a whole number"))
    }

    pub const fn get(self) -> u64 {
        self.0
    }
}

/// What events are about: the id of a record or a user, or the name of a widget or a user.
#[derive(Clone, Debug)]
pub struct TargetRef(String);

checked_text!(TargetRef, |text| check_line(text, 255));

/// One event, with the names at that time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    pub id: EventId,
    pub at: Timestamp,
    /// An e-mail address or else a username, or `anonymous`, `command line` or `service`.
    pub actor: String,
    pub actor_id: Option<String>,
    /// `None` without a network.
    pub address: Option<String>,
    /// The name of an [`Action`].
    pub action: String,
    /// An e-mail address or else a username, if it is known; the name of a widget, the title of a
    /// task. A template has neither a name nor an id here.
    pub target: Option<String>,
    /// A public id, or the number that a widget keeps.
    pub target_id: Option<String>,
    /// `ok`, or the reason of the refusal.
    pub result: String,
    /// For example a role or the name of a key.
    pub detail: Option<String>,
    /// What the actor authenticated with: `session {id}` or `key {id}`.
    pub credential: Option<String>,
    pub request_id: Option<String>,
    /// Of a record.
    pub changes: Option<Changes>,
}

impl AuditEntry {
    /// What the target is. Events of sessions, passwords and keys are about an account.
    pub fn target_kind(&self) -> TargetKind {
        let kind = self.action.split('.').next().and_then(TargetKind::from_name);
        kind.unwrap_or(TargetKind::Account)
    }
}

/// An event of one record, for whoever may see the record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryEntry {
    pub id: EventId,
    pub at: Timestamp,
    /// An e-mail address or else a username at that time, or `command line`.
    pub actor: String,
    pub actor_id: Option<String>,
    /// The name of an [`Action`].
    pub action: String,
    pub changes: Option<Changes>,
}

/// Filter and sort order of a list of entries.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// This user is the actor or the target.
    pub user: Option<UserRef>,
    pub target: Option<TargetRef>,
    pub action: Option<Action>,
    /// Later than this event; oldest first by default.
    pub after: Option<EventId>,
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
        filter: AuditFilter,
        bookmark: Bookmark,
    ) -> Result<Portion<AuditEntry>, Error>;

    /// At most `limit` events after this one, oldest first. A read by key.
    async fn read_audit(&self, after: EventId, limit: u32) -> Result<Vec<AuditEntry>, Error>;

    /// The latest event; 0 if there is none yet.
    async fn latest_event(&self) -> Result<EventId, Error>;

    /// When the last event was, and the last one before it that is more than `apart` from it.
    async fn last_event_times(&self, apart: Duration) -> Result<[Option<Timestamp>; 2], Error>;

    /// Waits until there is an event after this one. Holds nothing of the store while it waits.
    async fn wait_for_event(&self, after: EventId) -> Result<(), Error>;
}
