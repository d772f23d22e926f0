//! Accounts: who may log in, and as what.

use std::fmt;

use uuid::Uuid;
use validator::ValidateEmail;

use super::{PasswordHash, Search, Timestamp, Version};
use crate::error::Error;

/// The name by which everyone outside the store knows an account: a random UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct UserId(Uuid);

uuid_id!(UserId);

/// What an account may do: each role what those before it may, and more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Reads what is shared, and works on what is their own.
    Employee,
    /// Hands out tasks as well.
    Manager,
    /// Changes everything that is shared.
    Admin,
}

named!(Role { Employee => "employee", Manager => "manager", Admin => "admin" });

impl Role {
    /// Whether the role is that of an administrator.
    pub fn is_admin(self) -> bool {
        self == Self::Admin
    }

    /// Whether the role hands out tasks: that of a manager, or of an administrator.
    pub fn is_manager(self) -> bool {
        self >= Self::Manager
    }

    /// [`Error::Forbidden`] where something takes more than this role.
    pub fn require(self, at_least: Self) -> Result<(), Error> {
        if self >= at_least {
            return Ok(());
        }
        Err(Error::Forbidden(match at_least {
            Self::Admin => "You are not an administrator".to_owned(),
            Self::Manager | Self::Employee => "You are not a manager".to_owned(),
        }))
    }
}

/// Who may register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistrationPolicy {
    /// Everybody, and the account works at once.
    Open,
    /// Everybody, and the account waits for an administrator.
    Approval,
    /// Nobody; administrators make the accounts.
    Closed,
}

named!(RegistrationPolicy { Open => "open", Approval => "approval", Closed => "closed" });

/// Whether an account may log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Registered, and waiting for an administrator's approval.
    Pending,
    /// In use.
    Active,
    /// Shut out by an administrator.
    Disabled,
}

named!(Status { Pending => "pending", Active => "active", Disabled => "disabled" });

impl Status {
    /// What somebody is told who proved to be the account's owner and still may not come in;
    /// `None` where nothing stands in the way.
    pub fn obstacle_to_login(self) -> Option<&'static str> {
        match self {
            Self::Active => None,
            Self::Pending => Some("Your account is waiting for approval"),
            Self::Disabled => Some("Your account is disabled"),
        }
    }
}

/// An e-mail address as it was typed.
///
/// What is accepted is what browsers accept in `<input type="email">` (WHATWG HTML, "valid e-mail
/// address"), in ASCII and at most 254 characters (RFC 5321 section 4.5.3.1.3 less the brackets).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Email(String);

checked_text!(Email);

impl Email {
    /// Reads an address. The error echoes what was given.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_ascii() && text.len() <= 254 && !text.contains('[') && text.validate_email() {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("{text} is not a valid email"))
        }
    }

    /// Whether the domain has a dot, as those on the internet have. What has none may be a password.
    pub fn has_dotted_domain(&self) -> bool {
        self.0.rsplit_once('@').is_some_and(|(_, domain)| domain.contains('.'))
    }

    /// The form by which two addresses are the same one: letter case does not count.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A name to log in with instead of the e-mail address, shown as it was typed:
/// 3 to 32 of `a-z A-Z 0-9 . - _`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Username(String);

checked_text!(Username);

impl Username {
    /// Reads a username. The error echoes what was given.
    pub fn parse(text: &str) -> Result<Self, String> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        if !text.bytes().all(allowed) {
            return Err(format!(
                "'{text}' contains one or more invalid characters. \
                 A username must contain only letters, numbers, dot, hyphen and underscore characters."
            ));
        }
        if !(3..=32).contains(&text.len()) {
            return Err(format!("'{text}' must have 3 to 32 characters"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The form by which two usernames are the same one: letter case does not count.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

/// By what an account is named when somebody logs in.
#[derive(Clone, Debug)]
pub enum LoginName {
    /// By its e-mail address.
    Email(Email),
    /// By its username.
    Username(Username),
}

impl LoginName {
    /// Reads an e-mail address or a username, which never look like each other.
    pub fn parse(text: &str) -> Result<Self, String> {
        let email = || Email::parse(text).ok().map(Self::Email);
        let username = || Username::parse(text).ok().map(Self::Username);
        email()
            .or_else(username)
            .ok_or_else(|| format!("'{text}' is neither an e-mail address nor a username"))
    }
}

/// An account to be made. The password is hashed already: the store never sees it.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Chosen by whoever makes the account, so that it is known before it is stored.
    pub public_id: UserId,
    /// Unique by its folded form.
    pub email: Email,
    /// Unique by its folded form, where there is one.
    pub username: Option<Username>,
    /// What the account may do.
    pub role: Role,
    /// Whether it may log in.
    pub status: Status,
    /// The password's hash.
    pub password_hash: PasswordHash,
}

/// By what an account is named by somebody who means one that may exist.
#[derive(Clone, Debug)]
pub enum UserRef {
    /// By one of the names to log in with.
    LoginName(LoginName),
    /// By its public id.
    Id(UserId),
}

impl UserRef {
    /// Reads a public id, an e-mail address or a username, which never look like each other.
    pub fn parse(text: &str) -> Result<Self, String> {
        let id = UserId::parse(text).map(Self::Id);
        id.or_else(|| LoginName::parse(text).ok().map(Self::LoginName)).ok_or_else(|| {
            format!("'{text}' is not an account's e-mail address, username or public id")
        })
    }

    /// The form by which two names are the same one.
    pub fn folded(&self) -> String {
        match self {
            Self::Id(id) => id.to_string(),
            Self::LoginName(LoginName::Email(email)) => email.folded(),
            Self::LoginName(LoginName::Username(username)) => username.folded(),
        }
    }
}

/// An account as it is stored, without its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its name to the world.
    pub public_id: UserId,
    /// As it was typed.
    pub email: Email,
    /// As it was typed, if there is one.
    pub username: Option<Username>,
    /// What the account may do.
    pub role: Role,
    /// Whether it may log in.
    pub status: Status,
    /// Counts the events that ended all its sessions. A session starts only if no such event came
    /// between the check of the password and the start.
    pub token_epoch: i64,
    /// When it was registered.
    pub registered_on: Timestamp,
    /// Which state of it this is.
    pub version: Version,
}

impl User {
    /// The names that the account goes by, which its password should not resemble.
    pub fn names(&self) -> Vec<String> {
        let username = self.username.iter().map(Username::as_str);
        [self.email.as_str()].into_iter().chain(username).map(str::to_owned).collect()
    }
}

/// An account as others see it in what it made, or what is to be done by it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserSummary {
    /// The account's e-mail address.
    pub email: Email,
    /// The account's id.
    pub public_id: UserId,
    /// Whether the account has been deleted since.
    pub is_deleted: bool,
}

/// An account with what is needed to check a password.
#[derive(Clone, Debug)]
pub struct StoredCredentials {
    /// The account.
    pub user: User,
    /// The hash of its password.
    pub password_hash: PasswordHash,
    /// Whether somebody logged in to it before from the network that was asked about.
    pub knows_network: bool,
}

/// What the store knows, at this moment, of the account that a request is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Authority {
    /// The account, which is active.
    pub user: UserId,
    /// Its role now, whatever a token claims.
    pub role: Role,
}

/// What an administrator changes about an account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserChange {
    /// Another status. Any but active ends the account's sessions.
    pub status: Option<Status>,
    /// Another role, which holds from the next request.
    pub role: Option<Role>,
}

/// By what accounts are sorted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UserSort {
    /// By their registration.
    RegisteredOn,
}

named!(UserSort { RegisteredOn => "registered_on" });

/// Which accounts are asked for.
#[derive(Clone, Debug, Default)]
pub struct UserFilter {
    /// Those of this status.
    pub status: Option<Status>,
    /// Those of this role.
    pub role: Option<Role>,
    /// Those in whose e-mail address or username this is found.
    pub search: Option<Search>,
    /// Whether the latest come first; else they are in the order of registration.
    pub latest_first: bool,
}

/// Refuses what would leave nobody to administer: an account that was an active administrator's
/// and would be one no more (`after` is `None` where it is deleted), while there are no others, who
/// are counted only where that matters.
pub fn check_administrator_remains<E: From<Error>>(
    before: (Role, Status),
    after: Option<(Role, Status)>,
    count_others: impl FnOnce() -> Result<u64, E>,
) -> Result<(), E> {
    const ADMINISTRATOR: (Role, Status) = (Role::Admin, Status::Active);
    if before == ADMINISTRATOR && after != Some(ADMINISTRATOR) && count_others()? == 0 {
        return Err(Error::Conflict(
            "The last administrator can be neither demoted, disabled nor deleted.".to_owned(),
        )
        .into());
    }
    Ok(())
}

/// Refuses to make the first administrator where one exists already.
pub fn check_no_administrator(exists: bool) -> Result<(), Error> {
    if exists {
        Err(Error::Conflict("There is an administrator already.".to_owned()))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_browsers_accept_are_accepted_as_typed() {
        for text in ["ann@example.com", "Ann.O'Hara+tag@Mail.Example.co.uk", "a@localhost", "1@2.3"]
        {
            assert_eq!(Email::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_by_name() {
        assert_eq!(Email::parse("first last").unwrap_err(), "first last is not a valid email");
        let long = format!("{}@{}.example", "a".repeat(64), "b.".repeat(95));
        for text in [
            "",
            "ann",
            "@example.com",
            "ann@",
            "ann@@example.com",
            " ann@example.com",
            "ann@example.com ",
            "ann@exa mple.com",
            "ann@example..com",
            "ann@-example.com",
            "änn@example.com",
            "ann@exämple.com",
            "ann@[127.0.0.1]",
            "\"a b\"@example.com",
            "ann@example.com\n",
            &long,
        ] {
            assert!(Email::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn letter_case_does_not_make_another_account() {
        assert_eq!(Email::parse("Ann@Example.com").unwrap().folded(), "ann@example.com");
        assert_eq!(Username::parse("Ann.O").unwrap().folded(), "ann.o");
    }

    #[test]
    fn usernames_have_three_to_thirty_two_plain_characters() {
        assert!(Username::parse("a.b").is_ok());
        assert!(Username::parse(&"x".repeat(32)).is_ok());
        for text in ["", "ab", &"x".repeat(33), "a b c", "ann@x", "änn"] {
            assert!(Username::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_of_roles_and_statuses_read_back() {
        assert!(Role::ALL.iter().all(|role| Role::from_name(role.as_str()) == Some(*role)));
        assert!(
            Status::ALL.iter().all(|status| Status::from_name(status.as_str()) == Some(*status))
        );
        assert_eq!(Role::from_name("root"), None);
        assert_eq!(
            Role::parse("root"),
            Err("'root' must be one of employee, manager, admin".to_owned())
        );
    }

    #[test]
    fn each_role_may_what_those_before_it_may() {
        use Role::{Admin, Employee, Manager};
        assert_eq!([Employee, Manager, Admin].map(Role::is_manager), [false, true, true]);
        assert_eq!([Employee, Manager, Admin].map(Role::is_admin), [false, false, true]);
        let refusals = |role: Role| {
            let why = |at_least| role.require(at_least).err().map(|error| error.to_string());
            [Employee, Manager, Admin].map(why)
        };
        let (manager, admin) = (
            Some("You are not a manager".to_owned()),
            Some("You are not an administrator".to_owned()),
        );
        assert_eq!(refusals(Employee), [None, manager, admin.clone()]);
        assert_eq!(refusals(Manager), [None, None, admin]);
        assert_eq!(refusals(Admin), [None, None, None]);
    }

    #[test]
    fn an_account_is_named_by_id_address_or_username() {
        let id = UserId::generate();
        assert!(matches!(UserRef::parse(&id.to_string()), Ok(UserRef::Id(found)) if found == id));
        assert!(matches!(
            UserRef::parse("ann@example.com"),
            Ok(UserRef::LoginName(LoginName::Email(_)))
        ));
        assert!(matches!(UserRef::parse("ann.o"), Ok(UserRef::LoginName(LoginName::Username(_)))));
        // A username may look like an id without its hyphens, and must not be taken for it.
        assert!(matches!(
            UserRef::parse(&id.to_string().replace('-', "")),
            Ok(UserRef::LoginName(LoginName::Username(_)))
        ));
        assert!(UserRef::parse("first last").is_err());
        assert!(UserRef::parse("a@").is_err());
    }

    #[test]
    fn only_the_last_active_administrator_is_kept() {
        use Role::{Admin, Employee, Manager};
        use Status::{Active, Disabled};
        let is_refused = |before, after, others| {
            check_administrator_remains(before, after, || Ok::<_, Error>(others)).is_err()
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
