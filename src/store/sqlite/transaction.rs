//! A transaction with the actor's authority. It is read inside the transaction, because a slow body
//! or a password hash may have passed since the guard read it.

use std::ops::Deref;

use rusqlite::ffi::SQLITE_CONSTRAINT_UNIQUE;
use rusqlite::{Connection, Params};

use super::authority;
use crate::domain::{Actor, Authority, Credential, RequestContext, Role, Timestamp, UserId, Zone};
use crate::error::{Error, TokenError};

pub struct Transaction<'a> {
    connection: &'a Connection,
    pub context: &'a RequestContext,
    /// Decides what today is.
    pub zone: &'a Zone,
    /// `None` for local actors, who may do everything.
    authority: Option<Authority>,
}

impl<'a> Transaction<'a> {
    /// Confirms that the session or key of the context is valid at `now`, and that a password that was
    /// checked is still the user's. A user who registers, logs in or resets their password has neither
    /// session nor key yet, and gets the lowest role for their own account.
    pub fn begin(
        connection: &'a Connection,
        context: &'a RequestContext,
        now: Timestamp,
        zone: &'a Zone,
    ) -> Result<Self, Error> {
        let authority = match (context.actor, context.credential) {
            (Actor::CommandLine | Actor::Service, _) => None,
            (Actor::Anonymous, _) => return Err(Error::Token(TokenError::Missing)),
            (Actor::User(user), None) => Some(Authority { user, role: Role::Employee }),
            (Actor::User(user), Some(credential)) => Some(
                authority::find(connection, user, credential, now)?
                    .ok_or_else(|| Error::Token(why_ended(credential, now)))?,
            ),
        };
        if let (Actor::User(user), Some(epoch)) = (context.actor, context.password_epoch)
            && !authority::has_epoch(connection, user, epoch)?
        {
            return Err(Error::WrongCredentials("password"));
        }
        Ok(Self { connection, context, zone, authority })
    }

    /// `None` for local actors, who may do everything.
    pub fn authority(&self) -> Option<Authority> {
        self.authority
    }

    pub fn role(&self) -> Role {
        self.authority.map_or(Role::Admin, |authority| authority.role)
    }

    pub fn require(&self, role: Role) -> Result<(), Error> {
        self.role().require(role)
    }

    /// [`Error::Forbidden`] unless the actor is this user.
    pub fn require_user(&self, user: UserId) -> Result<(), Error> {
        if self.is(user) {
            return Ok(());
        }
        Err(Error::Forbidden("Only the owner of the account may do this".to_owned()))
    }

    /// [`Error::RoleRequired`] unless the actor is this user or has the role.
    pub fn require_user_or(&self, user: UserId, role: Role) -> Result<(), Error> {
        if self.is(user) { Ok(()) } else { self.require(role) }
    }

    /// Runs a statement that writes.
    pub fn run(&self, sql: &str, values: impl Params) -> rusqlite::Result<usize> {
        self.prepare_cached(sql)?.execute(values)
    }

    /// The same; `taken` is the error if another row has what a UNIQUE constraint protects.
    pub fn run_unless(
        &self,
        taken: impl FnOnce() -> Error,
        sql: &str,
        values: impl Params,
    ) -> Result<(), Error> {
        let is_taken = |error: &rusqlite::Error| {
            let failure = error.sqlite_error().map(|failure| failure.extended_code);
            failure == Some(SQLITE_CONSTRAINT_UNIQUE)
        };
        match self.run(sql, values) {
            Err(error) if is_taken(&error) => Err(taken()),
            result => Ok(result.map(drop)?),
        }
    }

    fn is(&self, user: UserId) -> bool {
        self.authority.is_none_or(|authority| authority.user == user)
    }
}

/// Why a session or key is not valid at `now`.
fn why_ended(credential: Credential, now: Timestamp) -> TokenError {
    match credential {
        Credential::Session { expires_at, .. } if now >= expires_at => TokenError::Expired,
        Credential::Key { expires_at: Some(end), .. } if now > end => TokenError::ExpiredKey,
        Credential::Session { .. } | Credential::Key { .. } => TokenError::Revoked,
    }
}

impl Deref for Transaction<'_> {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        self.connection
    }
}
