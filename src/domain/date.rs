//! Dates and times as people write them.

use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime};

use super::{Timestamp, Zone};

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

impl Timestamp {
    /// Parses an RFC 3339 time, or a date, of which the first moment in the zone counts.
    pub fn parse_start(text: &str, zone: &Zone) -> Result<Self, String> {
        parse_moment(text, |date| zone.start_of(date))
    }

    /// Parses an RFC 3339 time, or a date, of which the last moment in the zone counts.
    pub fn parse_end(text: &str, zone: &Zone) -> Result<Self, String> {
        parse_moment(text, |date| zone.end_of(date))
    }
}

fn parse_moment(text: &str, of_date: impl Fn(Date) -> Timestamp) -> Result<Timestamp, String> {
    match parse_time(text)? {
        Some(moment) => Ok(moment),
        None => parse_date(text).map(of_date),
    }
}

/// Parses an RFC 3339 time; `None` if the text is something else.
pub fn parse_time(text: &str) -> Result<Option<Timestamp>, String> {
    let Ok(time) = OffsetDateTime::parse(text, &Rfc3339) else { return Ok(None) };
    let millis = time.unix_timestamp() * 1_000 + i64::from(time.millisecond());
    let moment = Timestamp::from_millis(millis);
    // The offset may lead to a year in UTC that cannot be written.
    if (Timestamp::FIRST..=Timestamp::LAST).contains(&moment) {
        Ok(Some(moment))
    } else {
        Err(format!("'{text}' is not in the years 0 to 9999 of UTC"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_its_first_or_its_last_moment_and_a_time_is_itself() {
        let both_in = |zone: &Zone, text: &str| {
            let in_full = |moment: Timestamp| {
                format!("{}.{:03}", moment.to_iso_8601(), moment.as_millis() % 1_000)
            };
            (
                in_full(Timestamp::parse_start(text, zone).unwrap()),
                in_full(Timestamp::parse_end(text, zone).unwrap()),
            )
        };
        let both = |text| both_in(&Zone::UTC, text);
        assert_eq!(
            both("Dec 31 2026"),
            (
                "2026-12-31T00:00:00+00:00.000".to_owned(),
                "2026-12-31T23:59:59+00:00.999".to_owned()
            )
        );
        let time = "2026-12-31T22:00:00+00:00.250".to_owned();
        assert_eq!(both("2026-12-31T23:00:00.250+01:00"), (time.clone(), time.clone()));
        let berlin = Zone::parse("Europe/Berlin").unwrap();
        assert_eq!(both_in(&berlin, "2026-12-31T23:00:00.250+01:00"), (time.clone(), time));
        assert_eq!(
            both_in(&berlin, "2026-03-29"),
            (
                "2026-03-28T23:00:00+00:00.000".to_owned(),
                "2026-03-29T21:59:59+00:00.999".to_owned()
            )
        );
        for text in ["yesterday", "9999-12-31T23:59:59-08:00", "0000-01-01T00:00:00+08:00"] {
            assert!(
                Timestamp::parse_start(text, &Zone::UTC).is_err()
                    && Timestamp::parse_end(text, &Zone::UTC).is_err(),
                "{text}"
            );
        }
    }
}
