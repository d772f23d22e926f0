//! Reset codes: their bearer replaces a forgotten password.

use super::secrets;
use super::service::Accounts;
use crate::domain::{Action, Actor, Password, RequestContext, Secret, Timestamp, User, UserId};
use crate::error::Error;

const RESET_CODE_SECONDS: i64 = 3_600;

impl Accounts {
    /// Creates a code that sets a new password once, within an hour.
    pub async fn create_reset_code(
        &self,
        user: UserId,
        context: &RequestContext,
    ) -> Result<(Secret, User, Timestamp), Error> {
        let code = secrets::new_code()?;
        let expires_at = context.at.plus_seconds(RESET_CODE_SECONDS);
        let user = self
            .store
            .create_reset_code(user, secrets::hash_of_code(&code), expires_at, context)
            .await?;
        Ok((code, user, expires_at))
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
