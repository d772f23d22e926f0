//! The day by which something is due.

use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::{format_description, time};
use time::{Date, OffsetDateTime};

use super::Timestamp;

/// The written forms of a date, in the order in which they are tried. Month names are matched
/// without regard to case, as people type them.
const FORMATS: &[&[BorrowedFormatItem<'_>]] = &[
    format_description!("[year]-[month]-[day]"),
    format_description!("[month padding:none]/[day padding:none]/[year]"),
    format_description!("[month repr:short case_sensitive:false] [day padding:none] [year]"),
    format_description!("[month repr:long case_sensitive:false] [day padding:none], [year]"),
    format_description!("[month repr:short case_sensitive:false] [day padding:none], [year]"),
    format_description!("[month repr:long case_sensitive:false] [day padding:none] [year]"),
    format_description!("[day padding:none] [month repr:short case_sensitive:false] [year]"),
    format_description!("[day padding:none] [month repr:long case_sensitive:false] [year]"),
];

/// The end of a day in UTC, its last millisecond.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deadline(Timestamp);

impl Deadline {
    /// Reads a date, which must be today or later in UTC.
    ///
    /// Accepted are `2026-12-31`, `12/31/2026`, `12/31/26`, `Dec 31 2026`, `December 31, 2026`,
    /// `31 Dec 2026`, and an RFC 3339 time, whose date as it is written counts.
    pub fn parse(text: &str, now: Timestamp) -> Result<Self, String> {
        let date = parse_date(text).ok_or_else(|| {
            format!(
                "'{text}' is not a date that is understood; write it like 2026-12-31, 12/31/2026, \
                 12/31/26, Dec 31 2026, December 31, 2026 or 31 Dec 2026"
            )
        })?;
        let today = now.to_utc().date();
        if date < today {
            return Err(format!("{date} is in the past; the deadline must be today ({today}, UTC) or later"));
        }
        Ok(Self(end_of(date)))
    }

    /// A deadline that was stored earlier, and may have passed since.
    pub const fn from_stored(timestamp: Timestamp) -> Self {
        Self(timestamp)
    }

    /// The last instant at which the deadline is still met.
    pub const fn timestamp(self) -> Timestamp {
        self.0
    }

    /// Whether the day is over.
    pub fn has_passed(self, now: Timestamp) -> bool {
        now > self.0
    }
}

fn parse_date(text: &str) -> Option<Date> {
    FORMATS
        .iter()
        .find_map(|format| Date::parse(text, format).ok())
        .or_else(|| parse_short_year(text))
        .or_else(|| OffsetDateTime::parse(text, &Rfc3339).ok().map(OffsetDateTime::date))
        // Years beyond 9999 have no ISO 8601 form that clients read.
        .filter(|date| (0..=9999).contains(&date.year()))
}

/// `12/31/26`: the year is of this century. (`time` does not parse a year of two digits alone.)
fn parse_short_year(text: &str) -> Option<Date> {
    let (day_and_month, year) = text.rsplit_once('/')?;
    if year.len() != 2 {
        return None;
    }
    Date::parse(&format!("{day_and_month}/20{year}"), FORMATS[1]).ok()
}

fn end_of(date: Date) -> Timestamp {
    let last = date.with_time(time!(23:59:59.999)).assume_utc();
    Timestamp::from_millis(last.unix_timestamp() * 1_000 + 999)
}

#[cfg(test)]
mod tests {
    use super::*;

    // 2026-11-21T12:00:00Z
    const NOW: Timestamp = Timestamp::from_seconds(1_795_262_400);

    #[test]
    fn every_documented_form_names_the_same_day() {
        for text in [
            "2026-12-31",
            "12/31/2026",
            "12/31/26",
            "Dec 31 2026",
            "December 31, 2026",
            "31 Dec 2026",
            "2026-12-31T10:00:00Z",
            "2026-12-31T23:30:00-08:00",
            "dec 31 2026",
        ] {
            let deadline = Deadline::parse(text, NOW).unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!(deadline.timestamp().to_iso_8601(), "2026-12-31T23:59:59+00:00", "{text}");
        }
    }

    #[test]
    fn today_is_accepted_and_passes_with_its_last_millisecond() {
        let today = Deadline::parse("2026-11-21", NOW).unwrap();
        assert!(!today.has_passed(NOW));
        assert!(!today.has_passed(today.timestamp()));
        assert!(today.has_passed(Timestamp::from_millis(today.timestamp().as_millis() + 1)));
    }

    #[test]
    fn yesterday_is_refused_by_name() {
        let why = Deadline::parse("11/20/2026", NOW).unwrap_err();
        assert_eq!(why, "2026-11-20 is in the past; the deadline must be today (2026-11-21, UTC) or later");
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "tomorrow",
            "2026-02-30",
            "2026-13-01",
            "31/12/2026",
            "12/31/026",
            "12/31/+6",
            "2026-12-31 ",
            " 2026-12-31",
            "2026-12-31T25:00:00Z",
            "١٢/٣١/٢٦",
            "12/31/é",
            "9999999999-12-31",
            "+12345-01-01",
        ] {
            assert!(Deadline::parse(text, NOW).is_err(), "{text}");
        }
    }

    #[test]
    fn a_leap_day_is_a_day_in_leap_years_only() {
        assert!(Deadline::parse("2028-02-29", NOW).is_ok());
        assert!(Deadline::parse("2027-02-29", NOW).is_err());
    }
}
