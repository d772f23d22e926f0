//! Deadlines of widgets and tasks.

use super::Timestamp;
use super::date::{end_of, parse_date};
use serde::{Deserialize, Serialize};

/// The last moment that is on time, usually the last millisecond of a day in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline(Timestamp);

impl Deadline {
    /// Parses a date, of which the last moment in UTC counts: `2026-12-31`, `12/31/2026`,
    /// `12/31/26`, `Dec 31 2026`, `December 31, 2026`, `31 Dec 2026`, or an RFC 3339 time, of which
    /// the date in its own offset counts.
    pub fn parse(text: &str) -> Result<Self, String> {
        parse_date(text).map(|date| Self(end_of(date)))
    }

    /// Parses a date, of which the last moment in UTC counts, or an RFC 3339 time, of which the
    /// time of day counts too.
    pub fn parse_moment(text: &str) -> Result<Self, String> {
        Timestamp::parse_end(text).map(Self)
    }

    /// Fails if the date in UTC is before today. For a new or changed deadline.
    pub fn check_date_not_past(self, now: Timestamp) -> Result<(), String> {
        let (date, today) = (self.0.to_utc().date(), now.to_utc().date());
        if date >= today {
            return Ok(());
        }
        Err(format!("{date} is in the past; the deadline must be today ({today}, UTC) or later"))
    }

    /// Fails if the moment is before now. For a new or changed deadline.
    pub fn check_not_past(self, now: Timestamp) -> Result<(), String> {
        if self.0 >= now {
            return Ok(());
        }
        let (moment, now) = (self.0.to_iso_8601(), now.to_iso_8601());
        Err(format!("{moment} is in the past; the deadline must be now ({now}) or later"))
    }

    pub const fn from_stored(timestamp: Timestamp) -> Self {
        Self(timestamp)
    }

    pub const fn timestamp(self) -> Timestamp {
        self.0
    }

    pub fn has_passed(self, now: Timestamp) -> bool {
        now > self.0
    }
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
            let deadline = Deadline::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!(deadline.timestamp().to_iso_8601(), "2026-12-31T23:59:59+00:00", "{text}");
        }
    }

    #[test]
    fn today_is_accepted_and_passes_with_its_last_millisecond() {
        let today = Deadline::parse("2026-11-21").unwrap();
        assert_eq!(today.check_date_not_past(NOW), Ok(()));
        assert!(!today.has_passed(NOW));
        assert!(!today.has_passed(today.timestamp()));
        assert!(today.has_passed(Timestamp::from_millis(today.timestamp().as_millis() + 1)));
    }

    #[test]
    fn yesterday_is_refused_by_name() {
        let why = Deadline::parse("11/20/2026").unwrap().check_date_not_past(NOW).unwrap_err();
        assert_eq!(
            why,
            "2026-11-20 is in the past; the deadline must be today (2026-11-21, UTC) or later"
        );
    }

    #[test]
    fn a_moment_is_the_end_of_a_day_or_a_time_of_day() {
        let moment = |text: &str| {
            let deadline = Deadline::parse_moment(text)?;
            deadline.check_not_past(NOW).map(|()| deadline.timestamp().to_iso_8601())
        };
        assert_eq!(moment("Nov 21 2026").as_deref(), Ok("2026-11-21T23:59:59+00:00"));
        assert_eq!(moment("2026-11-21T13:00:00+01:00").as_deref(), Ok("2026-11-21T12:00:00+00:00"));
        assert_eq!(
            moment("2026-11-21T11:59:59Z").unwrap_err(),
            "2026-11-21T11:59:59+00:00 is in the past; the deadline must be now (2026-11-21T12:00:00+00:00) or later"
        );
        for text in ["2026-11-20", "soon", "", "9999-12-31T23:59:59-08:00"] {
            assert!(moment(text).is_err(), "{text}");
        }
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
            assert!(Deadline::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_leap_day_is_a_day_in_leap_years_only() {
        assert!(Deadline::parse("2028-02-29").is_ok());
        assert!(Deadline::parse("2027-02-29").is_err());
    }
}
