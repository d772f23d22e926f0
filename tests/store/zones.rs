//! The time zone of a store: whole-day deadlines keep their date in every zone.

use std::collections::BTreeMap;
use std::sync::Arc;

use widgetd::domain::{
    Authority, Deadline, NewTask, NewWidget, PageRequest, RequestContext, Sort, StoreLimits,
    Timestamp, Widget, WidgetFilter, Zone,
};
use widgetd::store::{self, OpenMode, Store};

use crate::{
    ALL, ANY_STATE, CLI, NOW, Subject, assert_pages, database, later, new_task, new_widget,
};

fn zone(name: &str) -> Zone {
    Zone::parse(name).unwrap()
}

impl Subject {
    /// Closes it and opens it again with a setting of the time zone.
    async fn reopen_in(self, zone: &Zone, keep_zone: bool) -> Self {
        self.store.close().await;
        let limits = StoreLimits { zone: zone.clone(), keep_zone, ..StoreLimits::default() };
        Self::limited(self.folder, OpenMode::Write, limits)
    }

    async fn widgets(&self) -> BTreeMap<String, (Deadline, String)> {
        let page = self.list_widgets(None, WidgetFilter::default(), ALL, NOW).await.unwrap();
        let entry = |widget: Widget| {
            (widget.name.into_string(), (widget.deadline, widget.version.to_string()))
        };
        page.items.into_iter().map(entry).collect()
    }
}

#[tokio::test]
async fn whole_day_deadlines_keep_their_dates_when_the_zone_changes() {
    let subject = Subject::new();
    let ann = subject.add_admin("ann").await;
    let dates = ["2026-11-22", "2026-12-31", "2027-03-14", "2027-11-07", "9999-12-31"];
    for (n, date) in dates.into_iter().enumerate() {
        let deadline = Deadline::parse(date, &Zone::UTC).unwrap();
        let new = NewWidget { deadline, ..new_widget(&format!("w{n}"), &ann) };
        subject.create_widget(new, CLI).await.unwrap();
    }
    let whole = NewTask {
        deadline: Deadline::parse_moment("2027-03-14", &Zone::UTC).ok(),
        ..new_task("whole", &ann)
    };
    // The same moment, as a time of day.
    let timed = NewTask {
        deadline: Deadline::parse_moment("2027-03-14T23:59:59.999Z", &Zone::UTC).ok(),
        ..new_task("timed", &ann)
    };
    let none = new_task("none", &ann);
    let ids = [whole.id, timed.id, none.id];
    let created = [
        subject.create_task(whole, CLI).await.unwrap(),
        subject.create_task(timed, CLI).await.unwrap(),
        subject.create_task(none, CLI).await.unwrap(),
    ];
    let authority = Authority { user: ann.public_id, role: ann.role };

    let events = subject.audit().await;
    let mut subject = subject;
    let mut versions: Vec<_> = subject.widgets().await.into_values().map(|(_, v)| v).collect();
    for name in ["Etc/GMT+12", "Pacific/Kiritimati", "America/Los_Angeles", "Europe/Berlin"] {
        let zone = zone(name);
        subject = subject.reopen_in(&zone, false).await;
        assert_eq!(subject.zone(), &zone);
        let widgets = subject.widgets().await;
        for (n, date) in dates.into_iter().enumerate() {
            let (deadline, version) = &widgets[&format!("w{n}")];
            assert_eq!(*deadline, Deadline::parse(date, &zone).unwrap(), "{name}");
            // In the last year, the end of a date may not move.
            assert!(n == 4 || !versions.contains(version), "{name} {date}");
        }
        versions = widgets.into_values().map(|(_, version)| version).collect();
        let [whole, timed, none] = [
            subject.get_task(ids[0], authority).await.unwrap(),
            subject.get_task(ids[1], authority).await.unwrap(),
            subject.get_task(ids[2], authority).await.unwrap(),
        ];
        assert_eq!(whole.deadline, Deadline::parse("2027-03-14", &zone).ok(), "{name}");
        assert_ne!(whole.version, created[0].version);
        assert_eq!([timed, none], [created[1].clone(), created[2].clone()], "{name}");
    }
    // Nobody has changed them.
    assert_eq!(subject.audit().await, events);
}

#[tokio::test]
async fn lists_and_totals_hold_after_a_change_of_the_zone() {
    let subject = Subject::new();
    let ann = subject.add_user("ann").await;
    for n in 0..60_i64 {
        let day = later(86_400_000 * (n * 7 % 40));
        let deadline = Deadline::end_of(Zone::UTC.date_of(day), &Zone::UTC);
        let new = NewWidget { deadline, ..new_widget(&format!("w{n:02}"), &ann) };
        subject.create_widget(new, CLI).await.unwrap();
    }
    let subject = subject.reopen_in(&zone("Pacific/Kiritimati"), false).await;
    let mut widgets =
        subject.list_widgets(None, WidgetFilter::default(), ALL, NOW).await.unwrap().items;
    widgets.sort_by_key(|widget| widget.deadline.timestamp());
    let sort = Some(Sort::parse("deadline").unwrap());
    let list = async |page: PageRequest| {
        let filter = WidgetFilter { sort, ..WidgetFilter::default() };
        subject.list_widgets(None, filter, page, NOW).await
    };
    assert_pages(&widgets, list).await;
    // The counts are those of a scan.
    let other = rusqlite::Connection::open(database(&subject.folder)).unwrap();
    for shift in [26, 31] {
        let wrong = format!(
            "SELECT count(*) FROM (SELECT deadline >> {shift} AS number, count(*) AS size FROM widget GROUP BY 1) AS a
             FULL JOIN (SELECT number, size FROM bucket WHERE list = 'widget.deadline' AND shift = {shift}) AS b
             USING (number) WHERE a.size IS NOT b.size"
        );
        assert_eq!(other.query_row(&wrong, [], |row| row.get(0)), Ok(0));
    }
}

#[tokio::test]
async fn a_store_that_keeps_its_zone_ignores_the_setting() {
    let (berlin, tokyo) = (zone("Europe/Berlin"), zone("Asia/Tokyo"));
    let subject = Subject::new().reopen_in(&berlin, false).await;
    let ann = subject.add_user("ann").await;
    let deadline = Deadline::parse("2026-12-31", &berlin).unwrap();
    subject.create_widget(NewWidget { deadline, ..new_widget("one", &ann) }, CLI).await.unwrap();
    let before = subject.widgets().await;
    let subject = subject.reopen_in(&tokyo, true).await;
    assert_eq!((subject.zone(), subject.widgets().await), (&berlin, before));
    // Its zone also decides what today is: in Berlin, the 21st ends at 23:00 UTC.
    let today = Deadline::parse("2026-11-21", subject.zone()).unwrap();
    let put = async |at: i64| {
        let context = RequestContext { at: Timestamp::from_millis(at), ..CLI.clone() };
        let new = NewWidget { deadline: today, ..new_widget("two", &ann) };
        subject.upsert_widget(new, ANY_STATE, &context).await.map_err(|error| error.to_string())
    };
    assert_eq!(
        put(1_795_302_000_000).await.unwrap_err(),
        "deadline: 2026-11-21 is in the past; the deadline must be today (2026-11-22, Europe/Berlin) or later"
    );
    assert!(put(1_795_301_999_999).await.is_ok());
}

#[test]
fn a_new_store_takes_the_setting_also_if_it_would_keep_another_zone() {
    let folder = tempfile::TempDir::new().unwrap();
    let open = |name: &str| -> Arc<dyn Store> {
        let limits = StoreLimits { zone: zone(name), keep_zone: true, ..StoreLimits::default() };
        let clock = widgetd::clock::Clock::fixed(NOW);
        store::open(&database(&folder), OpenMode::Create, clock, limits).unwrap()
    };
    assert_eq!(open("Europe/Berlin").zone().name(), "Europe/Berlin");
    assert_eq!(open("Asia/Tokyo").zone().name(), "Europe/Berlin");
}

#[tokio::test]
async fn deadlines_follow_when_the_rules_of_the_zone_have_changed() {
    let berlin = zone("Europe/Berlin");
    let subject = Subject::new().reopen_in(&berlin, false).await;
    let ann = subject.add_user("ann").await;
    let deadline = Deadline::parse("2026-12-31", &berlin).unwrap();
    subject.create_widget(NewWidget { deadline, ..new_widget("one", &ann) }, CLI).await.unwrap();
    // As a program would have stored it that thought of summer time all year.
    rusqlite::Connection::open(database(&subject.folder))
        .unwrap()
        .execute("UPDATE widget SET deadline = deadline - 3600000, version = version + 1", [])
        .unwrap();
    assert_ne!(subject.widgets().await["one"].0, deadline);
    let subject = subject.reopen_in(&berlin, false).await;
    assert_eq!(subject.widgets().await["one"].0, deadline);
}

#[tokio::test]
async fn a_deadline_that_another_program_moves_has_no_date() {
    let subject = Subject::new();
    let ann = subject.add_user("ann").await;
    subject.create_widget(new_widget("one", &ann), CLI).await.unwrap();
    let old = subject.widgets().await["one"].0;
    rusqlite::Connection::open(database(&subject.folder))
        .unwrap()
        .execute("UPDATE widget SET deadline = deadline + 86400000", [])
        .unwrap();
    let moved = Timestamp::from_millis(old.timestamp().as_millis() + 86_400_000);
    let expected = Deadline::from_stored(moved, None);
    let subject = subject.reopen_in(&zone("Asia/Tokyo"), false).await;
    assert_eq!(subject.widgets().await["one"].0, expected);
}
