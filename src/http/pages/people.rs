//! The page of all accounts, for administrators.

use askama::Template;
use rocket::{State, get};

use super::address::{Address, PageQuery, Pagination, Selecting, Tab};
use super::days::Moment;
use super::frame::{Frame, Html};
use super::parts::Face;
use crate::domain::{PageRequest, Role, Status, Timestamp, User, UserFilter, UserId, Zone};
use crate::error::Error;
use crate::http::auth::Admin;
use crate::http::wire::{Problem, Services};
use crate::store::Store;

/// The views of the list, by what their tabs say.
const VIEWS: [(&str, &str, Option<Status>); 4] = [
    ("All", "", None),
    ("Waiting", "status=pending", Some(Status::Pending)),
    ("Active", "status=active", Some(Status::Active)),
    ("Disabled", "status=disabled", Some(Status::Disabled)),
];

#[derive(Template)]
#[template(path = "people.html")]
struct PeoplePage {
    frame: Frame,
    address: Address,
    tabs: Vec<Tab>,
    rows: Vec<PersonRow>,
    pages: Pagination,
}

/// An account in a list.
pub struct PersonRow {
    pub face: Face,
    /// What tells it from all others, if the name does not.
    pub label: String,
    pub role: &'static str,
    pub status: Status,
    pub registered: Moment,
    /// Whether it is the administrator's own.
    pub is_own: bool,
}

impl PersonRow {
    pub fn of(user: &User, reader: UserId, now: Timestamp, zone: &Zone) -> Self {
        let face = Face::of(&user.summary());
        let label = if face.label == face.name { String::new() } else { face.label.clone() };
        Self {
            face,
            label,
            role: role_in_words(user.role),
            status: user.status,
            registered: Moment::new(user.registered_on, now, zone),
            is_own: user.public_id == reader,
        }
    }

    pub const fn status_in_words(&self) -> &'static str {
        match self.status {
            Status::Pending => "Waiting",
            Status::Active => "Active",
            Status::Disabled => "Disabled",
        }
    }

    /// The class of the status's tag.
    pub const fn class(&self) -> &'static str {
        match self.status {
            Status::Pending => "warn",
            Status::Active => "good",
            Status::Disabled => "bad",
        }
    }
}

pub const fn role_in_words(role: Role) -> &'static str {
    match role {
        Role::Employee => "Employee",
        Role::Manager => "Manager",
        Role::Admin => "Administrator",
    }
}

async fn tabs(store: &dyn Store, reader: UserId, address: &Address) -> Result<Vec<Tab>, Error> {
    let mut tabs = Vec::new();
    for (label, query, status) in VIEWS {
        let filter = UserFilter { status, ..UserFilter::default() };
        let count = store.list_users(Some(reader), filter, PageRequest::new(1, 5)).await?.total;
        tabs.push(Tab { count: count.to_string(), ..Tab::new(label, query, address) });
    }
    Ok(tabs)
}

#[get("/people")]
pub async fn show_people(
    admin: Admin,
    query: PageQuery<Selecting<UserFilter>>,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    let (store, reader, now) = (&*admin.store, admin.id(), admin.context.at);
    let PageQuery { filter: Selecting(filter), page, address } = query;
    let frame = frame.shown_to(admin.authority, services).await?;
    let tabs = tabs(store, reader, &address).await?;
    let page = store.list_users(Some(reader), filter, page).await?;
    let row = |user| PersonRow::of(user, reader, now, store.zone());
    let (rows, pages) = (page.items.iter().map(row).collect(), Pagination::of(&page, &address));
    Html::of(&PeoplePage { frame, address, tabs, rows, pages })
}
