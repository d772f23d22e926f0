//! Where a browser goes next: the pages' addresses, and the way to them from any request.

use rocket::Request;

use crate::domain::Role;
use crate::http::wire::is_read;

/// A page that a browser is sent to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Destination {
    Home,
    /// The login page, with a notice.
    LogIn(Notice),
    /// A page of the menu or below one, with its query, which the browser asked for before it had to
    /// log in.
    Requested(String),
}

/// What the login page tells somebody who was sent there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    LoggedOut,
    Registered,
    /// The account waits for approval.
    Waiting,
    /// The password was reset.
    Reset,
    /// The account was deleted.
    Deleted,
    /// The session has expired, or was ended elsewhere.
    Ended,
}

/// The pages of the menu: address, label, and the role that each requires.
pub const MENU: &[(&str, &str, Role)] = &[
    ("", "Home", Role::Employee),
    ("tasks", "Tasks", Role::Employee),
    ("widgets", "Widgets", Role::Employee),
    ("templates", "Templates", Role::Employee),
    ("people", "People", Role::Admin),
    ("audit", "Audit", Role::Admin),
    ("search", "Search", Role::Employee),
    ("account", "Account", Role::Employee),
];

/// The page of the API's documentation, relative to the root. It is in no menu, but a browser may
/// come back to it.
pub const API_DOCS: &str = "api/v1/ui";

impl Notice {
    pub const ALL: [Self; 6] =
        [Self::LoggedOut, Self::Registered, Self::Waiting, Self::Reset, Self::Deleted, Self::Ended];

    /// The notice's name in the query.
    pub fn name(self) -> &'static str {
        match self {
            Self::LoggedOut => "logged-out",
            Self::Registered => "registered",
            Self::Waiting => "waiting",
            Self::Reset => "reset",
            Self::Deleted => "deleted",
            Self::Ended => "session-ended",
        }
    }
}

impl Destination {
    /// The address, relative to the root.
    pub fn address(&self) -> String {
        match self {
            Self::Home => String::new(),
            Self::LogIn(notice) => format!("login?notice={}", notice.name()),
            Self::Requested(address) => address.clone(),
        }
    }

    /// The page in `?next=tasks`. An address that is neither a page of the menu or below one nor
    /// [`API_DOCS`] is ignored.
    pub fn requested(request: &Request<'_>) -> Option<Self> {
        let next = query_value(request, "next")?;
        let path = next.split_once('?').map_or(&*next, |(path, _)| path);
        let is_page = is_page(path) || path == API_DOCS;
        let is_ours = is_page && next.chars().all(|c| c.is_ascii_graphic());
        is_ours.then_some(Self::Requested(next))
    }
}

/// Pages that are in no menu: the board, and below `new` the forms of new records.
const OTHER_PAGES: [&str; 2] = ["board", "new"];

/// Whether a path without its first slash is that of a page of ours, or of one below.
fn is_page(path: &str) -> bool {
    let mut segments = path.split('/');
    let first = segments.next().unwrap_or_default();
    // Browsers take a backslash for a slash, and resolve dots, also escaped ones.
    let is_plain = |segment: &str| {
        let dots = segment.to_ascii_lowercase().replace("%2e", ".");
        !segment.is_empty() && !segment.contains('\\') && dots != "." && dots != ".."
    };
    let mut pages = MENU.iter().map(|(page, ..)| *page).chain(OTHER_PAGES);
    !first.is_empty() && pages.any(|page| page == first) && segments.all(is_plain)
}

fn query_value(request: &Request<'_>, name: &str) -> Option<String> {
    let query = request.uri().query()?.as_str();
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    pairs.find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
}

/// The relative address of the service's root, as seen from this request. It holds behind a proxy
/// that strips a path, too.
pub fn root(request: &Request<'_>) -> String {
    match request.uri().path().as_str().matches('/').count() {
        0 | 1 => "./".to_owned(),
        depth => "../".repeat(depth - 1),
    }
}

/// The address of the login page that leads back to the page of this request, and says whether a
/// session has ended.
pub fn login_address(request: &Request<'_>, has_session: bool) -> String {
    let mut address = address_of_login(request);
    if has_session {
        let separator = if address.contains('?') { '&' } else { '?' };
        address.push(separator);
        address.push_str("notice=");
        address.push_str(Notice::Ended.name());
    }
    address
}

fn address_of_login(request: &Request<'_>) -> String {
    let path = request.uri().path().as_str().trim_start_matches('/');
    // What answers a form is not a page.
    let page = if is_read(request) { path } else { path.split('/').next().unwrap_or_default() };
    if !is_page(page) {
        return format!("{}login", root(request));
    }
    let query = request.uri().query().map_or(String::new(), |query| format!("?{query}"));
    format!("{}login{}", root(request), next_query(&format!("{page}{query}")))
}

/// The query that [`Destination::requested`] reads.
pub fn next_query(address: &str) -> String {
    let next: String = url::form_urlencoded::byte_serialize(address.as_bytes()).collect();
    format!("?next={next}")
}
