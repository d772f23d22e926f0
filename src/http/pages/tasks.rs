//! The page of all tasks.

use askama::Template;
use rocket::{State, get};

use super::address::{Address, PageQuery, Pagination, Selecting, Tab};
use super::frame::{Frame, Html};
use super::parts::{Face, TaskRow};
use crate::domain::{
    AssigneeFilter, Authority, PageRequest, Sort, TaskFilter, TaskSort, TaskStatus, Timestamp,
};
use crate::error::Error;
use crate::http::auth::AnyUser;
use crate::http::wire::{Problem, Services};
use crate::store::Store;

/// Counts go up to this; more are shown as `999+`.
const MOST_COUNTED: u32 = 1_000;

#[derive(Template)]
#[template(path = "tasks.html")]
struct TasksPage {
    frame: Frame,
    address: Address,
    tabs: Vec<Tab>,
    people: Vec<Face>,
    rows: Vec<TaskRow>,
    pages: Pagination,
}

/// The views that a user may choose, by what their tabs say.
fn views(is_manager: bool) -> Vec<(&'static str, &'static str, TaskFilter)> {
    let any = TaskFilter::default;
    let open = || TaskFilter { open: Some(true), ..any() };
    let mine = ("Mine", "mine=true&open=true", TaskFilter { mine: Some(true), ..open() });
    let overdue = ("Overdue", "overdue=true", TaskFilter { overdue: Some(true), ..any() });
    let done = TaskFilter { status: Some(TaskStatus::Done), ..any() };
    let done = ("Done", "status=done", done);
    if !is_manager {
        // All that they see is theirs.
        return vec![("Open", "open=true", open()), overdue, done];
    }
    let nobody = TaskFilter { assignee: Some(AssigneeFilter::Nobody), ..open() };
    vec![
        mine,
        ("Everybody’s open", "open=true", open()),
        overdue,
        ("Unassigned", "assignee=none&open=true", nobody),
        done,
    ]
}

async fn tabs(
    store: &dyn Store,
    reader: Authority,
    address: &Address,
    now: Timestamp,
) -> Result<Vec<Tab>, Error> {
    let views = views(reader.role.is_manager());
    let filters = views.iter().map(|(.., filter)| filter.clone()).collect();
    let counts = store.count_tasks(reader, filters, MOST_COUNTED, now).await?;
    let tab = |((label, query, _), count): ((&'static str, &'static str, _), u32)| Tab {
        count: count_in_words(count),
        ..Tab::new(label, query, address)
    };
    let all = Tab::new("All", "", address);
    Ok(views.into_iter().zip(counts).map(tab).chain([all]).collect())
}

fn count_in_words(count: u32) -> String {
    if count < MOST_COUNTED { count.to_string() } else { format!("{}+", MOST_COUNTED - 1) }
}

/// Those who can have tasks, for a manager.
pub async fn people(store: &dyn Store, reader: Authority) -> Result<Vec<Face>, Error> {
    if !reader.role.is_manager() {
        return Ok(Vec::new());
    }
    let request = PageRequest::new(1, 100);
    let people = store.list_people(reader.user, None, request).await?;
    Ok(people.items.iter().map(Face::of).collect())
}

#[get("/tasks")]
pub async fn show_tasks(
    user: AnyUser,
    query: PageQuery<Selecting<TaskFilter>>,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    let (store, reader, now) = (&*user.store, user.authority, user.context.at);
    let PageQuery { filter: Selecting(mut filter), page, address } = query;
    sort_by_default(&mut filter);
    let frame = frame.shown_to(reader, services).await?;
    let tabs = tabs(store, reader, &address, now).await?;
    let people = people(store, reader).await?;
    let page = store.list_tasks(reader, filter, page, now).await?;
    let rows = page.items.iter().map(|task| TaskRow::of(task, now, store.zone())).collect();
    let pages = Pagination::of(&page, &address);
    Html::of(&TasksPage { frame, address, tabs, people, rows, pages })
}

/// What is due first, or what was finished last, where the address does not say.
pub fn sort_by_default(filter: &mut TaskFilter) {
    let is_finished = matches!(filter.status, Some(TaskStatus::Done | TaskStatus::Cancelled));
    let default = if is_finished {
        Sort { key: TaskSort::UpdatedAt, descending: true }
    } else {
        Sort { key: TaskSort::Deadline, descending: false }
    };
    filter.sort.get_or_insert(default);
}
