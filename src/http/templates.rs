//! `/templates`: texts that nobody but their owner sees.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use rocket::request::FromParam;
use rocket::{Route, State, delete, get, patch, post};
use rocket_okapi::okapi::openapi3::OpenApi;
use rocket_okapi::{openapi, openapi_get_routes_spec};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::answers::NoContent;
use super::body::{Body, Input, Nothing};
use super::client::Client;
use super::docs::{Answer, Description};
use super::error::Problem;
use super::etag::{CHANGED, Conditions, HasETag, Located, UNCHANGED, WithETag};
use super::fields::Fields;
use super::guards::Account;
use super::page::{Filter, LIST, ListQuery, ListView, text};
use super::{API, BasePath, Services};
use crate::domain::{
    NewTemplate, RequestContext, Search, Sort, Template, TemplateBody, TemplateChange,
    TemplateFilter, TemplateName, TemplateSort, Timestamp,
};
use crate::error::Error;

/// How the document tells that a template is not there.
const ABSENT: Answer = (404, "You have no template of that name.", &[]);

/// The most bytes that a template takes as a form, which writes three for one, or as JSON, which
/// may write six; and what its name and the rest take.
const MAX_BODY: u64 = 6 * TemplateBody::MAX_BYTES as u64 + 4 * 1024;

/// What is written as it is in a segment of a path (RFC 3986 section 2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// The routes below `/templates`, and their part of the document.
pub fn routes() -> (Vec<Route>, OpenApi) {
    let (routes, mut spec) = openapi_get_routes_spec![
        list_templates,
        create_template,
        get_template,
        update_template,
        delete_template
    ];
    Description::of(&mut spec)
        .extend("list_templates", ListQuery::<TemplateFilter>::describe)
        .operation("list_templates", &[(200, "A page of your templates.", LIST), UNCHANGED])
        .operation(
            "create_template",
            &[
                (201, "The template was added.", &["ETag", "Location"]),
                (409, "You have a template of that name, or as many as you may have.", &[]),
            ],
        )
        .operation("get_template", &[(200, "The template.", &["ETag"]), UNCHANGED, ABSENT])
        .extend("update_template", Conditions::describe)
        .operation(
            "update_template",
            &[
                (
                    200,
                    "The template as it is now; `Location` says where, if it was renamed.",
                    &["ETag"],
                ),
                ABSENT,
                (409, "You have a template of the new name.", &[]),
                CHANGED,
            ],
        )
        .extend("delete_template", Conditions::describe)
        .operation("delete_template", &[(204, "The template is gone.", &[]), ABSENT, CHANGED]);
    (routes, spec)
}

/// A template's name as a segment of a path.
#[derive(JsonSchema)]
#[schemars(transparent)]
struct NameInPath(
    #[schemars(with = "String", length(min = 1, max = 100))] Result<TemplateName, String>,
);

impl<'r> FromParam<'r> for NameInPath {
    type Error = std::convert::Infallible;

    fn from_param(segment: &'r str) -> Result<Self, Self::Error> {
        Ok(Self(TemplateName::parse(segment)))
    }
}

impl NameInPath {
    fn read(self) -> Result<TemplateName, Error> {
        self.0.map_err(|why| Error::invalid("name", why))
    }
}

impl Filter for TemplateFilter {
    fn read(fields: &mut Fields) -> Option<Self> {
        let search = fields.optional("q", |text| Ok(Search::new(text)));
        let sort = fields.optional("sort", Sort::parse);
        Some(Self { search: search?, sort: sort? })
    }

    fn parameters() -> Vec<(&'static str, &'static str, Value)> {
        let orders: Vec<_> = Sort::<TemplateSort>::names().collect();
        let default = TemplateSort::CreatedAt.as_str();
        vec![
            (
                "q",
                "Those in whose name or body each of these words begins a word, in any letter case and with any \
                 diacritics.",
                text(),
            ),
            (
                "sort",
                "By what they are ordered; with a `-` the greatest comes first.",
                json!({ "type": "string", "enum": orders, "default": default }),
            ),
        ]
    }
}

/// What a new template takes.
#[derive(JsonSchema)]
#[schemars(example = "CreateTemplate::example")]
struct CreateTemplate {
    /// 1 to 100 characters without control characters and without blanks at the ends, neither `.`
    /// nor `..`; unique among your templates.
    #[schemars(with = "String", length(min = 1, max = 100))]
    name: TemplateName,
    /// Any text of at most 64 KiB in UTF-8.
    #[schemars(with = "String", length(min = 1, max = 65536))]
    body: TemplateBody,
}

impl CreateTemplate {
    fn example() -> Value {
        json!({ "name": "Welcome", "body": "Dear {name},\n\nwelcome to the team!\n" })
    }
}

#[rocket::async_trait]
impl Input for CreateTemplate {
    const MAX_BODY: Option<u64> = Some(MAX_BODY);

    async fn read(
        fields: &mut Fields,
        _: &Services,
        _: &RequestContext,
    ) -> Result<Option<Self>, Error> {
        let name = fields.required("name", TemplateName::parse);
        let body = fields.required("body", TemplateBody::parse);
        Ok(name.zip(body).map(|(name, body)| Self { name, body }))
    }
}

/// What changing a template takes: at least one of these.
#[derive(JsonSchema)]
#[schemars(example = "UpdateTemplate::example")]
struct UpdateTemplate {
    /// As for a new template.
    #[schemars(with = "Option<String>", length(min = 1, max = 100))]
    #[allow(dead_code, reason = "documents the field; `change` holds what was given")]
    name: (),
    /// Any text of at most 64 KiB in UTF-8.
    #[schemars(with = "Option<String>", length(min = 1, max = 65536))]
    #[allow(dead_code, reason = "documents the field; `change` holds what was given")]
    body: (),
    #[schemars(skip)]
    change: TemplateChange,
}

impl UpdateTemplate {
    fn example() -> Value {
        json!({ "body": "Dear {name},\n\nwelcome back!\n" })
    }
}

#[rocket::async_trait]
impl Input for UpdateTemplate {
    const MAX_BODY: Option<u64> = Some(MAX_BODY);

    async fn read(
        fields: &mut Fields,
        _: &Services,
        _: &RequestContext,
    ) -> Result<Option<Self>, Error> {
        let name = fields.optional("name", TemplateName::parse);
        let body = fields.optional("body", TemplateBody::parse);
        fields.require_any(&["name", "body"]);
        let Some((name, body)) = name.zip(body) else { return Ok(None) };
        Ok(Some(Self { name: (), body: (), change: TemplateChange { name, body } }))
    }
}

/// A template as its owner sees it.
#[derive(Serialize, JsonSchema)]
struct TemplateView {
    name: String,
    body: String,
    /// `12/31/26 11:59:59 PM UTC`
    created_at: String,
    created_at_iso8601: String,
    /// When it was changed last.
    updated_at: String,
    updated_at_iso8601: String,
    /// The template's address.
    link: String,
}

impl HasETag for Template {
    fn tag(&self, _: Timestamp) -> String {
        self.version.to_string()
    }
}

impl TemplateView {
    fn new(template: Template, base: BasePath<'_>) -> Self {
        Self {
            link: address(base, &template.name),
            name: template.name.into_string(),
            body: template.body.into_string(),
            created_at: template.created_at.to_clock_text(),
            created_at_iso8601: template.created_at.to_iso_8601(),
            updated_at: template.updated_at.to_clock_text(),
            updated_at_iso8601: template.updated_at.to_iso_8601(),
        }
    }

    fn with_tag(template: Template, now: Timestamp, base: BasePath<'_>) -> WithETag<Self> {
        WithETag::of_tag(template.tag(now), Self::new(template, base))
    }
}

fn address(base: BasePath<'_>, name: &TemplateName) -> String {
    format!("{base}{API}/templates/{}", utf8_percent_encode(name.as_str(), ESCAPED))
}

/// # List your templates
///
/// In the order of creation where no other is asked for, a page at a time. Nobody else sees them.
#[openapi(tag = "Templates")]
#[get("/templates")]
async fn list_templates(
    account: Account,
    query: ListQuery<TemplateFilter>,
    services: &State<Services>,
) -> Result<ListView<TemplateView>, Problem> {
    let base = services.base_path();
    let address = query.address(base, "/templates");
    let page = services.store.list_templates(account.id(), query.filter, query.page).await?;
    Ok(ListView::new(&address, page, services.clock.now(), |template| {
        TemplateView::new(template, base)
    }))
}

/// # Add a template
///
/// It is yours alone. An account may have 1,000.
#[openapi(tag = "Templates")]
#[post("/templates", data = "<body>")]
async fn create_template(
    account: Account,
    client: Client,
    body: Body<CreateTemplate>,
    services: &State<Services>,
) -> Result<Located<TemplateView>, Problem> {
    let context = client.on_behalf_of(&account.0);
    let Body(CreateTemplate { name, body }) = body;
    let template = services
        .store
        .create_template(NewTemplate { name, body, owner: account.id() }, &context)
        .await?;
    let base = services.base_path();
    let location = Some(address(base, &template.name));
    Ok(Located { location, answer: TemplateView::with_tag(template, context.at, base) })
}

/// # Read a template
///
/// The name is percent-encoded, also a `/` in it; upper and lower case are different.
#[openapi(tag = "Templates")]
#[get("/templates/<name>")]
async fn get_template(
    account: Account,
    name: NameInPath,
    services: &State<Services>,
) -> Result<WithETag<TemplateView>, Problem> {
    let template = services.store.get_template(account.id(), &name.read()?).await?;
    Ok(TemplateView::with_tag(template, services.clock.now(), services.base_path()))
}

/// # Change a template
///
/// Changes only the fields that are given; another name is its address from then on.
#[openapi(tag = "Templates")]
#[patch("/templates/<name>", data = "<body>")]
async fn update_template(
    account: Account,
    client: Client,
    conditions: Conditions,
    name: NameInPath,
    body: Body<UpdateTemplate>,
    services: &State<Services>,
) -> Result<Located<TemplateView>, Problem> {
    let context = client.on_behalf_of(&account.0);
    let old = name.read()?;
    let template = services
        .store
        .update_template(account.id(), &old, body.0.change, conditions.0, &context)
        .await?;
    let base = services.base_path();
    let location = (template.name != old).then(|| address(base, &template.name));
    Ok(Located { location, answer: TemplateView::with_tag(template, context.at, base) })
}

/// # Delete a template
///
/// Its text is gone with it.
#[openapi(tag = "Templates")]
#[delete("/templates/<name>", data = "<_body>")]
async fn delete_template(
    account: Account,
    client: Client,
    conditions: Conditions,
    name: NameInPath,
    _body: Body<Nothing>,
    services: &State<Services>,
) -> Result<NoContent, Problem> {
    let context = client.on_behalf_of(&account.0);
    services.store.delete_template(account.id(), &name.read()?, conditions.0, &context).await?;
    Ok(NoContent)
}
