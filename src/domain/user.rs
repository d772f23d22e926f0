//! Users.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{
    Bookmark, DisplayName, Network, NewSession, Page, PageRequest, PasswordHash, Portion,
    Precondition, RequestContext, Role, Search, SecretHash, SessionId, Sort, Timestamp, UserId,
    UserNames, UserRef, UserSummary, Username, Version,
};
use crate::error::Error;

/// Who may register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistrationPolicy {
    /// Anyone, and the user is active at once.
    Open,
    /// Anyone, and the user is pending.
    Approval,
    /// Only administrators create users.
    Closed,
}

named!(RegistrationPolicy { Open => "open", Approval => "approval", Closed => "closed" });

/// Whether a user may log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Status {
    /// Waits for an administrator's approval.
    Pending,
    Active,
    Disabled,
}

named!(Status { Pending => "pending", Active => "active", Disabled => "disabled" });

impl Status {
    /// Why a user with the right password may not log in, if so.
    pub fn obstacle_to_login(self) -> Option<&'static str> {
        match self {
            Self::Active => None,
            Self::Pending => Some("Your account is waiting for approval"),
            Self::Disabled => Some("Your account is disabled"),
        }
    }
}

/// A user to be created. The store never sees the password.
#[derive(Clone, Debug)]
pub struct NewUser {
    pub public_id: UserId,
    pub names: UserNames,
    pub role: Role,
    pub status: Status,
    pub password_hash: PasswordHash,
    pub reset_code: Option<NewResetCode>,
}

/// A code that sets a new password once.
#[derive(Clone, Copy, Debug)]
pub struct NewResetCode {
    pub hash: SecretHash,
    pub expires_at: Timestamp,
}

/// A stored user, without the password.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    pub public_id: UserId,
    pub names: UserNames,
    pub role: Role,
    pub status: Status,
    /// Counts the events that ended all sessions of the user. A login compares it, so that no
    /// session starts if such an event followed the check of the password.
    pub token_epoch: i64,
    pub registered_on: Timestamp,
    pub version: Version,
    /// The size of what the user stores, in bytes.
    pub used_bytes: u64,
    /// Until then, the user has a small part of the quota.
    pub full_quota_from: Timestamp,
}

impl User {
    /// As part of another record.
    pub fn summary(&self) -> UserSummary {
        let Self { names, public_id, version, .. } = self;
        let (names, version) = (names.clone(), *version);
        UserSummary { names, public_id: *public_id, version, is_deleted: false }
    }

    /// Whether the user has a part of the quota only.
    pub fn is_new(&self, now: Timestamp) -> bool {
        now < self.full_quota_from
    }
}

/// The data for the check of a password.
#[derive(Clone, Debug)]
pub struct StoredCredentials {
    pub user: User,
    pub password_hash: PasswordHash,
    /// Whether the user has logged in from the network of the request.
    pub knows_network: bool,
}

/// A change of a user. `None` keeps a field. Users change their own names, administrators change
/// everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserChange {
    pub username: Option<Username>,
    /// `Some(None)` removes it.
    pub name: Option<Option<DisplayName>>,
    /// Any other than active ends the user's sessions.
    pub status: Option<Status>,
    /// Takes effect from the next request.
    pub role: Option<Role>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UserSort {
    #[default]
    RegisteredOn,
}

named!(UserSort { RegisteredOn => "registered_on" });

/// Filter and sort order of a list of users.
#[derive(Clone, Debug, Default)]
pub struct UserFilter {
    pub status: Option<Status>,
    pub role: Option<Role>,
    pub search: Option<Search>,
    /// In the order of registration by default.
    pub sort: Option<Sort<UserSort>>,
}

/// From when a new user has the whole quota: at once if somebody else created them, or if they are the
/// first administrator.
pub fn full_quota_from(role: Role, by_themselves: bool, now: Timestamp) -> Timestamp {
    const DAY: i64 = 86_400;
    if by_themselves && role == Role::Employee { now.plus_seconds(DAY) } else { now }
}

/// Whether an administrator vouches for a user with this change: of the role or status of a user who
/// is active then.
pub fn is_approval(old: &User, new: &User) -> bool {
    (old.role, old.status) != (new.role, new.status) && new.status == Status::Active
}

/// [`Error::Conflict`] if no active administrator would remain. `after` is `None` for a deletion.
/// The others are counted only if necessary.
pub fn check_administrator_remains(
    before: (Role, Status),
    after: Option<(Role, Status)>,
    count_others: impl FnOnce() -> Result<u64, Error>,
) -> Result<(), Error> {
    const ADMINISTRATOR: (Role, Status) = (Role::Admin, Status::Active);
    if before == ADMINISTRATOR && after != Some(ADMINISTRATOR) && count_others()? == 0 {
        return Err(last_administrator());
    }
    Ok(())
}

/// The error of what would leave no administrator.
pub fn last_administrator() -> Error {
    let why = "The last administrator can be neither demoted, disabled nor deleted.";
    Error::Conflict(why.to_owned())
}

/// The error of making a first administrator who would not be the first.
pub fn administrator_exists() -> Error {
    Error::Conflict("There is an administrator already.".to_owned())
}

pub fn check_no_administrator(exists: bool) -> Result<(), Error> {
    if exists { Err(administrator_exists()) } else { Ok(()) }
}

/// The store of users. A soft-deleted one does not exist, except as the owner of its records.
#[async_trait]
pub trait UserStore {
    /// Creates a user, optionally with a session. Users create themselves, administrators create
    /// others. [`Error::Conflict`] if the e-mail address or the username is taken.
    async fn create_user(
        &self,
        new: NewUser,
        session: Option<NewSession>,
        context: &RequestContext,
    ) -> Result<User, Error>;

    /// Creates the first administrator with a session. [`Error::Conflict`] if there is an active
    /// administrator, or the e-mail address or the username is taken.
    async fn create_first_administrator(
        &self,
        new: NewUser,
        session: NewSession,
        context: &RequestContext,
    ) -> Result<User, Error>;

    async fn find_credentials(
        &self,
        user: &UserRef,
        network: Option<Network>,
    ) -> Result<Option<StoredCredentials>, Error>;

    async fn get_user(&self, id: UserId) -> Result<User, Error>;

    async fn get_user_by_name(&self, user: &UserRef) -> Result<User, Error>;

    /// For a user, unless the program itself reads.
    async fn list_users(
        &self,
        reader: Option<UserId>,
        filter: UserFilter,
        page: PageRequest,
    ) -> Result<Page<User>, Error>;

    /// All users of such a list, a portion at a time.
    async fn export_users(
        &self,
        reader: Option<UserId>,
        filter: UserFilter,
        bookmark: Bookmark,
    ) -> Result<Portion<User>, Error>;

    /// The active users, by name, whose names contain every word of the search. For managers.
    async fn list_people(
        &self,
        reader: UserId,
        search: Option<Search>,
        page: PageRequest,
    ) -> Result<Page<UserSummary>, Error>;

    /// The users with these ids who are not deleted. A read by key.
    async fn get_people(&self, ids: Vec<UserId>) -> Result<Vec<UserSummary>, Error>;

    /// Whether there is an active administrator.
    async fn has_administrator(&self) -> Result<bool, Error>;

    /// Sets the user's own password, and ends all of their sessions but `kept`.
    async fn set_password(
        &self,
        id: UserId,
        hash: PasswordHash,
        kept: Option<SessionId>,
        context: &RequestContext,
    ) -> Result<User, Error>;

    /// Replaces the hash of an unchanged password. Does nothing if `old` is no longer stored.
    async fn upgrade_password_hash(
        &self,
        id: UserId,
        old: PasswordHash,
        new: PasswordHash,
    ) -> Result<(), Error>;

    /// A status other than active ends the sessions and the reset code. A change without effect
    /// keeps the version. [`Error::Conflict`] if the username is taken, or no administrator would
    /// remain.
    async fn update_user(
        &self,
        id: UserId,
        change: UserChange,
        precondition: Precondition,
        context: &RequestContext,
    ) -> Result<User, Error>;

    /// Approves several users: all, or none and [`Error::Conflict`] if one does not exist any more or
    /// is disabled. For administrators.
    async fn approve_users(&self, ids: Vec<UserId>, context: &RequestContext) -> Result<(), Error>;

    /// Deletes a user, by the user or an administrator, with their sessions, keys, templates and
    /// reset code, and frees their names. [`Error::Conflict`] if no administrator would remain.
    async fn delete_user(
        &self,
        id: UserId,
        precondition: Precondition,
        context: &RequestContext,
    ) -> Result<(), Error>;

    /// Stores a code that sets a new password once, and replaces an older code. For administrators.
    async fn create_reset_code(
        &self,
        id: UserId,
        code: NewResetCode,
        context: &RequestContext,
    ) -> Result<User, Error>;

    /// `None` if the code is wrong, used or expired.
    async fn find_user_by_reset_code(
        &self,
        code: &SecretHash,
        now: Timestamp,
    ) -> Result<Option<User>, Error>;

    /// Sets a new password with a code, once, and ends all sessions of the user. `None` if the code
    /// is wrong, used or expired.
    async fn redeem_reset_code(
        &self,
        code: SecretHash,
        hash: PasswordHash,
        context: &RequestContext,
    ) -> Result<Option<User>, Error>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Named;

    #[test]
    fn names_of_roles_and_statuses_read_back() {
        assert!(Role::ALL.iter().all(|role| Role::from_name(role.as_str()) == Some(*role)));
        assert!(
            Status::ALL.iter().all(|status| Status::from_name(status.as_str()) == Some(*status))
        );
        assert_eq!(Role::from_name("root"), None);
        assert_eq!(
            Role::parse_name("root"),
            Err("'root' must be one of employee, manager, admin".to_owned())
        );
    }

    #[test]
    fn only_the_last_active_administrator_is_kept() {
        use Role::{Admin, Employee, Manager};
        use Status::{Active, Disabled};
        let is_refused = |before, after, others| {
            check_administrator_remains(before, after, || Ok(others)).is_err()
        };
        for after in
            [Some((Manager, Active)), Some((Admin, Disabled)), Some((Employee, Disabled)), None]
        {
            assert!(is_refused((Admin, Active), after, 0), "{after:?}");
            assert!(!is_refused((Admin, Active), after, 1), "{after:?}");
            assert!(!is_refused((Admin, Disabled), after, 0), "{after:?}");
            assert!(!is_refused((Employee, Active), after, 0), "{after:?}");
        }
        assert!(!is_refused((Admin, Active), Some((Admin, Active)), 0));
    }
}
