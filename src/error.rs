//! Errors, in the terms of the domain. Nothing here knows of HTTP or SQL: `http::wire::problem`
//! maps a kind to a status, and `store::sqlite::connection` maps SQLite's codes to a kind.

use std::collections::BTreeMap;
use std::fmt;

use crate::domain::Role;

/// Why fields of an input were refused: each field's name and one reason, the first found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldErrors(BTreeMap<String, String>);

impl FieldErrors {
    /// The errors of an input with one wrong field.
    pub fn one(field: &str, why: impl Into<String>) -> Self {
        let mut errors = Self::default();
        errors.add(field, why);
        errors
    }

    /// Adds a reason for `field`, unless it has one already.
    pub fn add(&mut self, field: &str, why: impl Into<String>) {
        self.0.entry(field.to_owned()).or_insert_with(|| why.into());
    }

    /// Puts another reason in the place of a field's.
    pub fn replace(&mut self, field: &str, why: String) {
        self.0.insert(field.to_owned(), why);
    }

    /// Whether a field has an error.
    pub fn names(&self, field: &str) -> bool {
        self.0.contains_key(field)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The fields in alphabetical order, row 2 before row 10, each with its reason.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut all: Vec<_> =
            self.0.iter().map(|(field, why)| (field.as_str(), why.as_str())).collect();
        all.sort_by_key(|(field, _)| by_number(field));
        all.into_iter()
    }
}

/// What a name is sorted by: the text before its number, the number, and the rest.
fn by_number(name: &str) -> (&str, u64, &str) {
    let is_digit = |c: char| c.is_ascii_digit();
    let (text, rest) = name.split_at(name.find(is_digit).unwrap_or(name.len()));
    let (number, rest) = rest.split_at(rest.find(|c| !is_digit(c)).unwrap_or(rest.len()));
    (text, number.parse().unwrap_or_default(), rest)
}

/// Why a bearer token was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenError {
    /// The request had none.
    Missing,
    /// It was genuine, and its `exp` has passed.
    Expired,
    /// It is malformed, forged, or of another installation.
    Invalid,
    /// Its session was ended by a logout, a new password, or a change of the account.
    Revoked,
    /// There is no such API key; it may have been revoked.
    UnknownKey,
    /// It is an expired API key.
    ExpiredKey,
    /// It is an API key of an account that is not active.
    StoppedKey,
}

/// The errors of all layers below `http` and `cli`.
#[derive(Clone, Debug)]
pub enum Error {
    /// The input is wrong; every field at fault is named.
    Invalid(FieldErrors),
    /// The account is unknown or the password is wrong. The error does not say which, only the kind
    /// of name that was given.
    WrongCredentials(&'static str),
    /// The bearer token does not authenticate the caller.
    Token(TokenError),
    /// The caller's role is less than this one.
    RoleRequired(Role),
    /// The caller may not do this. The text says why.
    Forbidden(String),
    /// There is no such record, or the caller may not see it. The text names it.
    NotFound(String),
    /// Too many attempts; this one was not checked.
    RateLimited {
        /// Seconds until the next attempt is allowed.
        retry_after: u64,
    },
    /// The record does not meet the precondition.
    PreconditionFailed,
    /// The idempotency key belongs to another request.
    KeyReused,
    /// The request contradicts what is stored. The text says with what.
    Conflict(String),
    /// There is no room for what the request would store. The text says whose.
    InsufficientStorage(String),
    /// A bounded queue is full or the database is locked; the same request may succeed in a moment.
    Busy,
    /// Reading a list took longer than the service allows.
    ReadTimeout,
    /// Something that every request needs is exhausted. The text says what.
    Unhealthy(String),
    /// A fault of the program or the machine. The text is for the log, never for the client.
    Internal(String),
}

impl Error {
    /// `doing` says what was attempted, `cause` how it failed.
    pub fn internal(doing: &str, cause: impl fmt::Display) -> Self {
        Self::Internal(format!("{doing}: {cause}"))
    }

    /// A missing record without a name to show.
    pub fn no_such(thing: &str) -> Self {
        Self::NotFound(format!("There is no such {thing}."))
    }

    /// A missing record with a name to show.
    pub fn not_found(name: &str) -> Self {
        Self::NotFound(format!("{name} not found in database."))
    }

    /// A name that another record of this kind has.
    pub fn is_taken(kind: &str, name: &str) -> Self {
        Self::Conflict(format!("{kind} name: {name} already exists, must be unique."))
    }

    /// A name of an account that another one has.
    pub fn is_registered(name: &str) -> Self {
        Self::Conflict(format!("{name} is already registered"))
    }

    /// A registration while only administrators create accounts.
    pub fn registration_closed() -> Self {
        let why = "Registration is closed. Please ask an administrator for an account.";
        Self::Forbidden(why.to_owned())
    }

    /// A disk without any space.
    pub fn disk_is_full() -> Self {
        let why = "The disk of the service is full. Nothing was changed.";
        Self::InsufficientStorage(why.to_owned())
    }

    /// The value, unless one of two checks of an input fails. If both do, every field at fault is
    /// named.
    pub fn both<T>(value: Result<T, Self>, also: Result<(), Self>) -> Result<T, Self> {
        match (value, also) {
            (Err(Self::Invalid(mut errors)), Err(Self::Invalid(others))) => {
                others.iter().for_each(|(field, why)| errors.add(field, why));
                Err(Self::Invalid(errors))
            }
            (Ok(_), Err(error)) | (Err(error), _) => Err(error),
            (Ok(value), Ok(())) => Ok(value),
        }
    }

    /// Bad input in one field.
    pub fn invalid(field: &str, why: impl Into<String>) -> Self {
        Self::Invalid(FieldErrors::one(field, why))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(errors) => {
                for (n, (field, why)) in errors.iter().enumerate() {
                    let separator = if n == 0 { "" } else { "; " };
                    write!(f, "{separator}{field}: {why}")?;
                }
                Ok(())
            }
            Self::WrongCredentials(name) => write!(f, "{name} or password does not match"),
            Self::Token(TokenError::Missing) => f.write_str("Unauthorized"),
            Self::Token(TokenError::Expired) => f.write_str("Access token expired. Please log in again."),
            Self::Token(TokenError::Invalid) => f.write_str("Invalid token. Please log in again."),
            Self::Token(TokenError::Revoked) => f.write_str("Token blacklisted. Please log in again."),
            Self::Token(TokenError::UnknownKey) => f.write_str("Unknown API key. It may have been revoked."),
            Self::Token(TokenError::ExpiredKey) => f.write_str("API key expired."),
            Self::Token(TokenError::StoppedKey) => f.write_str("The account of this API key is not active."),
            Self::Forbidden(text) | Self::NotFound(text) | Self::Conflict(text) | Self::InsufficientStorage(text) | Self::Unhealthy(text) | Self::Internal(text) => {
                f.write_str(text)
            }
            Self::RoleRequired(Role::Admin) => f.write_str("You are not an administrator"),
            Self::RoleRequired(Role::Manager | Role::Employee) => f.write_str("You are not a manager"),
            Self::RateLimited { retry_after } if *retry_after < 120 => {
                write!(f, "Too many attempts. Please try again in {retry_after} seconds.")
            }
            Self::RateLimited { retry_after } => {
                write!(f, "Too many attempts. Please try again in {} minutes.", retry_after.div_ceil(60))
            }
            Self::PreconditionFailed => f.write_str(
                "It has changed meanwhile, or is not in the state that was asked for. Please read it again.",
            ),
            Self::KeyReused => f.write_str(
                "This Idempotency-Key was used for another request. Please use a new one.",
            ),
            Self::Busy => f.write_str("The service is busy. Please try again in a moment."),
            Self::ReadTimeout => f.write_str(
                "This list took too long to read. Please narrow it with longer words or more filters.",
            ),
        }
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_reason_for_a_field_stays() {
        let mut errors = FieldErrors::one("email", "is required");
        errors.add("email", "is too long");
        errors.add("password", "is required");
        assert_eq!(Error::Invalid(errors).to_string(), "email: is required; password: is required");
    }
}
