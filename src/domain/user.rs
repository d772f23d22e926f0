//! Accounts: who may log in, and as what.

use std::fmt;

use uuid::Uuid;
use validator::ValidateEmail;

use super::{PasswordHash, Timestamp};

/// The name by which everyone outside the store knows an account: a random UUID (RFC 9562).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PublicId(Uuid);

impl PublicId {
    /// A new one, which no account has.
    pub fn generate() -> Self {
        Self(Uuid::new_v4())
    }

    /// Reads a UUID in any of its written forms.
    pub fn parse(text: &str) -> Option<Self> {
        Uuid::try_parse(text).ok().map(Self)
    }

    /// Writes the id, hyphenated and in lower case, where it needs no allocation.
    pub fn encode(self, buffer: &mut [u8; 36]) -> &str {
        self.0.hyphenated().encode_lower(buffer)
    }
}

impl fmt::Display for PublicId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What an account may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Reads what is shared, and works on what is their own.
    Employee,
    /// Hands out tasks as well.
    Manager,
    /// Changes everything that is shared.
    Admin,
}

impl Role {
    const NAMES: [(Self, &'static str); 3] =
        [(Self::Employee, "employee"), (Self::Manager, "manager"), (Self::Admin, "admin")];

    /// The role's name on the wire and in the store.
    pub fn as_str(self) -> &'static str {
        name_of(&Self::NAMES, self)
    }

    /// The role of that name.
    pub fn parse(text: &str) -> Option<Self> {
        value_of(&Self::NAMES, text)
    }

    /// Whether the role is that of an administrator.
    pub fn is_admin(self) -> bool {
        self == Self::Admin
    }
}

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

impl Status {
    const NAMES: [(Self, &'static str); 3] =
        [(Self::Pending, "pending"), (Self::Active, "active"), (Self::Disabled, "disabled")];

    /// The status's name on the wire and in the store.
    pub fn as_str(self) -> &'static str {
        name_of(&Self::NAMES, self)
    }

    /// The status of that name.
    pub fn parse(text: &str) -> Option<Self> {
        value_of(&Self::NAMES, text)
    }

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

fn name_of<T: Copy + PartialEq>(names: &[(T, &'static str); 3], value: T) -> &'static str {
    names.iter().find(|(v, _)| *v == value).map_or("", |(_, name)| name)
}

fn value_of<T: Copy>(names: &[(T, &'static str); 3], text: &str) -> Option<T> {
    names.iter().find(|(_, name)| *name == text).map(|(value, _)| *value)
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
pub enum Login {
    /// By its e-mail address.
    Email(Email),
    /// By its username.
    Username(Username),
}

/// An account to be made. The password is hashed already: the store never sees it.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Chosen by whoever makes the account, so that it is known before it is stored.
    pub public_id: PublicId,
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

/// An account as it is stored, without its password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Its name to the world.
    pub public_id: PublicId,
    /// As it was typed.
    pub email: Email,
    /// As it was typed, if there is one.
    pub username: Option<Username>,
    /// What the account may do.
    pub role: Role,
    /// Whether it may log in.
    pub status: Status,
    /// Counts the events that ended all its tokens; part of every token's id.
    pub token_epoch: i64,
    /// When it was registered.
    pub registered_on: Timestamp,
}

/// An account with what is needed to check a password.
#[derive(Clone, Debug)]
pub struct Credentials {
    /// The account.
    pub user: User,
    /// The hash of its password.
    pub password_hash: PasswordHash,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_that_browsers_accept_are_accepted_as_typed() {
        for text in ["ann@example.com", "Ann.O'Hara+tag@Mail.Example.co.uk", "a@localhost", "1@2.3"] {
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
        for role in [Role::Employee, Role::Manager, Role::Admin] {
            assert_eq!(Role::parse(role.as_str()), Some(role));
        }
        for status in [Status::Pending, Status::Active, Status::Disabled] {
            assert_eq!(Status::parse(status.as_str()), Some(status));
        }
        assert_eq!(Role::parse("root"), None);
    }
}
