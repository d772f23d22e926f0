//! Reset codes: their bearer replaces a forgotten password.

use super::secrets;
use super::service::{Accounts, UserDetails};
use crate::domain::{
    Action, Actor, NewResetCode, NewUser, Password, RequestContext, Role, Secret, Status,
    Timestamp, User, UserId, UserNames,
};
use crate::error::Error;

const RESET_CODE_SECONDS: i64 = 3_600;

/// A new code, which is shown once.
pub struct ResetCode {
    pub code: Secret,
    pub expires_at: Timestamp,
}

impl ResetCode {
    /// A code that works for an hour.
    fn new(now: Timestamp) -> Result<Self, Error> {
        Ok(Self { code: secrets::new_code()?, expires_at: now.plus_seconds(RESET_CODE_SECONDS) })
    }

    fn to_stored(&self) -> NewResetCode {
        NewResetCode { hash: secrets::hash_of_code(&self.code), expires_at: self.expires_at }
    }
}

impl Accounts {
    /// Creates an active account for another person: with a password, or with a code to choose one.
    /// [`Error::Invalid`] if the password is too weak, [`Error::Conflict`] if a name is taken.
    pub async fn add_with_code(
        &self,
        names: UserNames,
        role: Role,
        password: Option<Password>,
        context: &RequestContext,
    ) -> Result<(User, Option<ResetCode>), Error> {
        let code = if password.is_none() { Some(ResetCode::new(context.at)?) } else { None };
        // Until the code is used, nobody knows the password.
        let unknown = || {
            Password::parse(secrets::new_key()?.reveal())
                .map_err(|why| Error::internal("a new password", why))
        };
        let password = password.map_or_else(unknown, Ok)?;
        let judged = self.judge(password, names.clone()).await?;
        let password = judged.map_err(|why| Error::invalid("password", why))?;
        let new = UserDetails { names, password };
        let new = self.prepare(UserId::generate(), new, role, Status::Active).await?;
        let new = NewUser { reset_code: code.as_ref().map(ResetCode::to_stored), ..new };
        Ok((self.store.create_user(new, None, context).await?, code))
    }

    /// Creates a code that sets a new password once, within an hour.
    pub async fn create_reset_code(
        &self,
        user: UserId,
        context: &RequestContext,
    ) -> Result<(User, ResetCode), Error> {
        let code = ResetCode::new(context.at)?;
        let user = self.store.create_reset_code(user, code.to_stored(), context).await?;
        Ok((user, code))
    }

    /// Sets a new password with a reset code, and ends all sessions of the user.
    /// [`Error::Invalid`] if the code is wrong, used or expired, or the password too weak;
    /// [`Error::RateLimited`] after too many wrong codes from this network.
    pub async fn reset_password(
        &self,
        code: &Secret,
        new: Password,
        context: &RequestContext,
    ) -> Result<User, Error> {
        let attempt = self.acquire_code_attempt(context).await?;
        let code = secrets::hash_of_code(code);
        let Some(user) = self.store.find_user_by_reset_code(&code, context.at).await? else {
            drop(attempt);
            return Err(self.wrong_code(Action::ResetPassword, context).await);
        };
        let hash = match self.hash_new("new_password", new, &user).await {
            Err(Error::Busy) => {
                attempt.release();
                return Err(Error::Busy);
            }
            hash => hash?,
        };
        let context = RequestContext { actor: Actor::User(user.public_id), ..context.clone() };
        let Some(user) = self.store.redeem_reset_code(code, hash, &context).await? else {
            drop(attempt);
            return Err(self.wrong_code(Action::ResetPassword, &context).await);
        };
        attempt.succeed();
        Ok(user)
    }
}
