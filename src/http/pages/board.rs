//! The tasks by status, side by side.

use askama::Template;
use rocket::{State, get};

use super::address::{Address, PageQuery};
use super::frame::{Frame, Html};
use super::parts::{Face, TaskRow, status_in_words};
use super::tasks::{people, sort_by_default};
use crate::domain::{PageRequest, TaskFilter, TaskStatus};
use crate::error::Error;
use crate::http::auth::AnyUser;
use crate::http::wire::{IS_NOT_KNOWN, Problem, Services};

/// How many tasks a column shows.
const MOST_OF_A_COLUMN: PageRequest = PageRequest::new(1, 25);

const COLUMNS: [TaskStatus; 3] = [TaskStatus::Pending, TaskStatus::InProgress, TaskStatus::Done];

#[derive(Template)]
#[template(path = "board.html")]
struct BoardPage {
    frame: Frame,
    address: Address,
    people: Vec<Face>,
    columns: Vec<Column>,
}

/// The tasks of one status.
struct Column {
    id: &'static str,
    title: &'static str,
    total: u64,
    /// The query of the list of all.
    all: String,
    rows: Vec<TaskRow>,
}

#[get("/board")]
pub async fn show_board(
    user: AnyUser,
    query: PageQuery<TaskFilter>,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    let (store, reader, now) = (&*user.store, user.authority, user.context.at);
    let PageQuery { filter, address, .. } = query;
    for name in ["status", "page", "per_page"] {
        if !address.value(name).is_empty() {
            return Err(
                Error::invalid(name, format!("{IS_NOT_KNOWN}; each status is a column")).into()
            );
        }
    }
    let mut columns = Vec::new();
    for status in COLUMNS {
        let mut filter = TaskFilter { status: Some(status), ..filter.clone() };
        sort_by_default(&mut filter);
        let page = store.list_tasks(reader, filter, MOST_OF_A_COLUMN, now).await?;
        columns.push(Column {
            id: status.as_str(),
            title: status_in_words(status),
            total: page.total,
            all: address.query_with("status", status.as_str()),
            rows: page.items.iter().map(|task| TaskRow::of(task, now, store.zone())).collect(),
        });
    }
    let frame = frame.shown_to(reader, services).await?;
    Html::of(&BoardPage { frame, address, people: people(store, reader).await?, columns })
}
