//! `/calendar.ics`: deadlines, for calendar programs (RFC 5545).

use icalendar::{Calendar, Component, Event, Property, ValueType};
use rocket::http::{ContentType, Header};
use rocket::response::{self, Responder};
use rocket::{Request, Response, State, get};
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::okapi::openapi3::Responses;
use rocket_okapi::openapi;
use rocket_okapi::response::OpenApiResponderInner;

use crate::domain::{
    Deadline, PageRequest, Sort, Task, TaskFilter, TaskSort, Timestamp, Widget, WidgetFilter,
    WidgetSort,
};
use crate::http::auth::CalendarReader;
use crate::http::wire::{
    Example, Operations, Problem, Services, add_not_modified, operations, respond_with_text,
    with_text,
};

/// How many seconds a passed deadline stays in the calendar: 92 days.
const PAST_SECONDS: i64 = 92 * 86_400;

/// The deadlines of each kind, the first ones.
const FIRST: PageRequest = PageRequest::new(1, 1_000);

/// How often programs are asked to read it again (RFC 7986 section 5.7).
const REFRESH: &str = "PT1H";

pub fn routes() -> Operations {
    operations![get_calendar]
}

/// # Get the calendar
///
/// The deadlines of all widgets, and of your tasks that are neither done nor cancelled: those of the
/// last 92 days and the future, at most 1,000 of a kind. For a calendar program, which has the key in
/// the address. Such a key can do nothing else.
#[openapi(tag = "Calendar")]
#[get("/calendar.ics")]
async fn get_calendar(
    reader: CalendarReader,
    services: &State<Services>,
) -> Result<CalendarFile, Problem> {
    let now = reader.context.at;
    let since = Some(now.plus_seconds(-PAST_SECONDS));
    let widgets = WidgetFilter {
        deadline_after: since,
        sort: Some(Sort { key: WidgetSort::Deadline, descending: false }),
        ..WidgetFilter::default()
    };
    let widgets = reader.store.list_widgets(Some(reader.id()), widgets, FIRST, now).await?;
    let tasks = TaskFilter {
        mine: Some(true),
        open: Some(true),
        deadline_after: since,
        sort: Some(Sort { key: TaskSort::Deadline, descending: false }),
        ..TaskFilter::default()
    };
    let tasks = reader.store.list_tasks(reader.authority, tasks, FIRST, now).await?;
    let host = &services.cookie;
    let widgets = widgets.items.into_iter().map(|widget| widget_event(widget, host));
    let tasks = tasks.items.into_iter().filter_map(|task| task_event(task, host));
    Ok(CalendarFile(calendar_of(services.team_name.as_str(), widgets.chain(tasks))))
}

fn calendar_of(name: &str, events: impl IntoIterator<Item = Event>) -> String {
    let mut calendar = Calendar::new();
    calendar.append_property(Property::new("PRODID", "-//widgetd//widgetd//EN"));
    // The crate escapes this one, but not `NAME`.
    calendar.append_property(Property::new("X-WR-CALNAME", name));
    let mut refresh = Property::new("REFRESH-INTERVAL", REFRESH);
    calendar.append_property(refresh.append_parameter(ValueType::Duration).done());
    calendar.append_property(Property::new("X-PUBLISHED-TTL", REFRESH));
    calendar.extend(events);
    calendar.to_string()
}

fn widget_event(widget: Widget, host: &str) -> Event {
    let name = widget.name.as_str();
    let uid = format!("widget-{name}@{host}");
    let mut event = event(&uid, name, widget.deadline, widget.created_at);
    event.url(widget.info_url.as_str());
    event.done()
}

fn task_event(task: Task, host: &str) -> Option<Event> {
    let uid = format!("task-{}@{host}", task.id);
    let mut event = event(&uid, task.title.as_str(), task.deadline?, task.updated_at);
    let description = task.description.as_str();
    if !description.is_empty() {
        // The crate escapes line feeds alone.
        event.description(&description.replace("\r\n", "\n").replace('\r', "\n"));
    }
    Some(event.done())
}

fn event(uid: &str, summary: &str, deadline: Deadline, changed_at: Timestamp) -> Event {
    let mut event = Event::new();
    event.uid(uid).summary(summary).add_property("DTSTAMP", utc(changed_at));
    match deadline.date_to_iso_8601() {
        Some(date) => {
            let mut start = Property::new("DTSTART", date.replace('-', ""));
            event.append_property(start.append_parameter(ValueType::Date).done());
            // A whole day does not make its owner busy.
            event.add_property("TRANSP", "TRANSPARENT");
        }
        None => {
            event.add_property("DTSTART", utc(deadline.timestamp()));
        }
    }
    event
}

/// A time in UTC (RFC 5545 section 3.3.5): `20261231T235959Z`.
fn utc(at: Timestamp) -> String {
    let text = at.to_iso_8601();
    let digits: String = text.chars().take(19).filter(|c| !matches!(c, '-' | ':')).collect();
    format!("{digits}Z")
}

/// 200 with a calendar.
struct CalendarFile(String);

impl<'r> Responder<'r, 'static> for CalendarFile {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let content_type = ContentType::new("text", "calendar").with_params(("charset", "utf-8"));
        let response = respond_with_text(request, content_type, self.0)?;
        let name = Header::new("Content-Disposition", "inline; filename=\"widgetd.ics\"");
        Response::build_from(response).header(name).ok()
    }
}

impl OpenApiResponderInner for CalendarFile {
    fn responses(_: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        let example = Widget::example()
            .map(|widget| calendar_of("widgetd", [widget_event(widget, "widgetd")]));
        let mut responses = with_text("The calendar.", "text/calendar", example)?;
        add_not_modified(&mut responses);
        Ok(responses)
    }
}
