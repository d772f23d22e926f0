//! Authorization as a parameter's type: a handler with one of these guards runs for nobody else.
//!
//! | guard | session | API key |
//! |---|---|---|
//! | [`AnyUser`] | any | any; scope `write` for a write |
//! | [`Manager`] | a manager's or an administrator's | the same; scope `write` for a write |
//! | [`Admin`] | an administrator's | the same; scope `write` for a write |
//! | [`SessionUser`] | any | none |
//! | [`SessionAdmin`] | an administrator's | none |
//! | [`CalendarReader`] | none | scope `calendar`, in the address |
//!
//! No other guard accepts a key of scope `calendar`.
//!
//! Each carries the request context and the store. A write's transaction decides about the role once more.

use std::convert::identity;
use std::ops::Deref;
use std::sync::Arc;

use rocket::Request;
use rocket::futures::future::BoxFuture;
use rocket::request::{FromRequest, Outcome};
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::okapi::openapi3::{Responses, SecuritySchemeData};
use rocket_okapi::request::{OpenApiFromRequest, RequestHeaderInput};

use super::cookie::session_cookie;
use super::documented::{bearer_scheme, responses, security};
use super::origin::check_same_origin;
use super::renewal::renew;
use crate::accounts::Caller;
use crate::clock::Clock;
use crate::domain::{
    Actor, Authority, Credential, KeyScope, RequestContext, Role, SessionId, Timestamp, UserId,
};
use crate::error::{Error, TokenError};
use crate::http::wire::{
    Export, Fields, Given, IDEMPOTENCY_KEY, KEY_MAY_ONLY_READ, LIST_LIMIT, ListOrCsv, Problem,
    RATE_LIMITED, Services, ViewContext, add_problem, idempotency_key, is_read, query_of, reject,
    remember_user, request_context,
};
use crate::store::Store;

/// An authenticated caller, the context of the request, and what it may lead to.
pub struct SignedIn {
    pub authority: Authority,
    pub context: RequestContext,
    /// Handlers reach records through it, so that none forgets its guard.
    pub store: Arc<dyn Store>,
    credential: Credential,
    clock: Clock,
    view: ViewContext<'static>,
}

impl SignedIn {
    pub fn id(&self) -> UserId {
        self.authority.user
    }

    /// All of a list as CSV, for as long as the caller's authority stays what it is.
    pub async fn export<R>(
        &self,
        name: &'static str,
        export: impl FnOnce(Arc<dyn Store>, ViewContext<'static>) -> Export,
    ) -> Result<ListOrCsv<R>, Problem> {
        let export = export(Arc::clone(&self.store), self.view);
        ListOrCsv::csv(name, export.confirmed_by(self.confirmation())).await
    }

    /// Whether the caller's authority is what the guard has read: for an answer that takes long.
    pub fn confirmation(
        &self,
    ) -> impl Fn() -> BoxFuture<'static, Result<(), Error>> + Send + use<> {
        let (store, clock) = (Arc::clone(&self.store), self.clock.clone());
        let (authority, credential) = (self.authority, self.credential);
        move || {
            let (store, now) = (Arc::clone(&store), clock.now());
            Box::pin(async move {
                let found = store.find_authority(authority.user, credential, now).await?;
                let is_same = found == Some(authority);
                if is_same { Ok(()) } else { Err(Error::Token(TokenError::Revoked)) }
            })
        }
    }

    /// When the session or key expires, if ever.
    pub fn expires_at(&self) -> Option<Timestamp> {
        match self.credential {
            Credential::Session { expires_at, .. } => Some(expires_at),
            Credential::Key { expires_at, .. } => expires_at,
        }
    }

    /// The session, unless the caller uses an API key.
    pub fn session(&self) -> Option<SessionId> {
        match self.credential {
            Credential::Session { id, .. } => Some(id),
            Credential::Key { .. } => None,
        }
    }
}

/// A guard without authentication: the context of the request.
#[derive(rocket_okapi::OpenApiFromRequest)]
pub struct Anonymous(pub RequestContext);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Anonymous {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match request_context(request) {
            Ok(context) => Outcome::Success(Self(context.clone())),
            Err(error) => reject(request, error),
        }
    }
}

/// A caller with a session, who may decide about sessions, passwords and keys.
pub struct SessionUser {
    signed_in: SignedIn,
    pub session: SessionId,
}

impl Deref for SessionUser {
    type Target = SignedIn;

    fn deref(&self) -> &SignedIn {
        &self.signed_in
    }
}

async fn session_user(request: &Request<'_>, role: Role) -> Result<SessionUser, Problem> {
    let signed_in = authorize(request, role).await?;
    let session = signed_in.session().ok_or_else(|| needs_session(role))?;
    if idempotency_key(request)?.is_some() {
        let why = "is not possible here: what this answers is not stored";
        return Err(Error::invalid(IDEMPOTENCY_KEY, why).into());
    }
    count_write(request, &signed_in)?;
    Ok(SessionUser { signed_in, session })
}

async fn any_caller(request: &Request<'_>, role: Role) -> Result<SignedIn, Problem> {
    let mut signed_in = authorize(request, role).await?;
    if !is_read(request) {
        signed_in.context.idempotency_key = idempotency_key(request)?.cloned();
        if matches!(signed_in.credential, Credential::Key { scope: KeyScope::Read, .. }) {
            return Err(Problem::key_of_scope(KeyScope::Read, role));
        }
        count_write(request, &signed_in)?;
    }
    Ok(signed_in)
}

/// The caller, if the role is enough.
async fn authorize(request: &Request<'_>, role: Role) -> Result<SignedIn, Problem> {
    let for_role = |error| Problem::for_role(error, role);
    let Caller { authority, credential, .. } = authenticate(request).await.map_err(for_role)?;
    let enough = authority.role.require(role);
    enough.map_err(Problem::from)?;
    if is_calendar_key(credential) {
        return Err(Problem::key_of_scope(KeyScope::Calendar, role));
    }
    sign_in(request, authority, credential)
}

fn is_calendar_key(credential: Credential) -> bool {
    matches!(credential, Credential::Key { scope: KeyScope::Calendar, .. })
}

/// The caller by a key of scope `calendar` in the address: calendars cannot send a header.
async fn calendar_reader(request: &Request<'_>, role: Role) -> Result<SignedIn, Problem> {
    let services = Services::of(request)?;
    let mut fields = Fields::from_form(query_of(request).as_bytes())?;
    let key = match fields.read("key", |text| Ok(text.to_owned())) {
        Some(Given::Value(key)) => Some(key),
        _ => None,
    };
    fields.finish(Some(()))?;
    let key = key.ok_or(Error::Token(TokenError::Missing))?;
    let Caller { authority, credential, .. } = services.sessions.authenticate(&key).await?;
    if !is_calendar_key(credential) {
        return Err(needs_calendar_key(role));
    }
    services.accounts.admit_list(authority.user)?;
    sign_in(request, authority, credential)
}

fn sign_in(
    request: &Request<'_>,
    authority: Authority,
    credential: Credential,
) -> Result<SignedIn, Problem> {
    remember_user(request, authority.user);
    let context = RequestContext {
        actor: Actor::User(authority.user),
        credential: Some(credential),
        ..request_context(request)?.clone()
    };
    let services = Services::of(request)?;
    let (store, clock) = (Arc::clone(&services.store), services.clock.clone());
    let view = services.view_at(context.at).without_addresses();
    Ok(SignedIn { authority, context, store, credential, clock, view })
}

fn count_write(request: &Request<'_>, signed_in: &SignedIn) -> Result<(), Error> {
    Services::of(request)?.accounts.admit_write(signed_in.authority)
}

/// The caller, by a bearer token, or else by the session cookie. Browsers send the cookie with
/// every request, also with those that other sites cause; so a write with it must be same-origin.
async fn authenticate(request: &Request<'_>) -> Result<Caller, Error> {
    let sessions = &Services::of(request)?.sessions;
    if let Some(token) = bearer_token(request)? {
        return sessions.authenticate(token).await;
    }
    let token = session_cookie(request)?.ok_or(Error::Token(TokenError::Missing))?;
    if !is_read(request) {
        check_same_origin(request)?;
    }
    let caller = sessions.authenticate_session(token).await?;
    renew(request, caller).await;
    Ok(caller)
}

/// The caller, or `None` if nobody is authenticated.
pub async fn find_caller(request: &Request<'_>) -> Result<Option<Caller>, Error> {
    match authenticate(request).await {
        Ok(caller) => Ok(Some(caller)),
        Err(Error::Token(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The token of `Authorization: Bearer ...` (RFC 6750 section 2.1). Another scheme is no token. Two
/// headers are an invalid one: a proxy may have checked only the other.
fn bearer_token<'r>(request: &'r Request<'_>) -> Result<Option<&'r str>, Error> {
    let mut headers = request.headers().get("Authorization");
    let Some(header) = headers.next() else { return Ok(None) };
    if headers.next().is_some() {
        return Err(Error::Token(TokenError::Invalid));
    }
    let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
    Ok(scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim_matches(' ')))
}

/// The 403 of an API key, for a guard that asks for a session.
fn needs_session(role: Role) -> Problem {
    Problem::insufficient("An API key cannot do this. Please log in.", role)
}

/// That of one that is not of scope `calendar`, in an address.
fn needs_calendar_key(role: Role) -> Problem {
    let why = "Only an API key of scope calendar may be part of an address";
    Problem::insufficient(why, role)
}

/// Declares a guard: its role, how it is checked, and what the OpenAPI document says of its 403, with
/// one of the problems that it may be.
macro_rules! guard {
    ($guard:ident($inner:ident), $role:expr, $check:ident, $forbidden:expr, $problem:expr) => {
        impl Deref for $guard {
            type Target = $inner;

            fn deref(&self) -> &$inner {
                &self.0
            }
        }

        guard!(@impl $guard, $role, $check, $forbidden, $problem, $guard);
    };
    (@impl $guard:ident, $role:expr, $check:ident, $forbidden:expr, $problem:expr, $new:expr) => {
        #[rocket::async_trait]
        impl<'r> FromRequest<'r> for $guard {
            type Error = ();

            async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
                match $check(request, $role).await {
                    Ok(caller) => Outcome::Success($new(caller)),
                    Err(problem) => reject(request, problem),
                }
            }
        }

        impl OpenApiFromRequest<'_> for $guard {
            fn from_request_input(
                _: &mut OpenApiGenerator,
                _: String,
                _: bool,
            ) -> rocket_okapi::Result<RequestHeaderInput> {
                Ok(bearer_scheme())
            }

            fn get_responses(_: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
                // Administrators have no write limit.
                Ok(responses(($forbidden, $problem), $role != Role::Admin))
            }
        }
    };
}

/// Any user.
pub struct AnyUser(SignedIn);

/// A manager or an administrator.
pub struct Manager(SignedIn);

/// An administrator.
pub struct Admin(SignedIn);

/// An administrator with a session.
pub struct SessionAdmin(SessionUser);

const NOT_A_MANAGER: &str = "The account is not a manager's, or the API key may not do this.";
const NOT_AN_ADMIN: &str = "The account is not an administrator's, or the API key may not do this.";
const NOT_AN_ADMIN_SESSION: &str = "The account is not an administrator's, or this is an API key.";

fn role_required(role: Role) -> Problem {
    Error::RoleRequired(role).into()
}

guard!(
    AnyUser(SignedIn),
    Role::Employee,
    any_caller,
    KEY_MAY_ONLY_READ,
    Problem::key_of_scope(KeyScope::Read, Role::Employee)
);
guard!(Manager(SignedIn), Role::Manager, any_caller, NOT_A_MANAGER, role_required(Role::Manager));
guard!(Admin(SignedIn), Role::Admin, any_caller, NOT_AN_ADMIN, role_required(Role::Admin));
guard!(
    SessionAdmin(SessionUser),
    Role::Admin,
    session_user,
    NOT_AN_ADMIN_SESSION,
    role_required(Role::Admin)
);
guard!(
    @impl SessionUser, Role::Employee, session_user,
    "An API key cannot do this.", needs_session(Role::Employee), identity
);

/// The owner of a calendar key.
pub struct CalendarReader(SignedIn);

impl Deref for CalendarReader {
    type Target = SignedIn;

    fn deref(&self) -> &SignedIn {
        &self.0
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for CalendarReader {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match calendar_reader(request, Role::Employee).await {
            Ok(caller) => Outcome::Success(Self(caller)),
            Err(problem) => reject(request, problem),
        }
    }
}

impl OpenApiFromRequest<'_> for CalendarReader {
    fn from_request_input(
        _: &mut OpenApiGenerator,
        _: String,
        _: bool,
    ) -> rocket_okapi::Result<RequestHeaderInput> {
        let data =
            SecuritySchemeData::ApiKey { name: "key".to_owned(), location: "query".to_owned() };
        Ok(security(
            "calendar key",
            "An API key of scope `calendar`, which a calendar program has in the \
            address.",
            data,
        ))
    }

    fn get_responses(_: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        let forbidden = needs_calendar_key(Role::Employee);
        let mut responses = responses(("The key is not of scope `calendar`.", forbidden), false);
        add_problem(&mut responses, LIST_LIMIT, RATE_LIMITED);
        Ok(responses)
    }
}
