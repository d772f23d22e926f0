//! Dates on the pages: everybody sees the date that was typed, whatever the time zone.

use time::ext::NumericalDuration;
use time::macros::format_description;
use time::{Date, OffsetDateTime};
use widgetd::domain::{Timestamp, Zone};

use super::Site;

fn today_in(zone: &str) -> Date {
    let now = Timestamp::from_seconds(OffsetDateTime::now_utc().unix_timestamp());
    Zone::parse(zone).unwrap().date_of(now)
}

/// Moves the deadline of a task to another date, also one that is past.
fn move_deadline(site: &Site, title: &str, date: Date, days: i64) {
    let database = rusqlite::Connection::open(site.place.database()).unwrap();
    let sql = "UPDATE task SET deadline_date = ?2, deadline = deadline + ?3 WHERE title = ?1";
    let moved = database.execute(sql, (title, date.to_string(), days * 86_400_000)).unwrap();
    assert_eq!(moved, 1);
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn dates_are_shown_and_edited_as_typed_in_the_zone_of_the_service() {
    let site = Site::with(&[("WIDGETD_TIME_ZONE", "America/Los_Angeles")]);
    let api = site.api("admin");
    let deadline = ("deadline", "2099-12-31T10:00:00Z");
    assert_eq!(api.post("/tasks", &[("title", "timed"), deadline]).status, 201);
    site.visit(&[], async |page| {
        page.sign_in("admin").await;
        page.open("widgets").await;
        page.follow_link("New widget").await;
        page.see("#deadline-hint", "Until the end of that day in America/Los_Angeles.").await;
        page.fill("#name", "star").await;
        page.fill("#info_url", "https://example.com").await;
        page.set("#deadline", "2099-12-31").await;
        page.press_button("Save").await;
        page.see(".facts time", "31 Dec 2099").await;
        let stored = api.get("/widgets/star");
        assert_eq!(stored.body["deadline_iso8601"], "2100-01-01T07:59:59+00:00");
        // Saved again, the date is the same.
        page.follow_link("Edit").await;
        assert_eq!(page.value("#deadline").await, "2099-12-31");
        page.fill("#info_url", "https://example.com/star").await;
        page.press_button("Save").await;
        page.see(".record", "https://example.com/star").await;
        assert_eq!(api.get("/widgets/star").body["deadline_date"], "2099-12-31");
        page.open("").await;
        page.see("#later time", "31 Dec 2099").await;

        // A deadline with a time of day keeps it, unless its date is changed.
        page.open("tasks").await;
        page.see(".row time", "31 Dec 2099, 02:00").await;
        page.follow_link("timed").await;
        page.follow_link("Edit").await;
        page.see("#deadline-hint", "end of that day in America/Los_Angeles. Empty").await;
        assert_eq!(page.value("#deadline").await, "2099-12-31");
        page.fill("#title", "on time").await;
        page.press_button("Save").await;
        page.see("h1", "on time").await;
        let task = api.get("/tasks").body["items"][0].clone();
        assert_eq!(task["deadline_iso8601"], "2099-12-31T10:00:00+00:00");
        page.follow_link("Edit").await;
        page.set("#deadline", "2099-12-30").await;
        page.press_button("Save").await;
        page.see(".facts time", "30 Dec 2099").await;
        assert_eq!(api.get("/tasks").body["items"][0]["deadline_date"], "2099-12-30");

        page.open("account/keys/new").await;
        page.see("#expires-hint", "At the end of that day in America/Los_Angeles.").await;
        page.fill("#name", "nightly").await;
        page.set("#expires", "2099-12-31").await;
        page.press_button("Create").await;
        page.see(".hint", "Expires: 31 Dec 2099, 23:59.").await;
        page.follow_link("Done").await;
        page.see("#keys", "expires 31 Dec 2099, 23:59").await;
        page.open("audit").await;
        page.find("label[title='In America/Los_Angeles']").await;
    });
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn days_are_those_of_the_service_whatever_the_zone_of_the_browser() {
    // For 19 hours of a day, it is not the same date in both.
    for zone in ["Pacific/Auckland", "America/Los_Angeles"] {
        let site = Site::with(&[("WIDGETD_TIME_ZONE", zone)]);
        let (api, today) = (site.api("admin"), today_in(zone));
        let soon = today + 3.days();
        let weekday =
            format_description!("[weekday repr:short] [day padding:none] [month repr:short]");
        let soon_in_words = soon.format(weekday).unwrap();
        let expected = ["4 days late", "Yesterday", "Today", "Tomorrow", &soon_in_words];
        let dates = [today - 4.days(), today - 1.days(), today, today + 1.days(), soon];
        for (title, date) in expected.iter().zip(dates) {
            let first = date.max(today);
            let fields = [
                ("title", *title),
                ("deadline", &*first.to_string()),
                ("assignee", "admin@example.com"),
            ];
            assert_eq!(api.post("/tasks", &fields).status, 201, "{zone} {date}");
            move_deadline(&site, title, date, (date - first).whole_days());
        }
        let mut seen = Vec::new();
        site.visit(&[], async |page| {
            page.sign_in("admin").await;
            for browser in ["Pacific/Auckland", "UTC", "America/Los_Angeles", "Pacific/Kiritimati"]
            {
                page.set_zone(browser).await;
                for address in ["tasks", ""] {
                    page.open(address).await;
                    let script = "return Intl.DateTimeFormat().resolvedOptions().timeZone";
                    assert_eq!(page.run(script, &[]).await, browser);
                    seen.push((browser, address, page.texts(".row time").await));
                }
                seen.push((browser, "headings", page.texts(".day h2").await));
            }
        });
        // Unless it has become midnight meanwhile.
        if today == today_in(zone) {
            for (browser, place, texts) in seen {
                let texts: Vec<_> = texts.iter().map(|text| text.trim_end_matches(" 1")).collect();
                match place {
                    "headings" => {
                        let headings = ["Overdue 2", "Today", "Tomorrow", "Next 7 days"];
                        assert_eq!(texts, headings, "{zone}, seen in {browser}");
                    }
                    _ => assert_eq!(texts, expected, "{zone}, {place} seen in {browser}"),
                }
            }
        }
    }
}

#[test]
#[ignore = "needs Chromium and its driver; .ci/run installs them"]
fn a_day_with_a_dst_change_ends_with_its_own_midnight() {
    for (zone, date, text, end) in [
        // Clocks go forward: the day has 23 hours.
        ("America/Los_Angeles", "2030-03-10", "10 Mar 2030", "2030-03-11T06:59:59+00:00"),
        ("Pacific/Auckland", "2030-09-29", "29 Sep 2030", "2030-09-29T10:59:59+00:00"),
        // Back: it has 25.
        ("America/Los_Angeles", "2030-11-03", "3 Nov 2030", "2030-11-04T07:59:59+00:00"),
        ("Pacific/Auckland", "2030-04-07", "7 Apr 2030", "2030-04-07T11:59:59+00:00"),
    ] {
        let site = Site::with(&[("WIDGETD_TIME_ZONE", zone)]);
        let api = site.api("admin");
        site.visit(&[], async |page| {
            page.set_zone("Europe/Berlin").await;
            page.sign_in("admin").await;
            page.open("new/task").await;
            page.fill("#title", "on that day").await;
            page.set("#deadline", date).await;
            page.press_button("Save").await;
            page.see(".facts time", text).await;
            assert_eq!(api.get("/tasks").body["items"][0]["deadline_iso8601"], end, "{zone}");
            page.follow_link("Edit").await;
            assert_eq!(page.value("#deadline").await, date, "{zone}");
            page.fill("#title", "on that very day").await;
            page.press_button("Save").await;
            page.see("h1", "on that very day").await;
            assert_eq!(api.get("/tasks").body["items"][0]["deadline_iso8601"], end, "{zone}");
        });
    }
}
