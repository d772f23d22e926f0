//! Every refusal and failure, in the one shape that clients know.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Cursor;

use super::browser::wants_page;
use super::client::request_id;
use super::headers::complete;
use super::{Services, pages};
use crate::domain::Role;
use crate::error::{Error, FieldErrors, TokenError};
use rocket::http::{ContentType, Header, Status};
use rocket::response::{self, Responder, Response};
use rocket::{Request, catch};
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::okapi::openapi3::Responses;
use rocket_okapi::response::OpenApiResponderInner;
use rocket_okapi::util::add_schema_response;
use schemars::JsonSchema;
use serde::Serialize;

/// For whom a route is, as challenges tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every account.
    Account,
    /// Managers and administrators.
    Manager,
    /// Administrators.
    Administrator,
}

impl Scope {
    /// The scope of what takes this role.
    const fn of(role: Role) -> Self {
        match role {
            Role::Employee => Self::Account,
            Role::Manager => Self::Manager,
            Role::Admin => Self::Administrator,
        }
    }

    /// The least role that it takes.
    pub const fn role(self) -> Role {
        match self {
            Self::Account => Role::Employee,
            Self::Manager => Role::Manager,
            Self::Administrator => Role::Admin,
        }
    }
}

/// Every refusal and failure on the wire.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ErrorView")]
struct ErrorView<'a> {
    /// `fail` where the request is at fault, `error` where the service is
    status: &'static str,
    /// One sentence about what is wrong.
    message: &'a str,
    /// The fields at fault, each with the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<BTreeMap<&'a str, &'a str>>,
}

/// A `WWW-Authenticate` challenge (RFC 6750 section 3).
#[derive(Clone, Debug)]
struct Challenge {
    scope: Scope,
    /// `error` and `error_description`, absent where the request carried no token.
    error: Option<(&'static str, String)>,
}

/// An answer that is not what was asked for: a status, and a body in the one error shape.
///
/// Boxed, because every handler's result has room for one.
#[derive(Clone, Debug)]
pub struct Problem(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    status: Status,
    message: Cow<'static, str>,
    errors: FieldErrors,
    challenge: Option<Challenge>,
    allow: Option<String>,
    /// After how many seconds the request may be made again.
    retry_after: Option<u64>,
    /// What the log tells, and the client does not learn.
    cause: Option<String>,
}

impl Problem {
    fn new(status: Status, message: impl Into<Cow<'static, str>>) -> Self {
        Self(Box::new(Parts {
            status,
            message: message.into(),
            errors: FieldErrors::default(),
            challenge: None,
            allow: None,
            retry_after: None,
            cause: None,
        }))
    }

    fn with_challenge(mut self, scope: Scope, error: Option<(&'static str, String)>) -> Self {
        self.0.challenge = Some(Challenge { scope, error });
        self
    }

    /// Of an error that a guard for `scope` met.
    pub fn in_scope(error: Error, scope: Scope) -> Self {
        let mut problem = Self::from(error);
        if let Some(challenge) = &mut problem.0.challenge {
            challenge.scope = scope;
        }
        problem
    }

    /// 403 for an account whose role, or an API key that is not enough.
    pub fn insufficient(message: impl Into<Cow<'static, str>>, scope: Scope) -> Self {
        let message = message.into();
        let error = Some(("insufficient_scope", message.clone().into_owned()));
        Self::new(Status::Forbidden, message).with_challenge(scope, error)
    }

    /// 405 for a path that knows other methods only.
    pub fn method_not_allowed(method: &str, allow: String) -> Self {
        let message = format!("{method} is not allowed here; allowed are {allow}.");
        let mut problem = Self::new(Status::MethodNotAllowed, message);
        problem.0.allow = Some(allow);
        problem
    }

    /// 413 for a body of more than `limit` bytes.
    pub fn too_large(limit: u64) -> Self {
        Self::new(Status::PayloadTooLarge, format!("The body is larger than {limit} bytes."))
    }

    /// 415 for a body that is neither a form nor JSON.
    pub fn unsupported_media_type() -> Self {
        Self::new(
            Status::UnsupportedMediaType,
            "The Content-Type must be application/x-www-form-urlencoded or application/json.",
        )
    }

    /// For a status that Rocket came to by itself.
    pub fn of_status(status: Status) -> Self {
        match status.code {
            400 => {
                Self::new(status, "The request is malformed, or has a method that is not known.")
            }
            404 => Self::new(status, "There is nothing at this address."),
            // Rocket's word for input that a guard could not read.
            422 => Self::new(Status::BadRequest, "The request could not be understood."),
            401..=499 => Self::new(status, status.reason_lossy()),
            _ => Error::internal("answering a request", format!("status {status}")).into(),
        }
    }

    /// Its status.
    pub fn status(&self) -> Status {
        self.0.status
    }

    /// The problem as an answer to this request: JSON, or a page for a browser that navigates.
    pub fn to_response(&self, request: &Request<'_>) -> Response<'static> {
        let parts = &*self.0;
        let message = match &parts.cause {
            None => Cow::Borrowed(&*parts.message),
            // The log tells what happened, the client only by what to find it there.
            Some(cause) => {
                let id = request_id(request);
                log::error!("request {id}: {cause}");
                Cow::Owned(format!("{}, request {id}", parts.message))
            }
        };
        let page = if wants_page(request) {
            pages::answer(request, parts.status, &message, &parts.errors)
        } else {
            None
        };
        let mut response = page.unwrap_or_else(|| self.to_json(&message));
        if let Some(challenge) = &parts.challenge {
            let realm = Services::of(request).map_or("", |services| services.realm.as_str());
            response.set_header(Header::new("WWW-Authenticate", challenge.to_header(realm)));
        }
        if let Some(allow) = &parts.allow {
            response.set_header(Header::new("Allow", allow.clone()));
        }
        if let Some(seconds) = parts.retry_after {
            response.set_header(Header::new("Retry-After", seconds.to_string()));
        }
        response
    }

    fn to_json(&self, message: &str) -> Response<'static> {
        let Parts { status, errors, .. } = &*self.0;
        let view = ErrorView {
            status: if status.code < 500 { "fail" } else { "error" },
            message,
            errors: (!errors.is_empty()).then(|| errors.iter().collect()),
        };
        // Strings in a struct always serialize.
        let body = serde_json::to_vec(&view).unwrap_or_default();
        Response::build()
            .status(*status)
            .header(ContentType::JSON)
            .sized_body(body.len(), Cursor::new(body))
            .finalize()
    }
}

impl Challenge {
    fn to_header(&self, realm: &str) -> String {
        let users = match self.scope {
            Scope::Account => "registered_users",
            Scope::Manager => "manager_users",
            Scope::Administrator => "admin_users",
        };
        let error = match &self.error {
            Some((code, description)) => {
                format!(", error=\"{code}\", error_description=\"{description}\"")
            }
            None => String::new(),
        };
        format!("Bearer realm=\"{users}@{realm}\"{error}")
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Invalid(errors) => {
                let mut problem = Self::new(Status::BadRequest, "Input payload validation failed");
                problem.0.errors = errors;
                problem
            }
            Error::WrongCredentials | Error::Token(TokenError::Missing) => {
                Self::new(Status::Unauthorized, message).with_challenge(Scope::Account, None)
            }
            Error::Token(_) => {
                let error = Some(("invalid_token", message.clone()));
                Self::new(Status::Unauthorized, message).with_challenge(Scope::Account, error)
            }
            Error::RoleRequired(role) => Self::insufficient(message, Scope::of(role)),
            Error::Forbidden(_) => Self::new(Status::Forbidden, message),
            Error::NotFound(_) => Self::new(Status::NotFound, message),
            Error::Conflict(_) => Self::new(Status::Conflict, message),
            Error::PreconditionFailed => Self::new(Status::PreconditionFailed, message),
            Error::RateLimited { retry_after } => {
                let mut problem = Self::new(Status::TooManyRequests, message);
                problem.0.retry_after = Some(retry_after);
                problem
            }
            Error::Busy => {
                let mut problem = Self::new(Status::ServiceUnavailable, message);
                problem.0.retry_after = Some(1);
                problem
            }
            Error::Internal(cause) => {
                let mut problem = Self::new(Status::InternalServerError, "Internal server error");
                problem.0.cause = Some(cause);
                problem
            }
        }
    }
}

impl<'r> Responder<'r, 'static> for Problem {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        Ok(self.to_response(request))
    }
}

/// Gives the shape of every problem, as that of a 500. Which problems an operation has, and that
/// they have this shape, is told by `docs::Description`.
impl OpenApiResponderInner for Problem {
    fn responses(generator: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        let mut responses = Responses::default();
        let schema = generator.json_schema::<ErrorView<'_>>();
        add_schema_response(&mut responses, 500, "application/json", schema)?;
        Ok(responses)
    }
}

/// Puts a refusal where [`catch`] and the fallback route find it. The first one stands.
pub fn refuse(request: &Request<'_>, problem: Problem) -> Status {
    request.local_cache(|| problem).status()
}

/// What was refused before a route was found, or by one.
pub struct Caught(Problem);

impl<'r> Responder<'r, 'static> for Caught {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let mut response = self.0.to_response(request);
        // A request that Rocket cannot read passes by the fairings.
        complete(request, &mut response);
        Ok(response)
    }
}

/// Renders what a guard or a body put in the request's cache, or else what Rocket came to.
#[catch(default)]
pub fn catch(status: Status, request: &Request<'_>) -> Caught {
    Caught(request.local_cache(|| Problem::of_status(status)).clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_that_is_required_is_a_challenge_wherever_that_is_found_out() {
        for (role, users) in [(Role::Manager, "manager_users"), (Role::Admin, "admin_users")] {
            let error = Error::RoleRequired(role);
            let message = error.to_string();
            let problem = Problem::from(error);
            assert_eq!(problem.status(), Status::Forbidden);
            let challenge = problem.0.challenge.map(|challenge| challenge.to_header("here"));
            let expected = format!(
                "Bearer realm=\"{users}@here\", error=\"insufficient_scope\", error_description=\"{message}\""
            );
            assert_eq!(challenge, Some(expected));
        }
    }
}
