//! Dates and times as people write them.

use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::{format_description, time};
use time::{Date, OffsetDateTime, UtcOffset};

use super::Timestamp;

/// The formats of a date, in the order in which they are tried. The case of month names is ignored.
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

/// Parses a date, or the date of an RFC 3339 time in its own offset. The error echoes the input.
pub fn parse_date(text: &str) -> Result<Date, String> {
    FORMATS
        .iter()
        .find_map(|format| Date::parse(text, format).ok())
        .or_else(|| parse_short_year(text))
        .or_else(|| OffsetDateTime::parse(text, &Rfc3339).ok().map(OffsetDateTime::date))
        // Clients do not read the ISO 8601 form of years above 9999.
        .filter(|date| (0..=9999).contains(&date.year()))
        .ok_or_else(|| {
            format!(
                "'{text}' is not a date that is understood; write it like 2026-12-31, 12/31/2026, \
                 12/31/26, Dec 31 2026, December 31, 2026 or 31 Dec 2026"
            )
        })
}

/// `12/31/26`: a year of this century. (`time` does not parse years of two digits.)
fn parse_short_year(text: &str) -> Option<Date> {
    let (day_and_month, year) = text.rsplit_once('/')?;
    if year.len() != 2 {
        return None;
    }
    Date::parse(&format!("{day_and_month}/20{year}"), FORMATS[1]).ok()
}

/// The last millisecond of a day, UTC.
pub fn end_of(date: Date) -> Timestamp {
    let last = date.with_time(time!(23:59:59.999)).assume_utc();
    Timestamp::from_millis(last.unix_timestamp() * 1_000 + 999)
}

/// The first millisecond of a day, UTC.
fn start_of(date: Date) -> Timestamp {
    Timestamp::from_seconds(date.with_time(time!(0:00)).assume_utc().unix_timestamp())
}

impl Timestamp {
    /// Parses an RFC 3339 time, or a date, of which the first moment in UTC counts.
    pub fn parse_start(text: &str) -> Result<Self, String> {
        parse_moment(text, start_of)
    }

    /// Parses an RFC 3339 time, or a date, of which the last moment in UTC counts.
    pub fn parse_end(text: &str) -> Result<Self, String> {
        parse_moment(text, end_of)
    }
}

fn parse_moment(text: &str, of_day: fn(Date) -> Timestamp) -> Result<Timestamp, String> {
    let Ok(time) = OffsetDateTime::parse(text, &Rfc3339) else {
        return parse_date(text).map(of_day);
    };
    // The offset may lead to a year in UTC that cannot be written.
    if time.checked_to_offset(UtcOffset::UTC).is_none_or(|utc| !(0..=9999).contains(&utc.year())) {
        return Err(format!("'{text}' is not in the years 0 to 9999 of UTC"));
    }
    Ok(Timestamp::from_millis(time.unix_timestamp() * 1_000 + i64::from(time.millisecond())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_its_first_or_its_last_moment_and_a_time_is_itself() {
        let both = |text: &str| {
            let in_full = |moment: Timestamp| {
                format!("{}.{:03}", moment.to_iso_8601(), moment.as_millis() % 1_000)
            };
            (
                in_full(Timestamp::parse_start(text).unwrap()),
                in_full(Timestamp::parse_end(text).unwrap()),
            )
        };
        assert_eq!(
            both("Dec 31 2026"),
            (
                "2026-12-31T00:00:00+00:00.000".to_owned(),
                "2026-12-31T23:59:59+00:00.999".to_owned()
            )
        );
        let time = "2026-12-31T22:00:00+00:00.250".to_owned();
        assert_eq!(both("2026-12-31T23:00:00.250+01:00"), (time.clone(), time));
        for text in ["yesterday", "9999-12-31T23:59:59-08:00", "0000-01-01T00:00:00+08:00"] {
            assert!(
                Timestamp::parse_start(text).is_err() && Timestamp::parse_end(text).is_err(),
                "{text}"
            );
        }
    }
}
