//! Who is calling: tokens given at login, asked about at every request, ended at logout.

use std::sync::Arc;

use super::tokens::{Tokens, Verified};
use crate::clock::Clock;
use crate::domain::{Authority, User};
use crate::error::{Error, TokenProblem};
use crate::store::Store;

/// A token just issued.
pub struct AccessToken {
    /// The JWT.
    pub text: String,
    /// How many seconds it lives.
    pub expires_in: u32,
}

/// Somebody who proved who they are, with what they may do at this moment.
#[derive(Clone, Debug)]
pub struct Session {
    /// The account's standing, read from the store for this request.
    pub authority: Authority,
    /// The token itself.
    pub token: Arc<Verified>,
}

/// The sessions of one installation.
pub struct Sessions {
    store: Arc<dyn Store>,
    tokens: Tokens,
    clock: Clock,
}

impl Sessions {
    /// Sessions whose tokens are of `tokens` and whose standing is in `store`.
    pub fn new(store: Arc<dyn Store>, tokens: Tokens, clock: Clock) -> Self {
        Self { store, tokens, clock }
    }

    /// A token for an account as it was when its password was checked: had it been disabled or
    /// given another password since, the token is born dead.
    pub fn start(&self, user: &User) -> Result<AccessToken, Error> {
        let text = self.tokens.sign(user.public_id, user.token_epoch, user.role.is_admin(), self.clock.now())?;
        Ok(AccessToken { text, expires_in: self.tokens.life_seconds() })
    }

    /// Who bears this token. Authority comes from the store, in one read, and never from a claim.
    pub async fn authenticate(&self, token: &str) -> Result<Session, Error> {
        let verified = self.tokens.verify(token, self.clock.now()).map_err(Error::Token)?;
        let authority = self
            .store
            .find_authority(verified.subject, &verified.id)
            .await?
            .ok_or(Error::Token(TokenProblem::Invalid))?;
        if !authority.honours(&verified.id) {
            return Err(Error::Token(TokenProblem::Revoked));
        }
        Ok(Session { authority, token: verified })
    }

    /// Ends the session: when this answers, its token is dead, also after a power cut.
    pub async fn end(&self, session: Session) -> Result<(), Error> {
        self.store.revoke_token(&session.token.id, session.token.expires_at, self.clock.now()).await
    }
}
