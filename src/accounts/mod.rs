//! What people do with accounts: make the first one, register, log in, log out, change or reset a password.

mod hasher;
mod limits;
mod secrets;
mod sessions;
mod setup;
mod signing_key;
mod tokens;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

pub use self::hasher::{Argon2Settings, Hasher, HashingMode};
pub use self::limits::Limits;
pub use self::secrets::read_reset_code;
pub use self::sessions::{AccessToken, Caller, Sessions, create_key};
pub use self::setup::{FirstAdminDetails, SetupCode};
pub use self::signing_key::SigningKey;
pub use self::tokens::Tokens;

use self::setup::Setup;
use crate::domain::{
    Action, Actor, Authority, Email, Failure, LoginName, Network, NewPassword, NewUser, Password,
    PasswordHash, PasswordPolicy, Precondition, RegistrationPolicy, RequestContext, Role, Secret,
    SessionId, Status, StoredCredentials, Target, Timestamp, User, UserId, UserRef, Username,
};
use crate::error::Error;
use crate::store::Store;

/// For how many seconds a reset code is good.
pub const RESET_CODE_SECONDS: i64 = 3_600;

/// What somebody wants an account to be.
#[derive(Debug)]
pub struct UserDetails {
    /// To log in with.
    pub email: Email,
    /// To log in with as well.
    pub username: Option<Username>,
    /// Good enough for these names.
    pub password: NewPassword,
}

/// Accounts and their passwords. One for the whole process.
pub struct Accounts {
    store: Arc<dyn Store>,
    hasher: Hasher,
    policy: PasswordPolicy,
    limits: Limits,
    registration: RegistrationPolicy,
    setup: Setup,
}

impl Accounts {
    /// Accounts in `store`, whose passwords `hasher` hashes and `policy` judges, within `limits`.
    /// Without a setup code.
    pub fn new(
        store: Arc<dyn Store>,
        hasher: Hasher,
        policy: PasswordPolicy,
        limits: Limits,
        registration: RegistrationPolicy,
    ) -> Self {
        Self { store, hasher, policy, limits, registration, setup: Setup::default() }
    }

    /// Who may register.
    pub fn registration(&self) -> RegistrationPolicy {
        self.registration
    }

    /// How many characters a new password has at the least.
    pub fn min_password_length(&self) -> usize {
        self.policy.min_length
    }

    /// Reads a new password as far as can be told at a glance.
    pub fn check_length(&self, text: &str) -> Result<Password, String> {
        self.policy.check_length(text)
    }

    /// Judges a new password on the hashing threads; the inner error says why it is too weak.
    /// `names` are what the account goes by, which its password should not resemble.
    async fn judge(
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

    /// Judges the password of somebody who wants to register, which takes a place.
    /// [`Error::RateLimited`] where too many came from there.
    pub async fn judge_registration(
        &self,
        password: Password,
        names: Vec<String>,
        context: &RequestContext,
    ) -> Result<Result<NewPassword, String>, Error> {
        let network = network_of(context);
        self.limits.take_registration(network)?;
        self.judge(password, names).await.inspect_err(|error| {
            if matches!(error, Error::Busy) {
                self.limits.forgive_registration(network);
            }
        })
    }

    /// Takes a place for something that an account writes. [`Error::RateLimited`] where it has written
    /// too much.
    pub fn admit_write(&self, authority: Authority) -> Result<(), Error> {
        self.limits.take_write(authority.user, authority.role)
    }

    /// Makes somebody an account, who was admitted, and logs them in, where there are `sessions` to do that
    /// with and the account need not wait for approval. [`Error::Conflict`] where a name is taken.
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

    /// Makes an active account for somebody else. [`Error::Conflict`] where a name is taken.
    pub async fn add(
        &self,
        new: UserDetails,
        role: Role,
        context: &RequestContext,
    ) -> Result<User, Error> {
        let new = self.prepare(UserId::generate(), new, role, Status::Active).await?;
        self.store.create_user(new, None, context).await
    }

    async fn prepare(
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

    /// Checks a login. [`Error::WrongCredentials`] where the account is unknown or the password wrong,
    /// after the same work for both; [`Error::Forbidden`] where the password is right and the
    /// account may not log in; [`Error::RateLimited`] where the attempt came too soon.
    pub async fn log_in(
        &self,
        login: LoginName,
        password: Password,
        context: &RequestContext,
    ) -> Result<User, Error> {
        let account = UserRef::LoginName(login);
        let credentials = self.check_password(&account, password, Action::LogIn, context).await?;
        let user = credentials.user;
        self.limits.take_write(user.public_id, user.role)?;
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

    /// Whether an account has this password, which is noted where it has not. Takes a place, and
    /// gives it back where the password is right. Renews the hash where the settings rose.
    async fn check_password(
        &self,
        account: &UserRef,
        password: Password,
        action: Action,
        context: &RequestContext,
    ) -> Result<StoredCredentials, Error> {
        let network = network_of(context);
        let found = self.store.find_credentials(account, Some(network)).await?;
        let id = found.as_ref().map(|credentials| credentials.user.public_id);
        let is_known = found.as_ref().is_some_and(|credentials| credentials.knows_network);
        let attempt = match id {
            Some(id) => self.limits.take_attempt(id, network, is_known),
            None => self.limits.take_attempt(account.folded(), network, false),
        };
        let attempt = attempt
            .inspect_err(|_| self.log_rate_limited(context, &shown(account, found.as_ref())))?;

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
            attempt.not_made();
            return Err(Error::Busy);
        }
        let (matches, upgraded) = checked??;
        let shown = shown(account, found.as_ref());
        let Some(credentials) = found.filter(|_| matches) else {
            let reason = if id.is_some() { "wrong_password" } else { "unknown_account" };
            self.record_failure(action, Target::of(account, id), &shown, reason, context).await?;
            return Err(Error::WrongCredentials);
        };
        attempt.succeeded();
        if let Some(new) = upgraded {
            let old = credentials.password_hash.clone();
            // Who gave the right password is not refused because the hash of it is an old one.
            if let Err(error) =
                self.store.upgrade_password_hash(credentials.user.public_id, old, new).await
            {
                log::warn!("cannot renew the hash of a password: {error}");
            }
        }
        Ok(credentials)
    }

    /// Gives somebody a new password who knows the present one, and ends their other sessions.
    /// [`Error::Invalid`] where the present one is wrong or the new one too weak.
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
    pub async fn delete(
        &self,
        user: UserId,
        password: Password,
        context: &RequestContext,
    ) -> Result<(), Error> {
        let user = self.confirm(user, "password", password, Action::Delete, context).await?;
        self.store.delete_user(user.public_id, Precondition::default(), context).await
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

    async fn hash_new(
        &self,
        field: &'static str,
        password: Password,
        user: &User,
    ) -> Result<PasswordHash, Error> {
        let password =
            self.judge(password, user.names()).await?.map_err(|why| Error::invalid(field, why))?;
        self.hasher.run(move |worker| worker.hash(password.as_bytes())).await?
    }

    /// Gives the account a new password, and ends all its sessions.
    pub async fn set_password(
        &self,
        user: &User,
        password: NewPassword,
        context: &RequestContext,
    ) -> Result<User, Error> {
        let hash = self.hasher.run(move |worker| worker.hash(password.as_bytes())).await??;
        self.store.set_password(user.public_id, hash, None, context).await
    }

    /// Makes a code with which the account's owner can set a new password, once, for an hour.
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

    /// Sets a new password with a reset code, and ends all sessions of the account.
    /// [`Error::Invalid`] where the code is wrong, used or expired, or the password too weak.
    pub async fn reset_password(
        &self,
        code: &Secret,
        new: Password,
        context: &RequestContext,
    ) -> Result<User, Error> {
        let network = network_of(context);
        self.limits
            .take_anonymous_attempt(network)
            .inspect_err(|_| self.log_rate_limited(context, "-"))?;
        let code = secrets::hash_of_code(code);
        let Some(user) = self.store.find_user_by_reset_code(&code, context.at).await? else {
            return Err(self.wrong_code(Action::ResetPassword, context).await);
        };
        let hash = self.hash_new("new_password", new, &user).await.inspect_err(|error| {
            if matches!(error, Error::Busy) {
                self.limits.forgive_anonymous_attempt(network);
            }
        })?;
        let context = RequestContext { actor: Actor::User(user.public_id), ..context.clone() };
        let Some(user) = self.store.redeem_reset_code(code, hash, &context).await? else {
            return Err(self.wrong_code(Action::ResetPassword, &context).await);
        };
        self.limits.forgive_anonymous_attempt(network);
        Ok(user)
    }

    async fn wrong_code(&self, action: Action, context: &RequestContext) -> Error {
        match self.record_failure(action, Target::Unknown, "-", "wrong_code", context).await {
            Ok(()) => Error::invalid("code", "is wrong, has been used, or has expired"),
            Err(error) => error,
        }
    }

    /// Notes in the log that an attempt was not looked at, unless it has told of enough of them.
    fn log_rate_limited(&self, context: &RequestContext, account: &str) {
        if self.limits.may_log(network_of(context)) {
            log_failure(context, account, "throttled");
        }
    }

    /// Notes a failure in the log, for fail2ban, and in the audit.
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

/// The one line of the log that stays as it is, because other programs match it.
fn log_failure(context: &RequestContext, account: &str, reason: &str) {
    log::warn!("auth.fail ip={} account={account} reason={reason}", address_of(context));
}

/// How the log names the account of an attempt: by its address; never by what somebody typed where a
/// username belongs or that hardly is an address, which may be a password.
fn shown(account: &UserRef, found: Option<&StoredCredentials>) -> String {
    match (found, account) {
        (Some(credentials), _) => credentials.user.email.as_str().to_owned(),
        (None, UserRef::LoginName(LoginName::Email(email))) if email.has_dotted_domain() => {
            email.as_str().to_owned()
        }
        (None, _) => "-".to_owned(),
    }
}

fn network_of(context: &RequestContext) -> Network {
    Network::of(address_of(context))
}

/// What comes over no network counts as one address.
fn address_of(context: &RequestContext) -> IpAddr {
    context.address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}
