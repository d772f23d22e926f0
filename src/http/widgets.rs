//! `/widgets`: every account reads, administrators write.

use rocket::http::{Header, Status};
use rocket::request::FromParam;
use rocket::response::{self, Responder};
use rocket::serde::json::Json;
use rocket::{Request, Route, State, delete, get, patch, post, put};
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::okapi::openapi3::{OpenApi, Responses};
use rocket_okapi::response::OpenApiResponderInner;
use rocket_okapi::{openapi, openapi_get_routes_spec};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;

use super::answers::{NoContent, StatusView};
use super::body::{Body, Input, Nothing};
use super::client::Client;
use super::docs::Description;
use super::error::Problem;
use super::etag::{CHANGED, Conditions, HasETag, Located, UNCHANGED, WithETag};
use super::fields::Fields;
use super::guards::{Account, Admin};
use super::page::{Filter, LIST, ListQuery, ListView, boolean, one_of, parse_bool, text};
use super::users::UserSummaryView;
use super::{API, BasePath, Services};
use crate::domain::{
    Deadline, InfoUrl, NewWidget, RequestContext, Search, Sort, Timestamp, Upsert, UserRef, Widget,
    WidgetChange, WidgetFilter, WidgetName, WidgetSort,
};
use crate::error::Error;

/// How the document tells that a widget is not there.
const ABSENT: (u16, &str, &[&str]) = (404, "There is no widget of that name.", &[]);

/// The routes below `/widgets`, and their part of the document.
pub fn routes() -> (Vec<Route>, OpenApi) {
    let (routes, mut spec) = openapi_get_routes_spec![
        list_widgets,
        create_widget,
        get_widget,
        upsert_widget,
        update_widget,
        delete_widget
    ];
    Description::of(&mut spec)
        .extend("list_widgets", ListQuery::<WidgetFilter>::describe)
        .operation("list_widgets", &[(200, "A page of widgets.", LIST), UNCHANGED])
        .operation(
            "create_widget",
            &[
                (201, "The widget was added.", &["Location"]),
                (409, "There is a widget of that name.", &[]),
            ],
        )
        .operation("get_widget", &[(200, "The widget.", &["ETag"]), UNCHANGED, ABSENT])
        .extend("upsert_widget", Conditions::describe)
        .operation(
            "upsert_widget",
            &[
                (200, "The widget was changed.", &[]),
                (201, "The widget was added.", &["Location"]),
                CHANGED,
            ],
        )
        .extend("update_widget", Conditions::describe)
        .operation(
            "update_widget",
            &[
                (
                    200,
                    "The widget as it is now; `Location` says where, if it was renamed.",
                    &["ETag"],
                ),
                ABSENT,
                (409, "There is a widget of the new name.", &[]),
                CHANGED,
            ],
        )
        .extend("delete_widget", Conditions::describe)
        .operation("delete_widget", &[(204, "The widget is gone.", &[]), ABSENT, CHANGED]);
    (routes, spec)
}

/// A widget's name as a segment of a path.
#[derive(JsonSchema)]
#[schemars(transparent)]
struct NameInPath(
    #[schemars(with = "String", length(min = 1, max = 100), regex(pattern = "^[a-zA-Z0-9_-]+$"))]
    Result<WidgetName, String>,
);

impl<'r> FromParam<'r> for NameInPath {
    type Error = std::convert::Infallible;

    fn from_param(segment: &'r str) -> Result<Self, Self::Error> {
        Ok(Self(WidgetName::from_path(segment)))
    }
}

impl NameInPath {
    fn read(self) -> Result<WidgetName, Error> {
        self.0.map_err(|why| Error::invalid("name", why))
    }
}

/// What a new widget takes.
#[derive(JsonSchema)]
#[schemars(example = "CreateWidget::example")]
struct CreateWidget {
    /// 1 to 100 of `a-z 0-9 - _`; unique.
    #[schemars(with = "String", length(min = 1, max = 100), regex(pattern = "^[a-z0-9_-]+$"))]
    name: WidgetName,
    /// An http or https URL.
    #[schemars(with = "String", length(min = 1, max = 255))]
    info_url: InfoUrl,
    /// Today or later in UTC: `2026-12-31`, `12/31/2026`, `12/31/26`, `Dec 31 2026`,
    /// `December 31, 2026`, `31 Dec 2026` or an RFC 3339 time, whose date counts.
    #[schemars(with = "String")]
    deadline: Deadline,
}

impl CreateWidget {
    fn example() -> serde_json::Value {
        serde_json::json!({ "name": "first-widget", "info_url": "https://example.com", "deadline": "2099-12-31" })
    }
}

#[rocket::async_trait]
impl Input for CreateWidget {
    async fn read(
        fields: &mut Fields,
        _: &Services,
        context: &RequestContext,
    ) -> Result<Option<Self>, Error> {
        let name = fields.required("name", WidgetName::parse);
        let rest = PutWidget::read_if(fields, |deadline| deadline.check_date_not_past(context.at));
        Ok(name.zip(rest).map(|(name, PutWidget { info_url, deadline })| Self {
            name,
            info_url,
            deadline,
        }))
    }
}

/// What putting a widget takes.
#[derive(JsonSchema)]
#[schemars(example = "PutWidget::example")]
struct PutWidget {
    /// An http or https URL.
    #[schemars(with = "String", length(min = 1, max = 255))]
    info_url: InfoUrl,
    /// As for a new widget.
    #[schemars(with = "String")]
    deadline: Deadline,
}

impl PutWidget {
    fn read_if(
        fields: &mut Fields,
        check_deadline: impl Fn(Deadline) -> Result<(), String>,
    ) -> Option<Self> {
        let info_url = fields.required("info_url", InfoUrl::parse);
        let deadline = fields.required("deadline", |text| {
            let deadline = Deadline::parse(text)?;
            check_deadline(deadline).map(|()| deadline)
        });
        info_url.zip(deadline).map(|(info_url, deadline)| Self { info_url, deadline })
    }

    fn example() -> serde_json::Value {
        serde_json::json!({ "info_url": "https://example.com/more", "deadline": "Dec 31 2099" })
    }
}

#[rocket::async_trait]
impl Input for PutWidget {
    async fn read(
        fields: &mut Fields,
        _: &Services,
        _: &RequestContext,
    ) -> Result<Option<Self>, Error> {
        // The store judges the deadline where it changes.
        Ok(Self::read_if(fields, |_| Ok(())))
    }
}

/// What changing a widget takes: at least one of these.
#[derive(JsonSchema)]
#[schemars(example = "UpdateWidget::example")]
struct UpdateWidget {
    /// 1 to 100 of `a-z 0-9 - _`; unique.
    #[schemars(
        with = "Option<String>",
        length(min = 1, max = 100),
        regex(pattern = "^[a-z0-9_-]+$")
    )]
    #[allow(dead_code, reason = "documents the field; `change` holds what was given")]
    name: (),
    /// An http or https URL.
    #[schemars(with = "Option<String>", length(min = 1, max = 255))]
    #[allow(dead_code, reason = "documents the field; `change` holds what was given")]
    info_url: (),
    /// As for a new widget.
    #[schemars(with = "Option<String>")]
    #[allow(dead_code, reason = "documents the field; `change` holds what was given")]
    deadline: (),
    #[schemars(skip)]
    change: WidgetChange,
}

impl UpdateWidget {
    fn example() -> serde_json::Value {
        serde_json::json!({ "deadline": "2099-11-30" })
    }
}

#[rocket::async_trait]
impl Input for UpdateWidget {
    async fn read(
        fields: &mut Fields,
        _: &Services,
        _: &RequestContext,
    ) -> Result<Option<Self>, Error> {
        let name = fields.optional("name", WidgetName::parse);
        let info_url = fields.optional("info_url", InfoUrl::parse);
        let deadline = fields.optional("deadline", Deadline::parse);
        fields.require_any(&["name", "info_url", "deadline"]);
        let (Some(name), Some(info_url), Some(deadline)) = (name, info_url, deadline) else {
            return Ok(None);
        };
        let change = WidgetChange { name, info_url, deadline };
        Ok(Some(Self { name: (), info_url: (), deadline: (), change }))
    }
}

impl Filter for WidgetFilter {
    fn read(fields: &mut Fields) -> Option<Self> {
        let owner = fields.optional("owner", UserRef::parse);
        let deadline_before = fields.optional("deadline_before", Timestamp::parse_start);
        let deadline_after = fields.optional("deadline_after", Timestamp::parse_start);
        let overdue = fields.optional("overdue", parse_bool);
        let search = fields.optional("q", |text| Ok(Search::new(text)));
        let sort = fields.optional("sort", Sort::parse);
        Some(Self {
            owner: owner?,
            deadline_before: deadline_before?,
            deadline_after: deadline_after?,
            overdue: overdue?,
            search: search?,
            sort: sort?,
        })
    }

    fn parameters() -> Vec<(&'static str, &'static str, Value)> {
        vec![
            ("owner", "Those of this account: a public id, e-mail address or username.", text()),
            (
                "deadline_before",
                "Those that are due before this: a date, before whose start, or an RFC 3339 time.",
                text(),
            ),
            (
                "deadline_after",
                "Those that are due at this or later: a date, from whose start on, or an RFC 3339 time.",
                text(),
            ),
            (
                "overdue",
                "Those whose deadline has passed, or with `false` those whose has not.",
                boolean(),
            ),
            ("q", "Those in whose name or URL each of these words is, or begins a word.", text()),
            ("sort", "The order; `-` for the greatest first.", one_of(Sort::<WidgetSort>::names())),
        ]
    }
}

/// A widget as everyone sees it.
#[derive(Serialize, JsonSchema)]
struct WidgetView {
    name: String,
    info_url: String,
    /// `12/31/26 11:59:59 PM UTC`
    created_at: String,
    created_at_iso8601: String,
    created_at_rfc822: String,
    /// The end of the day, UTC: `12/31/26 11:59:59 PM UTC`
    deadline: String,
    deadline_iso8601: String,
    deadline_passed: bool,
    /// `2 days 3 hours 1 minutes 5 seconds` or `No time remaining`
    time_remaining: String,
    owner: UserSummaryView,
    /// The widget's address.
    link: String,
}

impl HasETag for Widget {
    fn tag(&self, now: Timestamp) -> String {
        let passed = if self.deadline.has_passed(now) { "-p" } else { "" };
        let former = if self.owner.is_deleted { "-f" } else { "" };
        format!("{}{passed}{former}", self.version)
    }
}

impl WidgetView {
    fn new(widget: Widget, now: Timestamp, base: BasePath<'_>) -> Self {
        let deadline = widget.deadline.timestamp();
        Self {
            link: address(base, &widget.name),
            name: widget.name.into_string(),
            info_url: widget.info_url.into_string(),
            created_at: widget.created_at.to_clock_text(),
            created_at_iso8601: widget.created_at.to_iso_8601(),
            created_at_rfc822: widget.created_at.to_rfc_822(),
            deadline: deadline.to_clock_text(),
            deadline_iso8601: deadline.to_iso_8601(),
            deadline_passed: widget.deadline.has_passed(now),
            time_remaining: deadline.remaining_in_words(now),
            owner: UserSummaryView::new(widget.owner),
        }
    }
}

fn address(base: BasePath<'_>, name: &WidgetName) -> String {
    format!("{base}{API}/widgets/{}", name.as_str())
}

/// What a write answers: 201 with the new widget's address, or 200.
enum Written {
    Created { name: WidgetName, location: String },
    Updated(WidgetName),
}

impl Written {
    fn created(name: WidgetName, base: BasePath<'_>) -> Self {
        Self::Created { location: address(base, &name), name }
    }
}

impl<'r> Responder<'r, 'static> for Written {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let message = match &self {
            Self::Created { name, .. } => format!("New widget added: {}.", name.as_str()),
            Self::Updated(name) => format!("'{}' was successfully updated", name.as_str()),
        };
        let mut response = Json(StatusView::success(message)).respond_to(request)?;
        if let Self::Created { location, .. } = self {
            response.set_status(Status::Created);
            response.set_header(Header::new("Location", location));
        }
        Ok(response)
    }
}

impl OpenApiResponderInner for Written {
    fn responses(generator: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        <Json<StatusView> as OpenApiResponderInner>::responses(generator)
    }
}

/// # List the widgets
///
/// In the order of creation unless `sort` says another, a page at a time. The header `Link` and the field `links` say where
/// the other pages are.
#[openapi(tag = "Widgets")]
#[get("/widgets")]
async fn list_widgets(
    _account: Account,
    query: ListQuery<WidgetFilter>,
    services: &State<Services>,
) -> Result<ListView<WidgetView>, Problem> {
    let base = services.base_path();
    let address = query.address(base, "/widgets");
    let now = services.clock.now();
    let page = services.store.list_widgets(query.filter, query.page, now).await?;
    Ok(ListView::new(&address, page, now, |widget| WidgetView::new(widget, now, base)))
}

/// # Add a widget
///
/// For administrators. The widget belongs to whoever adds it.
#[openapi(tag = "Widgets")]
#[post("/widgets", data = "<body>")]
async fn create_widget(
    admin: Admin,
    client: Client,
    body: Body<CreateWidget>,
    services: &State<Services>,
) -> Result<Written, Problem> {
    let Body(CreateWidget { name, info_url, deadline }) = body;
    let new = NewWidget { name: name.clone(), info_url, deadline, owner: admin.0.authority.user };
    services.store.create_widget(new, &client.on_behalf_of(&admin.0)).await?;
    Ok(Written::created(name, services.base_path()))
}

/// # Read a widget
///
/// Upper case letters in the name stand for lower case ones.
#[openapi(tag = "Widgets")]
#[get("/widgets/<name>")]
async fn get_widget(
    _account: Account,
    name: NameInPath,
    services: &State<Services>,
) -> Result<WithETag<WidgetView>, Problem> {
    let widget = services.store.get_widget(&name.read()?).await?;
    let now = services.clock.now();
    Ok(WithETag::of_tag(widget.tag(now), WidgetView::new(widget, now, services.base_path())))
}

/// # Put a widget in its place
///
/// For administrators. A widget that exists is changed and keeps its owner; a new one belongs to whoever adds it.
#[openapi(tag = "Widgets")]
#[put("/widgets/<name>", data = "<body>")]
async fn upsert_widget(
    admin: Admin,
    client: Client,
    conditions: Conditions,
    name: NameInPath,
    body: Body<PutWidget>,
    services: &State<Services>,
) -> Result<Written, Problem> {
    let name = name.read()?;
    let Body(PutWidget { info_url, deadline }) = body;
    let widget =
        NewWidget { name: name.clone(), info_url, deadline, owner: admin.0.authority.user };
    Ok(
        match services
            .store
            .upsert_widget(widget, conditions.0, &client.on_behalf_of(&admin.0))
            .await?
        {
            (_, Upsert::Created) => Written::created(name, services.base_path()),
            (_, Upsert::Updated) => Written::Updated(name),
        },
    )
}

/// # Change a widget
///
/// For administrators. Changes only the fields that are given; another name is its address from then on.
#[openapi(tag = "Widgets")]
#[patch("/widgets/<name>", data = "<body>")]
async fn update_widget(
    admin: Admin,
    client: Client,
    conditions: Conditions,
    name: NameInPath,
    body: Body<UpdateWidget>,
    services: &State<Services>,
) -> Result<Located<WidgetView>, Problem> {
    let context = client.on_behalf_of(&admin.0);
    let old = name.read()?;
    let widget = services.store.update_widget(&old, body.0.change, conditions.0, &context).await?;
    let base = services.base_path();
    let location = (widget.name != old).then(|| address(base, &widget.name));
    Ok(Located {
        location,
        answer: WithETag::of_tag(widget.tag(context.at), WidgetView::new(widget, context.at, base)),
    })
}

/// # Delete a widget
///
/// For administrators.
#[openapi(tag = "Widgets")]
#[delete("/widgets/<name>", data = "<_body>")]
async fn delete_widget(
    admin: Admin,
    client: Client,
    conditions: Conditions,
    name: NameInPath,
    _body: Body<Nothing>,
    services: &State<Services>,
) -> Result<NoContent, Problem> {
    services
        .store
        .delete_widget(&name.read()?, conditions.0, &client.on_behalf_of(&admin.0))
        .await?;
    Ok(NoContent)
}
