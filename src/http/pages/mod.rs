//! The pages for people. The frame of each is rendered here, by compiled templates out of `static/pages`,
//! and so is everything that has to work without scripts; what a page shows of the records, its script
//! asks the API for, as any other client would.

mod account;
mod audit;
mod forms;
mod frame;

use askama::Template;
use rocket::http::Status;
use rocket::request::{FromRequest, Outcome};
use rocket::{Request, Route, State, get, routes};

use self::account::show_account;
use self::audit::show_audit;
pub use self::forms::{answer, keep_typed};
use self::forms::{show_login, show_registration, show_reset, show_setup};
pub use self::frame::{Frame, Html};
use super::Services;
use super::browser::wants_page;
use super::error::{Problem, refuse};
use super::guards::{Account, Admin, find_caller};
use crate::accounts::Caller;
use crate::domain::Role;
use crate::error::{Error, TokenError};

/// A page that somebody can be sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Page {
    /// What is due.
    Home,
    /// To log in, after something that is told there.
    LogIn(Notice),
    /// One of those for whoever is logged in, with its query.
    Wanted(String),
}

/// What somebody is told who is to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The session is over because its owner wanted so.
    LoggedOut,
    /// The account is there and can be used.
    Registered,
    /// The account waits for approval.
    Waiting,
    /// The password is another one now.
    Reset,
    /// The account is no more. Only a script sends somebody there.
    Deleted,
}

/// The pages of the menu: address, label, and the least role that sees it.
const MENU: [(&str, &str, Role); 7] = [
    ("", "Home", Role::Employee),
    ("widgets", "Widgets", Role::Employee),
    ("tasks", "Tasks", Role::Employee),
    ("templates", "Templates", Role::Employee),
    ("people", "People", Role::Admin),
    ("audit", "Audit", Role::Admin),
    ("account", "Account", Role::Employee),
];

impl Notice {
    const ALL: [Self; 5] =
        [Self::LoggedOut, Self::Registered, Self::Waiting, Self::Reset, Self::Deleted];

    /// How the query of the page names it.
    fn name(self) -> &'static str {
        match self {
            Self::LoggedOut => "logged-out",
            Self::Registered => "registered",
            Self::Waiting => "waiting",
            Self::Reset => "reset",
            Self::Deleted => "deleted",
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::LoggedOut => "You are signed out.",
            Self::Registered => "Your account is ready. Please sign in.",
            Self::Waiting => {
                "Thank you, you are registered. An administrator has to approve your account; then you can sign in."
            }
            Self::Reset => "Your new password is set. Please sign in with it.",
            Self::Deleted => "Your account is deleted.",
        }
    }
}

impl Page {
    /// Its address, as seen from the root.
    pub fn address(&self) -> String {
        match self {
            Self::Home => String::new(),
            Self::LogIn(notice) => format!("login?notice={}", notice.name()),
            Self::Wanted(address) => address.clone(),
        }
    }

    /// Where somebody wanted to go who had to log in first: `?next=tasks`. An address that is none of a page
    /// of ours is none.
    pub fn wanted(request: &Request<'_>) -> Option<Self> {
        let next = query_value(request, "next")?;
        let name = next.split_once('?').map_or(&*next, |(name, _)| name);
        let is_ours = MENU.iter().any(|(address, ..)| *address == name)
            && next.chars().all(|c| c.is_ascii_graphic());
        (is_ours && !name.is_empty()).then_some(Self::Wanted(next))
    }
}

fn query_value(request: &Request<'_>, name: &str) -> Option<String> {
    let query = request.uri().query()?.as_str();
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

/// The way from a request's address to the root of the service. A path before that, which a proxy has
/// taken away, makes no difference.
pub fn root(request: &Request<'_>) -> String {
    match request.uri().path().as_str().matches('/').count() {
        0 | 1 => "./".to_owned(),
        depth => "../".repeat(depth - 1),
    }
}

/// Where somebody has to log in to see the page that was asked for.
fn login_address(request: &Request<'_>) -> String {
    let path = request.uri().path();
    let mut segments = path.segments().filter(|segment| !segment.is_empty());
    let page = match (segments.next(), segments.next()) {
        (Some(name), None) if MENU.iter().any(|(address, ..)| *address == name) => name,
        _ => return format!("{}login", root(request)),
    };
    let query = request.uri().query().map_or(String::new(), |query| format!("?{query}"));
    let next: String =
        url::form_urlencoded::byte_serialize(format!("{page}{query}").as_bytes()).collect();
    format!("{}login?next={next}", root(request))
}

/// The routes of the pages. Not documented: they are for people.
pub fn routes() -> Vec<Route> {
    routes![
        show_home,
        show_login,
        show_registration,
        show_reset,
        show_setup,
        show_widgets,
        show_tasks,
        show_templates,
        show_people,
        show_audit,
        show_account
    ]
}

/// A guard: a browser that navigates. Others get the greeting, which stands behind.
struct Navigation;

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Navigation {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        if wants_page(request) {
            Outcome::Success(Self)
        } else {
            Outcome::Forward(Status::NotFound)
        }
    }
}

/// A guard that lets everybody in: who is logged in, if anybody is.
struct Visitor(Option<Caller>);

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Visitor {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match find_caller(request).await {
            Ok(caller) => Outcome::Success(Self(caller)),
            // Not forwarded: behind the first page stands the greeting.
            Err(error) => Outcome::Error((refuse(request, Problem::from(error)), ())),
        }
    }
}

/// Declares pages that are nothing but their template: what they show, scripts ask the API for.
macro_rules! pages {
    ($($(#[$doc:meta])* $name:ident $file:literal)+) => {
        $(
            $(#[$doc])*
            #[derive(Template)]
            #[template(path = $file)]
            struct $name {
                frame: Frame,
            }
        )+
    };
}

pages! {
    /// What is due.
    HomePage "home.html"
    /// What is shared.
    WidgetsPage "widgets.html"
    /// What is to be done.
    TasksPage "tasks.html"
    /// One's own texts.
    TemplatesPage "templates.html"
    /// All accounts.
    PeoplePage "people.html"
}

#[get("/")]
async fn show_home(
    _navigation: Navigation,
    visitor: Visitor,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    let caller = visitor.0.ok_or(Error::Token(TokenError::Missing))?;
    Html::of(&HomePage { frame: frame.shown_to(&caller, services).await? })
}

#[get("/widgets")]
async fn show_widgets(
    account: Account,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    Html::of(&WidgetsPage { frame: frame.shown_to(&account.0, services).await? })
}

#[get("/tasks")]
async fn show_tasks(
    account: Account,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    Html::of(&TasksPage { frame: frame.shown_to(&account.0, services).await? })
}

#[get("/templates")]
async fn show_templates(
    account: Account,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    Html::of(&TemplatesPage { frame: frame.shown_to(&account.0, services).await? })
}

#[get("/people")]
async fn show_people(
    admin: Admin,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    Html::of(&PeoplePage { frame: frame.shown_to(&admin.0, services).await? })
}
