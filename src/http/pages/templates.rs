//! The page of the user's templates.

use askama::Template;
use rocket::{State, get};

use super::address::{Address, PageQuery, Pagination, Selecting, orders};
use super::days::Moment;
use super::frame::{Frame, Html};
use super::parts::{excerpt, record_address};
use crate::domain::{
    Sort, Template as TemplateRecord, TemplateFilter, TemplateSort, Timestamp, Zone,
};
use crate::http::auth::AnyUser;
use crate::http::wire::{Problem, Services};

const ORDERS: [(&str, &str); 4] = [
    ("name", "By name"),
    ("-updated_at", "Latest changes"),
    ("-created_at", "Newest first"),
    ("created_at", "Oldest first"),
];

/// A template in a list.
pub struct TemplateRow {
    /// The record's, relative to the root.
    pub address: String,
    pub name: String,
    /// What its checkbox says.
    pub seen: String,
    pub excerpt: String,
    pub updated: Moment,
}

#[derive(Template)]
#[template(path = "templates.html")]
struct TemplatesPage {
    frame: Frame,
    address: Address,
    orders: Vec<(&'static str, &'static str)>,
    rows: Vec<TemplateRow>,
    pages: Pagination,
}

impl TemplateRow {
    pub fn of(template: &TemplateRecord, now: Timestamp, zone: &Zone) -> Self {
        Self {
            address: record_address("templates", template.name.as_str()),
            name: template.name.as_str().to_owned(),
            seen: format!("{}.{}", template.name.as_str(), template.version),
            excerpt: excerpt(template.body.as_str()),
            updated: Moment::new(template.updated_at, now, zone),
        }
    }
}

#[get("/templates")]
pub async fn show_templates(
    user: AnyUser,
    query: PageQuery<Selecting<TemplateFilter>>,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    let (store, now) = (&*user.store, user.context.at);
    let PageQuery { filter: Selecting(mut filter), page, address } = query;
    filter.sort = filter.sort.or(Some(Sort { key: TemplateSort::Name, descending: false }));
    let frame = frame.shown_to(user.authority, services).await?;
    let page = store.list_templates(user.id(), filter, page).await?;
    let row = |template| TemplateRow::of(template, now, store.zone());
    let rows = page.items.iter().map(row).collect();
    let pages = Pagination::of(&page, &address);
    Html::of(&TemplatesPage { frame, address, orders: orders(ORDERS, "name"), rows, pages })
}
