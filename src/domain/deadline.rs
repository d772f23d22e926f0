//! Deadlines of widgets and tasks.

use serde::{Deserialize, Serialize};
use time::Date;

use super::date::{parse_date, parse_time};
use super::timestamp::date_to_iso_8601;
use super::{AuditedField, Timestamp, Zone};

/// The last moment that is on time: the end of a date, or a moment with a time of day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deadline {
    at: Timestamp,
    /// `None` if it has a time of day. It is stored, because the moment alone cannot tell: a country
    /// may change its time, and the setting may name another zone.
    date: Option<Date>,
}

impl Deadline {
    /// Parses a date, of which the last moment in the zone counts: `2026-12-31`, `12/31/2026`,
    /// `12/31/26`, `Dec 31 2026`, `December 31, 2026`, `31 Dec 2026`, or an RFC 3339 time, of which
    /// the date in its own offset counts. The end of a date, as answers write it in UTC, is that
    /// date: a client may send back what it has read.
    pub fn parse(text: &str, zone: &Zone) -> Result<Self, String> {
        let end_of_date = |moment: Timestamp| {
            let date = zone.date_of(moment);
            (zone.end_of(date).as_seconds() == moment.as_seconds()).then_some(date)
        };
        match parse_time(text).ok().flatten().and_then(end_of_date) {
            Some(date) => Ok(Self::end_of(date, zone)),
            None => parse_date(text).map(|date| Self::end_of(date, zone)),
        }
    }

    /// Parses a date, of which the last moment in the zone counts, or an RFC 3339 time, of which the
    /// time of day counts too.
    pub fn parse_moment(text: &str, zone: &Zone) -> Result<Self, String> {
        match parse_time(text)? {
            Some(at) => Ok(Self { at, date: None }),
            None => parse_date(text).map(|date| Self::end_of(date, zone)),
        }
    }

    pub fn end_of(date: Date, zone: &Zone) -> Self {
        Self { at: zone.end_of(date), date: Some(date) }
    }

    /// Fails if it has passed. For a new or changed deadline that is the end of a date.
    pub fn check_date_not_past(self, now: Timestamp, zone: &Zone) -> Result<(), String> {
        if !self.has_passed(now) {
            return Ok(());
        }
        let (date, today) = (self.date.unwrap_or(zone.date_of(self.at)), zone.date_of(now));
        Err(format!("{date} is in the past; the deadline must be today ({today}, {zone}) or later"))
    }

    /// Fails if the moment is before now. For a new or changed deadline.
    pub fn check_not_past(self, now: Timestamp) -> Result<(), String> {
        if !self.has_passed(now) {
            return Ok(());
        }
        let (moment, now) = (self.at.to_iso_8601(), now.to_iso_8601());
        Err(format!("{moment} is in the past; the deadline must be now ({now}) or later"))
    }

    /// What this deadline becomes when a client sets `new`. Answers have whole seconds: who sends
    /// back such a time changes nothing.
    #[must_use]
    pub fn changed_to(self, new: Self) -> Self {
        let is_as_read =
            new == Self { at: Timestamp::from_seconds(self.at.as_seconds()), date: None };
        if is_as_read { self } else { new }
    }

    /// A form that [`Self::parse_moment`] reads back: `2026-12-31` for the end of that date, else an
    /// RFC 3339 time.
    pub fn to_exact_text(self) -> String {
        self.date_to_iso_8601().unwrap_or_else(|| self.at.to_rfc_3339())
    }

    pub const fn from_stored(at: Timestamp, date: Option<Date>) -> Self {
        Self { at, date }
    }

    pub const fn timestamp(self) -> Timestamp {
        self.at
    }

    pub const fn date(self) -> Option<Date> {
        self.date
    }

    /// The date as `2026-12-31`, if it is the end of one.
    pub fn date_to_iso_8601(self) -> Option<String> {
        self.date.map(date_to_iso_8601)
    }

    pub fn has_passed(self, now: Timestamp) -> bool {
        now > self.at
    }
}

impl AuditedField for Deadline {
    fn audit_text(&self) -> Option<String> {
        Some(self.date_to_iso_8601().unwrap_or_else(|| self.at.to_iso_8601()))
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
            let deadline =
                Deadline::parse(text, &Zone::UTC).unwrap_or_else(|why| panic!("{text}: {why}"));
            assert_eq!(deadline.timestamp().to_iso_8601(), "2026-12-31T23:59:59+00:00", "{text}");
        }
    }

    #[test]
    fn today_is_accepted_and_passes_with_its_last_millisecond() {
        let today = Deadline::parse("2026-11-21", &Zone::UTC).unwrap();
        assert_eq!(today.check_date_not_past(NOW, &Zone::UTC), Ok(()));
        assert!(!today.has_passed(NOW));
        assert!(!today.has_passed(today.timestamp()));
        assert!(today.has_passed(Timestamp::from_millis(today.timestamp().as_millis() + 1)));
    }

    #[test]
    fn yesterday_is_refused_by_name() {
        let why = Deadline::parse("11/20/2026", &Zone::UTC)
            .unwrap()
            .check_date_not_past(NOW, &Zone::UTC)
            .unwrap_err();
        assert_eq!(
            why,
            "2026-11-20 is in the past; the deadline must be today (2026-11-21, UTC) or later"
        );
    }

    #[test]
    fn a_moment_is_the_end_of_a_day_or_a_time_of_day() {
        let moment = |text: &str| {
            let deadline = Deadline::parse_moment(text, &Zone::UTC)?;
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
    fn a_date_ends_and_today_is_in_the_zone() {
        for (zone, end, today) in [
            ("Etc/GMT+12", "2027-01-01T11:59:59+00:00", "2026-11-21"),
            ("America/Los_Angeles", "2027-01-01T07:59:59+00:00", "2026-11-21"),
            ("Pacific/Kiritimati", "2026-12-31T09:59:59+00:00", "2026-11-22"),
        ] {
            let zone = Zone::parse(zone).unwrap();
            for deadline in [Deadline::parse, Deadline::parse_moment] {
                let deadline = deadline("Dec 31 2026", &zone).unwrap();
                assert_eq!(deadline.timestamp().to_iso_8601(), end);
                assert_eq!(deadline.date_to_iso_8601().as_deref(), Some("2026-12-31"));
            }
            assert_eq!(
                Deadline::parse(today, &zone).unwrap().check_date_not_past(NOW, &zone),
                Ok(())
            );
            assert_eq!(
                Deadline::parse("2026-11-20", &zone).unwrap().check_date_not_past(NOW, &zone),
                Err(format!(
                    "2026-11-20 is in the past; the deadline must be today ({today}, {zone}) or later"
                ))
            );
        }
    }

    #[test]
    fn the_end_of_a_date_that_was_read_is_that_date() {
        for zone in ["America/Los_Angeles", "UTC", "Europe/Berlin", "Pacific/Kiritimati"] {
            let zone = Zone::parse(zone).unwrap();
            for date in ["2026-03-08", "2026-11-01", "2026-12-31", "9999-12-31"] {
                let deadline = Deadline::parse(date, &zone).unwrap();
                let read = deadline.timestamp().to_iso_8601();
                assert_eq!(Deadline::parse(&read, &zone), Ok(deadline), "{zone} {date}");
            }
        }
    }

    #[test]
    fn a_time_that_was_read_changes_nothing_and_any_other_does() {
        let end_of = |text| Deadline::parse(text, &Zone::UTC).unwrap();
        let moment = |text| Deadline::parse_moment(text, &Zone::UTC).unwrap();
        let (day, time) = (end_of("2026-12-31"), moment("2026-12-31T10:00:00.250Z"));
        assert_eq!(day.changed_to(moment("2026-12-31T23:59:59Z")), day);
        assert_eq!(time.changed_to(moment("2026-12-31T10:00:00Z")), time);
        for (old, new) in [
            (day, moment("2026-12-31T23:59:58Z")),
            (day, moment("2026-12-31T23:59:59.999Z")),
            (day, end_of("2026-12-30")),
            (time, day),
            (time, moment("2026-12-31T10:00:00.500Z")),
        ] {
            assert_eq!(old.changed_to(new), new);
        }
    }

    #[test]
    fn the_exact_text_of_a_deadline_reads_back_in_its_zone() {
        for zone in ["Etc/GMT+12", "America/Los_Angeles", "UTC", "Pacific/Kiritimati"] {
            let zone = Zone::parse(zone).unwrap();
            for text in ["2026-03-08", "2026-12-31", "0001-01-01", "9999-12-31"] {
                let deadline = Deadline::parse(text, &zone).unwrap();
                assert_eq!(deadline.to_exact_text(), text);
            }
            for millis in [0, 1, 999, -1, -86_400_000, 1_795_262_400_500] {
                let deadline = Deadline::from_stored(Timestamp::from_millis(millis), None);
                assert_eq!(Deadline::parse_moment(&deadline.to_exact_text(), &zone), Ok(deadline));
            }
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
            assert!(Deadline::parse(text, &Zone::UTC).is_err(), "{text}");
        }
    }

    #[test]
    fn a_leap_day_is_a_day_in_leap_years_only() {
        assert!(Deadline::parse("2028-02-29", &Zone::UTC).is_ok());
        assert!(Deadline::parse("2027-02-29", &Zone::UTC).is_err());
    }
}
