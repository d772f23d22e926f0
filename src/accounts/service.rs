//! Accounts and their passwords.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};

use super::attempts::{Attempt, RateLimits};
use super::hasher::Hasher;
use super::sessions::{AccessToken, Sessions};
use crate::domain::{
    Action, Actor, Authority, EventResult, Failure, LoginName, Network, NewUser, Password,
    PasswordHash, PasswordPolicy, Precondition, RegistrationPolicy, RequestContext, Role,
    SecretHash, SessionId, SessionKind, Status, StoredCredentials, StrongPassword, Target, User,
    UserId, UserNames, UserRef,
};
use crate::error::Error;
use crate::store::Store;
use crate::telemetry::METRICS;

/// A new account. Its password is a [`StrongPassword`] after it was judged.
#[derive(Debug)]
pub struct UserDetails<P = StrongPassword> {
    pub names: UserNames,
    pub password: P,
}

/// Accounts and their passwords. One for the whole process.
pub struct Accounts {
    pub(super) store: Arc<dyn Store>,
    hasher: Hasher,
    policy: PasswordPolicy,
    limits: RateLimits,
    registration: RegistrationPolicy,
    /// `None` without a code, and after its use.
    pub(super) setup_code: Mutex<Option<SecretHash>>,
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
        Self { store, hasher, policy, limits, registration, setup_code: Mutex::default() }
    }

    pub fn registration(&self) -> RegistrationPolicy {
        self.registration
    }

    pub fn password_policy(&self) -> PasswordPolicy {
        self.policy
    }

    /// Judges a new password on the hashing threads. The inner error says why it is too weak.
    /// The password should not resemble `names`, the account's names.
    pub(super) async fn judge(
        &self,
        password: Password,
        names: UserNames,
    ) -> Result<Result<StrongPassword, String>, Error> {
        let policy = self.policy;
        self.hasher.run(move |_| policy.judge(&password, &names)).await
    }

    /// Hashes a password on the hashing threads.
    async fn hash(&self, password: StrongPassword) -> Result<PasswordHash, Error> {
        self.hasher.run(move |worker| worker.hash(password.as_bytes())).await?
    }

    /// [`Error::Forbidden`] if registration is closed.
    pub fn check_registration(&self) -> Result<(), Error> {
        if self.registration == RegistrationPolicy::Closed {
            return Err(Error::registration_closed());
        }
        Ok(())
    }

    /// Judges the password of a new account, and counts as a registration. The inner error says why
    /// the password is too weak. [`Error::RateLimited`] after too many registrations from this
    /// network.
    pub async fn check_registration_password(
        &self,
        password: Password,
        names: UserNames,
        context: &RequestContext,
    ) -> Result<Result<StrongPassword, String>, Error> {
        let attempt = self.limits.acquire_registration(network_of(context)).await?;
        let judged = self.judge(password, names).await;
        if matches!(judged, Err(Error::Busy)) {
            attempt.release();
        }
        judged
    }

    /// Counts a write of an account. [`Error::RateLimited`] after too many.
    pub fn admit_write(&self, authority: Authority) -> Result<(), Error> {
        self.limits.count_write(authority.user, authority.role)
    }

    /// Counts the reading of a filtered or sorted list by an account. [`Error::RateLimited`] after too many.
    pub fn admit_list(&self, user: UserId) -> Result<(), Error> {
        self.limits.count_list(user)
    }

    /// Creates an account for the caller, and starts a session of that kind if one is given and the
    /// account need not wait for approval. [`Error::Conflict`] if a name is taken.
    pub async fn register(
        &self,
        new: UserDetails,
        start: Option<(&Sessions, SessionKind)>,
        context: &RequestContext,
    ) -> Result<Option<AccessToken>, Error> {
        let id = UserId::generate();
        let context = RequestContext { actor: Actor::User(id), ..context.clone() };
        let (status, start) = match self.registration {
            RegistrationPolicy::Open => {
                let issue = |(sessions, kind): (&Sessions, SessionKind)| {
                    sessions.issue(id, Role::Employee, kind, &context)
                };
                (Status::Active, start.map(issue).transpose()?)
            }
            RegistrationPolicy::Approval | RegistrationPolicy::Closed => (Status::Pending, None),
        };
        let (token, session) = start.unzip();
        self.check_names_free(&new.names).await?;
        let new = self.prepare(id, new, Role::Employee, status).await?;
        self.store.create_user(new, session, &context).await?;
        Ok(token)
    }

    /// Creates an active account for another person. [`Error::Conflict`] if a name is taken.
    pub async fn add(
        &self,
        new: UserDetails,
        role: Role,
        context: &RequestContext,
    ) -> Result<User, Error> {
        self.check_names_free(&new.names).await?;
        let new = self.prepare(UserId::generate(), new, role, Status::Active).await?;
        self.store.create_user(new, None, context).await
    }

    /// [`Error::Conflict`] if a name is taken. The store decides; this avoids a hash for nothing.
    async fn check_names_free(&self, names: &UserNames) -> Result<(), Error> {
        for name in names.login_names() {
            let conflict = Error::is_registered(name.as_str());
            if self.store.find_credentials(&UserRef::LoginName(name), None).await?.is_some() {
                return Err(conflict);
            }
        }
        Ok(())
    }

    pub(super) async fn prepare(
        &self,
        public_id: UserId,
        new: UserDetails,
        role: Role,
        status: Status,
    ) -> Result<NewUser, Error> {
        let UserDetails { names, password } = new;
        let password_hash = self.hash(password).await?;
        Ok(NewUser { public_id, names, role, status, password_hash, reset_code: None })
    }

    /// Checks a login. [`Error::WrongCredentials`] if the account is unknown or the password wrong,
    /// after the same work for both; [`Error::Forbidden`] if the password is right but the account
    /// is not active; [`Error::RateLimited`] after too many failures.
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
            let (target, reason) = (Target::User(user.public_id), user.status.as_str());
            let label = user.names.label();
            self.record_failure(Action::LogIn, target, label, reason, context).await?;
            return Err(Error::Forbidden(obstacle.to_owned()));
        }
        METRICS.sign_ins.add();
        Ok(user)
    }

    /// Checks the password of an account, and records a failure. Upgrades a hash that is cheaper
    /// than the settings.
    async fn check_password(
        &self,
        account: &UserRef,
        password: Password,
        action: Action,
        context: &RequestContext,
    ) -> Result<StoredCredentials, Error> {
        let found = self.store.find_credentials(account, Some(network_of(context))).await?;
        let target = Target::of(account, found.as_ref().map(|found| found.user.public_id));
        // Never a username without an account: people type passwords there.
        let shown = match (&found, &target) {
            (Some(credentials), _) => credentials.user.names.label().to_owned(),
            (None, Target::UnknownEmail(email)) => email.as_str().to_owned(),
            (None, _) => "-".to_owned(),
        };
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
            let is_known = matches!(target, Target::User(_));
            let reason =
                if is_known { EventResult::WrongPassword } else { EventResult::UnknownAccount };
            let reason = reason.as_str();
            self.record_failure(action, target, &shown, reason, context).await?;
            return Err(Error::WrongCredentials(account.kind()));
        };
        attempt.succeed();
        if let Some(new) = upgraded.filter(|_| !context.dry_run) {
            let old = credentials.password_hash.clone();
            // The login succeeds also without the upgrade.
            if let Err(error) =
                self.store.upgrade_password_hash(credentials.user.public_id, old, new).await
            {
                log::warn!("cannot upgrade the hash of a password: {error}");
            }
        }
        Ok(credentials)
    }

    /// Changes a password after a check of the present one, and ends all sessions except `kept`.
    /// [`Error::Invalid`] if the present one is wrong or the new one too weak.
    pub async fn change_password(
        &self,
        user: UserId,
        current: Password,
        new: Password,
        kept: SessionId,
        context: &RequestContext,
    ) -> Result<(), Error> {
        let (user, context) = self
            .confirm(user, "current_password", current, Action::ChangePassword, context)
            .await?;
        let hash = self.hash_new("new_password", new, &user).await?;
        let changed = self.store.set_password(user.public_id, hash, Some(kept), &context).await;
        changed.map(drop).map_err(|error| name_field("current_password", error))
    }

    /// Deletes an account after a check of its password. [`Error::Invalid`] if it is wrong.
    pub async fn delete(
        &self,
        user: UserId,
        password: Password,
        precondition: Precondition,
        context: &RequestContext,
    ) -> Result<(), Error> {
        let (user, context) =
            self.confirm(user, "password", password, Action::Delete, context).await?;
        let deleted = self.store.delete_user(user.public_id, precondition, &context).await;
        deleted.map_err(|error| name_field("password", error))
    }

    /// The user, and the context of a write that needs the password to be still the same.
    async fn confirm(
        &self,
        user: UserId,
        field: &'static str,
        password: Password,
        action: Action,
        context: &RequestContext,
    ) -> Result<(User, RequestContext), Error> {
        let checked = self.check_password(&UserRef::Id(user), password, action, context).await;
        let user = checked.map_err(|error| name_field(field, error))?.user;
        let password_epoch = Some(user.token_epoch);
        Ok((user, RequestContext { password_epoch, ..context.clone() }))
    }

    pub(super) async fn hash_new(
        &self,
        field: &'static str,
        password: Password,
        user: &User,
    ) -> Result<PasswordHash, Error> {
        let password = self
            .judge(password, user.names.clone())
            .await?
            .map_err(|why| Error::invalid(field, why))?;
        self.hash(password).await
    }

    /// Sets a new password, and ends all sessions of the account.
    pub async fn set_password(
        &self,
        user: &User,
        password: StrongPassword,
        context: &RequestContext,
    ) -> Result<User, Error> {
        let hash = self.hash(password).await?;
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

    /// Logs that an attempt was refused without a check. The log lines have their own limit.
    fn log_rate_limited(&self, error: &Error, account: &str, context: &RequestContext) {
        const THROTTLED: &str = "throttled";
        if !matches!(error, Error::RateLimited { .. }) {
            return;
        }
        METRICS.count_refusal(THROTTLED);
        if self.limits.may_log(network_of(context)) {
            log_failure(context, account, THROTTLED);
        }
    }

    /// Records the failure, and returns the error for a wrong code.
    pub(super) async fn wrong_code(&self, action: Action, context: &RequestContext) -> Error {
        match self
            .record_failure(action, Target::Unknown, "-", EventResult::WrongCode.as_str(), context)
            .await
        {
            Ok(()) => Error::invalid("code", "is wrong, has been used, or has expired"),
            Err(error) => error,
        }
    }

    /// Writes a failure to the log and to the audit.
    async fn record_failure(
        &self,
        action: Action,
        target: Target,
        account: &str,
        reason: &'static str,
        context: &RequestContext,
    ) -> Result<(), Error> {
        METRICS.count_refusal(reason);
        log_failure(context, account, reason);
        self.store.record_failure(Failure { action, target, reason }, context).await
    }
}

/// The error of a wrong password, in the field that has it.
fn name_field(field: &str, error: Error) -> Error {
    match error {
        Error::WrongCredentials(_) => Error::invalid(field, "is not the account's password"),
        other => other,
    }
}

/// Programs such as fail2ban match this line: do not change it, nor its target.
fn log_failure(context: &RequestContext, account: &str, reason: &str) {
    let ip = address_of(context);
    log::warn!(
        target: "widgetd::accounts",
        "auth.fail ip={ip} account={account} reason={reason}"
    );
}

fn network_of(context: &RequestContext) -> Network {
    Network::of(address_of(context))
}

/// All requests without a network count as one address.
fn address_of(context: &RequestContext) -> IpAddr {
    context.address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}
