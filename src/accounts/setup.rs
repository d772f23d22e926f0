//! The first visit: whoever has the setup code becomes the first administrator.

use super::service::{Accounts, UserDetails};
use super::sessions::{AccessToken, Sessions};
use super::setup_code::{Setup, SetupCode};
use crate::domain::{
    Action, Actor, Password, RequestContext, Role, Status, UserId, check_no_administrator,
};
use crate::error::Error;

impl Accounts {
    /// Lets whoever has this code set up the first administrator.
    #[must_use]
    pub fn with_setup_code(mut self, code: Option<&SetupCode>) -> Self {
        self.setup = Setup::new(code);
        self
    }

    /// Whether this code, as somebody typed it, can set up the first administrator now.
    pub async fn is_good_setup_code(&self, code: &str) -> Result<bool, Error> {
        let is_good = SetupCode::parse(code).is_ok_and(|code| self.setup.accepts(&code));
        Ok(is_good && !self.store.has_administrator().await?)
    }

    /// Creates the first administrator and logs them in. The code is good until that succeeded.
    /// [`Error::Invalid`] if the code is wrong or used, or the password too weak;
    /// [`Error::Conflict`] if there is an administrator, or a name is taken;
    /// [`Error::RateLimited`] after too many wrong codes from there.
    pub async fn set_up(
        &self,
        code: &SetupCode,
        new: UserDetails<Password>,
        sessions: &Sessions,
        context: &RequestContext,
    ) -> Result<AccessToken, Error> {
        let attempt = self.acquire_code_attempt(context).await?;
        if !self.setup.accepts(code) {
            drop(attempt);
            return Err(self.wrong_code(Action::Register, context).await);
        }
        attempt.succeed();
        // The store decides; asking first spares whoever is late a new password.
        check_no_administrator(self.store.has_administrator().await?)?;

        let names = new.names();
        let UserDetails { email, username, password } = new;
        let password =
            self.judge(password, names).await?.map_err(|why| Error::invalid("password", why))?;
        let new = UserDetails { email, username, password };
        let id = UserId::generate();
        let context = RequestContext { actor: Actor::User(id), ..context.clone() };
        let (token, session) = sessions.issue(id, Role::Admin, &context)?;
        let new = self.prepare(id, new, Role::Admin, Status::Active).await?;
        self.store.create_first_administrator(new, session, &context).await?;
        // The store would refuse a second use; this makes the error say that the code was used.
        self.setup.mark_used();
        Ok(token)
    }
}
