//! The time zone of the service: what today is, when a date ends, and what a date stands for.

use std::time::Duration;

use rocket::http::Status;
use serde_json::Value;
use time::macros::date;
use time::{Date, Time, UtcOffset};
use widgetd::domain::Role;

use crate::support::{Actor, Answer, NOON, TestApp};

const LOS_ANGELES: &[(&str, &str)] = &[("time_zone", "America/Los_Angeles")];
const URL: (&str, &str) = ("info_url", "https://example.com");
const HOUR: Duration = Duration::from_hours(1);

/// The milliseconds since 1970 of the end of a date where clocks have this offset, in seconds.
fn end_of(date: Date, offset: i32) -> i64 {
    let last = date.with_time(Time::from_hms_milli(23, 59, 59, 999).unwrap());
    let last = last.assume_offset(UtcOffset::from_whole_seconds(offset).unwrap());
    i64::try_from(last.unix_timestamp_nanos() / 1_000_000).unwrap()
}

fn iso_8601(millis: i64) -> String {
    widgetd::domain::Timestamp::from_millis(millis).to_iso_8601()
}

async fn passed(reader: &Actor<'_>, path: &str) -> (String, Value) {
    let answer = reader.again().await.get(path).await;
    (answer.etag(), answer.assert(Status::Ok).body["deadline_passed"].clone())
}

#[rocket::async_test]
async fn today_is_the_date_in_the_zone_and_passes_with_its_end_there() {
    // At noon in UTC, from UTC-12 to UTC+14.
    for (zone, offset, today) in [
        ("Etc/GMT+12", -43_200, date!(2026 - 11 - 21)),
        ("America/Los_Angeles", -28_800, date!(2026 - 11 - 21)),
        ("America/St_Johns", -12_600, date!(2026 - 11 - 21)),
        ("UTC", 0, date!(2026 - 11 - 21)),
        ("Asia/Kathmandu", 20_700, date!(2026 - 11 - 21)),
        ("Pacific/Auckland", 46_800, date!(2026 - 11 - 22)),
        ("Pacific/Chatham", 49_500, date!(2026 - 11 - 22)),
        ("Pacific/Kiritimati", 50_400, date!(2026 - 11 - 22)),
    ] {
        let app = TestApp::with(&[("time_zone", zone)]).await;
        let admin = app.admin().await;
        let (text, yesterday) = (today.to_string(), today.previous_day().unwrap().to_string());
        let (new, old) = (("deadline", text.as_str()), ("deadline", yesterday.as_str()));
        admin.post("/widgets", &[("name", "one"), URL, new]).await.assert(Status::Created);
        let task = admin.post("/tasks", &[("title", "one"), new]).await;
        let task = format!("/tasks/{}", task.assert(Status::Created).body["id"].as_str().unwrap());
        let end = end_of(today, offset);
        for path in ["/widgets/one", &task] {
            let record = admin.get(path).await.body;
            assert_eq!(record["deadline_date"], text, "{zone} {path}");
            assert_eq!(record["deadline_iso8601"], iso_8601(end), "{zone} {path}");
        }
        let why = format!(
            "{yesterday} is in the past; the deadline must be today ({text}, {zone}) or later"
        );
        for refused in [
            admin.post("/widgets", &[("name", "two"), URL, old]).await,
            admin.put("/widgets/two", &[URL, old]).await,
            admin.put("/widgets/one", &[URL, old]).await,
            admin.patch("/widgets/one", &[old]).await,
        ] {
            assert_eq!(refused.assert_invalid(&["deadline"]).error_of("deadline"), why);
        }
        admin.post("/tasks", &[("title", "two"), old]).await.assert_invalid(&["deadline"]);
        admin.patch(&task, &[old]).await.assert_invalid(&["deadline"]);

        let left = u64::try_from(end - NOON.as_millis()).unwrap();
        app.advance(Duration::from_millis(left));
        for path in ["/widgets/one", &task] {
            assert_eq!(passed(&admin, path).await.1, false, "{zone} {path}");
        }
        app.advance(Duration::from_millis(1));
        for path in ["/widgets/one", &task] {
            assert_eq!(passed(&admin, path).await.1, true, "{zone} {path}");
        }
    }
}

#[rocket::async_test]
async fn a_deadline_that_was_read_can_be_sent_back() {
    let app = TestApp::with(LOS_ANGELES).await;
    let admin = app.admin().await;
    let deadline = ("deadline", "2026-12-31");
    admin.post("/widgets", &[("name", "one"), URL, deadline]).await.assert(Status::Created);
    let task = admin.post("/tasks", &[("title", "one"), deadline]).await;
    let task = format!("/tasks/{}", task.body["id"].as_str().unwrap());
    for path in ["/widgets/one", &task] {
        let before = admin.get(path).await;
        assert_eq!(before.body["deadline"], "01/01/27 07:59:59 AM UTC");
        for field in ["deadline_date", "deadline_iso8601"] {
            let sent = before.body[field].as_str().unwrap();
            let after = admin.patch(path, &[("deadline", sent)]).await;
            assert_eq!(after.assert(Status::Ok).etag(), before.etag(), "{path} {field}");
            assert_eq!(after.body, before.body, "{path} {field}");
        }
    }
}

#[rocket::async_test]
async fn a_time_of_day_has_no_date_and_an_offset_of_its_own_counts() {
    let app = TestApp::with(LOS_ANGELES).await;
    let admin = app.admin().await;
    let sent = ("deadline", "2026-12-31T23:30:00-05:00");
    let task =
        admin.post("/tasks", &[("title", "one"), sent]).await.assert(Status::Created).body.clone();
    assert_eq!(task["deadline_iso8601"], "2027-01-01T04:30:00+00:00");
    assert_eq!(task["deadline_date"], Value::Null);
    assert_eq!(admin.get("/tasks").await.body["items"][0]["deadline_date"], Value::Null);
    // Of a widget's, the date in its offset counts.
    admin.post("/widgets", &[("name", "one"), URL, sent]).await.assert(Status::Created);
    let widgets = admin.get("/widgets").await;
    assert_eq!(widgets.each("deadline_date"), ["2026-12-31"]);
    assert_eq!(widgets.each("deadline_iso8601"), ["2027-01-01T07:59:59+00:00"]);
    // A change between both is a change.
    let path = format!("/tasks/{}", task["id"].as_str().unwrap());
    for (sent, expected) in [
        ("2026-12-31", Value::from("2026-12-31")),
        ("2026-12-31T10:00:00Z", Value::Null),
        ("none", Value::Null),
    ] {
        let task = admin.patch(&path, &[("deadline", sent)]).await;
        assert_eq!(task.assert(Status::Ok).body["deadline_date"], expected, "{sent}");
    }
}

#[rocket::async_test]
async fn dates_in_filters_begin_in_the_zone() {
    let app = TestApp::with(LOS_ANGELES).await;
    let admin = app.admin().await;
    // Clocks go forward on this date, which has 23 hours.
    for (title, deadline) in [
        ("before", "2027-03-14T07:59:59.999Z"),
        ("first", "2027-03-14T08:00:00Z"),
        ("last", "2027-03-15T06:59:59.999Z"),
        ("after", "2027-03-15T07:00:00Z"),
    ] {
        admin.post("/tasks", &[("title", title), ("deadline", deadline)]).await;
    }
    let between = "deadline_after=2027-03-14&deadline_before=2027-03-15";
    assert_eq!(admin.get(&format!("/tasks?{between}")).await.each("title"), ["first", "last"]);
    for name in ["13", "14", "15"] {
        let deadline = format!("2027-03-{name}");
        let fields = [("name", name), URL, ("deadline", &deadline)];
        admin.post("/widgets", &fields).await.assert(Status::Created);
    }
    assert_eq!(admin.get(&format!("/widgets?{between}")).await.each("name"), ["14"]);
}

#[rocket::async_test]
async fn the_audit_since_a_date_begins_in_the_zone() {
    let app = TestApp::with(LOS_ANGELES).await;
    let admin = app.admin().await;
    // It is four in the morning there.
    app.advance(HOUR * 19);
    app.user("late").await;
    app.advance(HOUR);
    app.user("next").await;
    let admin = admin.again().await;
    let since = async |text: &str| -> Vec<String> {
        let path = format!("/audit?action=account.register&since={text}&sort=at");
        let answer: Answer = admin.get(&path).await;
        answer.assert(Status::Ok).each("target").into_iter().map(str::to_owned).collect()
    };
    assert_eq!(since("2026-11-22").await, ["next@example.com"]);
    assert_eq!(since("2026-11-22T07:00:00Z").await, ["late@example.com", "next@example.com"]);
}

#[rocket::async_test]
async fn a_key_expires_with_the_end_of_a_date_in_the_zone() {
    let app = TestApp::with(LOS_ANGELES).await;
    let ann = app.user("ann").await;
    let fields = [("name", "today"), ("scope", "read"), ("expires", "2026-11-21")];
    let key = ann.post("/auth/keys", &fields).await;
    assert_eq!(key.assert(Status::Created).body["expires_at"], "11/22/26 07:59:59 AM UTC");
    let fields = [("name", "yesterday"), ("scope", "read"), ("expires", "2026-11-20")];
    ann.post("/auth/keys", &fields).await.assert_invalid(&["expires"]);
}

#[rocket::async_test]
async fn another_zone_keeps_the_dates_and_changes_the_etags() {
    let app = TestApp::new().await;
    let admin = app.admin().await;
    let boss = app.user_of("boss", Role::Manager).await;
    let deadline = ("deadline", "2026-12-31");
    admin.post("/widgets", &[("name", "one"), URL, deadline]).await.assert(Status::Created);
    let mut tasks = Vec::new();
    for deadline in [deadline, ("deadline", "2026-12-31T10:00:00Z")] {
        let task = boss.post("/tasks", &[("title", "one"), deadline]).await;
        tasks.push(format!("/tasks/{}", task.assert(Status::Created).body["id"].as_str().unwrap()));
    }
    let (admin, dated, timed) = (admin.token.unwrap(), &tasks[0], &tasks[1]);
    let mut read = Vec::new();
    for path in ["/widgets/one", dated, timed] {
        read.push(app.anon().bearing(&admin).get(path).await);
    }

    let app = app.restart_with(LOS_ANGELES).await;
    let admin = app.anon().bearing(&admin);
    for (path, before) in ["/widgets/one", dated].into_iter().zip(&read) {
        let after = admin.get(path).await;
        assert_eq!(after.body["deadline_date"], "2026-12-31");
        assert_eq!(after.body["deadline_iso8601"], "2027-01-01T07:59:59+00:00");
        assert_ne!(after.etag(), before.etag());
    }
    let after = admin.get(timed).await;
    assert_eq!((after.etag(), &after.body), (read[2].etag(), &read[2].body));
}

#[rocket::async_test]
async fn pages_say_the_days_around_a_dst_change_as_the_calendar_has_them() {
    for (zone, date, hours, name) in [
        ("America/Los_Angeles", date!(2027 - 03 - 14), 23, "Sunday, 14 March"),
        ("America/Los_Angeles", date!(2027 - 11 - 07), 25, "Sunday, 7 November"),
        ("Pacific/Auckland", date!(2027 - 09 - 26), 23, "Sunday, 26 September"),
        ("Pacific/Auckland", date!(2027 - 04 - 04), 25, "Sunday, 4 April"),
    ] {
        let app = TestApp::with(&[("time_zone", zone)]).await;
        let service = widgetd::domain::Zone::parse(zone).unwrap();
        let mut first = date.previous_day().unwrap().midnight().assume_utc();
        // The first hour of the day in UTC in which it is the day before there.
        let of = |at: time::OffsetDateTime| {
            service.date_of(widgetd::domain::Timestamp::from_seconds(at.unix_timestamp()))
        };
        while of(first) < date {
            first += HOUR;
        }
        while of(first - HOUR) == date {
            first -= HOUR;
        }
        let to_first = first.unix_timestamp() - NOON.as_millis() / 1_000;
        app.advance(Duration::from_secs(u64::try_from(to_first).unwrap() - 1_800));
        let admin = app.admin().await;
        let deadline = date.to_string();
        let fields = [("title", "one"), ("deadline", &*deadline), ("assignee", &*admin.email)];
        admin.post("/tasks", &fields).await.assert(Status::Created);
        let said = async || {
            let visitor = admin.again().await.in_a_browser();
            let due = visitor.open("/tasks").await.elements().into_iter();
            let due = due.filter(|e| e.get("class").is_some_and(|class| class.starts_with("due")));
            let home = visitor.open("/").await.elements().into_iter();
            let home = home.filter(|e| e.tag == "h1").map(|e| e.text).collect::<String>();
            (due.map(|e| e.text).collect::<Vec<_>>().concat(), home == name)
        };
        // Half an hour before, after its beginning, before its end, and after it.
        assert_eq!(said().await, ("Tomorrow".to_owned(), false), "{zone} {date}");
        app.advance(HOUR);
        assert_eq!(said().await, ("Today".to_owned(), true), "{zone} {date}");
        app.advance(HOUR * (hours - 1));
        assert_eq!(said().await, ("Today".to_owned(), true), "{zone} {date}");
        app.advance(HOUR);
        assert_eq!(said().await, ("Yesterday".to_owned(), false), "{zone} {date}");
        app.advance(HOUR * 24 * 3);
        assert_eq!(said().await, ("4 days late".to_owned(), false), "{zone} {date}");
    }
}
