//! Points in time, and how the wire format writes them.

use std::fmt::Write as _;

use time::OffsetDateTime;
use time::format_description::BorrowedFormatItem;
use time::macros::format_description;

const CLOCK: &[BorrowedFormatItem<'_>] =
    format_description!("[month]/[day]/[year repr:last_two] [hour repr:12]:[minute]:[second] [period] UTC");
const ISO_8601: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second]+00:00");
const RFC_822: &[BorrowedFormatItem<'_>] = format_description!(
    "[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] +0000"
);

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A point in time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From milliseconds since 1970, UTC.
    pub const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// From whole seconds since 1970, UTC: a `NumericDate` of RFC 7519.
    pub const fn from_seconds(seconds: i64) -> Self {
        Self(seconds.saturating_mul(SECOND))
    }

    /// Milliseconds since 1970, UTC.
    pub const fn as_millis(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970, UTC, rounded down.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(SECOND)
    }

    /// The same instant as a date and time in UTC. Instants outside the years that `time`
    /// knows, which no clock and no parser here makes, read as 1970.
    pub fn to_utc(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// As people of the seed's country write it: `12/31/26 11:59:59 PM UTC`.
    pub fn to_clock_text(self) -> String {
        self.format(CLOCK)
    }

    /// ISO 8601 in whole seconds with a numeric offset, which also old parsers read:
    /// `2026-12-31T23:59:59+00:00`.
    pub fn to_iso_8601(self) -> String {
        self.format(ISO_8601)
    }

    /// RFC 822 as amended by RFC 5322 section 3.3: `Thu, 31 Dec 2026 23:59:59 +0000`.
    pub fn to_rfc_822(self) -> String {
        self.format(RFC_822)
    }

    fn format(self, items: &[BorrowedFormatItem<'_>]) -> String {
        // Formatting numeric components into a String cannot fail.
        self.to_utc().format(&items).unwrap_or_default()
    }

    /// How long until this instant, in words: `2 days 3 hours 1 minutes 5 seconds`.
    /// Units that are zero at the front are left out; none is left: `No time remaining`.
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

    /// How long until this instant, as a clock reads: `00:59:46`, `1 day, 01:00:00`.
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

#[cfg(test)]
mod tests {
    use super::*;

    const NEW_YEARS_EVE: Timestamp = Timestamp::from_seconds(1_798_761_599);

    #[test]
    fn one_instant_is_written_in_three_ways() {
        assert_eq!(NEW_YEARS_EVE.to_clock_text(), "12/31/26 11:59:59 PM UTC");
        assert_eq!(NEW_YEARS_EVE.to_iso_8601(), "2026-12-31T23:59:59+00:00");
        assert_eq!(NEW_YEARS_EVE.to_rfc_822(), "Thu, 31 Dec 2026 23:59:59 +0000");
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
