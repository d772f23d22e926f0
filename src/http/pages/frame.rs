//! The frame of every page: its assets, the signed-in user, and the menu.

use askama::Template;
use rocket::http::{ContentType, Status};
use rocket::request::{FromRequest, Outcome};
use rocket::response::{self, Responder};
use rocket::{Request, Response};
use rocket_okapi::OpenApiFromRequest;

use super::assets;
use super::choices::{Choice, Shortcuts, Theme};
use super::flash::{Flash, clear_flash};
use super::parts::initials;
use crate::domain::{
    Authority, Named, PageRequest, Role, Status as AccountStatus, TaskFilter, UserFilter, UserId,
};
use crate::error::Error;
use crate::http::auth::{MENU, root};
use crate::http::wire::{Problem, Services, see_other};

/// More overdue tasks are not counted for the title.
const MOST_OVERDUE: u32 = 100;

/// A guard: the frame of a page without a signed-in user.
#[derive(OpenApiFromRequest)]
pub struct Frame {
    /// The relative address of the service's root, with a slash at its end.
    pub root: String,
    /// The relative address of the assets, with a slash at its end.
    pub assets: String,
    /// What the team is called.
    pub team: String,
    /// The service's time zone; empty without a user.
    pub zone: String,
    /// What the last form has done.
    pub flash: Option<Flash>,
    pub theme: Theme,
    pub shortcuts: Shortcuts,
    /// The page's address in the menu.
    here: String,
    user: Option<FrameUser>,
}

/// The signed-in user.
struct FrameUser {
    id: UserId,
    name: String,
    role: Role,
    /// Overdue tasks of the user.
    overdue: u32,
    /// Accounts that wait for approval, as administrators see them.
    waiting: u64,
}

/// An entry of the menu.
pub struct MenuEntry {
    /// The page's address, relative to the root.
    pub address: &'static str,
    /// The view that it leads to, with its `?`.
    pub query: &'static str,
    pub label: &'static str,
    /// Whether it is the present page.
    pub is_here: bool,
    /// How many wait there.
    pub badge: u64,
    /// A small screen has it in another place.
    pub is_for_administrators: bool,
}

impl Frame {
    /// The frame of the page at this request's address.
    pub fn of(request: &Request<'_>) -> Self {
        let root = root(request);
        let assets = format!("{root}assets/{}/", assets::VERSION);
        let segments = request.uri().path().segments();
        let here = match (segments.get(0), segments.get(1)) {
            // The form of a new record: `new/task`.
            (Some("new"), Some(kind)) => format!("{kind}s"),
            (Some("board"), _) => "tasks".to_owned(),
            (first, _) => first.unwrap_or_default().to_owned(),
        };
        let (theme, shortcuts) = (Theme::of(request), Shortcuts::of(request));
        let flash = Flash::of(request);
        let team = Services::of(request).map(|services| services.team_name.as_str().to_owned());
        let team = team.unwrap_or_default();
        Self { root, assets, team, zone: String::new(), flash, theme, shortcuts, here, user: None }
    }

    /// The frame for a signed-in user.
    pub async fn shown_to(self, authority: Authority, services: &Services) -> Result<Self, Error> {
        let (store, now, role) = (&services.store, services.clock.now(), authority.role);
        let user = store.get_user(authority.user).await?;
        let name = user.names.called().to_owned();
        let late = TaskFilter { mine: Some(true), overdue: Some(true), ..TaskFilter::default() };
        let overdue = store.count_tasks(authority, vec![late], MOST_OVERDUE, now).await?;
        let waiting = if role.is_admin() {
            let filter =
                UserFilter { status: Some(AccountStatus::Pending), ..UserFilter::default() };
            let page =
                store.list_users(Some(authority.user), filter, PageRequest::new(1, 5)).await?;
            page.total
        } else {
            0
        };
        let overdue = overdue.into_iter().sum();
        let user = FrameUser { id: authority.user, name, role, overdue, waiting };
        Ok(Self { user: Some(user), zone: services.store.zone().name().to_owned(), ..self })
    }

    /// What the user is called.
    pub fn viewer(&self) -> Option<&str> {
        self.user.as_ref().map(|user| user.name.as_str())
    }

    /// Tells what a browser keeps for one user from that for another.
    pub fn viewer_id(&self) -> Option<UserId> {
        self.user.as_ref().map(|user| user.id)
    }

    /// The user's initials.
    pub fn initials(&self) -> String {
        self.user.as_ref().map_or_else(String::new, |user| initials(&user.name))
    }

    /// The theme's name, unless it is the system's.
    pub fn chosen_theme(&self) -> Option<&'static str> {
        (self.theme != Theme::System).then(|| self.theme.name())
    }

    /// Whether keys are shortcuts.
    pub fn has_shortcuts(&self) -> bool {
        self.user.is_some() && self.shortcuts == Shortcuts::On
    }

    /// The attribute that makes a key the shortcut of a link or a field.
    pub fn key(&self, key: &str) -> String {
        if self.has_shortcuts() { format!(" aria-keyshortcuts=\"{key}\"") } else { String::new() }
    }

    /// What the title says that waits for the user.
    pub fn overdue(&self) -> u32 {
        self.user.as_ref().map_or(0, |user| user.overdue)
    }

    /// How many accounts wait for the user's approval.
    pub fn waiting(&self) -> u64 {
        self.user.as_ref().map_or(0, |user| user.waiting)
    }

    /// The user's role as people call it; empty without a user.
    pub fn role_name(&self) -> &'static str {
        match self.user.as_ref().map(|user| user.role) {
            None => "",
            Some(Role::Admin) => "administrator",
            Some(role) => role.as_str(),
        }
    }

    pub fn is_admin(&self) -> bool {
        self.user.as_ref().is_some_and(|user| user.role.is_admin())
    }

    pub fn is_manager(&self) -> bool {
        self.user.as_ref().is_some_and(|user| user.role.is_manager())
    }

    /// The pages that the user may see.
    pub fn menu(&self) -> Vec<MenuEntry> {
        let Some(user) = &self.user else { return Vec::new() };
        // They have places of their own in the bar.
        let is_listed = |address: &str| !["search", "account"].contains(&address);
        let visible = MENU
            .iter()
            .filter(|(address, _, required)| is_listed(address) && user.role >= *required);
        let entry = |&(address, label, role): &(&'static str, &'static str, Role)| MenuEntry {
            address,
            query: if address == "tasks" { "?open=true" } else { "" },
            label,
            is_here: address == self.here,
            badge: if address == "people" { user.waiting } else { 0 },
            is_for_administrators: role.is_admin(),
        };
        visible.map(entry).collect()
    }
}

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Frame {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        Outcome::Success(Self::of(request))
    }
}

/// A page as an answer.
pub struct Html {
    status: Status,
    text: String,
}

impl Html {
    /// Renders a page.
    pub fn of(page: &impl Template) -> Result<Self, Problem> {
        Self::with(Status::Ok, page).map_err(Problem::from)
    }

    /// Renders a page with another status.
    pub fn with(status: Status, page: &impl Template) -> Result<Self, Error> {
        let text = page.render().map_err(|cause| Error::internal("cannot render a page", cause))?;
        Ok(Self { status, text })
    }

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
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let mut response = self.into_response();
        clear_flash(request, &mut response);
        Ok(response)
    }
}

/// A page, or a redirect to another one.
pub enum PageOrRedirect {
    Page(Html),
    /// To this address.
    Redirect(String),
}

impl PageOrRedirect {
    /// A redirect to an address relative to the root.
    pub fn redirect(frame: &Frame, address: &str) -> Self {
        Self::Redirect(format!("{}{address}", frame.root))
    }
}

impl<'r> Responder<'r, 'static> for PageOrRedirect {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        match self {
            Self::Page(page) => page.respond_to(request),
            Self::Redirect(address) => Ok(see_other(address)),
        }
    }
}
