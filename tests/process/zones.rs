//! The time zone: its default, its setting, and which commands follow it.

use serde_json::Value;
use widgetd::clock::Clock;
use widgetd::domain::Zone;

use crate::cli::{assert_failed, look, look_at_json};
use crate::program::{Place, Server};

const SETTING: &str = "WIDGETD_TIME_ZONE";

/// The lines of the program about time zones.
fn said(server: Server) -> Vec<String> {
    let lines = server.terminate().1.into_iter();
    lines.map(|line| line.trim().to_owned()).filter(|line| line.contains("ime zone")).collect()
}

#[test]
fn the_zone_is_that_of_the_setting_or_else_of_the_machine() {
    for (setting, machine, expected) in [
        ("america/los_angeles", "Asia/Tokyo", "America/Los_Angeles"),
        ("", "Asia/Tokyo", "Asia/Tokyo"),
        ("", ":/usr/share/zoneinfo/Asia/Tokyo", "Asia/Tokyo"),
        ("", "", "UTC"),
        // A rule without a name, and no zone at all.
        ("", "CET-1CEST,M3.5.0,M10.5.0/3", "UTC"),
        ("", "Mars/Olympus", "UTC"),
    ] {
        let mut place = Place::new();
        place.set(SETTING, setting);
        place.set("TZ", machine);
        assert_eq!(said(place.serve()), [format!("Time zone  {expected}")], "{setting} {machine}");
    }
}

#[test]
fn an_unknown_zone_is_refused_at_the_start_by_setting_and_value() {
    let mut place = Place::new();
    place.set(SETTING, "Mars/Olympus");
    let why = "widgetd: the setting `time_zone` must be the name of a time zone of the IANA \
               database, such as Europe/Berlin, not \"Mars/Olympus\"\n";
    for arguments in [&["serve", "--port", "0"][..], &["user", "list"]] {
        assert_failed(&place.run(arguments, ""), 1, why);
    }
    assert!(!place.database().exists());
}

#[test]
fn deadlines_move_with_the_zone_of_the_service_alone() {
    let mut place = Place::new();
    place.add_admin();
    let server = place.serve();
    let added = server.log_in("admin@example.com").try_add_widget("one").unwrap();
    assert_eq!(added.status, 201, "{}", added.text);
    assert_eq!(said(server), ["Time zone  UTC"]);
    let deadline = |server: &Server| -> [Value; 2] {
        let mut widget = server.log_in("admin@example.com").get("/widgets/one").body;
        ["deadline_date", "deadline_iso8601"].map(|field| widget[field].take())
    };
    place.set(SETTING, "Asia/Tokyo");
    assert!(look(&place, &["user", "list"]).contains("admin@example.com"));
    place.set(SETTING, "UTC");
    let server = place.serve();
    assert_eq!(deadline(&server), ["2099-12-31", "2099-12-31T23:59:59+00:00"]);
    assert_eq!(said(server), ["Time zone  UTC"]);

    place.set(SETTING, "America/Los_Angeles");
    let server = place.serve();
    assert_eq!(deadline(&server), ["2099-12-31", "2100-01-01T07:59:59+00:00"]);
    let [moved, zone] = said(server).try_into().unwrap();
    assert!(
        moved.ends_with(
            "the time zone is America/Los_Angeles and was UTC: the deadlines of 1 widgets and 0 \
             tasks have moved to the end of the same date"
        ),
        "{moved}"
    );
    assert_eq!(zone, "Time zone  America/Los_Angeles");
}

#[test]
fn dates_of_commands_are_meant_in_the_zone_of_the_service() {
    let mut place = Place::new();
    place.set(SETTING, "Pacific/Kiritimati");
    place.serve().terminate();
    let today = Zone::parse("Pacific/Kiritimati").unwrap().date_of(Clock::System.now()).to_string();
    // 26 hours later, that date begins here.
    place.set(SETTING, "Etc/GMT+12");
    place.add_user(&["ann@example.com"]);
    let since = look_at_json(&place, &["audit", "--since", &today]);
    assert_eq!(since[0]["action"], "account.register", "{since}");
    let key = ["key", "add", "ann@example.com", "--name", "ci", "--expires", "2099-12-31"];
    assert!(place.run(&key, "").status.success());
    let key = look_at_json(&place, &["key", "list"])[0].take();
    assert_eq!(key["expires_at"], "2099-12-31T09:59:59+00:00");
}
