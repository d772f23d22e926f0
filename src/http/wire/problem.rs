//! Problems: every error answer as data, and its one JSON form. `http::pages` renders the same
//! data as HTML for a browser that navigates.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Cursor;
use std::sync::LazyLock;

use rocket::Request;
use rocket::http::{ContentType, Header, Status};
use rocket::request::Outcome;
use rocket::response::{self, Responder, Response};
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::okapi::openapi3::Responses;
use rocket_okapi::response::OpenApiResponderInner;
use rocket_okapi::util::add_schema_response;
use schemars::JsonSchema;
use schemars::r#gen::SchemaGenerator;
use schemars::schema::Schema;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::fields::WHOLE_BODY;
use super::observed::observe_route;
use super::request::request_id;
use super::schemas::one_of;
use super::services::Services;
use crate::domain::{KeyScope, Role};
use crate::error::{Error, FieldErrors, TokenError};
use crate::telemetry::LogLimit;

/// Of causes of internal errors: while a table cannot be read, every request has the same.
static LIMIT: LazyLock<LogLimit> = LazyLock::new(LogLimit::default);

/// The request id in examples.
const EXAMPLE_ID: &str = "5c1d7f8e-2b64-4c1e-9a57-0f3d8b6e4a21";

fn faults(_: &mut SchemaGenerator) -> Schema {
    one_of(&["fail", "error"])
}

/// The body of every error answer.
#[derive(Serialize, JsonSchema)]
#[schemars(rename = "ErrorView")]
struct ProblemView<'a> {
    /// `fail` if the request is at fault, `error` if the service is
    #[schemars(schema_with = "faults")]
    status: &'static str,
    /// One sentence that says what is wrong.
    message: &'a str,
    /// The fields at fault, each with the reason.
    #[serde(skip_serializing_if = "FieldErrors::is_empty", serialize_with = "as_object")]
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    errors: &'a FieldErrors,
}

/// In the order of the errors, which is not that of a map.
fn as_object<S: Serializer>(errors: &FieldErrors, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(errors.iter())
}

/// A `WWW-Authenticate` challenge (RFC 6750 section 3).
#[derive(Clone, Debug)]
struct Challenge {
    /// The role that the route requires.
    role: Role,
    /// `error` and `error_description`; absent if the request carried no token.
    error: Option<(&'static str, String)>,
}

/// An error answer. Boxed, because the result of every handler reserves space for one.
#[derive(Clone, Debug)]
pub struct Problem(Box<Parts>);

#[derive(Clone, Debug)]
struct Parts {
    status: Status,
    message: Cow<'static, str>,
    errors: FieldErrors,
    challenge: Option<Challenge>,
    allow: Option<String>,
    /// In seconds.
    retry_after: Option<u64>,
    /// For the log only.
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

    fn with_challenge(mut self, role: Role, error: Option<(&'static str, String)>) -> Self {
        self.0.challenge = Some(Challenge { role, error });
        self
    }

    /// The problem of an error in a guard whose route requires `role`.
    pub fn for_role(error: Error, role: Role) -> Self {
        let mut problem = Self::from(error);
        if let Some(challenge) = &mut problem.0.challenge {
            challenge.role = role;
        }
        problem
    }

    /// 403 for a role or an API key that is not enough.
    pub fn insufficient(message: impl Into<Cow<'static, str>>, role: Role) -> Self {
        let message = message.into();
        let error = Some(("insufficient_scope", message.clone().into_owned()));
        Self::new(Status::Forbidden, message).with_challenge(role, error)
    }

    /// 403 for an API key that may do less.
    pub fn key_of_scope(scope: KeyScope, role: Role) -> Self {
        let message = match scope {
            KeyScope::Calendar => "This API key may only read the calendar",
            KeyScope::Read | KeyScope::Write => "This API key may only read",
        };
        Self::insufficient(message, role)
    }

    /// 400 for a GET with a body.
    pub fn body_of_read() -> Self {
        Error::invalid(WHOLE_BODY, "is not expected: GET takes none").into()
    }

    /// 405 for a path that has other methods only.
    pub fn method_not_allowed(method: &str, allow: String) -> Self {
        let message = format!("{method} is not allowed here; allowed are {allow}.");
        let mut problem = Self::new(Status::MethodNotAllowed, message);
        problem.0.allow = Some(allow);
        problem
    }

    /// 413 for a body of more than `limit` bytes.
    pub fn too_large(limit: u64) -> Self {
        let message = format!("The body is larger than {limit} bytes.");
        Self::new(Status::PayloadTooLarge, message)
    }

    /// 415 for a body that is neither a form nor JSON.
    pub fn unsupported_media_type() -> Self {
        Self::new(
            Status::UnsupportedMediaType,
            "The Content-Type must be application/x-www-form-urlencoded or application/json.",
        )
    }

    /// 415 for a body that is not a table.
    pub fn not_csv() -> Self {
        Self::new(Status::UnsupportedMediaType, "The Content-Type must be text/csv.")
    }

    /// The problem of a status that Rocket arrived at by itself.
    pub fn of_status(status: Status) -> Self {
        match status.code {
            400 => Self::new(status, "The request is malformed, or its method is unknown."),
            404 => Self::new(status, "There is nothing at this address."),
            // Rocket's status for input that a guard could not read.
            422 => Self::new(Status::BadRequest, "The request could not be understood."),
            401..=499 => Self::new(status, status.reason_lossy()),
            _ => Error::internal("answering a request", format!("status {status}")).into(),
        }
    }

    pub fn status(&self) -> Status {
        self.0.status
    }

    pub fn errors(&self) -> &FieldErrors {
        &self.0.errors
    }

    /// What the client is told. It learns the request id of an internal error, never the cause.
    pub fn message(&self, request: &Request<'_>) -> Cow<'_, str> {
        match &self.0.cause {
            None => Cow::Borrowed(&*self.0.message),
            Some(_) => Cow::Owned(format!("{}, request {}", self.0.message, request_id(request))),
        }
    }

    /// The problem as the OpenAPI document shows it.
    pub fn to_example(&self) -> Value {
        let Parts { message, cause, .. } = &*self.0;
        let id = cause.as_ref().map_or(String::new(), |_| format!(", request {EXAMPLE_ID}"));
        // A struct of strings always serializes.
        serde_json::to_value(self.view(&format!("{message}{id}"))).unwrap_or_default()
    }

    fn view<'a>(&'a self, message: &'a str) -> ProblemView<'a> {
        let Parts { status, errors, .. } = &*self.0;
        let status = if status.code < 500 { "fail" } else { "error" };
        ProblemView { status, message, errors }
    }

    /// The problem as JSON. An internal error is logged here.
    pub fn to_response(&self, request: &Request<'_>) -> Response<'static> {
        let Parts { status, challenge, allow, retry_after, cause, .. } = &*self.0;
        if let Some(cause) = cause
            && let Some(left_out) = LIMIT.admit(cause)
        {
            log::error!("request {}: {cause}{left_out}", request_id(request));
        }
        // A struct of strings always serializes.
        let body = serde_json::to_vec(&self.view(&self.message(request))).unwrap_or_default();
        let mut response = Response::build();
        response.status(*status).header(ContentType::JSON);
        if let Some(challenge) = challenge {
            let realm = Services::of(request).map_or("", |services| services.realm.as_str());
            response.header(Header::new("WWW-Authenticate", challenge.to_header(realm)));
        }
        if let Some(allow) = allow {
            response.header(Header::new("Allow", allow.clone()));
        }
        if let Some(seconds) = retry_after {
            response.header(Header::new("Retry-After", seconds.to_string()));
        }
        response.sized_body(body.len(), Cursor::new(body)).finalize()
    }
}

impl Challenge {
    fn to_header(&self, realm: &str) -> String {
        let users = match self.role {
            Role::Employee => "registered_users",
            Role::Manager => "manager_users",
            Role::Admin => "admin_users",
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
            Error::WrongCredentials(_) | Error::Token(TokenError::Missing) => {
                Self::new(Status::Unauthorized, message).with_challenge(Role::Employee, None)
            }
            Error::Token(_) => {
                let error = Some(("invalid_token", message.clone()));
                Self::new(Status::Unauthorized, message).with_challenge(Role::Employee, error)
            }
            Error::RoleRequired(role) => Self::insufficient(message, role),
            Error::Forbidden(_) => Self::new(Status::Forbidden, message),
            Error::NotFound(_) => Self::new(Status::NotFound, message),
            Error::Conflict(_) => Self::new(Status::Conflict, message),
            Error::PreconditionFailed => Self::new(Status::PreconditionFailed, message),
            Error::KeyReused => Self::new(Status::UnprocessableEntity, message),
            Error::RateLimited { retry_after } => {
                let mut problem = Self::new(Status::TooManyRequests, message);
                problem.0.retry_after = Some(retry_after);
                problem
            }
            Error::InsufficientStorage(_) => Self::new(Status::InsufficientStorage, message),
            Error::Busy | Error::ReadTimeout | Error::Unhealthy(_) => {
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

/// Remembers the first problem of a request, for the fallback route, the catcher and the pages.
pub fn remember(request: &Request<'_>, problem: Problem) -> Status {
    observe_route(request);
    remember_or(request, || problem).map_or(Status::InternalServerError, Problem::status)
}

/// The first problem of a request, or else this one from now on.
pub fn remember_or<'r>(
    request: &'r Request<'_>,
    problem: impl FnOnce() -> Problem,
) -> Option<&'r Problem> {
    request.local_cache(|| Some(problem())).as_ref()
}

/// The problem that answers this request, if there is one.
pub fn remembered<'r>(request: &'r Request<'_>) -> Option<&'r Problem> {
    request.local_cache(|| None::<Problem>).as_ref()
}

/// Fails a guard: the fallback route reads the body, and then answers with the problem.
pub fn reject<T>(request: &Request<'_>, problem: impl Into<Problem>) -> Outcome<T, ()> {
    Outcome::Forward(remember(request, problem.into()))
}

impl<'r> Responder<'r, 'static> for Problem {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let response = self.to_response(request);
        remember(request, self);
        Ok(response)
    }
}

/// Names the schema of every problem, as that of a 500. [`super::openapi`] adds the statuses.
impl OpenApiResponderInner for Problem {
    fn responses(generator: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        let mut responses = Responses::default();
        let schema = generator.json_schema::<ProblemView<'_>>();
        add_schema_response(&mut responses, 500, "application/json", schema)?;
        Ok(responses)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_that_a_transaction_misses_is_403_with_the_challenge_of_that_role() {
        for (role, message, users) in [
            (Role::Admin, "You are not an administrator", "admin_users"),
            (Role::Manager, "You are not a manager", "manager_users"),
        ] {
            let problem = Problem::from(Error::RoleRequired(role));
            assert_eq!((problem.status(), &*problem.0.message), (Status::Forbidden, message));
            let challenge = problem.0.challenge.unwrap().to_header("widgetd");
            let expected = format!(
                "Bearer realm=\"{users}@widgetd\", error=\"insufficient_scope\", \
                 error_description=\"{message}\""
            );
            assert_eq!(challenge, expected);
        }
    }
}
