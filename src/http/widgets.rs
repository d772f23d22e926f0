//! `/widgets`: every account reads, administrators write.

use rocket::http::{Header, Status};
use rocket::request::FromParam;
use rocket::response::{self, Responder};
use rocket::serde::json::Json;
use rocket::{Request, Route, State, delete, get, post, put};
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::okapi::openapi3::{OpenApi, Responses};
use rocket_okapi::response::OpenApiResponderInner;
use rocket_okapi::{openapi, openapi_get_routes_spec};
use schemars::JsonSchema;
use serde::Serialize;

use super::answers::{NoContent, StatusView};
use super::body::{Body, Input, Nothing};
use super::client::Client;
use super::docs::Description;
use super::error::Problem;
use super::fields::Fields;
use super::guards::{Account, Admin};
use super::page::{PageQuery, PageView};
use super::{API, Services};
use crate::domain::{By, Deadline, InfoUrl, NewWidget, Put, Timestamp, Widget, WidgetName};
use crate::error::Error;

/// How the document tells that a widget is not there.
const ABSENT: (u16, &str, &[&str]) = (404, "There is no widget of that name.", &[]);

/// The routes below `/widgets`, and their part of the document.
pub fn routes() -> (Vec<Route>, OpenApi) {
    let (routes, mut spec) =
        openapi_get_routes_spec![list_widgets, create_widget, get_widget, update_widget, delete_widget];
    Description::of(&mut spec)
        .extend("list_widgets", PageQuery::<()>::describe)
        .operation("list_widgets", &[(200, "A page of widgets.", &["Link", "Total-Count"])])
        .operation(
            "create_widget",
            &[(201, "The widget was added.", &["Location"]), (409, "There is a widget of that name.", &[])],
        )
        .operation("get_widget", &[(200, "The widget.", &[]), ABSENT])
        .operation(
            "update_widget",
            &[(200, "The widget was changed.", &[]), (201, "The widget was added.", &["Location"])],
        )
        .operation("delete_widget", &[(204, "The widget is gone.", &[]), ABSENT]);
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
    async fn read(fields: &mut Fields, services: &Services, by: &By) -> Result<Option<Self>, Error> {
        let name = fields.required("name", WidgetName::parse);
        let rest = UpdateWidget::read(fields, services, by).await?;
        Ok(name.zip(rest).map(|(name, UpdateWidget { info_url, deadline })| Self { name, info_url, deadline }))
    }
}

/// What changing a widget takes.
#[derive(JsonSchema)]
#[schemars(example = "UpdateWidget::example")]
struct UpdateWidget {
    /// An http or https URL.
    #[schemars(with = "String", length(min = 1, max = 255))]
    info_url: InfoUrl,
    /// As for a new widget.
    #[schemars(with = "String")]
    deadline: Deadline,
}

impl UpdateWidget {
    fn example() -> serde_json::Value {
        serde_json::json!({ "info_url": "https://example.com/more", "deadline": "Dec 31 2099" })
    }
}

#[rocket::async_trait]
impl Input for UpdateWidget {
    async fn read(fields: &mut Fields, _: &Services, by: &By) -> Result<Option<Self>, Error> {
        let now = by.at;
        let info_url = fields.required("info_url", InfoUrl::parse);
        let deadline = fields.required("deadline", |text| Deadline::parse(text, now));
        Ok(info_url.zip(deadline).map(|(info_url, deadline)| Self { info_url, deadline }))
    }
}

/// Who published a widget.
#[derive(Serialize, JsonSchema)]
struct OwnerView {
    email: String,
    public_id: String,
    /// Whether the account has been deleted since. Left out where it has not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(default)]
    former: bool,
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
    owner: OwnerView,
    /// The widget's address.
    link: String,
}

impl WidgetView {
    fn new(widget: Widget, now: Timestamp) -> Self {
        let deadline = widget.deadline.timestamp();
        Self {
            link: address(&widget.name),
            name: widget.name.into_string(),
            info_url: widget.info_url.into_string(),
            created_at: widget.created_at.to_clock_text(),
            created_at_iso8601: widget.created_at.to_iso_8601(),
            created_at_rfc822: widget.created_at.to_rfc_822(),
            deadline: deadline.to_clock_text(),
            deadline_iso8601: deadline.to_iso_8601(),
            deadline_passed: widget.deadline.has_passed(now),
            time_remaining: deadline.remaining_in_words(now),
            owner: OwnerView {
                email: widget.owner.email.into_string(),
                public_id: widget.owner.public_id.to_string(),
                former: widget.owner.is_former,
            },
        }
    }
}

fn address(name: &WidgetName) -> String {
    format!("{API}/widgets/{}", name.as_str())
}

/// What a write answers: 201 with the new widget's address, or 200.
enum Written {
    Created(WidgetName),
    Updated(WidgetName),
}

impl<'r> Responder<'r, 'static> for Written {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let (name, message) = match &self {
            Self::Created(name) => (name, format!("New widget added: {}.", name.as_str())),
            Self::Updated(name) => (name, format!("'{}' was successfully updated", name.as_str())),
        };
        let mut response = Json(StatusView::success(message)).respond_to(request)?;
        if let Self::Created(_) = self {
            response.set_status(Status::Created);
            response.set_header(Header::new("Location", address(name)));
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
/// In the order of creation, a page at a time. The header `Link` and the field `links` say where
/// the other pages are.
#[openapi(tag = "Widgets")]
#[get("/widgets")]
async fn list_widgets(
    _account: Account,
    query: PageQuery<()>,
    services: &State<Services>,
) -> Result<PageView<WidgetView>, Problem> {
    let page = services.store.list_widgets(query.page).await?;
    let now = services.clock.now();
    Ok(PageView::new(&query.address("/widgets"), page, |widget| WidgetView::new(widget, now)))
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
    Ok(Written::Created(name))
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
) -> Result<Json<WidgetView>, Problem> {
    let widget = services.store.get_widget(&name.read()?).await?;
    Ok(Json(WidgetView::new(widget, services.clock.now())))
}

/// # Change a widget, or add it
///
/// For administrators. A widget that exists keeps its owner; a new one belongs to whoever adds it.
#[openapi(tag = "Widgets")]
#[put("/widgets/<name>", data = "<body>")]
async fn update_widget(
    admin: Admin,
    client: Client,
    name: NameInPath,
    body: Body<UpdateWidget>,
    services: &State<Services>,
) -> Result<Written, Problem> {
    let name = name.read()?;
    let Body(UpdateWidget { info_url, deadline }) = body;
    let widget = NewWidget { name: name.clone(), info_url, deadline, owner: admin.0.authority.user };
    Ok(match services.store.put_widget(widget, &client.on_behalf_of(&admin.0)).await? {
        Put::Created => Written::Created(name),
        Put::Updated => Written::Updated(name),
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
    name: NameInPath,
    _body: Body<Nothing>,
    services: &State<Services>,
) -> Result<NoContent, Problem> {
    services.store.delete_widget(&name.read()?, &client.on_behalf_of(&admin.0)).await?;
    Ok(NoContent)
}
