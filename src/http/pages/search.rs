//! The page that searches everything.

use askama::Template;
use rocket::{State, get};

use super::address::Address;
use super::frame::{Frame, Html};
use super::parts::{Face, TaskRow, WidgetRow};
use super::templates::TemplateRow;
use crate::domain::Page;
use crate::http::api::search::{SearchFilter, find};
use crate::http::auth::AnyUser;
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
    let found = match query.0.search {
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
        people: Group::of(found.and_then(|f| f.people.as_ref()), Face::of),
    })
}
