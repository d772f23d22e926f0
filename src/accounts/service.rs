//! Accounts and their passwords.

use std::sync::Arc;

use super::attempts::Attempt;
use super::failure_log::{account_in_log, log_failure, network_of};
use super::hasher::Hasher;
use super::rate_limits::RateLimits;
use super::sessions::{AccessToken, Sessions};
use super::setup_code::Setup;
use crate::domain::{
    Action, Actor, Authority, Email, Failure, LoginName, NewPassword, NewUser, Password,
    PasswordHash, PasswordPolicy, Precondition, RegistrationPolicy, RequestContext, Role,
    SessionId, Status, StoredCredentials, Target, User, UserId, UserRef, Username,
};
use crate::error::Error;
use crate::store::Store;

/// What somebody wants a new account to be. Its password is a [`NewPassword`] once it was judged.
#[derive(Debug)]
pub struct UserDetails<P = NewPassword> {
    pub email: Email,
    pub username: Option<Username>,
    pub password: P,
}

impl<P> UserDetails<P> {
    /// What the password should not resemble.
    pub fn names(&self) -> Vec<String> {
        let names = [Some(self.email.as_str()), self.username.as_ref().map(Username::as_str)];
        names.into_iter().flatten().map(str::to_owned).collect()
    }
}

/// Accounts and their passwords. One for the whole process.
pub struct Accounts {
    pub(super) store: Arc<dyn Store>,
    hasher: Hasher,
    policy: PasswordPolicy,
    limits: RateLimits,
    registration: RegistrationPolicy,
    pub(super) setup: Setup,
}

impl Accounts {
    /// Without a setup code: see [`Self::with_setup_code`].
    pub fn new(
        store: Arc<dyn Store>,
        hasher: Hasher,
        policy: PasswordPolicy,
        limits: RateLimits,
        registration: RegistrationPolicy,
    ) -> Self {
        Self { store, hasher, policy, limits, registration, setup: Setup::default() }
    }

    /// Who may register.
    pub fn registration(&self) -> RegistrationPolicy {
        self.registration
    }

    /// What a new password must be.
    pub fn password_policy(&self) -> PasswordPolicy {
        self.policy
    }

    /// How many characters a new password has at the least.
    pub fn min_password_length(&self) -> usize {
        self.policy.min_length
    }

    /// See [`PasswordPolicy::check_length`].
    pub fn check_length(&self, text: &str) -> Result<Password, String> {
        self.policy.check_length(text)
    }

    /// Judges a new password on the hashing threads. The inner error says why it is too weak.
    /// `names` are the account's, which its password should not resemble.
    pub(super) async fn judge(
        &self,
        password: Password,
        names: Vec<String>,
    ) -> Result<Result<NewPassword, String>, Error> {
        let policy = self.policy;
        self.hasher
            .run(move |_| {
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                policy.judge(&password, &names)
            })
            .await
    }

    /// [`Error::Forbidden`] where nobody may register.
    pub fn check_registration(&self) -> Result<(), Error> {
        match self.registration {
            RegistrationPolicy::Open | RegistrationPolicy::Approval => Ok(()),
            RegistrationPolicy::Closed => {
                let why = "Registration is closed. Please ask an administrator for an account.";
                Err(Error::Forbidden(why.to_owned()))
            }
        }
    }

    /// Judges the password of somebody who wants to register, and counts as a registration. The
    /// inner error says why the password is too weak: one of the fields' errors.
    /// [`Error::RateLimited`] after too many registrations from there.
    pub async fn check_registration_password(
        &self,
        password: Password,
        names: Vec<String>,
        context: &RequestContext,
    ) -> Result<Result<NewPassword, String>, Error> {
        let attempt = self.limits.acquire_registration(network_of(context)).await?;
        let judged = self.judge(password, names).await;
        if matches!(judged, Err(Error::Busy)) {
            attempt.release();
        }
        judged
    }

    /// Counts a write of an account. [`Error::RateLimited`] if it has written too much.
    pub fn admit_write(&self, authority: Authority) -> Result<(), Error> {
        self.limits.count_write(authority.user, authority.role)
    }

    /// Creates an account for somebody who may register, and logs them in if `sessions` are given
    /// and the account need not wait for approval. [`Error::Conflict`] if a name is taken.
    pub async fn register(
        &self,
        new: UserDetails,
        sessions: Option<&Sessions>,
        context: &RequestContext,
    ) -> Result<Option<AccessToken>, Error> {
        let id = UserId::generate();
        let context = RequestContext { actor: Actor::User(id), ..context.clone() };
        let (status, start) = match self.registration {
            RegistrationPolicy::Open => {
                let issue = |sessions: &Sessions| sessions.issue(id, Role::Employee, &context);
                (Status::Active, sessions.map(issue).transpose()?)
            }
            RegistrationPolicy::Approval | RegistrationPolicy::Closed => (Status::Pending, None),
        };
        let (token, session) = start.unzip();
        let new = self.prepare(id, new, Role::Employee, status).await?;
        self.store.create_user(new, session, &context).await?;
        Ok(token)
    }

    /// Creates an active account for somebody else. [`Error::Conflict`] if a name is taken.
    pub async fn add(
        &self,
        new: UserDetails,
        role: Role,
        context: &RequestContext,
    ) -> Result<User, Error> {
        let new = self.prepare(UserId::generate(), new, role, Status::Active).await?;
        self.store.create_user(new, None, context).await
    }

    pub(super) async fn prepare(
        &self,
        public_id: UserId,
        new: UserDetails,
        role: Role,
        status: Status,
    ) -> Result<NewUser, Error> {
        let UserDetails { email, username, password } = new;
        // The store decides; asking first spares the hashing for an address that is taken already.
        let taken = UserRef::LoginName(LoginName::Email(email.clone()));
        if self.store.find_credentials(&taken, None).await?.is_some() {
            return Err(Error::Conflict(format!("{email} is already registered")));
        }
        let password_hash =
            self.hasher.run(move |worker| worker.hash(password.as_bytes())).await??;
        Ok(NewUser { public_id, email, username, role, status, password_hash })
    }

    /// Checks a login. [`Error::WrongCredentials`] if the account is unknown or the password wrong,
    /// after the same work for both; [`Error::Forbidden`] if the password is right and the account
    /// may not log in; [`Error::RateLimited`] after too many failures.
    pub async fn log_in(
        &self,
        login: LoginName,
        password: Password,
        context: &RequestContext,
    ) -> Result<User, Error> {
        let account = UserRef::LoginName(login);
        let credentials = self.check_password(&account, password, Action::LogIn, context).await?;
        let user = credentials.user;
        self.limits.count_write(user.public_id, user.role)?;
        if let Some(obstacle) = user.status.obstacle_to_login() {
            let target = Target::User(user.public_id);
            self.record_failure(
                Action::LogIn,
                target,
                user.email.as_str(),
                user.status.as_str(),
                context,
            )
            .await?;
            return Err(Error::Forbidden(obstacle.to_owned()));
        }
        Ok(user)
    }

    /// Checks the password of an account, and records a failure. Upgrades the hash if the settings
    /// have become costlier.
    async fn check_password(
        &self,
        account: &UserRef,
        password: Password,
        action: Action,
        context: &RequestContext,
    ) -> Result<StoredCredentials, Error> {
        let found = self.store.find_credentials(account, Some(network_of(context))).await?;
        let id = found.as_ref().map(|credentials| credentials.user.public_id);
        let shown = account_in_log(account, found.as_ref());
        let attempt = self.acquire_attempt(account, found.as_ref(), &shown, context).await?;

        let hash = found.as_ref().map(|credentials| credentials.password_hash.clone());
        let checked = self
            .hasher
            .run(move |worker| {
                let matches = worker.verify(password.as_bytes(), hash.as_ref())?;
                let outdated =
                    matches && hash.as_ref().is_some_and(|hash| worker.is_outdated(hash));
                let upgraded =
                    if outdated { Some(worker.hash(password.as_bytes())?) } else { None };
                Ok::<_, Error>((matches, upgraded))
            })
            .await;
        if matches!(checked, Err(Error::Busy)) {
            attempt.release();
            return Err(Error::Busy);
        }
        let (matches, upgraded) = checked??;
        let Some(credentials) = found.filter(|_| matches) else {
            drop(attempt);
            let reason = if id.is_some() { "wrong_password" } else { "unknown_account" };
            self.record_failure(action, Target::of(account, id), &shown, reason, context).await?;
            return Err(Error::WrongCredentials);
        };
        attempt.succeed();
        if let Some(new) = upgraded {
            let old = credentials.password_hash.clone();
            // The password was right; that its hash stays an old one is no reason to refuse it.
            if let Err(error) =
                self.store.upgrade_password_hash(credentials.user.public_id, old, new).await
            {
                log::warn!("cannot upgrade the hash of a password: {error}");
            }
        }
        Ok(credentials)
    }

    /// Changes the password of somebody who knows the present one, and ends their other sessions.
    /// [`Error::Invalid`] if the present one is wrong or the new one too weak.
    pub async fn change_password(
        &self,
        user: UserId,
        current: Password,
        new: Password,
        kept: SessionId,
        context: &RequestContext,
    ) -> Result<(), Error> {
        let user = self
            .confirm(user, "current_password", current, Action::ChangePassword, context)
            .await?;
        let hash = self.hash_new("new_password", new, &user).await?;
        self.store.set_password(user.public_id, hash, Some(kept), context).await.map(drop)
    }

    /// Deletes the account of somebody who knows its password.
    /// [`Error::Invalid`] if it is wrong.
    pub async fn delete(
        &self,
        user: UserId,
        password: Password,
        precondition: Precondition,
        context: &RequestContext,
    ) -> Result<(), Error> {
        let user = self.confirm(user, "password", password, Action::Delete, context).await?;
        self.store.delete_user(user.public_id, precondition, context).await
    }

    async fn confirm(
        &self,
        user: UserId,
        field: &'static str,
        password: Password,
        action: Action,
        context: &RequestContext,
    ) -> Result<User, Error> {
        match self.check_password(&UserRef::Id(user), password, action, context).await {
            Ok(credentials) => Ok(credentials.user),
            Err(Error::WrongCredentials) => {
                Err(Error::invalid(field, "is not the account's password"))
            }
            Err(error) => Err(error),
        }
    }

    pub(super) async fn hash_new(
        &self,
        field: &'static str,
        password: Password,
        user: &User,
    ) -> Result<PasswordHash, Error> {
        let password =
            self.judge(password, user.names()).await?.map_err(|why| Error::invalid(field, why))?;
        self.hasher.run(move |worker| worker.hash(password.as_bytes())).await?
    }

    /// Sets a new password, and ends all sessions of the account.
    pub async fn set_password(
        &self,
        user: &User,
        password: NewPassword,
        context: &RequestContext,
    ) -> Result<User, Error> {
        let hash = self.hasher.run(move |worker| worker.hash(password.as_bytes())).await??;
        self.store.set_password(user.public_id, hash, None, context).await
    }

    async fn acquire_attempt(
        &self,
        account: &UserRef,
        found: Option<&StoredCredentials>,
        shown: &str,
        context: &RequestContext,
    ) -> Result<Attempt<'_>, Error> {
        let network = network_of(context);
        let acquired = match found {
            Some(StoredCredentials { user, knows_network, .. }) => {
                self.limits.acquire_attempt(user.public_id, network, *knows_network).await
            }
            None => self.limits.acquire_attempt(account.folded(), network, false).await,
        };
        acquired.inspect_err(|error| self.log_rate_limited(error, shown, context))
    }

    pub(super) async fn acquire_code_attempt(
        &self,
        context: &RequestContext,
    ) -> Result<Attempt<'_>, Error> {
        let acquired = self.limits.acquire_code_attempt(network_of(context)).await;
        acquired.inspect_err(|error| self.log_rate_limited(error, "-", context))
    }

    /// Logs that an attempt was refused unseen, unless there are enough such lines already.
    fn log_rate_limited(&self, error: &Error, account: &str, context: &RequestContext) {
        if matches!(error, Error::RateLimited { .. }) && self.limits.may_log(network_of(context)) {
            log_failure(context, account, "throttled");
        }
    }

    /// Records the failure, and answers the error for whoever gave a wrong code.
    pub(super) async fn wrong_code(&self, action: Action, context: &RequestContext) -> Error {
        match self.record_failure(action, Target::Unknown, "-", "wrong_code", context).await {
            Ok(()) => Error::invalid("code", "is wrong, has been used, or has expired"),
            Err(error) => error,
        }
    }

    /// Records a failure in the log, for fail2ban, and in the audit.
    async fn record_failure(
        &self,
        action: Action,
        target: Target,
        account: &str,
        reason: &'static str,
        context: &RequestContext,
    ) -> Result<(), Error> {
        log_failure(context, account, reason);
        self.store.record_failure(Failure { action, target, reason }, context).await
    }
}
