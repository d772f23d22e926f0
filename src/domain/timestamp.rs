//! Points in time, and their forms in the wire format.

use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

use time::{Date, OffsetDateTime};

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A point in time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The first and the last moment that can be written: clients read years of four digits.
    pub const FIRST: Self = Self::from_seconds(-62_167_219_200);
    pub const LAST: Self = Self(253_402_300_799_999);

    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From whole seconds since 1970, UTC: a `NumericDate` of RFC 7519.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(SECOND))
    }

    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970, UTC, rounded down.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(SECOND)
    }

    /// Earlier if `seconds` is negative.
    #[must_use]
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds.saturating_mul(SECOND)))
    }

    /// In UTC and whole seconds. Instants outside the range of `time` become 1970; no clock and no
    /// parser here produces one.
    pub fn to_utc(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp(self.as_seconds()).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// The form in use in the United States: `12/31/26 11:59:59 PM UTC`.
    pub fn to_clock_text(self) -> String {
        let utc = self.to_utc();
        let (hour, minute, second) = utc.to_hms();
        let mut text = Text::default();
        text.number(u8::from(utc.month()))
            .push("/")
            .number(utc.day())
            .push("/")
            .year_of_century(utc.year());
        text.push(" ")
            .number((hour + 11) % 12 + 1)
            .push(":")
            .number(minute)
            .push(":")
            .number(second);
        text.push(if hour < 12 { " AM UTC" } else { " PM UTC" });
        text.0
    }

    /// ISO 8601 in whole seconds with a numeric offset: `2026-12-31T23:59:59+00:00`.
    pub fn to_iso_8601(self) -> String {
        let utc = self.to_utc();
        let mut text = Text::default();
        text.date(utc.date()).push("T").time(utc.to_hms()).push("+00:00");
        text.0
    }

    /// RFC 3339 in milliseconds, which is exact: `2026-12-31T23:59:59.999Z`.
    pub fn to_rfc_3339(self) -> String {
        let utc = self.to_utc();
        let mut text = Text::default();
        text.date(utc.date()).push("T").time(utc.to_hms());
        // Writing into a String cannot fail.
        let _ = write!(text.0, ".{:03}Z", self.0.rem_euclid(SECOND));
        text.0
    }

    /// RFC 822 as amended by RFC 5322 section 3.3: `Thu, 31 Dec 2026 23:59:59 +0000`.
    pub fn to_rfc_822(self) -> String {
        const DAYS: [&str; 7] = ["Mon, ", "Tue, ", "Wed, ", "Thu, ", "Fri, ", "Sat, ", "Sun, "];
        const MONTHS: [&str; 12] = [
            " Jan ", " Feb ", " Mar ", " Apr ", " May ", " Jun ", " Jul ", " Aug ", " Sep ",
            " Oct ", " Nov ", " Dec ",
        ];
        let utc = self.to_utc();
        let mut text = Text::default();
        text.push(DAYS[usize::from(utc.weekday().number_days_from_monday())]).number(utc.day());
        text.push(MONTHS[usize::from(u8::from(utc.month())) - 1]).year(utc.year());
        text.push(" ").time(utc.to_hms()).push(" +0000");
        text.0
    }

    /// The time until this instant: `2 days 3 hours 1 minutes 5 seconds` without leading zero
    /// units, or `No time remaining`.
    pub fn remaining_in_words(self, now: Self) -> String {
        let seconds = self.seconds_after(now);
        if seconds <= 0 {
            return "No time remaining".to_owned();
        }
        let parts = [
            (seconds / DAY, "days"),
            (seconds % DAY / HOUR, "hours"),
            (seconds % HOUR / MINUTE, "minutes"),
            (seconds % MINUTE, "seconds"),
        ];
        let mut words = String::with_capacity(40);
        for (count, unit) in parts {
            if count > 0 || !words.is_empty() {
                let separator = if words.is_empty() { "" } else { " " };
                // Writing into a String cannot fail.
                let _ = write!(words, "{separator}{count} {unit}");
            }
        }
        words
    }

    /// The time until this instant: `00:59:46`, `1 day, 01:00:00`.
    pub fn remaining_on_clock(self, now: Self) -> String {
        let seconds = self.seconds_after(now).max(0);
        let clock = format!(
            "{:02}:{:02}:{:02}",
            seconds % DAY / HOUR,
            seconds % HOUR / MINUTE,
            seconds % MINUTE
        );
        match seconds / DAY {
            0 => clock,
            1 => format!("1 day, {clock}"),
            days => format!("{days} days, {clock}"),
        }
    }

    /// Whole seconds from `earlier` to this instant, rounded down.
    fn seconds_after(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0).div_euclid(SECOND)
    }
}

/// ISO 8601: `2026-12-31`.
pub fn date_to_iso_8601(date: Date) -> String {
    let mut text = Text::default();
    text.date(date);
    text.0
}

/// Builds a short text from two-digit numbers. A page of a list has hundreds of them; with
/// `std::fmt` or the formats of `time` they took as much of a request as its two reads of the
/// database.
struct Text(String);

impl Default for Text {
    fn default() -> Self {
        Self(String::with_capacity(32))
    }
}

impl Text {
    fn push(&mut self, text: &str) -> &mut Self {
        self.0.push_str(text);
        self
    }

    /// Two digits; `number` is below 100.
    fn number(&mut self, number: u8) -> &mut Self {
        self.0.push(char::from(b'0' + number / 10 % 10));
        self.0.push(char::from(b'0' + number % 10));
        self
    }

    fn date(&mut self, date: Date) -> &mut Self {
        let (year, month, day) = date.to_calendar_date();
        self.year(year).push("-").number(month.into()).push("-").number(day)
    }

    fn time(&mut self, (hour, minute, second): (u8, u8, u8)) -> &mut Self {
        self.number(hour).push(":").number(minute).push(":").number(second)
    }

    fn year(&mut self, year: i32) -> &mut Self {
        self.year_of_century(year.div_euclid(100)).year_of_century(year)
    }

    fn year_of_century(&mut self, year: i32) -> &mut Self {
        // Below 100, so it fits.
        self.number(u8::try_from(year.rem_euclid(100)).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEW_YEARS_EVE: Timestamp = Timestamp::from_seconds(1_798_761_599);

    #[test]
    fn one_instant_is_written_in_three_ways() {
        assert_eq!(NEW_YEARS_EVE.to_clock_text(), "12/31/26 11:59:59 PM UTC");
        assert_eq!(NEW_YEARS_EVE.to_iso_8601(), "2026-12-31T23:59:59+00:00");
        assert_eq!(NEW_YEARS_EVE.to_rfc_822(), "Thu, 31 Dec 2026 23:59:59 +0000");
        assert_eq!(NEW_YEARS_EVE.to_rfc_3339(), "2026-12-31T23:59:59.000Z");
        assert_eq!(Timestamp::from_millis(-1).to_rfc_3339(), "1969-12-31T23:59:59.999Z");
    }

    #[test]
    fn midnight_and_noon_are_twelve() {
        assert_eq!(Timestamp::from_seconds(0).to_clock_text(), "01/01/70 12:00:00 AM UTC");
        assert_eq!(Timestamp::from_seconds(43_200).to_clock_text(), "01/01/70 12:00:00 PM UTC");
    }

    #[test]
    fn time_remaining_is_told_in_words() {
        let now = Timestamp::from_seconds(0);
        let words = |seconds| Timestamp::from_seconds(seconds).remaining_in_words(now);
        assert_eq!(words(2 * DAY + 3 * HOUR + MINUTE + 5), "2 days 3 hours 1 minutes 5 seconds");
        assert_eq!(words(2 * DAY), "2 days 0 hours 0 minutes 0 seconds");
        assert_eq!(words(3 * HOUR), "3 hours 0 minutes 0 seconds");
        assert_eq!(words(59), "59 seconds");
        assert_eq!(words(0), "No time remaining");
        assert_eq!(words(-1), "No time remaining");
    }

    #[test]
    fn time_remaining_reads_like_a_clock() {
        let now = Timestamp::from_millis(14_000);
        let clock = |seconds| Timestamp::from_seconds(seconds).remaining_on_clock(now);
        assert_eq!(clock(3_600), "00:59:46");
        assert_eq!(clock(14 + DAY + HOUR), "1 day, 01:00:00");
        assert_eq!(clock(14 + 2 * DAY), "2 days, 00:00:00");
        assert_eq!(clock(0), "00:00:00");
    }

    #[test]
    fn a_part_of_a_second_is_not_a_second() {
        let deadline = Timestamp::from_millis(1_999);
        assert_eq!(deadline.remaining_in_words(Timestamp::from_millis(1_500)), "No time remaining");
        assert_eq!(deadline.as_seconds(), 1);
        assert_eq!(Timestamp::from_millis(-1).as_seconds(), -1);
    }
}
