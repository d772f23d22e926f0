//! `/search`: everything that the caller may see, at once.

use rocket::get;
use rocket_okapi::openapi;
use schemars::JsonSchema;
use serde::Serialize;

use super::people::PersonView;
use super::tasks::TaskView;
use super::templates::TemplateView;
use super::widgets::WidgetView;
use crate::domain::{
    Page, PageRequest, Search, Task, TaskFilter, Template, TemplateFilter, UserSummary, Widget,
    WidgetFilter,
};
use crate::error::Error;
use crate::http::auth::{AnyUser, SignedIn};
use crate::http::wire::{
    FilterQuery, Operations, Problem, Record, Services, View, ViewContext, filter, operations,
};

/// The first of what is found, of each kind.
pub const FIRST: PageRequest = PageRequest::new(1, 20);

pub fn routes() -> Operations {
    operations![search_everything].also("search_everything", "`q` is required.", missing())
}

fn missing() -> Error {
    Error::invalid("q", "is required")
}

/// What is searched for.
pub struct SearchFilter {
    pub search: Option<Search>,
}

filter! {
    SearchFilter {
        /// Finds records with words that begin with each of these, at most 8 different ones; people
        /// also by parts of words. Letter case and diacritics do not count.
        search = "q": Search,
    }
}

/// What was found of one kind.
#[derive(Serialize, JsonSchema)]
pub struct FoundView<V> {
    /// The first 20, in the order of creation; people by name.
    pub items: Vec<V>,
    /// How many there are.
    pub total_items: u64,
}

impl<V> FoundView<V> {
    fn new<R: Record<View = V>>(page: Page<R>, context: &ViewContext<'_>) -> Self {
        let items = page.items.into_iter().map(|record| record.view(context)).collect();
        Self { items, total_items: page.total }
    }
}

/// What was found, of each kind.
#[derive(Serialize, JsonSchema)]
pub struct SearchView {
    pub widgets: FoundView<WidgetView>,
    pub tasks: FoundView<TaskView>,
    pub templates: FoundView<TemplateView>,
    /// For administrators.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub people: Option<FoundView<PersonView>>,
}

/// # Search everywhere
///
/// Of each kind the first 20 records that you may see. The list of a kind, with the same `q`, has
/// all of them.
#[openapi(tag = "Search")]
#[get("/search")]
async fn search_everything(
    user: AnyUser,
    query: FilterQuery<SearchFilter>,
    services: &rocket::State<Services>,
) -> Result<View<SearchView>, Problem> {
    let search = query.0.search.ok_or_else(missing)?;
    let context = services.view_at(user.context.at);
    let Found { widgets, tasks, templates, people } = find(&user, search).await?;
    Ok(View(SearchView {
        widgets: FoundView::new(widgets, &context),
        tasks: FoundView::new(tasks, &context),
        templates: FoundView::new(templates, &context),
        people: people.map(|people| FoundView::new(people, &context)),
    }))
}

/// The first of what was found, of each kind.
pub struct Found {
    pub widgets: Page<Widget>,
    pub tasks: Page<Task>,
    pub templates: Page<Template>,
    /// For administrators.
    pub people: Option<Page<UserSummary>>,
}

/// Searches all that a user may see.
pub async fn find(user: &SignedIn, search: Search) -> Result<Found, Error> {
    let (id, now, search) = (user.id(), user.context.at, Some(search));
    let filter = WidgetFilter { search: search.clone(), ..WidgetFilter::default() };
    let widgets = user.store.list_widgets(Some(id), filter, FIRST, now).await?;
    let filter = TaskFilter { search: search.clone(), ..TaskFilter::default() };
    let tasks = user.store.list_tasks(user.authority, filter, FIRST, now).await?;
    let filter = TemplateFilter { search: search.clone(), ..TemplateFilter::default() };
    let templates = user.store.list_templates(id, filter, FIRST).await?;
    let people = if user.authority.role.is_admin() {
        Some(user.store.list_people(id, search, FIRST).await?)
    } else {
        None
    };
    Ok(Found { widgets, tasks, templates, people })
}
