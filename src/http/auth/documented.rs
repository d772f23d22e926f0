//! How the OpenAPI document describes guards.

use rocket_okapi::okapi::openapi3::{
    Object, Responses, SecurityRequirement, SecurityScheme, SecuritySchemeData,
};
use rocket_okapi::request::RequestHeaderInput;

use crate::error::{Error, TokenError};
use crate::http::wire::{Problem, RATE_LIMITED, WRITE_LIMIT, add_problem};

/// The name of the security scheme in the OpenAPI document.
const SECURITY_SCHEME: &str = "bearer";

/// The scheme of every guard but one.
pub fn bearer_scheme() -> RequestHeaderInput {
    let description = "For scripts: the `access_token` of a registration or login, or an API key. \
        It works from anywhere, for as long as it lives, and only where it is sent. On this page you \
        need none if you are signed in to the pages; if you give one, it counts instead.";
    let data = SecuritySchemeData::Http {
        scheme: "bearer".to_owned(),
        bearer_format: Some("JWT".to_owned()),
    };
    security(SECURITY_SCHEME, description, data)
}

/// A scheme that an operation requires.
pub fn security(name: &str, description: &str, data: SecuritySchemeData) -> RequestHeaderInput {
    let description = Some(description.to_owned());
    let scheme = SecurityScheme { description, data, extensions: Object::default() };
    let requirement = SecurityRequirement::from_iter([(name.to_owned(), Vec::new())]);
    RequestHeaderInput::Security(name.to_owned(), scheme, requirement)
}

/// What a guard leads to: 401, its 403, and the 429 of writes.
pub fn responses(forbidden: (&str, Problem), has_write_limit: bool) -> Responses {
    let mut responses = Responses::default();
    let unauthorized = "The token, key or session is missing, invalid, expired or revoked.";
    add_problem(&mut responses, unauthorized, Error::Token(TokenError::Missing));
    let (description, problem) = forbidden;
    add_problem(&mut responses, description, problem);
    if has_write_limit {
        add_problem(&mut responses, WRITE_LIMIT, RATE_LIMITED);
    }
    responses
}
