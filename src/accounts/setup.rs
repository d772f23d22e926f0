//! The setup code, which a start prints while there is no administrator. Its bearer creates the
//! first one.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::secrets::{hash_of_code, new_code, read_code};
use super::service::{Accounts, UserDetails};
use super::sessions::{AccessToken, Sessions};
use crate::domain::{
    Action, Actor, Password, RequestContext, Role, Secret, SecretHash, SessionKind, Status, UserId,
    check_no_administrator,
};
use crate::error::Error;

#[derive(Debug)]
pub struct SetupCode(Secret);

impl SetupCode {
    /// A new one, like `abcd-efgh-ijkl-mnop`.
    pub fn generate() -> Result<Self, Error> {
        new_code().map(Self)
    }

    /// Letter case, hyphens and blanks are ignored.
    pub fn parse(text: &str) -> Result<Self, String> {
        read_code("a setup code", text).map(Self)
    }

    /// The code in plain text, to show to the person who started the service.
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }
}

impl Accounts {
    /// Lets the bearer of this code create the first administrator.
    #[must_use]
    pub fn with_setup_code(mut self, code: Option<&SetupCode>) -> Self {
        self.setup_code = Mutex::new(code.map(|code| hash_of_code(&code.0)));
        self
    }

    /// `None` if there was no setup code, or it was used.
    fn setup_code(&self) -> MutexGuard<'_, Option<SecretHash>> {
        self.setup_code.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_setup_code(&self, SetupCode(code): &SetupCode) -> bool {
        *self.setup_code() == Some(hash_of_code(code))
    }

    /// Whether this text is a code that can create the first administrator now.
    pub async fn is_good_setup_code(&self, code: &str) -> Result<bool, Error> {
        let is_good = SetupCode::parse(code).is_ok_and(|code| self.is_setup_code(&code));
        Ok(is_good && !self.store.has_administrator().await?)
    }

    /// Creates the first administrator and logs them in. The code is valid until this succeeds.
    /// [`Error::Invalid`] if the code is wrong or used, or the password too weak;
    /// [`Error::Conflict`] if there is an administrator, or a name is taken;
    /// [`Error::RateLimited`] after too many wrong codes from this network.
    pub async fn set_up(
        &self,
        code: &SetupCode,
        new: UserDetails<Password>,
        (sessions, kind): (&Sessions, SessionKind),
        context: &RequestContext,
    ) -> Result<AccessToken, Error> {
        let attempt = self.acquire_code_attempt(context).await?;
        if !self.is_setup_code(code) {
            drop(attempt);
            return Err(self.wrong_code(Action::Register, context).await);
        }
        attempt.succeed();
        // The store decides. This check comes first to refuse before a password is judged.
        check_no_administrator(self.store.has_administrator().await?)?;

        let UserDetails { names, password } = new;
        let judged = self.judge(password, names.clone()).await?;
        let password = judged.map_err(|why| Error::invalid("password", why))?;
        let new = UserDetails { names, password };
        let id = UserId::generate();
        let context = RequestContext { actor: Actor::User(id), ..context.clone() };
        let (token, session) = sessions.issue(id, Role::Admin, kind, &context)?;
        let new = self.prepare(id, new, Role::Admin, Status::Active).await?;
        self.store.create_first_administrator(new, session, &context).await?;
        if !context.dry_run {
            // The store refuses a second use. Without the code, the error says that it was used.
            *self.setup_code() = None;
        }
        Ok(token)
    }
}
