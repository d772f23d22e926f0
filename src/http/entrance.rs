//! Coming in and going out: the same for browsers, for the scripts of our pages, and for everybody else.
//!
//! | who asks | how they say so | the answer | the token |
//! |---|---|---|---|
//! | a browser that navigates | `Accept: text/html` first | 303 to a page | in the cookie |
//! | a script of our pages | `Widgetd-Session: cookie` | JSON, with the page to go to | in the cookie |
//! | everybody else | | JSON | in the body |

use rocket::http::{Header, Status};
use rocket::request::{FromRequest, Outcome};
use rocket::response::{self, Responder, Response};
use rocket::serde::json::Json;
use rocket::{Request, http};
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::okapi::openapi3::Responses;
use rocket_okapi::request::{OpenApiFromRequest, RequestHeaderInput};
use rocket_okapi::response::OpenApiResponderInner;
use schemars::JsonSchema;
use serde::Serialize;

use super::answers::{StatusView, forbid_storing};
use super::browser::{
    check_origin, foreign, forget_session, is_foreign, keep_session, session_cookie, wants_page,
};
use super::docs::Answer;
use super::error::Problem;
use super::guards::reject;
use super::pages::{Notice, Page, root};
use crate::accounts::AccessToken;
use crate::error::Error;

/// With which header a script asks for a cookie. Pages of other origins may not send it unasked
/// (WHATWG Fetch section 3.3.2), and we allow it to none.
const WISH: &str = "Widgetd-Session";

/// How the document tells what a browser gets that navigates.
pub const TO_A_PAGE: Answer =
    (303, "To the next page, for a browser that navigates.", &["Location"]);

/// How the document tells that a page of another site made a browser send something.
pub const FROM_ELSEWHERE: Answer = (403, "A page of another site made a browser send this.", &[]);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Navigates,
    KeepsCookie,
    Plain,
}

/// A guard: how who comes in or goes out is answered. Refuses what a page of another site makes a browser
/// send; else it could log somebody in to an account that is not theirs.
pub struct Entrance {
    manner: Manner,
    /// Whether there is anywhere to keep a session.
    has_place: bool,
    /// Where somebody wanted to go before they had to log in.
    wanted: Option<Page>,
}

/// A guard: the same, but it takes the form of a page of another site too, whose answer starts no session
/// then. What comes with our cookie it refuses from there.
pub struct OpenEntrance(pub Entrance);

impl Entrance {
    fn of(request: &Request<'_>) -> Result<Self, Error> {
        if session_cookie(request)?.is_some() && !request.headers().contains("Authorization") {
            check_origin(request)?;
        }
        let manner = if wants_page(request) {
            Manner::Navigates
        } else if request.headers().get_one(WISH) == Some("cookie") {
            Manner::KeepsCookie
        } else {
            Manner::Plain
        };
        let has_place = manner == Manner::Plain || !is_foreign(request);
        Ok(Self { manner, has_place, wanted: Page::wanted(request) })
    }

    /// Whether there is anywhere to keep a session: not where a page of another site has sent a form.
    pub fn has_place(&self) -> bool {
        self.has_place
    }

    /// The answer to somebody who is in.
    pub fn came_in(self, status: Status, message: &'static str, token: AccessToken) -> Entered {
        let page = self.wanted.unwrap_or(Page::Home);
        let (outcome, session) = (StatusView::success(message), Session::Starts(token));
        Entered { manner: self.manner, status, outcome, session, page }
    }

    /// The answer to somebody who has to go on elsewhere to come in.
    pub fn goes_on(self, status: Status, message: &'static str, notice: Notice) -> Entered {
        let (outcome, session) = (StatusView::success(message), Session::AsItIs);
        Entered { manner: self.manner, status, outcome, session, page: Page::LogIn(notice) }
    }

    /// The answer to somebody who has gone.
    pub fn left(self, message: &'static str) -> Entered {
        let (outcome, page) = (StatusView::success(message), Page::LogIn(Notice::LoggedOut));
        Entered { manner: self.manner, status: Status::Ok, outcome, session: Session::Ends, page }
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Entrance {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match Self::of(request) {
            Ok(entrance) if entrance.has_place => Outcome::Success(entrance),
            Ok(_) => reject(request, foreign().into()),
            Err(error) => reject(request, error.into()),
        }
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for OpenEntrance {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match Entrance::of(request) {
            Ok(entrance) => Outcome::Success(Self(entrance)),
            Err(error) => reject(request, error.into()),
        }
    }
}

impl OpenApiFromRequest<'_> for OpenEntrance {
    fn from_request_input(
        _: &mut OpenApiGenerator,
        _: String,
        _: bool,
    ) -> rocket_okapi::Result<RequestHeaderInput> {
        Ok(RequestHeaderInput::None)
    }
}

impl OpenApiFromRequest<'_> for Entrance {
    fn from_request_input(
        _: &mut OpenApiGenerator,
        _: String,
        _: bool,
    ) -> rocket_okapi::Result<RequestHeaderInput> {
        Ok(RequestHeaderInput::None)
    }
}

enum Session {
    Starts(AccessToken),
    Ends,
    AsItIs,
}

/// What is answered to somebody who has come in or gone out.
pub struct Entered {
    manner: Manner,
    status: Status,
    outcome: StatusView,
    session: Session,
    page: Page,
}

/// A fresh token (RFC 6750 section 4).
#[derive(Serialize, JsonSchema)]
struct TokenView {
    /// A JSON Web Token, to be sent as `Authorization: Bearer ...`.
    access_token: String,
    /// `bearer`
    token_type: &'static str,
    /// The token's life in seconds.
    expires_in: u32,
}

/// What is answered to somebody who has come in: with a token, where they are in.
#[derive(Serialize, JsonSchema)]
struct EnteredView {
    #[serde(flatten)]
    outcome: StatusView,
    #[serde(flatten)]
    token: Option<TokenView>,
    /// For the scripts of the pages: where to go next, as seen from the request's address.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl<'r> Responder<'r, 'static> for Entered {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let Self { manner, status, outcome, session, page } = self;
        let next = format!("{}{}", root(request), page.address());
        let (token, cookie) = match session {
            Session::AsItIs => (None, None),
            Session::Ends if manner == Manner::Plain => (None, None),
            Session::Ends => (None, Some(forget_session(request))),
            Session::Starts(token) if manner == Manner::Plain => {
                let AccessToken { text, expires_in } = token;
                (Some(TokenView { access_token: text, token_type: "bearer", expires_in }), None)
            }
            Session::Starts(token) => (None, Some(keep_session(request, token))),
        };
        let mut response = match manner {
            Manner::Navigates => see_other(next),
            Manner::KeepsCookie | Manner::Plain => {
                let next = (manner == Manner::KeepsCookie).then_some(next);
                Json(EnteredView { outcome, token, next }).respond_to(request)?
            }
        };
        if manner != Manner::Navigates {
            response.set_status(status);
        }
        match cookie.transpose() {
            Ok(None) => {}
            Ok(Some(cookie)) => response.adjoin_header(cookie),
            Err(error) => return Problem::from(error).respond_to(request),
        }
        forbid_storing(&mut response);
        Ok(response)
    }
}

impl OpenApiResponderInner for Entered {
    fn responses(generator: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        <Json<EnteredView> as OpenApiResponderInner>::responses(generator)
    }
}

/// 303: what a form was for is done, and the browser is to GET another page (RFC 9110 section 15.4.4).
pub fn see_other(address: String) -> Response<'static> {
    Response::build()
        .status(http::Status::SeeOther)
        .header(Header::new("Location", address))
        .finalize()
}
