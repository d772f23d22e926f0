//! `/widgets`: every user reads, administrators write.

use rocket::{delete, get, patch, post, put};
use rocket_okapi::openapi;
use schemars::JsonSchema;
use serde::Serialize;

use super::deadline::{Day, FutureDay};
use super::user_fields::UserSummaryView;
use crate::domain::{
    InfoUrl, NewWidget, Search, Sort, Timestamp, Upsert, UserRef, Widget, WidgetChange,
    WidgetFilter, WidgetName, WidgetSort,
};
use crate::http::auth::{Admin, AnyUser};
use crate::http::wire::{
    Addressed, Body, Conditions, CreatedWithMessage, Empty, Found, InPath, List, ListQuery,
    NoContent, Operations, Problem, Record, Updated, Upserted, ViewContext, field, filter, input,
    name_in_path, operations,
};

pub fn routes() -> Operations {
    operations![
        list_widgets,
        create_widget,
        get_widget,
        upsert_widget,
        update_widget,
        delete_widget
    ]
    .also("create_widget", 409, "There is a widget of that name.")
    .also("update_widget", 409, "There is a widget of the new name.")
}

field!(WidgetName, {
    "type": "string", "minLength": 1, "maxLength": 100, "pattern": "^[a-z0-9_-]+$",
    "description": "1 to 100 of `a-z 0-9 - _`; unique.",
});
field!(InfoUrl, {
    "type": "string", "minLength": 1, "maxLength": 255,
    "description": "An http or https URL.",
});
name_in_path!(WidgetName, "name", WidgetName::from_path, {
    "type": "string", "minLength": 1, "maxLength": 100, "pattern": "^[a-zA-Z0-9_-]+$",
});

input! {
    /// A new widget.
    struct CreateWidget {
        name: WidgetName,
        info_url: InfoUrl,
        deadline: FutureDay,
    }
    example { "name": "first-widget", "info_url": "https://example.com", "deadline": "2099-12-31" }
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
    info_url: String,
    /// `12/31/26 11:59:59 PM UTC`
    created_at: String,
    created_at_iso8601: String,
    created_at_rfc822: String,
    /// The end of `deadline_date`, in UTC: `12/31/26 11:59:59 PM UTC`
    deadline: String,
    deadline_iso8601: String,
    /// In the service's time zone: `2026-12-31`
    deadline_date: Option<String>,
    deadline_passed: bool,
    /// `2 days 3 hours 1 minutes 5 seconds` or `No time remaining`
    time_remaining: String,
    owner: UserSummaryView,
    /// The widget's address.
    link: String,
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
            link: self.link(context),
            name: self.name.into_string(),
            info_url: self.info_url.into_string(),
            created_at: self.created_at.to_clock_text(),
            created_at_iso8601: self.created_at.to_iso_8601(),
            created_at_rfc822: self.created_at.to_rfc_822(),
            deadline: deadline.to_clock_text(),
            deadline_iso8601: deadline.to_iso_8601(),
            deadline_date: self.deadline.date_to_iso_8601(),
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

fn added(widget: &Widget) -> String {
    format!("New widget added: {}.", widget.name.as_str())
}

/// # List the widgets
///
/// In the order of creation unless `sort` says another, a page at a time. The header `Link` and the
/// field `links` have the addresses of the other pages.
#[openapi(tag = "Widgets")]
#[get("/widgets")]
async fn list_widgets(
    user: AnyUser,
    query: ListQuery<WidgetFilter>,
) -> Result<List<Widget>, Problem> {
    let now = user.context.at;
    let reader = Some(user.id());
    let page = user.store.list_widgets(reader, query.filter, query.page, now).await?;
    Ok(List::new(query.address, page))
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
    let CreateWidget { name, info_url, deadline: FutureDay(deadline) } = body.0;
    let new = NewWidget { name, info_url, deadline, owner: admin.id() };
    let widget = admin.store.create_widget(new, &admin.context).await?;
    let message = added(&widget);
    Ok(CreatedWithMessage(widget, message))
}

/// # Get a widget
///
/// Upper case letters in the name stand for lower case ones.
#[openapi(tag = "Widgets")]
#[get("/widgets/<name>")]
async fn get_widget(user: AnyUser, name: InPath<WidgetName>) -> Result<Found<Widget>, Problem> {
    Ok(Found(user.store.get_widget(&name.0?).await?))
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
        Upsert::Created => {
            let message = added(&widget);
            Upserted::Created(widget, message)
        }
        Upsert::Updated => {
            Upserted::Updated(format!("'{}' was successfully updated", widget.name.as_str()))
        }
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
