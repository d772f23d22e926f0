//! The page that searches everything.

use askama::Template;
use rocket::{State, get};

use super::address::Address;
use super::frame::{Frame, Html};
use super::parts::{Face, TaskRow, WidgetRow, excerpt, record_address};
use crate::http::api::search::{Found, SearchFilter, find};
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

/// A template that was found.
struct TemplateRow {
    name: String,
    address: String,
    excerpt: String,
}

impl<R> Group<R> {
    fn of<T>(page: Option<crate::domain::Page<T>>, row: impl Fn(&T) -> R) -> Self {
        let (rows, total) =
            page.map_or((Vec::new(), 0), |page| (page.items.iter().map(row).collect(), page.total));
        Self { rows, total }
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
    let (tasks, widgets, templates, people) = match found {
        Some(Found { tasks, widgets, templates, people }) => {
            (Some(tasks), Some(widgets), Some(templates), people)
        }
        None => (None, None, None, None),
    };
    Html::of(&SearchPage {
        frame,
        address,
        tasks: Group::of(tasks, |task| TaskRow::of(task, now, zone)),
        widgets: Group::of(widgets, |widget| WidgetRow::of(widget, now, zone)),
        templates: Group::of(templates, |template| TemplateRow {
            name: template.name.as_str().to_owned(),
            address: record_address("templates", template.name.as_str()),
            excerpt: excerpt(template.body.as_str()),
        }),
        people: Group::of(people, Face::of),
    })
}
