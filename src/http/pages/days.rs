//! Days and times as people say them, in the service's time zone.

use time::Date;
use time::macros::format_description;

use crate::domain::{Deadline, Timestamp, Zone};

/// How far away a deadline is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    Late,
    Today,
    Later,
    /// What it is about is finished.
    Settled,
}

/// A deadline as a row shows it.
#[derive(Debug, PartialEq, Eq)]
pub struct Due {
    /// `Today`, `4 days late`, `Tue 24 Nov`.
    pub text: String,
    /// For the style sheet.
    pub class: &'static str,
    /// For programs: a date, or a time in UTC.
    pub exact: String,
    /// All of it, with the time zone.
    pub title: String,
}

impl Due {
    /// `is_open` tells whether anybody still waits for it.
    pub fn new(deadline: Deadline, is_open: bool, now: Timestamp, zone: &Zone) -> Self {
        let date = deadline.date().unwrap_or_else(|| zone.date_of(deadline.timestamp()));
        let today = zone.date_of(now);
        let urgency = match () {
            () if !is_open => Urgency::Settled,
            () if deadline.has_passed(now) => Urgency::Late,
            () if date <= today => Urgency::Today,
            () => Urgency::Later,
        };
        let days = (date - today).whole_days();
        let day = match (urgency, days) {
            (Urgency::Late, ..-1) => format!("{} days late", -days),
            _ => with_capital(day_in_words(date, today)),
        };
        let time = deadline.date().is_none().then(|| clock(deadline.timestamp(), zone));
        let text = match &time {
            Some(time) if days >= -1 => format!("{day}, {time}"),
            _ => day,
        };
        let class = match urgency {
            Urgency::Late => "bad",
            Urgency::Today => "warn",
            Urgency::Later | Urgency::Settled => "",
        };
        let until = time.unwrap_or_else(|| "end of the day".to_owned());
        Self {
            text,
            class,
            exact: deadline.date_to_iso_8601().unwrap_or(deadline.timestamp().to_iso_8601()),
            title: format!("{date}, {until}, {zone}"),
        }
    }
}

/// A moment in the past, relative to now where that says more.
pub struct Moment {
    /// In a sentence: `5 minutes ago`, `yesterday, 14:05`, `3 Nov, 09:00`.
    pub text: String,
    /// ISO 8601 in UTC.
    pub exact: String,
    /// All of it, with the time zone.
    pub title: String,
}

impl Moment {
    pub fn new(at: Timestamp, now: Timestamp, zone: &Zone) -> Self {
        let (date, time) = (zone.date_of(at), clock(at, zone));
        let text = match now.as_seconds() - at.as_seconds() {
            seconds @ 0..60 => {
                let _ = seconds;
                "just now".to_owned()
            }
            seconds @ 60..3_600 => ago(seconds / 60, "minute"),
            seconds @ 3_600..21_600 => ago(seconds / 3_600, "hour"),
            _ => format!("{}, {time}", day_in_words(date, zone.date_of(now))),
        };
        Self { text, exact: at.to_iso_8601(), title: format!("{date} {time}, {zone}") }
    }
}

fn ago(count: i64, unit: &str) -> String {
    format!("{count} {unit}{} ago", if count == 1 { "" } else { "s" })
}

/// `today`, `Tue 24 Nov` in the week around today, `24 Dec` in the months around it, else
/// `24 Dec 2027`.
pub fn day_in_words(date: Date, today: Date) -> String {
    let days = (date - today).whole_days();
    let format = match days {
        0 => return "today".to_owned(),
        1 => return "tomorrow".to_owned(),
        -1 => return "yesterday".to_owned(),
        -7..=7 => {
            format_description!("[weekday repr:short] [day padding:none] [month repr:short]")
        }
        -180..=180 => format_description!("[day padding:none] [month repr:short]"),
        _ => format_description!("[day padding:none] [month repr:short] [year padding:none]"),
    };
    date.format(format).unwrap_or_else(|_| date.to_string())
}

/// `Yesterday is in the past. Please choose today or a later day.` `None` for a deadline that has not
/// passed, or that cannot be read.
pub fn passed_in_words(text: &str, now: Timestamp, zone: &Zone) -> Option<String> {
    let deadline = Deadline::parse_moment(text, zone).ok().filter(|at| at.has_passed(now))?;
    let date = deadline.date().unwrap_or_else(|| zone.date_of(deadline.timestamp()));
    let today = zone.date_of(now);
    if date == today {
        return Some("That time of today is in the past. Please choose a later one.".to_owned());
    }
    let day = with_capital(day_in_words(date, today));
    Some(format!("{day} is in the past. Please choose today or a later day."))
}

fn with_capital(mut text: String) -> String {
    if let Some(first) = text.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    text
}

/// `21 Nov`.
pub fn short_date(date: Date) -> String {
    let format = format_description!("[day padding:none] [month repr:short]");
    date.format(format).unwrap_or_else(|_| date.to_string())
}

/// `Saturday, 21 November`.
pub fn full_date(date: Date) -> String {
    let format = format_description!("[weekday], [day padding:none] [month repr:long]");
    date.format(format).unwrap_or_else(|_| date.to_string())
}

/// A deadline as the text of a form's date. One that is not changed keeps its time of day.
pub fn date_in_form(deadline: Deadline, zone: &Zone) -> String {
    let date = || zone.date_of(deadline.timestamp()).to_string();
    deadline.date_to_iso_8601().unwrap_or_else(date)
}

/// `14:05`.
fn clock(at: Timestamp, zone: &Zone) -> String {
    let (hour, minute) = zone.clock_of(at);
    format!("{hour:02}:{minute:02}")
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    // 2026-11-21T12:00:00Z, a Saturday
    const NOW: Timestamp = Timestamp::from_seconds(1_795_262_400);

    fn due(text: &str, is_open: bool, zone: &str) -> (String, &'static str) {
        let zone = Zone::parse(zone).unwrap();
        let deadline = Deadline::parse_moment(text, &zone).unwrap();
        let Due { text, class, .. } = Due::new(deadline, is_open, NOW, &zone);
        (text, class)
    }

    #[test]
    fn a_deadline_is_said_as_people_say_it() {
        for (text, expected, class) in [
            ("2026-11-17", "4 days late", "bad"),
            ("2026-11-20", "Yesterday", "bad"),
            ("2026-11-21", "Today", "warn"),
            ("2026-11-22", "Tomorrow", ""),
            ("2026-11-24", "Tue 24 Nov", ""),
            ("2026-11-28", "Sat 28 Nov", ""),
            ("2026-11-29", "29 Nov", ""),
            ("2027-12-05", "5 Dec 2027", ""),
            ("2026-11-21T11:59:00Z", "Today, 11:59", "bad"),
            ("2026-11-21T12:01:00Z", "Today, 12:01", "warn"),
            ("2026-11-24T09:00:00Z", "Tue 24 Nov, 09:00", ""),
        ] {
            assert_eq!(due(text, true, "UTC"), (expected.to_owned(), class), "{text}");
        }
        assert_eq!(due("2026-11-17", false, "UTC"), ("Tue 17 Nov".to_owned(), ""));
    }

    #[test]
    fn today_is_the_day_of_the_zone() {
        assert_eq!(due("2026-11-22", true, "Pacific/Auckland"), ("Today".to_owned(), "warn"));
        assert_eq!(due("2026-11-21", true, "America/Los_Angeles"), ("Today".to_owned(), "warn"));
        assert_eq!(due("2026-11-21", true, "Pacific/Auckland"), ("Yesterday".to_owned(), "bad"));
        let evening = due("2026-11-21T15:30:00Z", true, "America/Los_Angeles");
        assert_eq!(evening, ("Today, 07:30".to_owned(), "warn"));
    }

    #[test]
    fn a_moment_is_near_or_has_a_date() {
        let said = |seconds: i64| Moment::new(NOW.plus_seconds(-seconds), NOW, &Zone::UTC).text;
        for (seconds, expected) in [
            (0, "just now"),
            (59, "just now"),
            (60, "1 minute ago"),
            (3_599, "59 minutes ago"),
            (7_200, "2 hours ago"),
            (21_600, "today, 06:00"),
            (86_400, "yesterday, 12:00"),
            (86_400 * 30, "22 Oct, 12:00"),
            (86_400 * 365, "21 Nov 2025, 12:00"),
        ] {
            assert_eq!(said(seconds), expected);
        }
    }

    #[test]
    fn the_agenda_has_the_whole_date() {
        assert_eq!(full_date(date!(2026 - 11 - 21)), "Saturday, 21 November");
    }
}
