//! `/widgets`: every user reads, administrators write.

use std::sync::Arc;

use rocket::{delete, get, patch, post, put};
use rocket_okapi::openapi;
use schemars::JsonSchema;
use serde::Serialize;

use super::deadline::{Day, FutureDay};
use super::samples::WIDGET;
use super::user_fields::{UserSummaryView, name, reference, username};
use crate::domain::{
    HistoryEntry, Import, InfoUrl, NewWidget, Search, Sort, Timestamp, Upsert, UserId, UserRef,
    Widget, WidgetChange, WidgetFilter, WidgetName, WidgetRow, WidgetSort,
};
use crate::error::Error;
use crate::http::auth::{Admin, AnyUser};
use crate::http::wire::{
    Addressed, Announced, Body, Conditions, CreatedWithMessage, CsvBody, Date, DateTime, Empty,
    Export, Found, ImportDone, ImportQuery, InPath, Link, List, ListOrCsv, ListOrCsvQuery,
    ListQuery, NewOwner, NoContent, Operations, Problem, Record, Row, Updated, Upserted, Url,
    ViewContext, columns, field, filter, input, made_at, name_in_path, operations,
};
use crate::store::Store;

pub fn routes() -> Operations {
    operations![
        list_widgets,
        create_widget,
        import_widgets,
        get_widget,
        list_widget_history,
        upsert_widget,
        update_widget,
        delete_widget
    ]
    .also("create_widget", "There is a widget of that name.", Error::is_taken("Widget", WIDGET))
    .also(
        "update_widget",
        "There is a widget of the new name.",
        Error::is_taken("Widget", "second-widget"),
    )
}

field!(WidgetName, {
    "type": "string", "minLength": 1, "maxLength": 100, "pattern": "^[a-z0-9_-]+$",
    "description": "1 to 100 of `a-z 0-9 - _`; unique.",
});
field!(InfoUrl, {
    "type": "string", "format": "uri", "minLength": 1, "maxLength": 255,
    "description": "An http or https URL.",
});
name_in_path!(WidgetName, "name", WIDGET, WidgetName::from_path, {
    "type": "string", "minLength": 1, "maxLength": 100, "pattern": "^[a-zA-Z0-9_-]+$",
});

input! {
    /// A new widget.
    pub struct CreateWidget {
        name: WidgetName,
        info_url: InfoUrl,
        deadline: FutureDay,
    }
    example { "name": "first-widget", "info_url": "https://example.com", "deadline": "2099-12-31" }
}

impl CreateWidget {
    pub fn into_new(self, owner: UserId) -> NewWidget {
        let Self { name, info_url, deadline: FutureDay(deadline) } = self;
        NewWidget { name, info_url, deadline, owner }
    }
}

input! {
    /// A widget without its name.
    struct PutWidget {
        info_url: InfoUrl,
        deadline: Day,
    }
    example { "info_url": "https://example.com/more", "deadline": "Dec 31 2099" }
}

input! {
    /// Changes of a widget: at least one.
    struct UpdateWidget {
        name: Option<WidgetName>,
        info_url: Option<InfoUrl>,
        deadline: Option<Day>,
    }
    example { "deadline": "2099-11-30" }
    require_one = true;
}

input! {
    /// A row of a table of widgets.
    pub struct ImportWidget {
        /// 1 to 100 of `a-z 0-9 - _`; it tells which widget the row is about.
        name: WidgetName,
        info_url: InfoUrl,
        /// As of `POST /widgets`. A date in the past is accepted if the widget has it already, or if
        /// it is not before the row's `created_at` in some time zone.
        deadline: Day,
        /// Is not imported: you own the new widgets, the others keep their owners.
        owner: Option<Option<UserRef>>,
        /// Is not imported.
        created_at: Option<Option<Timestamp>>,
    }
}

impl Row for ImportWidget {
    type Record = WidgetRow;

    const KEY: &'static str = "name";
    const EXAMPLE: &'static str =
        "name,info_url,deadline\r\nfirst-widget,https://example.com,2099-12-31\r\n";
    const OTHERS: &'static [&'static str] = &["owner_name", "owner_username"];

    fn into_record(self, owner: &NewOwner, now: Timestamp) -> (String, WidgetRow) {
        let Self { name, info_url, deadline: Day(deadline), owner: named, created_at } = self;
        let (owner, made_at) = (owner.of(named.flatten()), made_at(created_at.flatten(), now));
        let key = name.as_str().to_owned();
        (key, WidgetRow { name, info_url, deadline, owner, made_at })
    }
}

columns! {
    Widget as (widget, _) {
        name: widget.name.as_str(),
        info_url: widget.info_url.as_str(),
        deadline: widget.deadline.to_exact_text(),
        owner: reference(&widget.owner),
        owner_name: name(&widget.owner),
        owner_username: username(&widget.owner),
        created_at: widget.created_at.to_rfc_3339(),
    }
}

/// The widgets of a list, all of them.
pub fn export(
    store: Arc<dyn Store>,
    reader: Option<UserId>,
    filter: WidgetFilter,
    context: ViewContext<'static>,
) -> Export {
    Export::new(context, move |bookmark| {
        let (store, filter) = (Arc::clone(&store), filter.clone());
        async move { store.export_widgets(reader, filter, bookmark, context.now).await }
    })
}

filter! {
    WidgetFilter {
        /// Widgets of this account: a public id, e-mail address or username.
        owner: UserRef,
        /// Widgets that are due before this: an RFC 3339 time, or a date, which stands for its
        /// start in the service's time zone.
        deadline_before: Timestamp,
        /// Widgets that are due at this or later: an RFC 3339 time, or a date, which stands for
        /// its start in the service's time zone.
        deadline_after: Timestamp,
        /// `true`: widgets whose deadline has passed; `false`: all others.
        overdue: bool,
        /// Widgets whose name or URL contains words that begin with each of these, at most 8
        /// different ones.
        search = "q": Search,
        /// The order; `-` for the reverse.
        sort: Sort<WidgetSort>,
    }
}

/// A widget as every user sees it.
#[derive(Serialize, JsonSchema)]
pub struct WidgetView {
    name: String,
    info_url: Url,
    /// `12/31/26 11:59:59 PM UTC`
    created_at: String,
    created_at_iso8601: DateTime,
    created_at_rfc822: String,
    /// The end of `deadline_date`, in UTC: `12/31/26 11:59:59 PM UTC`
    deadline: String,
    deadline_iso8601: DateTime,
    /// In the service's time zone: `2026-12-31`
    deadline_date: Option<Date>,
    deadline_passed: bool,
    /// `2 days 3 hours 1 minutes 5 seconds` or `No time remaining`
    time_remaining: String,
    owner: UserSummaryView,
    /// The widget's address.
    link: Link,
}

impl Record for Widget {
    type View = WidgetView;

    fn etag(&self, now: Timestamp) -> String {
        let passed = if self.deadline.has_passed(now) { "-p" } else { "" };
        // The widget shows the owner's names.
        format!("{}{passed}-{}", self.version, self.owner.version)
    }

    fn view(self, context: &ViewContext<'_>) -> WidgetView {
        let deadline = self.deadline.timestamp();
        WidgetView {
            link: Link(self.link(context)),
            name: self.name.into_string(),
            info_url: Url(self.info_url.into_string()),
            created_at: self.created_at.to_clock_text(),
            created_at_iso8601: DateTime(self.created_at),
            created_at_rfc822: self.created_at.to_rfc_822(),
            deadline: deadline.to_clock_text(),
            deadline_iso8601: DateTime(deadline),
            deadline_date: self.deadline.date_to_iso_8601().map(Date),
            deadline_passed: self.deadline.has_passed(context.now),
            time_remaining: deadline.remaining_in_words(context.now),
            owner: UserSummaryView::new(self.owner),
        }
    }
}

impl Addressed for Widget {
    fn path(&self) -> String {
        format!("/widgets/{}", self.name.as_str())
    }
}

impl Announced for Widget {
    fn created_message(&self) -> String {
        format!("New widget added: {}.", self.name.as_str())
    }

    fn updated_message(&self) -> String {
        format!("'{}' was successfully updated", self.name.as_str())
    }
}

/// # List the widgets
///
/// In the order of creation unless `sort` says another, a page at a time. The header `Link` and the
/// field `links` have the addresses of the other pages. `format=csv` answers all of them.
#[openapi(tag = "Widgets")]
#[get("/widgets")]
async fn list_widgets(
    user: AnyUser,
    query: ListOrCsvQuery<WidgetFilter>,
) -> Result<ListOrCsv<Widget>, Problem> {
    let (now, reader) = (user.context.at, Some(user.id()));
    match query {
        ListOrCsvQuery::Page(query) => {
            let page = user.store.list_widgets(reader, query.filter, query.page, now).await?;
            Ok(ListOrCsv::List(List::new(query.address, page)))
        }
        ListOrCsvQuery::Csv(filter) => {
            let export = |store, context| export(store, reader, filter, context);
            user.export("widgets", export).await
        }
    }
}

/// # Create a widget
///
/// For administrators. You become its owner.
#[openapi(tag = "Widgets")]
#[post("/widgets", data = "<body>")]
async fn create_widget(
    admin: Admin,
    body: Body<CreateWidget>,
) -> Result<CreatedWithMessage<Widget>, Problem> {
    let new = body.0.into_new(admin.id());
    Ok(CreatedWithMessage(admin.store.create_widget(new, &admin.context).await?))
}

/// # Import widgets
///
/// For administrators. Creates or changes a widget for each row, all at once or none; `errors` names
/// each fault by row and column, at most 100. What `GET /widgets?format=csv` answers can be imported.
#[openapi(tag = "Widgets")]
#[post("/widgets/import", data = "<body>")]
async fn import_widgets(
    admin: Admin,
    query: ImportQuery,
    body: CsvBody<ImportWidget>,
) -> Result<ImportDone, Problem> {
    let import = Import { mode: query.mode, ..body.0 };
    Ok(ImportDone(admin.store.import_widgets(import, &admin.context).await?))
}

/// # Get a widget
///
/// Upper case letters in the name stand for lower case ones.
#[openapi(tag = "Widgets")]
#[get("/widgets/<name>")]
async fn get_widget(user: AnyUser, name: InPath<WidgetName>) -> Result<Found<Widget>, Problem> {
    Ok(Found(user.store.get_widget(&name.0?).await?))
}

/// # List the changes of a widget
///
/// The latest first, as far as the audit is kept. They follow the widget when its name changes.
#[openapi(tag = "Widgets")]
#[get("/widgets/<name>/history")]
async fn list_widget_history(
    user: AnyUser,
    name: InPath<WidgetName>,
    query: ListQuery<()>,
) -> Result<List<HistoryEntry>, Problem> {
    let page = user.store.list_widget_history(user.id(), &name.0?, query.page).await?;
    Ok(List::new(query.address, page))
}

/// # Create or update a widget
///
/// For administrators. A widget that exists is changed and keeps its owner; you own a new one.
#[openapi(tag = "Widgets")]
#[put("/widgets/<name>", data = "<body>")]
async fn upsert_widget(
    admin: Admin,
    conditions: Conditions,
    name: InPath<WidgetName>,
    body: Body<PutWidget>,
) -> Result<Upserted<Widget>, Problem> {
    let PutWidget { info_url, deadline: Day(deadline) } = body.0;
    let new = NewWidget { name: name.0?, info_url, deadline, owner: admin.id() };
    let (widget, upsert) = admin.store.upsert_widget(new, conditions.0, &admin.context).await?;
    Ok(match upsert {
        Upsert::Created => Upserted::Created(widget),
        Upsert::Updated => Upserted::Updated(widget),
    })
}

/// # Update a widget
///
/// For administrators. Changes only the fields that are sent; another name is its new address.
#[openapi(tag = "Widgets")]
#[patch("/widgets/<name>", data = "<body>")]
async fn update_widget(
    admin: Admin,
    conditions: Conditions,
    name: InPath<WidgetName>,
    body: Body<UpdateWidget>,
) -> Result<Updated<Widget>, Problem> {
    let (old, UpdateWidget { name, info_url, deadline }) = (name.0?, body.0);
    let change = WidgetChange { name, info_url, deadline: deadline.map(|Day(day)| day) };
    let widget = admin.store.update_widget(&old, change, conditions.0, &admin.context).await?;
    Ok(Updated::moved(widget.name != old, widget))
}

/// # Delete a widget
///
/// For administrators.
#[openapi(tag = "Widgets")]
#[delete("/widgets/<name>", data = "<_body>")]
async fn delete_widget(
    admin: Admin,
    conditions: Conditions,
    name: InPath<WidgetName>,
    _body: Body<Empty>,
) -> Result<NoContent, Problem> {
    admin.store.delete_widget(&name.0?, conditions.0, &admin.context).await?;
    Ok(NoContent)
}
