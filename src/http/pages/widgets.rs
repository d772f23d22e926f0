//! The page of all widgets.

use askama::Template;
use rocket::{State, get};

use super::address::{Address, PageQuery, Pagination, Selecting, Tab, orders};
use super::frame::{Frame, Html};
use super::parts::WidgetRow;
use crate::domain::{Sort, WidgetFilter, WidgetSort};
use crate::http::auth::AnyUser;
use crate::http::wire::{Problem, Services};

/// The views that a user may choose: what their tabs say, and their queries.
const VIEWS: [(&str, &str); 3] =
    [("All", ""), ("Upcoming", "overdue=false"), ("Passed", "overdue=true")];

const ORDERS: [(&str, &str); 4] = [
    ("deadline", "Due first"),
    ("-deadline", "Due last"),
    ("-created_at", "Newest first"),
    ("created_at", "Oldest first"),
];

#[derive(Template)]
#[template(path = "widgets.html")]
struct WidgetsPage {
    frame: Frame,
    address: Address,
    tabs: Vec<Tab>,
    orders: Vec<(&'static str, &'static str)>,
    rows: Vec<WidgetRow>,
    pages: Pagination,
}

#[get("/widgets")]
pub async fn show_widgets(
    user: AnyUser,
    query: PageQuery<Selecting<WidgetFilter>>,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    let (store, reader, now) = (&*user.store, user.authority, user.context.at);
    let PageQuery { filter: Selecting(mut filter), page, address } = query;
    let (sort, default) = default_sort(&filter);
    filter.sort = filter.sort.or(Some(sort));
    let frame = frame.shown_to(reader, services).await?;
    let page = store.list_widgets(Some(reader.user), filter, page, now).await?;
    let rows = page.items.iter().map(|widget| WidgetRow::of(widget, now, store.zone())).collect();
    let tabs = VIEWS.map(|(label, query)| Tab::new(label, query, &address)).into();
    let pages = Pagination::of(&page, &address);
    Html::of(&WidgetsPage { frame, address, tabs, orders: orders(ORDERS, default), rows, pages })
}

/// What is due first, what has passed last, or all with the newest first; and that in a query.
fn default_sort(filter: &WidgetFilter) -> (Sort<WidgetSort>, &'static str) {
    let sort = |key, descending| Sort { key, descending };
    match filter.overdue {
        Some(false) => (sort(WidgetSort::Deadline, false), "deadline"),
        Some(true) => (sort(WidgetSort::Deadline, true), "-deadline"),
        None => (sort(WidgetSort::CreatedAt, true), "-created_at"),
    }
}
