//! What stands around every page: where its assets are, who looks at it, and where else they may go.

use askama::Template;
use rocket::http::{ContentType, Status};
use rocket::request::{FromRequest, Outcome};
use rocket::response::{self, Responder};
use rocket::{Request, Response};
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::request::{OpenApiFromRequest, RequestHeaderInput};

use super::super::Services;
use super::super::assets;
use super::super::entrance::see_other;
use super::super::error::Problem;
use super::{MENU, root};
use crate::accounts::Caller;
use crate::domain::{Role, UserId, Username};
use crate::error::Error;

/// A guard: the frame of a page that nobody in particular looks at.
pub struct Frame {
    /// The way to the root of the service, with a slash at its end.
    pub root: String,
    /// The way to the assets, with a slash at its end.
    pub assets: String,
    /// The page's name in the menu.
    here: String,
    viewer: Option<Viewer>,
}

/// Who looks at a page.
struct Viewer {
    id: UserId,
    name: String,
    role: Role,
}

/// An entry of the menu.
pub struct Entry {
    /// The page's address, as seen from the root.
    pub address: &'static str,
    /// What people read.
    pub label: &'static str,
    /// Whether it is this page.
    pub is_here: bool,
}

impl Frame {
    /// The frame of the page at this request's address.
    pub fn of(request: &Request<'_>) -> Self {
        let root = root(request);
        let assets = format!("{root}assets/{}/", assets::VERSION);
        let here = request.uri().path().segments().get(0).unwrap_or_default().to_owned();
        Self { root, assets, here, viewer: None }
    }

    /// The frame that whoever is logged in sees.
    pub async fn shown_to(self, caller: &Caller, services: &Services) -> Result<Self, Error> {
        let user = services.store.get_user(caller.authority.user).await?;
        let name = user.username.map_or(user.email.into_string(), Username::into_string);
        let viewer = Viewer { id: user.public_id, name, role: caller.authority.role };
        Ok(Self { viewer: Some(viewer), ..self })
    }

    /// Who looks at the page, by their username or address.
    pub fn viewer(&self) -> Option<&str> {
        self.viewer.as_ref().map(|viewer| viewer.name.as_str())
    }

    /// Their account's id, by which scripts tell what is their own.
    pub fn viewer_id(&self) -> String {
        self.viewer.as_ref().map_or_else(String::new, |viewer| viewer.id.to_string())
    }

    /// Whether it is shown to an administrator.
    pub fn is_admin(&self) -> bool {
        self.viewer.as_ref().is_some_and(|viewer| viewer.role.is_admin())
    }

    /// Whether it is shown to somebody who hands out tasks.
    pub fn is_manager(&self) -> bool {
        self.viewer.as_ref().is_some_and(|viewer| viewer.role.is_manager())
    }

    /// The pages that whoever looks at this one may see.
    pub fn menu(&self) -> Vec<Entry> {
        let Some(viewer) = &self.viewer else { return Vec::new() };
        let seen = MENU.iter().filter(|(.., at_least)| viewer.role >= *at_least);
        seen.map(|&(address, label, _)| Entry { address, label, is_here: address == self.here })
            .collect()
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Frame {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        Outcome::Success(Self::of(request))
    }
}

impl OpenApiFromRequest<'_> for Frame {
    fn from_request_input(
        _: &mut OpenApiGenerator,
        _: String,
        _: bool,
    ) -> rocket_okapi::Result<RequestHeaderInput> {
        Ok(RequestHeaderInput::None)
    }
}

/// A page as an answer.
pub struct Html {
    status: Status,
    text: String,
}

impl Html {
    /// Renders a page. Fails where a template cannot be written, which none of ours is known to do.
    pub fn of(page: &impl Template) -> Result<Self, Problem> {
        Self::with(Status::Ok, page).map_err(Problem::from)
    }

    /// Renders a page that tells of another status.
    pub fn with(status: Status, page: &impl Template) -> Result<Self, Error> {
        let text = page.render().map_err(|cause| Error::internal("cannot render a page", cause))?;
        Ok(Self { status, text })
    }

    /// The page as a response.
    pub fn into_response(self) -> Response<'static> {
        let Self { status, text } = self;
        let body = std::io::Cursor::new(text.into_bytes());
        let length = body.get_ref().len();
        Response::build()
            .status(status)
            .header(ContentType::HTML)
            .sized_body(length, body)
            .finalize()
    }
}

impl<'r> Responder<'r, 'static> for Html {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        Ok(self.into_response())
    }
}

/// A page, or the way to another one.
pub enum Shown {
    /// This one.
    Here(Html),
    /// The one at this address.
    Elsewhere(String),
}

impl Shown {
    /// Sends a browser to the page at an address, as seen from the root.
    pub fn elsewhere(frame: &Frame, address: &str) -> Self {
        Self::Elsewhere(format!("{}{address}", frame.root))
    }
}

impl<'r> Responder<'r, 'static> for Shown {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        match self {
            Self::Here(page) => page.respond_to(request),
            Self::Elsewhere(address) => Ok(see_other(address)),
        }
    }
}
