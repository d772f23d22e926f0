//! What is remembered: the `Store` trait, in the words of the domain. Nothing above knows SQL.

mod sqlite;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use crate::domain::{
    Authority, Credentials, Email, Login, NewUser, NewWidget, Page, PageRequest, PasswordHash, PublicId, Put, Role,
    Status, Timestamp, TokenId, User, Widget, WidgetName,
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

/// Everything the program remembers. Each method is one whole transaction.
///
/// When a method that writes answers `Ok`, what it wrote is on disk. Every method may fail with
/// [`Error::Busy`] (try again in a moment) or [`Error::Internal`] (the machine is at fault); what
/// else it refuses is said with it.
#[async_trait]
pub trait Store: Send + Sync {
    /// The id of this installation, made with the database and never changed.
    async fn get_installation_id(&self) -> Result<String, Error>;

    /// Whether the store answers: one read, and a look at whether the writer lives.
    async fn ping(&self) -> Result<(), Error>;

    /// Makes an account. [`Error::Conflict`] where the e-mail address or the username is taken.
    async fn create_user(&self, new: NewUser, now: Timestamp) -> Result<User, Error>;

    /// The account that somebody claims to own, with its password's hash.
    async fn find_credentials(&self, login: &Login) -> Result<Option<Credentials>, Error>;

    /// An account. [`Error::NotFound`] where there is none.
    async fn get_user(&self, id: PublicId) -> Result<User, Error>;

    /// Every account, in the order of registration.
    async fn list_users(&self) -> Result<Vec<User>, Error>;

    /// Whether an active administrator exists.
    async fn has_administrator(&self) -> Result<bool, Error>;

    /// Sets a new password, which ends every token of the account.
    /// [`Error::NotFound`] where there is no such account.
    async fn set_password(&self, email: &Email, hash: PasswordHash, now: Timestamp) -> Result<User, Error>;

    /// Replaces the hash of an unchanged password, unless the password was changed meanwhile:
    /// then `old` is no longer what is stored, and nothing happens.
    async fn upgrade_password_hash(&self, id: PublicId, old: PasswordHash, new: PasswordHash) -> Result<(), Error>;

    /// Gives the account another role, which holds from the next request.
    /// [`Error::NotFound`] where there is no such account.
    async fn set_role(&self, id: PublicId, role: Role, now: Timestamp) -> Result<(), Error>;

    /// Gives the account another status. Any but active ends every token of the account.
    /// [`Error::NotFound`] where there is no such account.
    async fn set_status(&self, id: PublicId, status: Status, now: Timestamp) -> Result<(), Error>;

    /// What a token's bearer may do at this moment; `None` where the account does not exist.
    async fn find_authority(&self, subject: PublicId, token: &TokenId) -> Result<Option<Authority>, Error>;

    /// Ends a token for good, and forgets the revoked ones that have expired by `now`.
    async fn revoke_token(&self, token: &TokenId, expires_at: Timestamp, now: Timestamp) -> Result<(), Error>;

    /// Forgets the revoked tokens that have expired by `now`, and answers how many those were.
    async fn purge_revoked_tokens(&self, now: Timestamp) -> Result<usize, Error>;

    /// Makes a widget. [`Error::Conflict`] where the name is taken, [`Error::NotFound`] where the
    /// owner does not exist.
    async fn create_widget(&self, new: NewWidget, now: Timestamp) -> Result<(), Error>;

    /// A widget. [`Error::NotFound`] where there is none.
    async fn get_widget(&self, name: &WidgetName) -> Result<Widget, Error>;

    /// A page of the widgets, in the order of creation.
    async fn list_widgets(&self, request: PageRequest) -> Result<Page<Widget>, Error>;

    /// Changes the widget of that name, whose owner stays, or makes it where there is none.
    /// [`Error::NotFound`] where it is new and the owner does not exist.
    async fn put_widget(&self, widget: NewWidget, now: Timestamp) -> Result<Put, Error>;

    /// Deletes a widget. [`Error::NotFound`] where there is none.
    async fn delete_widget(&self, name: &WidgetName) -> Result<(), Error>;

    /// Finishes what is queued, and takes no more: every later write is [`Error::Busy`].
    async fn close(&self);
}
