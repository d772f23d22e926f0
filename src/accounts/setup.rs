//! The first visit: whoever has the code that a start prints becomes the first administrator.

use std::sync::atomic::{AtomicBool, Ordering};

use super::secrets::{hash_of_code, new_code, read_code};
use super::{AccessToken, Accounts, Sessions, UserDetails, network_of};
use crate::domain::{
    Action, Actor, Email, Password, RequestContext, Role, Secret, SecretHash, Status, UserId,
    Username, check_no_administrator,
};
use crate::error::Error;

/// What somebody wants the first administrator's account to be.
#[derive(Debug)]
pub struct FirstAdminDetails {
    /// To log in with.
    pub email: Email,
    /// To log in with as well.
    pub username: Option<Username>,
    /// Of an acceptable length. How hard it is to guess is judged once the code is known to be right.
    pub password: Password,
}

/// What somebody makes the first administrator with: made at a start, and told to whoever started.
#[derive(Debug)]
pub struct SetupCode(Secret);

impl SetupCode {
    /// A new one, like `abcd-efgh-ijkl-mnop`.
    pub fn generate() -> Result<Self, Error> {
        new_code().map(Self)
    }

    /// Reads a setup code. Letter case, hyphens and blanks are the writer's, and do not count.
    pub fn parse(text: &str) -> Result<Self, String> {
        read_code("a setup code", text).map(Self)
    }

    /// The code itself, for whoever started the service.
    pub fn reveal(&self) -> &str {
        self.0.reveal()
    }
}

/// What is remembered of the setup code of this process, and in memory alone.
#[derive(Default)]
pub(super) struct Setup {
    code: Option<SecretHash>,
    is_used: AtomicBool,
}

impl Setup {
    fn is_good(&self, SetupCode(code): &SetupCode) -> bool {
        self.code == Some(hash_of_code(code)) && !self.is_used.load(Ordering::Relaxed)
    }
}

impl Accounts {
    /// The same, where somebody with this code may make the first administrator.
    #[must_use]
    pub fn with_setup_code(self, code: Option<&SetupCode>) -> Self {
        Self {
            setup: Setup { code: code.map(|code| hash_of_code(&code.0)), ..Setup::default() },
            ..self
        }
    }

    /// Whether somebody could make the first administrator with this code, however it is written.
    pub async fn is_good_setup_code(&self, code: &str) -> Result<bool, Error> {
        let is_good = SetupCode::parse(code).is_ok_and(|code| self.setup.is_good(&code));
        Ok(is_good && !self.store.has_administrator().await?)
    }

    /// Makes the first administrator, who has the setup code, and logs them in. The code is good
    /// until that was done. [`Error::Invalid`] where the code is wrong or used, or the password too
    /// weak; [`Error::Conflict`] where there is an administrator, or a name is taken;
    /// [`Error::RateLimited`] where too many wrong codes came from there.
    pub async fn set_up(
        &self,
        code: &SetupCode,
        new: FirstAdminDetails,
        sessions: &Sessions,
        context: &RequestContext,
    ) -> Result<AccessToken, Error> {
        let network = network_of(context);
        self.limits
            .take_anonymous_attempt(network)
            .inspect_err(|_| self.log_rate_limited(context, "-"))?;
        if !self.setup.is_good(code) {
            return Err(self.wrong_code(Action::Register, context).await);
        }
        self.limits.forgive_anonymous_attempt(network);
        // The store decides; asking first spares whoever is late a new password.
        check_no_administrator(self.store.has_administrator().await?)?;

        let FirstAdminDetails { email, username, password } = new;
        let names = [Some(email.as_str()), username.as_ref().map(Username::as_str)];
        let names = names.into_iter().flatten().map(str::to_owned).collect();
        let password =
            self.judge(password, names).await?.map_err(|why| Error::invalid("password", why))?;
        let id = UserId::generate();
        let context = RequestContext { actor: Actor::User(id), ..context.clone() };
        let (token, session) = sessions.issue(id, Role::Admin, &context)?;
        let new = self
            .prepare(id, UserDetails { email, username, password }, Role::Admin, Status::Active)
            .await?;
        self.store.create_first_administrator(new, session, &context).await?;
        // Nobody could use it once more; this tells those who try that it was used.
        self.setup.is_used.store(true, Ordering::Relaxed);
        Ok(token)
    }
}
