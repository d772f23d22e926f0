//! The calendar, as another program reads it.

use std::io::Write;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::program::{Place, text};

/// Prints each event that Python's icalendar reads from stdin.
const READER: &str = "
import icalendar, json, sys
calendar = icalendar.Calendar.from_ical(sys.stdin.buffer.read())
events = [[str(e['SUMMARY']), e['DTSTART'].dt.isoformat(), str(e.get('DESCRIPTION', ''))]
          for e in calendar.walk('VEVENT')]
print(json.dumps([str(calendar['REFRESH-INTERVAL'].dt), sorted(events)]))
";

#[test]
#[ignore = "needs Python's icalendar"]
fn calendar_is_read_by_another_program_as_it_was_written() {
    let place = Place::with(&[("WIDGETD_TIME_ZONE", "Pacific/Kiritimati")]);
    let server = place.serve();
    place.add_admin();
    let admin = server.log_in("admin@example.com");
    let title = "a; b, c\\n \"é\" 🎉 ".repeat(8);
    for (title, deadline, description) in [
        (title.trim(), "2099-12-31", "one\ntwo; three\\, four"),
        ("dentist", "2099-12-24T10:30:00+01:00", ""),
    ] {
        let task = [
            ("title", title),
            ("deadline", deadline),
            ("description", description),
            ("assignee", "admin@example.com"),
        ];
        assert_eq!(admin.post("/tasks", &task).status, 201);
    }
    let key = admin.post("/auth/keys", &[("name", "calendar"), ("scope", "calendar")]);
    let key = key.body["key"].as_str().unwrap().to_owned();
    let calendar = server.client().get(&format!("/calendar.ics?key={key}"));

    let mut reader = Command::new("python3");
    reader.args(["-c", READER]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut reader = reader.spawn().unwrap();
    reader.stdin.take().unwrap().write_all(calendar.text.as_bytes()).unwrap();
    let read = reader.wait_with_output().unwrap();
    let read: Value = serde_json::from_str(&text(&read.stdout)).unwrap();
    let expected = json!([
        "1:00:00",
        [
            [title.trim(), "2099-12-31", "one\ntwo; three\\, four"],
            ["dentist", "2099-12-24T09:30:00+00:00", ""],
        ]
    ]);
    assert_eq!(read, expected);
}
