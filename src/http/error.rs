//! Every refusal and failure, in the one shape that clients know.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Cursor;

use rocket::http::{ContentType, Header, Status};
use rocket::response::{self, Responder, Response};
use rocket::{Request, catch};
use rocket_okapi::okapi::openapi3::Responses;
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::response::OpenApiResponderInner;
use rocket_okapi::util::add_schema_response;
use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::Services;
use crate::error::{Error, FieldErrors, TokenProblem};

/// For whom a route is, as challenges tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Every account.
    Account,
    /// Administrators.
    Administrator,
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
#[derive(Clone, Debug)]
pub struct Problem {
    status: Status,
    message: Cow<'static, str>,
    errors: FieldErrors,
    challenge: Option<Challenge>,
    allow: Option<String>,
}

impl Problem {
    fn new(status: Status, message: impl Into<Cow<'static, str>>) -> Self {
        Self { status, message: message.into(), errors: FieldErrors::default(), challenge: None, allow: None }
    }

    /// Of an error that a guard for `scope` met.
    pub fn in_scope(error: Error, scope: Scope) -> Self {
        let mut problem = Self::from(error);
        if let Some(challenge) = &mut problem.challenge {
            challenge.scope = scope;
        }
        problem
    }

    /// 403 for an account that is not an administrator's.
    pub fn not_an_administrator() -> Self {
        const MESSAGE: &str = "You are not an administrator";
        let challenge =
            Challenge { scope: Scope::Administrator, error: Some(("insufficient_scope", MESSAGE.to_owned())) };
        Self { challenge: Some(challenge), ..Self::new(Status::Forbidden, MESSAGE) }
    }

    /// 405 for a path that knows other methods only.
    pub fn method_not_allowed(method: &str, allow: String) -> Self {
        let message = format!("{method} is not allowed here; allowed are {allow}.");
        Self { allow: Some(allow), ..Self::new(Status::MethodNotAllowed, message) }
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
            404 => Self::new(status, "There is nothing at this address."),
            // Rocket's word for input that a guard could not read.
            422 => Self::new(Status::BadRequest, "The request could not be understood."),
            400 => Self::new(status, "The request is malformed."),
            400..=499 => Self::new(status, status.reason_lossy()),
            _ => Error::internal("answering a request", format!("status {status}")).into(),
        }
    }

    /// Its status.
    pub fn status(&self) -> Status {
        self.status
    }

    /// The problem as an answer to this request.
    pub fn to_response(&self, request: &Request<'_>) -> Response<'static> {
        let view = ErrorView {
            status: if self.status.code < 500 { "fail" } else { "error" },
            message: &self.message,
            errors: (!self.errors.is_empty()).then(|| self.errors.iter().collect()),
        };
        // Strings in a struct always serialize.
        let body = serde_json::to_vec(&view).unwrap_or_default();

        let mut response = Response::build();
        response.status(self.status).header(ContentType::JSON);
        if let Some(challenge) = &self.challenge {
            let realm = request.rocket().state::<Services>().map_or("", |services| services.realm.as_str());
            response.header(Header::new("WWW-Authenticate", challenge.to_header(realm)));
        }
        if let Some(allow) = &self.allow {
            response.header(Header::new("Allow", allow.clone()));
        }
        if self.status == Status::ServiceUnavailable {
            response.header(Header::new("Retry-After", "1"));
        }
        response.sized_body(body.len(), Cursor::new(body)).finalize()
    }
}

impl Challenge {
    fn to_header(&self, realm: &str) -> String {
        let users = match self.scope {
            Scope::Account => "registered_users",
            Scope::Administrator => "admin_users",
        };
        let mut header = format!("Bearer realm=\"{users}@{realm}\"");
        if let Some((code, description)) = &self.error {
            header.push_str(&format!(", error=\"{code}\", error_description=\"{description}\""));
        }
        header
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        match error {
            Error::Invalid(errors) => {
                Self { errors, ..Self::new(Status::BadRequest, "Input payload validation failed") }
            }
            Error::Credentials => {
                let challenge = Some(Challenge { scope: Scope::Account, error: None });
                Self { challenge, ..Self::new(Status::Unauthorized, message) }
            }
            Error::Token(problem) => {
                let error = (problem != TokenProblem::Missing).then(|| ("invalid_token", message.clone()));
                let challenge = Some(Challenge { scope: Scope::Account, error });
                Self { challenge, ..Self::new(Status::Unauthorized, message) }
            }
            Error::Forbidden(_) => Self::new(Status::Forbidden, message),
            Error::NotFound(_) => Self::new(Status::NotFound, message),
            Error::Conflict(_) => Self::new(Status::Conflict, message),
            Error::Busy => Self::new(Status::ServiceUnavailable, message),
            Error::Internal(_) => {
                // The log tells what happened, the client only by what to find it there.
                let id = Uuid::new_v4().simple();
                log::error!("request {id}: {message}");
                Self::new(Status::InternalServerError, format!("Internal server error, request {id}"))
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

/// Renders what a guard or a body put in the request's cache, or else what Rocket came to.
#[catch(default)]
pub fn catch(status: Status, request: &Request<'_>) -> Problem {
    request.local_cache(|| Problem::of_status(status)).clone()
}
