//! Logging in and out: the same for browsers and for API clients.
//!
//! | client | how it says so | answer | token |
//! |---|---|---|---|
//! | a browser | `Accept: text/html` first | 303 to a page | in the cookie |
//! | any other | | JSON | in the body |

use rocket::Request;
use rocket::http::Status;
use rocket::request::{FromRequest, Outcome};
use rocket::response::{self, Responder};
use rocket::serde::json::Json;
use rocket_okapi::OpenApiFromRequest;
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::okapi::openapi3::Responses;
use rocket_okapi::response::OpenApiResponderInner;
use schemars::JsonSchema;
use schemars::r#gen::SchemaGenerator;
use schemars::schema::Schema;
use serde::Serialize;

use super::cookie::{clear_session_cookie, session_cookie, set_session_cookie};
use super::navigation::{Destination, Notice, root};
use super::origin::{check_same_origin, cross_site, is_cross_site};
use crate::accounts::AccessToken;
use crate::domain::SessionKind;
use crate::error::Error;
use crate::http::wire::{
    NO_STORE, Problem, StatusView, add_response, forbid_storing, is_dry_run, one_of, reject,
    see_other, wants_page, with_schema,
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum ClientKind {
    Browser,
    ApiClient,
}

/// A guard: how the client is answered when it logs in or out. It rejects cross-site requests,
/// which could log somebody in to an account that is not theirs.
#[derive(OpenApiFromRequest)]
pub struct SignIn {
    kind: ClientKind,
    is_cross_site: bool,
    /// The page that the browser asked for before it had to log in.
    requested: Option<Destination>,
}

/// A guard: the same, but it accepts the form of another site if that comes without our cookie. No
/// session starts for such a form.
#[derive(OpenApiFromRequest)]
pub struct CrossSiteSignIn(pub SignIn);

impl SignIn {
    fn of(request: &Request<'_>) -> Result<Self, Error> {
        if session_cookie(request)?.is_some() && !request.headers().contains("Authorization") {
            check_same_origin(request)?;
        }
        let kind = if wants_page(request) { ClientKind::Browser } else { ClientKind::ApiClient };
        let is_cross_site = kind == ClientKind::Browser && is_cross_site(request);
        Ok(Self { kind, is_cross_site, requested: Destination::requested(request) })
    }

    /// The kind of the session that starts.
    pub fn session_kind(&self) -> SessionKind {
        match self.kind {
            ClientKind::Browser => SessionKind::Browser,
            ClientKind::ApiClient => SessionKind::ApiClient,
        }
    }

    /// Whether a session may start: not for the form of another site.
    pub fn may_start_session(&self) -> bool {
        !self.is_cross_site
    }

    /// The answer with a new session.
    pub fn started<const STATUS: u16>(
        self,
        message: &'static str,
        token: AccessToken,
    ) -> SignInResponse<STATUS> {
        let next = self.requested.unwrap_or(Destination::Home);
        let outcome = StatusView::success(message);
        SignInResponse { kind: self.kind, outcome, session: SessionChange::Start(token), next }
    }

    /// The answer that leads to the login page.
    pub fn at_login<const STATUS: u16>(
        self,
        message: &'static str,
        notice: Notice,
    ) -> SignInResponse<STATUS> {
        let (outcome, next) = (StatusView::success(message), Destination::LogIn(notice));
        SignInResponse { kind: self.kind, outcome, session: SessionChange::None, next }
    }

    /// The answer to a logout.
    pub fn ended(self, message: &'static str) -> SignInResponse<200> {
        let outcome = StatusView::success(message);
        let next = Destination::LogIn(Notice::LoggedOut);
        SignInResponse { kind: self.kind, outcome, session: SessionChange::End, next }
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for SignIn {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match Self::of(request) {
            Ok(sign_in) if sign_in.is_cross_site => reject(request, cross_site()),
            Ok(sign_in) => Outcome::Success(sign_in),
            Err(error) => reject(request, error),
        }
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for CrossSiteSignIn {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match SignIn::of(request) {
            Ok(sign_in) => Outcome::Success(Self(sign_in)),
            Err(error) => reject(request, error),
        }
    }
}

enum SessionChange {
    Start(AccessToken),
    End,
    None,
}

/// The answer to a login, a logout or a registration. API clients get `STATUS`.
pub struct SignInResponse<const STATUS: u16> {
    kind: ClientKind,
    outcome: StatusView,
    session: SessionChange,
    next: Destination,
}

/// Claims as every token has them, with a signature that no key makes.
const EXAMPLE_TOKEN: &str = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCIsImtpZCI6IjJmN2MifQ.eyJzdWIiOiI3ZDBhMmM1ZS0zZ\
    jQxLTRiOGUtOWMyNi1kMWU1YThmMDdiMTMiLCJpYXQiOjE3OTUzMzYyMDAsImV4cCI6MTc5NTMzOTgwMH0.c2\
    lnbmVkLWJ5LXRoZS1zZXJ2aWNl";

/// A new token (RFC 6750 section 4).
#[derive(Serialize, JsonSchema)]
struct TokenView {
    /// A JSON Web Token; send it as `Authorization: Bearer ...`.
    access_token: String,
    /// `bearer`
    #[schemars(schema_with = "bearer")]
    token_type: &'static str,
    /// The token's life in seconds.
    expires_in: u32,
}

fn bearer(_: &mut SchemaGenerator) -> Schema {
    one_of(&["bearer"])
}

#[derive(Serialize, JsonSchema)]
pub struct SignInView {
    #[serde(flatten)]
    outcome: StatusView,
    #[serde(flatten)]
    token: Option<TokenView>,
}

impl SignInView {
    /// What an API client is answered.
    fn example(message: &'static str, token: Option<TokenView>) -> Self {
        Self { outcome: StatusView::success(message), token }
    }

    /// The same with a new session.
    pub fn with_token(message: &'static str) -> Self {
        let access_token = EXAMPLE_TOKEN.to_owned();
        let token = TokenView { access_token, token_type: "bearer", expires_in: 3600 };
        Self::example(message, Some(token))
    }

    /// The same without one.
    pub fn without_token(message: &'static str) -> Self {
        Self::example(message, None)
    }
}

impl<'r, const STATUS: u16> Responder<'r, 'static> for SignInResponse<STATUS> {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let Self { mut kind, outcome, mut session, next } = self;
        if is_dry_run(request) {
            // There is no session to go on with, and the present one stays.
            (kind, session) = (ClientKind::ApiClient, SessionChange::None);
        }
        let next = format!("{}{}", root(request), next.address());
        let keeps_cookie = kind == ClientKind::Browser;
        let (token, cookie) = match session {
            SessionChange::Start(token) if keeps_cookie => {
                (None, Some(set_session_cookie(request, token)))
            }
            SessionChange::Start(AccessToken { text: access_token, expires_in }) => {
                (Some(TokenView { access_token, token_type: "bearer", expires_in }), None)
            }
            SessionChange::End if keeps_cookie => (None, Some(clear_session_cookie(request))),
            SessionChange::End | SessionChange::None => (None, None),
        };
        let mut response = if keeps_cookie {
            see_other(next)
        } else {
            let mut response = Json(SignInView { outcome, token }).respond_to(request)?;
            response.set_status(Status::new(STATUS));
            response
        };
        match cookie.transpose() {
            Ok(None) => {}
            Ok(Some(cookie)) => response.adjoin_header(cookie),
            Err(error) => return Problem::from(error).respond_to(request),
        }
        forbid_storing(&mut response);
        Ok(response)
    }
}

impl<const STATUS: u16> OpenApiResponderInner for SignInResponse<STATUS> {
    fn responses(generator: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        let example = Ok(SignInView::example("done", None));
        let mut responses = with_schema(generator, STATUS, "Done.", NO_STORE, example)?;
        let to_page = "To the next page, for a browser that navigates.";
        add_response(&mut responses, 303, to_page, &["Location"]);
        Ok(responses)
    }
}
