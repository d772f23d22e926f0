//! What is remembered: the `Store` trait, in the words of the domain. Nothing above knows SQL.

mod sqlite;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use crate::domain::{
    Action, ApiKey, AuditEntry, AuditFilter, Authority, Failure, KeyAuthority, KeyId, Network,
    NewApiKey, NewSession, NewTask, NewTemplate, NewUser, NewWidget, Page, PageRequest,
    PasswordHash, Precondition, Put, RequestContext, SecretHash, Session, SessionId,
    StoredCredentials, Task, TaskChange, TaskFilter, TaskId, Template, TemplateChange,
    TemplateFilter, TemplateName, Timestamp, User, UserChange, UserFilter, UserId, UserRef,
    Username, Viewer, Widget, WidgetChange, WidgetFilter, WidgetName,
};
use crate::error::Error;

/// Whether opening a store may make a new one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IfAbsent {
    /// Make an empty store where there is none.
    Create,
    /// Fail where there is none.
    Fail,
}

/// Opens the store at `path`, an SQLite database file, and brings it to this version's schema.
///
/// Fails, with a sentence for the person at the terminal, when the file is absent and may not be
/// made, is not a database of this program, or was written by a newer version of it.
pub fn open(path: &Path, if_absent: IfAbsent) -> Result<Arc<dyn Store>, Error> {
    Ok(Arc::new(sqlite::SqliteStore::open(path, if_absent)?))
}

/// What has had its time, and from when on it is kept.
#[derive(Clone, Copy, Debug)]
pub struct Retention {
    /// The time now: sessions and reset codes that have expired by then are forgotten.
    pub now: Timestamp,
    /// Networks from which nobody has logged in since are forgotten.
    pub networks_since: Timestamp,
    /// Entries of the audit from before are forgotten.
    pub audit_since: Timestamp,
}

/// Everything the program remembers. Each method is one whole transaction.
///
/// When a method that writes answers `Ok`, what it wrote is on disk. A method that takes a [`RequestContext`]
/// asks once more, in its transaction, whether the proof in it is still good ([`Error::Token`] where
/// the session or key has ended or the account is not active, [`Error::Forbidden`] where its
/// role is less than what let it in), and notes in the audit what it did to an account, a session or a key. Every method may fail with
/// [`Error::Busy`] (try again in a moment) or [`Error::Internal`] (the machine is at fault); what
/// else it refuses is said with it. A method that changes or gets an account, and one that gives it
/// something, refuses with [`Error::NotFound`] where there is no such account. A deleted one is none.
#[async_trait]
pub trait Store: Send + Sync {
    /// The id of this installation, made with the database and never changed.
    async fn get_installation_id(&self) -> Result<String, Error>;

    /// Whether the store answers: one read, and a look at whether the writer lives.
    async fn ping(&self) -> Result<(), Error>;

    /// Makes an account, and its first session, if it starts with one; then it has to be active.
    /// [`Error::Conflict`] where the e-mail address or the username is taken.
    async fn create_user(
        &self,
        new: NewUser,
        session: Option<NewSession>,
        context: &RequestContext,
    ) -> Result<User, Error>;

    /// Makes the first administrator, active, and their first session. [`Error::Conflict`] where an
    /// active administrator exists, or the e-mail address or the username is taken.
    async fn create_first_administrator(
        &self,
        new: NewUser,
        session: NewSession,
        context: &RequestContext,
    ) -> Result<User, Error>;

    /// The account that somebody claims to own, with its password's hash, and whether somebody
    /// logged in to it from that network before.
    async fn find_credentials(
        &self,
        account: &UserRef,
        network: Option<Network>,
    ) -> Result<Option<StoredCredentials>, Error>;

    /// An account.
    async fn get_user(&self, id: UserId) -> Result<User, Error>;

    /// An account by any of its names. [`Error::NotFound`] where there is none.
    async fn get_user_by_name(&self, account: &UserRef) -> Result<User, Error>;

    /// A page of accounts, in the order of registration.
    async fn list_users(
        &self,
        filter: UserFilter,
        request: PageRequest,
    ) -> Result<Page<User>, Error>;

    /// Whether an active administrator exists.
    async fn has_administrator(&self) -> Result<bool, Error>;

    /// Sets a new password, and ends every session of the account but the one that is kept.
    async fn set_password(
        &self,
        id: UserId,
        hash: PasswordHash,
        kept: Option<SessionId>,
        context: &RequestContext,
    ) -> Result<User, Error>;

    /// Replaces the hash of an unchanged password, unless the password was changed meanwhile:
    /// then `old` is no longer what is stored, and nothing happens.
    async fn upgrade_password_hash(
        &self,
        id: UserId,
        old: PasswordHash,
        new: PasswordHash,
    ) -> Result<(), Error>;

    /// Gives the account another username; the same one is no change. [`Error::Conflict`] where it
    /// is taken.
    async fn set_username(
        &self,
        id: UserId,
        username: Username,
        context: &RequestContext,
    ) -> Result<User, Error>;

    /// Gives the account another status, role, or both. A status but active ends its sessions and
    /// its reset code; a role holds from the next request. What is the same already is no change.
    /// [`Error::Conflict`] where no administrator would be left.
    async fn update_user(
        &self,
        id: UserId,
        change: UserChange,
        context: &RequestContext,
    ) -> Result<User, Error>;

    /// Deletes the account with its sessions, its keys, its templates and its reset code, and frees its names.
    /// What it made keeps it as a former owner. [`Error::Conflict`] where no administrator would be left.
    async fn delete_user(&self, id: UserId, context: &RequestContext) -> Result<(), Error>;

    /// Makes a code that sets a new password once, in the place of an older one.
    async fn create_reset_code(
        &self,
        id: UserId,
        code: SecretHash,
        expires_at: Timestamp,
        context: &RequestContext,
    ) -> Result<User, Error>;

    /// The account that a reset code is for; `None` where it is wrong, used or expired.
    async fn find_user_by_reset_code(
        &self,
        code: &SecretHash,
        now: Timestamp,
    ) -> Result<Option<User>, Error>;

    /// Uses up a reset code: sets the password, and ends every session of the account.
    /// `None`, and nothing is changed, where the code is wrong, used or expired.
    async fn redeem_reset_code(
        &self,
        code: SecretHash,
        hash: PasswordHash,
        context: &RequestContext,
    ) -> Result<Option<User>, Error>;

    /// What the bearer of a session's token may do at this moment; `None` where the session was
    /// ended, is somebody else's, or its account is not active. (A token says itself when it expires.)
    async fn find_session_authority(
        &self,
        subject: UserId,
        id: SessionId,
    ) -> Result<Option<Authority>, Error>;

    /// Starts a session. Where the account has as many as it may have, the oldest ends.
    /// [`Error::WrongCredentials`] where the account is not active or not there any more,
    /// or where its sessions were ended since `epoch` was read with its credentials.
    async fn start_session(
        &self,
        new: NewSession,
        epoch: i64,
        context: &RequestContext,
    ) -> Result<(), Error>;

    /// A page of an account's sessions that live at `now`, oldest first.
    async fn list_sessions(
        &self,
        user: UserId,
        now: Timestamp,
        request: PageRequest,
    ) -> Result<Page<Session>, Error>;

    /// Ends one session of an account. `action` says in which way.
    /// [`Error::NotFound`] where the account has no such session.
    async fn end_session(
        &self,
        user: UserId,
        id: SessionId,
        action: Action,
        context: &RequestContext,
    ) -> Result<(), Error>;

    /// Ends all sessions of an account, and answers how many those were.
    async fn end_sessions(&self, user: UserId, context: &RequestContext) -> Result<usize, Error>;

    /// Makes an API key. [`Error::Conflict`] where the owner has a key of that name, or as many as
    /// an account may have.
    async fn create_key(&self, new: NewApiKey, context: &RequestContext) -> Result<ApiKey, Error>;

    /// What the bearer of an API key may do at this moment; `None` where there is no such key.
    async fn find_key_authority(&self, hash: &SecretHash) -> Result<Option<KeyAuthority>, Error>;

    /// A page of an account's keys, or of everybody's, in the order of creation.
    async fn list_keys(
        &self,
        owner: Option<UserId>,
        request: PageRequest,
    ) -> Result<Page<ApiKey>, Error>;

    /// Revokes a key of an account. [`Error::NotFound`] where the account has no such key.
    async fn revoke_key(
        &self,
        owner: UserId,
        id: KeyId,
        context: &RequestContext,
    ) -> Result<(), Error>;

    /// Notes when a key was used last, if it is still there.
    async fn record_key_use(&self, id: KeyId, at: Timestamp) -> Result<(), Error>;

    /// Notes in the audit what was refused.
    async fn record_failure(&self, failure: Failure, context: &RequestContext)
    -> Result<(), Error>;

    /// A page of the audit, latest first.
    async fn list_audit(
        &self,
        filter: AuditFilter,
        request: PageRequest,
    ) -> Result<Page<AuditEntry>, Error>;

    /// Forgets what has had its time.
    async fn purge(&self, retention: Retention) -> Result<(), Error>;

    /// Makes a widget. [`Error::Conflict`] where the name is taken, [`Error::NotFound`] where the
    /// owner does not exist.
    async fn create_widget(&self, new: NewWidget, context: &RequestContext) -> Result<(), Error>;

    /// A widget. [`Error::NotFound`] where there is none.
    async fn get_widget(&self, name: &WidgetName) -> Result<Widget, Error>;

    /// A page of the widgets that are asked for at `now`, in the order that is asked for.
    async fn list_widgets(
        &self,
        filter: WidgetFilter,
        request: PageRequest,
        now: Timestamp,
    ) -> Result<Page<Widget>, Error>;

    /// Changes the widget of that name, whose owner stays, or makes it where there is none.
    /// [`Error::NotFound`] where it is new and the owner does not exist, [`Error::PreconditionFailed`] where the
    /// precondition does not hold.
    async fn upsert_widget(
        &self,
        widget: NewWidget,
        precondition: Precondition,
        context: &RequestContext,
    ) -> Result<Put, Error>;

    /// Changes some of a widget, and answers what it is now. [`Error::NotFound`] where there is none,
    /// [`Error::PreconditionFailed`] where the precondition does not hold, [`Error::Conflict`] where the new name is
    /// taken.
    async fn update_widget(
        &self,
        name: &WidgetName,
        change: WidgetChange,
        precondition: Precondition,
        context: &RequestContext,
    ) -> Result<Widget, Error>;

    /// Deletes a widget. [`Error::NotFound`] where there is none, [`Error::PreconditionFailed`] where the
    /// precondition does not hold.
    async fn delete_widget(
        &self,
        name: &WidgetName,
        precondition: Precondition,
        context: &RequestContext,
    ) -> Result<(), Error>;

    /// Makes a template. [`Error::Conflict`] where the owner has one of that name, or as many as an
    /// account may have, [`Error::NotFound`] where the owner does not exist.
    async fn create_template(
        &self,
        new: NewTemplate,
        context: &RequestContext,
    ) -> Result<Template, Error>;

    /// A template of an account. [`Error::NotFound`] where the account has none of that name,
    /// whoever else does.
    async fn get_template(&self, owner: UserId, name: &TemplateName) -> Result<Template, Error>;

    /// A page of an account's templates. Those that are equal in what they are ordered by are in the order
    /// of creation, from the same end.
    async fn list_templates(
        &self,
        owner: UserId,
        filter: TemplateFilter,
        request: PageRequest,
    ) -> Result<Page<Template>, Error>;

    /// Changes some of a template of an account, and answers what it is now. [`Error::NotFound`]
    /// where the account has none of that name, [`Error::PreconditionFailed`] where the precondition does not hold,
    /// [`Error::Conflict`] where the account has another one of the new name.
    async fn update_template(
        &self,
        owner: UserId,
        name: &TemplateName,
        change: TemplateChange,
        precondition: Precondition,
        context: &RequestContext,
    ) -> Result<Template, Error>;

    /// Deletes a template of an account. [`Error::NotFound`] where the account has none of that
    /// name, [`Error::PreconditionFailed`] where the precondition does not hold.
    async fn delete_template(
        &self,
        owner: UserId,
        name: &TemplateName,
        precondition: Precondition,
        context: &RequestContext,
    ) -> Result<(), Error>;

    /// Makes a task. [`Error::Invalid`] where the assignee does not exist, [`Error::NotFound`] where the
    /// creator does not.
    async fn create_task(&self, new: NewTask, context: &RequestContext) -> Result<Task, Error>;

    /// A task. [`Error::NotFound`] where there is none that the viewer sees.
    async fn get_task(&self, id: TaskId, viewer: Viewer) -> Result<Task, Error>;

    /// A page of the tasks that the viewer sees, in the order of creation unless the filter says
    /// another one. What is overdue is so at `now`.
    async fn list_tasks(
        &self,
        filter: TaskFilter,
        viewer: Viewer,
        now: Timestamp,
        request: PageRequest,
    ) -> Result<Page<Task>, Error>;

    /// Changes some of a task, and answers what it is now; what is the same already is no change.
    /// [`Error::NotFound`] where there is none that the viewer sees, [`Error::Forbidden`] where the
    /// viewer may not change that, [`Error::PreconditionFailed`] where the precondition does not hold,
    /// [`Error::Conflict`] where the viewer may not move it to that status, [`Error::Invalid`] where the
    /// new assignee does not exist.
    async fn update_task(
        &self,
        id: TaskId,
        change: TaskChange,
        viewer: Viewer,
        precondition: Precondition,
        context: &RequestContext,
    ) -> Result<Task, Error>;

    /// Deletes a task. [`Error::NotFound`] where there is none, [`Error::PreconditionFailed`] where the
    /// precondition does not hold.
    async fn delete_task(
        &self,
        id: TaskId,
        precondition: Precondition,
        context: &RequestContext,
    ) -> Result<(), Error>;

    /// Finishes what is queued, and takes no more: every later write is [`Error::Busy`].
    async fn close(&self);
}
