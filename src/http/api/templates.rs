//! `/templates`: texts that only their owner sees.

use std::sync::Arc;

use rocket::{delete, get, patch, post};
use rocket_okapi::openapi;
use schemars::JsonSchema;
use serde::Serialize;

use super::samples::TEMPLATE;
use crate::domain::{
    HistoryEntry, NewTemplate, Search, Sort, Template, TemplateBody, TemplateChange,
    TemplateFilter, TemplateName, TemplateSort, Timestamp, UserId,
};
use crate::error::Error;
use crate::http::auth::AnyUser;
use crate::http::wire::{
    Addressed, Body, Conditions, Created, Empty, Export, Found, InPath, Link, List, ListOrCsv,
    ListOrCsvQuery, ListQuery, NoContent, Operations, Problem, Record, Times, Updated, ViewContext,
    columns, escape_segment, field, filter, input, max_body_of, name_in_path, operations,
};
use crate::store::Store;

pub fn routes() -> Operations {
    let taken = "You have a template of that name, or the maximum number.";
    let renamed = "You have a template of the new name.";
    operations![
        list_templates,
        create_template,
        get_template,
        list_template_history,
        update_template,
        delete_template
    ]
    .also("create_template", taken, Error::is_taken("Template", TEMPLATE))
    .also("update_template", renamed, Error::is_taken("Template", "Farewell"))
}

field!(TemplateName, {
    "type": "string", "minLength": 1, "maxLength": 100,
    "description": "1 to 100 characters without control characters and without spaces at the \
        ends, neither `.` nor `..`; unique among your templates.",
});
field!(TemplateBody, {
    "type": "string", "minLength": 1, "maxLength": 65536,
    "description": "Any text of at most 64 KiB in UTF-8.",
});
name_in_path!(TemplateName, "name", TEMPLATE);

input! {
    /// A new template.
    pub struct CreateTemplate {
        name: TemplateName,
        body: TemplateBody,
    }
    example { "name": "Welcome", "body": "Dear {name},\n\nwelcome to the team!\n" }
    max_body = max_body_of(TemplateBody::MAX_BYTES);
}

impl CreateTemplate {
    pub fn into_new(self, owner: UserId) -> NewTemplate {
        let Self { name, body } = self;
        NewTemplate { name, body, owner }
    }
}

input! {
    /// Changes of a template: at least one.
    struct UpdateTemplate {
        name: Option<TemplateName>,
        body: Option<TemplateBody>,
    }
    example { "body": "Dear {name},\n\nwelcome back!\n" }
    max_body = max_body_of(TemplateBody::MAX_BYTES);
    require_one = true;
}

columns! {
    Template as (template, _) {
        name: template.name.as_str(),
        body: template.body.as_str(),
        created_at: template.created_at.to_rfc_3339(),
        updated_at: template.updated_at.to_rfc_3339(),
    }
}

/// The templates of a list, all of them.
pub fn export(
    store: Arc<dyn Store>,
    owner: UserId,
    filter: TemplateFilter,
    context: ViewContext<'static>,
) -> Export {
    Export::new(context, move |bookmark| {
        let (store, filter) = (Arc::clone(&store), filter.clone());
        async move { store.export_templates(owner, filter, bookmark).await }
    })
}

filter! {
    TemplateFilter {
        /// Templates whose name or body contains words that begin with each of these, at most 8
        /// different ones. Letter case and diacritics do not count.
        search = "q": Search,
        /// The order; `-` for the reverse.
        sort: Sort<TemplateSort>,
    }
}

/// A template as its owner sees it.
#[derive(Serialize, JsonSchema)]
pub struct TemplateView {
    name: String,
    body: String,
    /// Whether `body` is only the first 1,024 characters, as lists have it of a body of more than
    /// 4 KiB. The template's own address has all of it.
    body_truncated: bool,
    #[serde(flatten)]
    times: Times,
    /// The template's address.
    link: Link,
}

impl Record for Template {
    type View = TemplateView;

    fn etag(&self, _: Timestamp) -> String {
        self.version.to_string()
    }

    fn view(self, context: &ViewContext<'_>) -> TemplateView {
        TemplateView {
            link: Link(self.link(context)),
            name: self.name.into_string(),
            body: self.body.into_string(),
            body_truncated: self.body_truncated,
            times: Times::new(self.created_at, self.updated_at),
        }
    }
}

impl Addressed for Template {
    fn path(&self) -> String {
        format!("/templates/{}", escape_segment(self.name.as_str()))
    }
}

/// # List your templates
///
/// In the order of creation unless `sort` says another, a page at a time. Nobody else sees them.
/// Of a body of more than 4 KiB, only the beginning is here, and `body_truncated` is true.
/// `format=csv` answers all templates whole.
#[openapi(tag = "Templates")]
#[get("/templates")]
async fn list_templates(
    user: AnyUser,
    query: ListOrCsvQuery<TemplateFilter>,
) -> Result<ListOrCsv<Template>, Problem> {
    let owner = user.id();
    match query {
        ListOrCsvQuery::Page(query) => {
            let page = user.store.list_templates(owner, query.filter, query.page).await?;
            Ok(ListOrCsv::List(List::new(query.address, page)))
        }
        ListOrCsvQuery::Csv(filter) => {
            let export = |store, context| export(store, owner, filter, context);
            user.export("templates", export).await
        }
    }
}

/// # Create a template
///
/// Only you see it. An account may have 1,000.
#[openapi(tag = "Templates")]
#[post("/templates", data = "<body>")]
async fn create_template(
    user: AnyUser,
    body: Body<CreateTemplate>,
) -> Result<Created<Template>, Problem> {
    Ok(Created(user.store.create_template(body.0.into_new(user.id()), &user.context).await?))
}

/// # Get a template
///
/// Percent-encode the name, also a `/` in it. Upper and lower case differ.
#[openapi(tag = "Templates")]
#[get("/templates/<name>")]
async fn get_template(
    user: AnyUser,
    name: InPath<TemplateName>,
) -> Result<Found<Template>, Problem> {
    Ok(Found(user.store.get_template(user.id(), &name.0?).await?))
}

/// # List the changes of a template
///
/// The latest first, as far as the audit is kept: who, when, and which fields. They follow the template
/// when its name changes.
#[openapi(tag = "Templates")]
#[get("/templates/<name>/history")]
async fn list_template_history(
    user: AnyUser,
    name: InPath<TemplateName>,
    query: ListQuery<()>,
) -> Result<List<HistoryEntry>, Problem> {
    let page = user.store.list_template_history(user.id(), &name.0?, query.page).await?;
    Ok(List::new(query.address, page))
}

/// # Update a template
///
/// Changes only the fields that are sent; another name is its new address.
#[openapi(tag = "Templates")]
#[patch("/templates/<name>", data = "<body>")]
async fn update_template(
    user: AnyUser,
    conditions: Conditions,
    name: InPath<TemplateName>,
    body: Body<UpdateTemplate>,
) -> Result<Updated<Template>, Problem> {
    let (old, UpdateTemplate { name, body }) = (name.0?, body.0);
    let (owner, change) = (user.id(), TemplateChange { name, body });
    let template =
        user.store.update_template(owner, &old, change, conditions.0, &user.context).await?;
    Ok(Updated::moved(template.name != old, template))
}

/// # Delete a template
///
/// Its text cannot be restored.
#[openapi(tag = "Templates")]
#[delete("/templates/<name>", data = "<_body>")]
async fn delete_template(
    user: AnyUser,
    conditions: Conditions,
    name: InPath<TemplateName>,
    _body: Body<Empty>,
) -> Result<NoContent, Problem> {
    user.store.delete_template(user.id(), &name.0?, conditions.0, &user.context).await?;
    Ok(NoContent)
}
