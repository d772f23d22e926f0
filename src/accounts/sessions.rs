//! Authentication: sessions, which start at login and end at logout, and API keys.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::secrets::{self, KEY_PREFIX};
use super::tokens::Tokens;
use crate::clock::Clock;
use crate::domain::{
    Actor, ApiKey, Authority, Credential, KeyId, KeyName, KeyScope, NewApiKey, NewSession,
    RequestContext, Role, Secret, SessionId, SessionKind, SessionLives, Timestamp, User, UserId,
};
use crate::error::{Error, TokenError};
use crate::store::Store;

#[derive(Clone)]
pub struct AccessToken {
    pub text: String,
    /// Seconds.
    pub expires_in: u32,
}

/// The sender of a request.
#[derive(Clone, Copy, Debug)]
pub struct Caller {
    /// Read from the store for this request.
    pub authority: Authority,
    pub credential: Credential,
    /// When the token was signed; `None` for an API key.
    pub issued_at: Option<Timestamp>,
}

/// How old the token of a browser is, in seconds, before it gets another one: each is a write.
const RENEWAL_AGE: i64 = 3_600;

pub struct Sessions {
    store: Arc<dyn Store>,
    tokens: Tokens,
    lives: SessionLives,
    clock: Clock,
    /// The keys whose use is being recorded.
    recording: Arc<Mutex<HashSet<KeyId>>>,
}

impl Sessions {
    pub fn new(store: Arc<dyn Store>, tokens: Tokens, lives: SessionLives, clock: Clock) -> Self {
        Self { store, tokens, lives, clock, recording: Arc::default() }
    }

    /// A token and its session. Store the session before you hand out the token.
    pub fn issue(
        &self,
        user: UserId,
        role: Role,
        kind: SessionKind,
        context: &RequestContext,
    ) -> Result<(AccessToken, NewSession), Error> {
        let after = |seconds: u32| whole_seconds(context.at).plus_seconds(seconds.into());
        let SessionLives { api_client, browser, browser_at_most } = self.lives;
        let (life, renewable_until) = match kind {
            SessionKind::ApiClient => (api_client, None),
            SessionKind::Browser => (browser.min(browser_at_most), Some(after(browser_at_most))),
        };
        let session = NewSession {
            id: SessionId::generate(),
            user,
            expires_at: after(life),
            renewable_until,
        };
        let token = self.sign(user, role, session.id, context.at, session.expires_at)?;
        Ok((token, session))
    }

    fn sign(
        &self,
        user: UserId,
        role: Role,
        session: SessionId,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<AccessToken, Error> {
        let text = self.tokens.sign(user, session, role.is_admin(), now, expires_at)?;
        let expires_in = expires_at.as_seconds() - now.as_seconds();
        Ok(AccessToken { text, expires_in: u32::try_from(expires_in).unwrap_or_default() })
    }

    /// Whether the caller's token is so old that it is time for another one.
    pub fn should_renew(&self, caller: Caller) -> bool {
        let is_old = |issued: Timestamp| self.clock.now() >= issued.plus_seconds(RENEWAL_AGE);
        caller.issued_at.is_some_and(is_old)
    }

    /// Another token for the session of a browser, which lives on from now. `None` for the session of
    /// an API client. A failure does not fail the request.
    pub async fn renew(&self, caller: Caller) -> Option<AccessToken> {
        let Credential::Session { id, .. } = caller.credential else { return None };
        let (user, now) = (caller.authority.user, self.clock.now());
        let wanted = whole_seconds(now).plus_seconds(self.lives.browser.into());
        let renewed = match self.store.renew_session(user, id, wanted, now).await {
            Ok(Some(end)) => self.sign(user, caller.authority.role, id, now, end),
            Ok(None) | Err(Error::Busy) => return None,
            Err(error) => Err(error),
        };
        renewed.inspect_err(|error| log::warn!("cannot renew a session: {error}")).ok()
    }

    /// Starts a session for a user whose password was checked. [`Error::WrongCredentials`] if the
    /// user was disabled or the password changed since `user` was read.
    pub async fn start(
        &self,
        user: &User,
        kind: SessionKind,
        context: &RequestContext,
    ) -> Result<AccessToken, Error> {
        let (token, session) = self.issue(user.public_id, user.role, kind, context)?;
        let context = RequestContext { actor: Actor::User(user.public_id), ..context.clone() };
        self.store.start_session(session, user.token_epoch, &context).await?;
        Ok(token)
    }

    /// The bearer of a token or an API key. Their authority comes from the store, in one read, and
    /// never from a claim.
    pub async fn authenticate(&self, bearer: &str) -> Result<Caller, Error> {
        if bearer.starts_with(KEY_PREFIX) {
            return self.authenticate_key(bearer, self.clock.now()).await;
        }
        self.authenticate_session(bearer).await
    }

    /// The bearer of a token. An API key is invalid here.
    pub async fn authenticate_session(&self, token: &str) -> Result<Caller, Error> {
        let verified = self.tokens.verify(token, self.clock.now()).map_err(Error::Token)?;
        let authority = self
            .store
            .find_session_authority(verified.subject, verified.session)
            .await?
            .ok_or(Error::Token(TokenError::Revoked))?;
        let credential =
            Credential::Session { id: verified.session, expires_at: verified.expires_at };
        Ok(Caller { authority, credential, issued_at: Some(verified.issued_at) })
    }

    async fn authenticate_key(&self, key: &str, now: Timestamp) -> Result<Caller, Error> {
        let found = self.store.find_key_authority(&secrets::hash_of_key(key)).await?;
        let key = found.ok_or(Error::Token(TokenError::UnknownKey))?;
        let authority = key.owner.ok_or(Error::Token(TokenError::StoppedKey))?;
        if key.has_expired(now) {
            return Err(Error::Token(TokenError::ExpiredKey));
        }
        if key.should_record_use(now) {
            self.record_use(key.id, now);
        }
        let credential =
            Credential::Key { id: key.id, scope: key.scope, expires_at: key.expires_at };
        Ok(Caller { authority, credential, issued_at: None })
    }

    /// Records the use of a key in the background, unless that is in progress. A failure does not
    /// fail the request.
    fn record_use(&self, key: KeyId, now: Timestamp) {
        if !lock(&self.recording).insert(key) {
            return;
        }
        let (store, recording) = (Arc::clone(&self.store), Arc::clone(&self.recording));
        tokio::spawn(async move {
            match store.record_key_use(key, now).await {
                Ok(()) | Err(Error::Busy) => {}
                Err(error) => log::warn!("cannot record the use of an API key: {error}"),
            }
            lock(&recording).remove(&key);
        });
    }
}

/// As a token counts.
fn whole_seconds(at: Timestamp) -> Timestamp {
    Timestamp::from_seconds(at.as_seconds())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic cannot leave a half-changed set.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Creates an API key of a user. The secret is not stored.
pub async fn create_key(
    store: &dyn Store,
    owner: UserId,
    name: KeyName,
    scope: KeyScope,
    expires_at: Option<Timestamp>,
    context: &RequestContext,
) -> Result<(Secret, ApiKey), Error> {
    let secret = secrets::new_key()?;
    let hash = secrets::hash_of_key(secret.reveal());
    let new = NewApiKey { id: KeyId::generate(), owner, name, scope, hash, expires_at };
    Ok((secret, store.create_key(new, context).await?))
}
