//! What people do with accounts: register, log in, log out, change a password.

mod hasher;
mod key;
mod sessions;
mod tokens;

use std::sync::Arc;

pub use self::hasher::{Argon2Settings, Hasher};
pub use self::key::SigningKey;
pub use self::sessions::{AccessToken, Session, Sessions};
pub use self::tokens::{Tokens, Verified};

use crate::clock::Clock;
use crate::domain::{
    Email, Login, NewPassword, NewUser, Password, PasswordPolicy, PublicId, Role, Status, User, Username,
};
use crate::error::Error;
use crate::store::Store;

/// Accounts and their passwords. One for the whole process; clones share it.
#[derive(Clone)]
pub struct Accounts {
    store: Arc<dyn Store>,
    hasher: Arc<Hasher>,
    policy: PasswordPolicy,
    clock: Clock,
}

impl Accounts {
    /// Accounts in `store`, whose passwords `hasher` hashes and `policy` judges.
    pub fn new(store: Arc<dyn Store>, hasher: Hasher, policy: PasswordPolicy, clock: Clock) -> Self {
        Self { store, hasher: Arc::new(hasher), policy, clock }
    }

    /// Reads a new password as far as can be told at a glance.
    pub fn check_length(&self, text: &str) -> Result<Password, String> {
        self.policy.check_length(text)
    }

    /// Judges a new password on the hashing threads; the inner error says why it is too weak.
    /// `names` are what the account goes by, which its password should not resemble.
    pub async fn judge(&self, password: Password, names: Vec<String>) -> Result<Result<NewPassword, String>, Error> {
        let policy = self.policy;
        self.hasher
            .run(move |_| {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                policy.judge(&password, &names)
            })
            .await
    }

    /// Makes an active account. [`Error::Conflict`] where a name is taken.
    pub async fn register(
        &self,
        email: Email,
        username: Option<Username>,
        password: NewPassword,
        role: Role,
    ) -> Result<User, Error> {
        // The store decides; asking first spares the hashing for a name that is taken already.
        if self.store.find_credentials(&Login::Email(email.clone())).await?.is_some() {
            return Err(Error::Conflict(format!("{email} is already registered")));
        }
        let password_hash = self.hasher.run(move |worker| worker.hash(password.as_bytes())).await??;
        let new =
            NewUser { public_id: PublicId::generate(), email, username, role, status: Status::Active, password_hash };
        self.store.create_user(new, self.clock.now()).await
    }

    /// Checks a login. [`Error::Credentials`] where the account is unknown or the password wrong,
    /// after the same work for both; [`Error::Forbidden`] where the password is right and the
    /// account may not log in.
    pub async fn log_in(&self, login: &Login, password: Password) -> Result<User, Error> {
        let found = self.store.find_credentials(login).await?;
        let hash = found.as_ref().map(|credentials| credentials.password_hash.clone());
        let (matches, upgraded) = self
            .hasher
            .run(move |worker| {
                let matches = worker.verify(password.as_bytes(), hash.as_ref())?;
                let outdated = matches && hash.as_ref().is_some_and(|hash| worker.is_outdated(hash));
                let upgraded = if outdated { Some(worker.hash(password.as_bytes())?) } else { None };
                Ok::<_, Error>((matches, upgraded))
            })
            .await??;
        let credentials = found.filter(|_| matches).ok_or(Error::Credentials)?;
        if let Some(obstacle) = credentials.user.status.obstacle_to_login() {
            return Err(Error::Forbidden(obstacle.to_owned()));
        }
        if let Some(new) = upgraded {
            let id = credentials.user.public_id;
            // Who gave the right password is let in, also while nothing can be written.
            if let Err(error) = self.store.upgrade_password_hash(id, credentials.password_hash, new).await {
                log::warn!("cannot renew the hash of a password: {error}");
            }
        }
        Ok(credentials.user)
    }

    /// Gives the account a new password, which ends all its tokens.
    pub async fn set_password(&self, email: &Email, password: NewPassword) -> Result<User, Error> {
        let hash = self.hasher.run(move |worker| worker.hash(password.as_bytes())).await??;
        self.store.set_password(email, hash, self.clock.now()).await
    }
}
