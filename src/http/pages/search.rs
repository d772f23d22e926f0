//! The page that searches everything.

use askama::Template;
use rocket::{State, get};

use super::address::Address;
use super::frame::{Frame, Html};
use super::parts::{Face, TaskRow, WidgetRow};
use super::templates::TemplateRow;
use crate::domain::{Page, Search, User, UserFilter};
use crate::error::Error;
use crate::http::api::search::{FIRST, SearchFilter, find};
use crate::http::auth::{AnyUser, SignedIn};
use crate::http::wire::{FilterQuery, Problem, Services};

#[derive(Template)]
#[template(path = "search.html")]
struct SearchPage {
    frame: Frame,
    address: Address,
    tasks: Group<TaskRow>,
    widgets: Group<WidgetRow>,
    templates: Group<TemplateRow>,
    people: Group<Face>,
}

/// What was found of a kind.
struct Group<R> {
    rows: Vec<R>,
    total: u64,
}

impl<R> Group<R> {
    fn of<T>(page: Option<&Page<T>>, row: impl Fn(&T) -> R) -> Self {
        let rows = page.into_iter().flat_map(|page| &page.items).map(row).collect();
        Self { rows, total: page.map_or(0, |page| page.total) }
    }
}

#[get("/search")]
pub async fn show_search(
    user: AnyUser,
    query: FilterQuery<SearchFilter>,
    address: Address,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    let (now, zone) = (user.context.at, user.store.zone());
    let search = query.0.search;
    let people = people(&user, search.clone()).await?;
    let found = match search {
        Some(search) => Some(find(&user, search).await?),
        None => None,
    };
    let frame = frame.shown_to(user.authority, services).await?;
    let found = found.as_ref();
    Html::of(&SearchPage {
        frame,
        address,
        tasks: Group::of(found.map(|f| &f.tasks), |task| TaskRow::of(task, now, zone)),
        widgets: Group::of(found.map(|f| &f.widgets), |widget| WidgetRow::of(widget, now, zone)),
        templates: Group::of(found.map(|f| &f.templates), |template| {
            TemplateRow::of(template, now, zone)
        }),
        people: Group::of(people.as_ref(), |user| Face::of(&user.summary())),
    })
}

/// All accounts that an administrator manages, also those that wait; the API finds those who can have
/// tasks.
async fn people(user: &SignedIn, search: Option<Search>) -> Result<Option<Page<User>>, Error> {
    if search.is_none() || !user.authority.role.is_admin() {
        return Ok(None);
    }
    let filter = UserFilter { search, ..UserFilter::default() };
    Ok(Some(user.store.list_users(Some(user.id()), filter, FIRST).await?))
}
