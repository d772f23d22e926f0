//! `/people`: who a task can be given to.

use rocket::get;
use rocket_okapi::openapi;
use schemars::JsonSchema;
use serde::Serialize;

use super::user_fields::UserNamesView;
use crate::domain::{Search, Timestamp, UserId, UserSummary};
use crate::http::auth::Manager;
use crate::http::wire::{
    Id, List, ListQuery, Operations, Problem, Record, ViewContext, filter, operations,
};

pub fn routes() -> Operations {
    operations![list_people]
}

/// Which people a list has.
struct PeopleFilter {
    search: Option<Search>,
}

filter! {
    PeopleFilter {
        /// People whose e-mail address, username or name contains each of these, also within a word.
        /// Letter case and diacritics do not count.
        search = "q": Search,
    }
}

/// An active account.
#[derive(Serialize, JsonSchema)]
pub struct PersonView {
    #[serde(flatten)]
    names: UserNamesView,
    public_id: Id<UserId>,
}

impl Record for UserSummary {
    type View = PersonView;

    fn etag(&self, _: Timestamp) -> String {
        self.version.to_string()
    }

    fn view(self, _: &ViewContext<'_>) -> PersonView {
        PersonView { names: UserNamesView::new(self.names), public_id: Id(self.public_id) }
    }
}

/// # List the people
///
/// The active accounts, by name. For managers, who assign tasks to them.
#[openapi(tag = "Tasks")]
#[get("/people")]
async fn list_people(
    manager: Manager,
    query: ListQuery<PeopleFilter>,
) -> Result<List<UserSummary>, Problem> {
    let search = query.filter.search;
    let page = manager.store.list_people(manager.id(), search, query.page).await?;
    Ok(List::new(query.address, page))
}
