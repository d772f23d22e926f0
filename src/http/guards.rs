//! Authorization as a parameter's type: a handler that takes an [`Account`] or an [`Admin`] runs
//! for nobody else.

use rocket::Request;
use rocket::request::{FromRequest, Outcome};
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::okapi::openapi3::{
    Object, Response, Responses, SecurityRequirement, SecurityScheme, SecuritySchemeData,
};
use rocket_okapi::request::{OpenApiFromRequest, RequestHeaderInput};

use super::Services;
use super::error::{Problem, Scope, refuse};
use crate::accounts::Session;
use crate::error::{Error, TokenProblem};

/// The name of the security scheme in the OpenAPI document.
pub const SECURITY_SCHEME: &str = "bearer";

/// Somebody with an account.
pub struct Account(pub Session);

/// An administrator.
pub struct Admin(pub Session);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Account {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match authenticate(request).await {
            Ok(session) => Outcome::Success(Self(session)),
            Err(error) => turn_away(request, Problem::in_scope(error, Scope::Account)),
        }
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Admin {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match authenticate(request).await {
            Ok(session) if session.authority.role.is_admin() => Outcome::Success(Self(session)),
            Ok(_) => turn_away(request, Problem::not_an_administrator()),
            Err(error) => turn_away(request, Problem::in_scope(error, Scope::Administrator)),
        }
    }
}

/// Forwards to the fallback route, which answers with the problem after it has read the body.
pub fn turn_away<T>(request: &Request<'_>, problem: Problem) -> Outcome<T, ()> {
    Outcome::Forward(refuse(request, problem))
}

async fn authenticate(request: &Request<'_>) -> Result<Session, Error> {
    Services::of(request)?.sessions.authenticate(bearer_token(request)?).await
}

/// The token of `Authorization: Bearer ...` (RFC 6750 section 2.1). Another scheme is no token;
/// two headers, of which a proxy might have checked the other one, are a bad one.
fn bearer_token<'r>(request: &'r Request<'_>) -> Result<&'r str, Error> {
    let mut headers = request.headers().get("Authorization");
    let header = headers.next().ok_or(Error::Token(TokenProblem::Missing))?;
    if headers.next().is_some() {
        return Err(Error::Token(TokenProblem::Invalid));
    }
    let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
    if scheme.eq_ignore_ascii_case("Bearer") {
        Ok(token.trim_matches(' '))
    } else {
        Err(Error::Token(TokenProblem::Missing))
    }
}

fn bearer_scheme() -> RequestHeaderInput {
    let scheme = SecurityScheme {
        description: Some("The `access_token` of a registration or login.".to_owned()),
        data: SecuritySchemeData::Http { scheme: "bearer".to_owned(), bearer_format: Some("JWT".to_owned()) },
        extensions: Object::default(),
    };
    let mut requirement = SecurityRequirement::new();
    requirement.insert(SECURITY_SCHEME.to_owned(), Vec::new());
    RequestHeaderInput::Security(SECURITY_SCHEME.to_owned(), scheme, requirement)
}

fn answers(said: &[(u16, &str)]) -> Responses {
    let mut responses = Responses::default();
    for (status, description) in said {
        let response = Response { description: (*description).to_owned(), ..Response::default() };
        responses.responses.insert(status.to_string(), response.into());
    }
    responses
}

const UNAUTHORIZED: (u16, &str) = (401, "The token is missing, expired, ended or not one of ours.");
const FORBIDDEN: (u16, &str) = (403, "The account is not an administrator's.");

impl OpenApiFromRequest<'_> for Account {
    fn from_request_input(_: &mut OpenApiGenerator, _: String, _: bool) -> rocket_okapi::Result<RequestHeaderInput> {
        Ok(bearer_scheme())
    }

    fn get_responses(_: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        Ok(answers(&[UNAUTHORIZED]))
    }
}

impl OpenApiFromRequest<'_> for Admin {
    fn from_request_input(_: &mut OpenApiGenerator, _: String, _: bool) -> rocket_okapi::Result<RequestHeaderInput> {
        Ok(bearer_scheme())
    }

    fn get_responses(_: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        Ok(answers(&[UNAUTHORIZED, FORBIDDEN]))
    }
}
