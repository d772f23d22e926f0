//! The names of a user: id, e-mail address, username, display name.

use serde::{Deserialize, Serialize};
use std::fmt;

use uuid::Uuid;
use validator::ValidateEmail;

use super::text::check_line;
use super::{AuditedField, Version};
use crate::error::Error;

/// The public id of a user: a random UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UserId(Uuid);

uuid_id!(UserId);

/// An e-mail address as it was typed.
///
/// It is valid in `<input type="email">` (WHATWG HTML, "valid e-mail address"), in ASCII, with at
/// most 254 characters (RFC 5321 section 4.5.3.1.3 without the brackets).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Email(String);

checked_text!(Email);

impl Email {
    /// The error echoes the input.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_ascii() && text.len() <= 254 && !text.contains('[') && text.validate_email() {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!("{text} is not a valid email"))
        }
    }

    /// Whether the domain has a dot, as on the internet. An input without one may be a password.
    pub fn has_dotted_domain(&self) -> bool {
        self.0.rsplit_once('@').is_some_and(|(_, domain)| domain.contains('.'))
    }

    /// The form for comparison: letter case is ignored.
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
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Username(String);

checked_text!(Username);

impl Username {
    /// The error echoes the input.
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

    /// The form for comparison: letter case is ignored.
    pub fn folded(&self) -> String {
        self.0.to_ascii_lowercase()
    }
}

/// How a user is called: one line of 1 to 100 characters, in any script. Not unique.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DisplayName(String);

checked_text!(DisplayName, |text| check_line(text, 100));

/// The names of a user by which others know them. There is an e-mail address or a username, unless
/// the user is soft-deleted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserNames {
    /// Unique by its folded form.
    pub email: Option<Email>,
    /// Unique by its folded form.
    pub username: Option<Username>,
    pub name: Option<DisplayName>,
}

impl From<Email> for UserNames {
    fn from(email: Email) -> Self {
        Self { email: Some(email), ..Self::default() }
    }
}

impl UserNames {
    /// What tells the user from all others: the e-mail address, or else the username.
    pub fn label(&self) -> &str {
        self.texts().next().unwrap_or("a former account")
    }

    /// The name by which people know the user.
    pub fn called(&self) -> &str {
        let username = || self.username.as_ref().map(Username::as_str);
        self.name.as_ref().map(DisplayName::as_str).or_else(username).unwrap_or(self.label())
    }

    /// All of them, the unique ones first. The user's password should not resemble them.
    pub fn texts(&self) -> impl Iterator<Item = &str> {
        let email = self.email.as_ref().map(Email::as_str);
        let username = self.username.as_ref().map(Username::as_str);
        let name = self.name.as_ref().map(DisplayName::as_str);
        [email, username, name].into_iter().flatten()
    }

    /// What the user may log in with.
    pub fn login_names(&self) -> impl Iterator<Item = LoginName> {
        let email = self.email.clone().map(LoginName::Email);
        email.into_iter().chain(self.username.clone().map(LoginName::Username))
    }
}

/// What a user logs in with.
#[derive(Clone, Debug)]
pub enum LoginName {
    Email(Email),
    Username(Username),
}

impl LoginName {
    pub fn as_str(&self) -> &str {
        match self {
            Self::Email(email) => email.as_str(),
            Self::Username(username) => username.as_str(),
        }
    }

    /// Parses an e-mail address or a username. No text is both.
    pub fn parse(text: &str) -> Result<Self, String> {
        let email = || Email::parse(text).ok().map(Self::Email);
        let username = || Username::parse(text).ok().map(Self::Username);
        email()
            .or_else(username)
            .ok_or_else(|| format!("'{text}' is neither an e-mail address nor a username"))
    }
}

/// A reference to a user, who may or may not exist.
#[derive(Clone, Debug)]
pub enum UserRef {
    LoginName(LoginName),
    Id(UserId),
}

impl UserRef {
    /// Parses a public id, an e-mail address or a username. No text is more than one of them.
    pub fn parse(text: &str) -> Result<Self, String> {
        let id = UserId::parse(text).map(Self::Id);
        id.or_else(|| LoginName::parse(text).ok().map(Self::LoginName)).ok_or_else(|| {
            format!("'{text}' is not an account's e-mail address, username or public id")
        })
    }

    /// What kind of reference it is.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Id(_) => "public_id",
            Self::LoginName(LoginName::Email(_)) => "email",
            Self::LoginName(LoginName::Username(_)) => "username",
        }
    }

    /// The form for comparison.
    pub fn folded(&self) -> String {
        match self {
            Self::Id(id) => id.to_string(),
            Self::LoginName(LoginName::Email(email)) => email.folded(),
            Self::LoginName(LoginName::Username(username)) => username.folded(),
        }
    }

    /// The error of a field that names a user who does not exist.
    pub fn unknown_in(&self, field: &str) -> Error {
        Error::invalid(field, format!("there is no account {}", self.folded()))
    }
}

/// A user as part of another record: its owner, creator or assignee.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserSummary {
    pub names: UserNames,
    pub public_id: UserId,
    /// That of the user.
    pub version: Version,
    pub is_deleted: bool,
}

impl AuditedField for UserSummary {
    fn audit_text(&self) -> Option<String> {
        Some(self.names.label().to_owned())
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
}
