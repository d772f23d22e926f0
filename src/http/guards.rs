//! Authorization as a parameter's type: a handler that takes one of these runs for nobody else.
//!
//! | guard | session | API key |
//! |---|---|---|
//! | [`Account`] | of any account | of any account; to write, one of scope write |
//! | [`Manager`] | of a manager or administrator | of one; to write, one of scope write |
//! | [`Admin`] | of an administrator | of an administrator; to write, one of scope write |
//! | [`SessionUser`] | of any account | none |
//! | [`SessionAdmin`] | of an administrator | none |

use rocket::Request;
use rocket::http::Method;
use rocket::request::{FromRequest, Outcome};
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::okapi::openapi3::{
    Object, Response, Responses, SecurityRequirement, SecurityScheme, SecuritySchemeData,
};
use rocket_okapi::request::{OpenApiFromRequest, RequestHeaderInput};

use super::Services;
use super::browser::{check_origin, session_cookie};
use super::error::{Problem, Scope, refuse};
use crate::accounts::Caller;
use crate::domain::{Credential, KeyScope, SessionId, Timestamp, UserId};
use crate::error::{Error, TokenError};

/// The name of the security scheme in the OpenAPI document.
pub const SECURITY_SCHEME: &str = "bearer";

/// How the document tells of what stops somebody at a write, and at no read.
pub const OF_WRITES: [&str; 2] = [KEY_MAY_ONLY_READ, WROTE_TOO_MUCH];
const KEY_MAY_ONLY_READ: &str = "The API key may only read.";
const WROTE_TOO_MUCH: &str = "The account has written too much in too short a time.";

/// Somebody with an account.
pub struct Account(pub Caller);

/// A manager or an administrator.
pub struct Manager(pub Caller);

/// An administrator.
pub struct Admin(pub Caller);

/// Somebody who is logged in, and not a script with a key: for what decides over sessions,
/// passwords and keys themselves.
pub struct SessionUser {
    /// Who.
    pub caller: Caller,
    /// In which session.
    pub session: SessionId,
}

/// An administrator who is logged in.
pub struct SessionAdmin(pub Caller);

impl Account {
    /// The account.
    pub fn id(&self) -> UserId {
        self.0.authority.user
    }

    /// When what the account was proved with is good no more, if ever.
    pub fn expires_at(&self) -> Option<Timestamp> {
        match self.0.credential {
            Credential::Session { expires_at, .. } => Some(expires_at),
            Credential::Key { expires_at, .. } => expires_at,
        }
    }

    /// The session that this is, if it is one.
    pub fn session(&self) -> Option<SessionId> {
        session_of(&self.0)
    }
}

fn session_of(caller: &Caller) -> Option<SessionId> {
    match caller.credential {
        Credential::Session { id, .. } => Some(id),
        Credential::Key { .. } => None,
    }
}

impl SessionUser {
    /// The account.
    pub fn id(&self) -> UserId {
        self.caller.authority.user
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Account {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        admit(request, Scope::Account).await.map_or_else(
            |problem| reject(request, problem),
            |caller| Outcome::Success(Self(caller)),
        )
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Manager {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        admit(request, Scope::Manager).await.map_or_else(
            |problem| reject(request, problem),
            |caller| Outcome::Success(Self(caller)),
        )
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Admin {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        admit(request, Scope::Administrator).await.map_or_else(
            |problem| reject(request, problem),
            |caller| Outcome::Success(Self(caller)),
        )
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for SessionUser {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        admit_session(request, Scope::Account).await.map_or_else(
            |problem| reject(request, problem),
            |(caller, session)| Outcome::Success(Self { caller, session }),
        )
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for SessionAdmin {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        admit_session(request, Scope::Administrator).await.map_or_else(
            |problem| reject(request, problem),
            |(caller, _)| Outcome::Success(Self(caller)),
        )
    }
}

/// Forwards to the fallback route, which answers with the problem after it has read the body.
pub fn reject<T>(request: &Request<'_>, problem: Problem) -> Outcome<T, ()> {
    Outcome::Forward(refuse(request, problem))
}

/// Who is calling, if they may do what routes of this scope do.
async fn admit(request: &Request<'_>, scope: Scope) -> Result<Caller, Problem> {
    let caller = identify(request, scope).await?;
    let writes = writes(request);
    if writes && matches!(caller.credential, Credential::Key { scope: KeyScope::Read, .. }) {
        return Err(Problem::insufficient("This API key may only read", scope));
    }
    if writes {
        count_write(request, &caller)?;
    }
    Ok(caller)
}

/// The same, but for API keys.
async fn admit_session(
    request: &Request<'_>,
    scope: Scope,
) -> Result<(Caller, SessionId), Problem> {
    let caller = identify(request, scope).await?;
    let problem = || Problem::insufficient("An API key cannot do this. Please log in.", scope);
    let session = session_of(&caller).ok_or_else(problem)?;
    count_write(request, &caller)?;
    Ok((caller, session))
}

/// Who is calling, if their role is enough.
async fn identify(request: &Request<'_>, scope: Scope) -> Result<Caller, Problem> {
    let caller = authenticate(request).await.map_err(|error| Problem::in_scope(error, scope))?;
    let enough = caller.authority.role.require(scope.role());
    enough.map_err(|error| Problem::insufficient(error.to_string(), scope))?;
    Ok(caller)
}

fn writes(request: &Request<'_>) -> bool {
    // HEAD is GET by now.
    request.method() != Method::Get
}

fn count_write(request: &Request<'_>, caller: &Caller) -> Result<(), Error> {
    Services::of(request)?.accounts.admit_write(caller.authority)
}

/// Who is calling, by a bearer token, or else by the cookie of a browser's session. Browsers send that
/// whoever makes them; so a write with it has to come from a page of ours.
async fn authenticate(request: &Request<'_>) -> Result<Caller, Error> {
    let sessions = &Services::of(request)?.sessions;
    if let Some(token) = bearer_token(request)? {
        return sessions.authenticate(token).await;
    }
    let token = session_cookie(request)?.ok_or(Error::Token(TokenError::Missing))?;
    if writes(request) {
        check_origin(request)?;
    }
    sessions.authenticate_session(token).await
}

/// Who is calling, if anybody is known to.
pub async fn find_caller(request: &Request<'_>) -> Result<Option<Caller>, Error> {
    match authenticate(request).await {
        Ok(caller) => Ok(Some(caller)),
        Err(Error::Token(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The token of `Authorization: Bearer ...` (RFC 6750 section 2.1). Another scheme is no token;
/// two headers, of which a proxy might have checked the other one, are a bad one.
fn bearer_token<'r>(request: &'r Request<'_>) -> Result<Option<&'r str>, Error> {
    let mut headers = request.headers().get("Authorization");
    let Some(header) = headers.next() else { return Ok(None) };
    if headers.next().is_some() {
        return Err(Error::Token(TokenError::Invalid));
    }
    let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
    Ok(scheme.eq_ignore_ascii_case("Bearer").then(|| token.trim_matches(' ')))
}

fn bearer_scheme() -> RequestHeaderInput {
    let scheme = SecurityScheme {
        description: Some(
            "The `access_token` of a registration or login, or an API key.".to_owned(),
        ),
        data: SecuritySchemeData::Http {
            scheme: "bearer".to_owned(),
            bearer_format: Some("JWT".to_owned()),
        },
        extensions: Object::default(),
    };
    let mut requirement = SecurityRequirement::new();
    requirement.insert(SECURITY_SCHEME.to_owned(), Vec::new());
    RequestHeaderInput::Security(SECURITY_SCHEME.to_owned(), scheme, requirement)
}

fn answers(forbidden: &str, is_counted: bool) -> Responses {
    let mut responses = Responses::default();
    let unauthorized = "The token or key is missing, expired, ended or not one of ours.";
    let counted = is_counted.then_some((429, WROTE_TOO_MUCH));
    for (status, description) in [(401, unauthorized), (403, forbidden)].into_iter().chain(counted)
    {
        let response = Response { description: description.to_owned(), ..Response::default() };
        responses.responses.insert(status.to_string(), response.into());
    }
    responses
}

macro_rules! document {
    ($guard:ident, $forbidden:expr, $is_counted:literal) => {
        impl OpenApiFromRequest<'_> for $guard {
            fn from_request_input(
                _: &mut OpenApiGenerator,
                _: String,
                _: bool,
            ) -> rocket_okapi::Result<RequestHeaderInput> {
                Ok(bearer_scheme())
            }

            fn get_responses(_: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
                Ok(answers($forbidden, $is_counted))
            }
        }
    };
}

// What administrators write is not counted.
document!(Account, KEY_MAY_ONLY_READ, true);
document!(Manager, "The account is not a manager's, or the API key may not do this.", true);
document!(Admin, "The account is not an administrator's, or the API key may not do this.", false);
document!(SessionUser, "An API key cannot do this.", true);
document!(SessionAdmin, "The account is not an administrator's, or this is an API key.", false);
