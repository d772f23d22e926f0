//! The first page: what the user has to do, and what the team does.

use askama::Template;
use rocket::{State, get};

use super::days::{Moment, full_date};
use super::frame::{Frame, Html};
use super::parts::{Face, Row};
use super::plots::{Bar, HeatMap, bars};
use super::visitor::{Navigation, Visitor};
use crate::domain::{
    Agenda, AgendaSection, Authority, PageRequest, Status as AccountStatus, TaskFilter, Timestamp,
    Urgency, User, UserFilter, WidgetFilter,
};
use crate::error::{Error, TokenError};
use crate::http::wire::{Problem, Services};

/// How many accounts that wait for approval the page shows.
const MOST_WAITING: PageRequest = PageRequest::new(1, 5);

#[derive(Template)]
#[template(path = "home.html")]
struct HomePage {
    frame: Frame,
    date: String,
    overdue: Count,
    today: Count,
    /// The six days after today.
    week: Count,
    /// The first section of those days.
    week_begins: &'static str,
    sections: Vec<Section>,
    /// Accounts that wait for approval, as administrators see them.
    waiting: Vec<Waiting>,
    heat_map: HeatMap,
    load: Vec<Bar>,
    /// The first steps of an administrator, while one is left.
    steps: Vec<Step>,
}

/// A number that was counted up to a bound.
pub struct Count {
    pub number: u32,
    pub text: String,
}

impl Count {
    fn of(number: u32) -> Self {
        let is_all = number < Agenda::MOST_OF_A_KIND;
        let text = if is_all { number.to_string() } else { format!("{number}+") };
        Self { number, text }
    }
}

/// What is equally urgent.
struct Section {
    id: &'static str,
    title: &'static str,
    is_late: bool,
    count: Count,
    rows: Vec<Row>,
}

impl Section {
    fn of(section: &AgendaSection, now: Timestamp, services: &Services) -> Self {
        let AgendaSection { urgency, count, items } = section;
        let title = match urgency {
            Urgency::Overdue => "Overdue",
            Urgency::Today => "Today",
            Urgency::Tomorrow => "Tomorrow",
            Urgency::Week => "Next 7 days",
            Urgency::Later => "Later",
            Urgency::NoDate => "No date",
        };
        let zone = services.store.zone();
        Self {
            id: urgency.as_str(),
            title,
            is_late: *urgency == Urgency::Overdue,
            count: Count::of(*count),
            rows: items.iter().map(|item| Row::of(item, now, zone)).collect(),
        }
    }
}

/// An account that waits for approval.
struct Waiting {
    face: Face,
    since: Moment,
}

/// One of the first steps of an administrator.
struct Step {
    text: &'static str,
    address: &'static str,
    is_done: bool,
}

/// What is left to do on a new service. Nothing, if all was done.
async fn steps(services: &Services, reader: Authority, now: Timestamp) -> Result<Vec<Step>, Error> {
    let (store, few) = (&services.store, PageRequest::new(1, 5));
    let users = store.list_users(Some(reader.user), UserFilter::default(), few).await?.total;
    let widgets = store.list_widgets(Some(reader.user), WidgetFilter::default(), few, now).await?;
    let tasks = store.count_tasks(reader, vec![TaskFilter::default()], 1, now).await?;
    let step = |text, address, is_done| Step { text, address, is_done };
    let steps = vec![
        step("Let others in", "people", users > 1),
        step("Add the first widget", "widgets", widgets.total > 0),
        step("Hand out the first task", "tasks", tasks.iter().any(|count| *count > 0)),
    ];
    Ok(if steps.iter().all(|step| step.is_done) { Vec::new() } else { steps })
}

async fn waiting(
    services: &Services,
    reader: Authority,
    now: Timestamp,
) -> Result<Vec<Waiting>, Error> {
    let store = &services.store;
    let filter = UserFilter { status: Some(AccountStatus::Pending), ..UserFilter::default() };
    let page = store.list_users(Some(reader.user), filter, MOST_WAITING).await?;
    let waiting = |user: User| Waiting {
        face: Face::of(&user.summary()),
        since: Moment::new(user.registered_on, now, store.zone()),
    };
    Ok(page.items.into_iter().map(waiting).collect())
}

#[get("/")]
pub async fn show_home(
    _navigation: Navigation,
    visitor: Visitor,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    let reader = visitor.0.ok_or(Error::Token(TokenError::Missing))?.authority;
    let (store, now) = (&services.store, services.clock.now());
    let frame = frame.shown_to(reader, services).await?;
    let agenda = store.read_agenda(reader, now).await?;
    let waiting =
        if frame.waiting() > 0 { waiting(services, reader, now).await? } else { Vec::new() };
    let steps = if frame.is_admin() { steps(services, reader, now).await? } else { Vec::new() };
    let [overdue, today, tomorrow, week, ..] = &agenda.sections;
    let zone = store.zone();
    let sections = agenda.sections.iter().filter(|section| section.count > 0);
    Html::of(&HomePage {
        frame,
        date: full_date(zone.date_of(now)),
        overdue: Count::of(overdue.count),
        today: Count::of(today.count),
        week: Count::of(tomorrow.count + week.count),
        week_begins: if tomorrow.count > 0 { tomorrow.urgency } else { week.urgency }.as_str(),
        sections: sections.map(|section| Section::of(section, now, services)).collect(),
        waiting,
        heat_map: HeatMap::of(&agenda, zone.date_of(now)),
        load: bars(&agenda.load),
        steps,
    })
}
