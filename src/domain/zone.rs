//! The time zone of an installation, which decides when a date begins and ends.

use std::fmt;

use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};
use time::{Date, OffsetDateTime};

use super::Timestamp;

/// The milliseconds of a day on a clock that does not move.
const DAY: i64 = 86_400_000;

/// A time zone of the IANA database, which is part of the program. A clone copies a pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Default for Zone {
    fn default() -> Self {
        Self::UTC
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Zone {
    pub const UTC: Self = Self(TimeZone::UTC);

    /// Parses a name of the IANA database; letter case does not count. The error completes a
    /// sentence that begins with the setting's name.
    pub fn parse(name: &str) -> Result<Self, String> {
        let zone = TimeZoneDatabase::bundled().get(name).ok().filter(|zone| !zone.is_unknown());
        zone.map(Self).ok_or_else(|| {
            format!(
                "must be the name of a time zone of the IANA database, such as Europe/Berlin, not \
                 {name:?}"
            )
        })
    }

    /// The zone of this machine, by the variable `TZ` or `/etc/localtime`; UTC if that has no name.
    pub fn of_this_machine() -> Self {
        let zone = TimeZone::try_system().ok();
        let name = zone.as_ref().and_then(TimeZone::iana_name);
        name.and_then(|name| Self::parse(name).ok()).unwrap_or_default()
    }

    pub fn name(&self) -> &str {
        self.0.iana_name().unwrap_or("UTC")
    }

    /// The date of a moment.
    pub fn date_of(&self, moment: Timestamp) -> Date {
        self.local(moment).map_or(Date::MAX, OffsetDateTime::date)
    }

    /// The hour and the minute that a clock shows at a moment.
    pub fn clock_of(&self, moment: Timestamp) -> (u8, u8) {
        self.local(moment).map_or((0, 0), |local| (local.hour(), local.minute()))
    }

    /// What a clock shows at a moment, as if it was in UTC.
    fn local(&self, moment: Timestamp) -> Option<OffsetDateTime> {
        let offset = self.0.to_offset(instant(moment.as_millis())).seconds();
        let local = moment.plus_seconds(offset.into()).as_seconds();
        OffsetDateTime::from_unix_timestamp(local).ok()
    }

    /// The first millisecond of a date. If the zone skips the date, that of the next one.
    pub fn start_of(&self, date: Date) -> Timestamp {
        let midnight = date.midnight().assume_utc().unix_timestamp() * 1_000;
        self.moment_at(midnight, |before, _| before, 0)
    }

    /// The last millisecond of a date. If the zone skips the date, that of the one before.
    pub fn end_of(&self, date: Date) -> Timestamp {
        let last = date.midnight().assume_utc().unix_timestamp() * 1_000 + DAY - 1;
        self.moment_at(last, |_, after| after, -1)
    }

    /// The moment at which a clock shows a time, which is given as if the clock was in UTC. If it
    /// shows it twice, `choose` gets both offsets. If it skips it, the moment at which it moves and
    /// `beside` milliseconds. Never a moment that cannot be written.
    fn moment_at(
        &self,
        local: i64,
        choose: fn(Offset, Offset) -> Offset,
        beside: i64,
    ) -> Timestamp {
        let at = |offset: Offset| local - i64::from(offset.seconds()) * 1_000;
        let clock = Offset::UTC.to_datetime(instant(local));
        let moment = match self.0.to_ambiguous_timestamp(clock).offset() {
            AmbiguousOffset::Unambiguous { offset } => at(offset),
            AmbiguousOffset::Fold { before, after } => at(choose(before, after)),
            AmbiguousOffset::Gap { before, after } => {
                let mut transitions = self.0.following(instant(at(after)));
                let gap = transitions.find(|transition| transition.offset() == after);
                gap.map_or(at(before), |gap| gap.timestamp().as_millisecond()) + beside
            }
        };
        Timestamp::from_millis(moment).clamp(Timestamp::FIRST, Timestamp::LAST)
    }
}

/// The moment for `jiff`, whose moments end a day before the year 9999 does.
fn instant(millis: i64) -> jiff::Timestamp {
    let (first, last) = (jiff::Timestamp::MIN, jiff::Timestamp::MAX);
    let millis = millis.clamp(first.as_millisecond(), last.as_millisecond());
    jiff::Timestamp::from_millisecond(millis).unwrap_or(last)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use time::format_description::well_known::Rfc3339;

    use super::*;
    use crate::domain::date::parse_date;

    const MINUTE: i64 = 60_000;

    fn zone(name: &str) -> Zone {
        Zone::parse(name).unwrap()
    }

    fn moment(text: &str) -> Timestamp {
        let nanos = OffsetDateTime::parse(text, &Rfc3339).unwrap().unix_timestamp_nanos();
        Timestamp::from_millis(i64::try_from(nanos / 1_000_000).unwrap())
    }

    const fn beside(moment: Timestamp, millis: i64) -> Timestamp {
        Timestamp::from_millis(moment.as_millis() + millis)
    }

    #[test]
    fn a_zone_has_a_name_of_the_iana_database() {
        for (text, name) in [
            ("UTC", "UTC"),
            ("Etc/UTC", "Etc/UTC"),
            ("europe/berlin", "Europe/Berlin"),
            ("America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
        ] {
            assert_eq!(zone(text).name(), name);
        }
        for text in ["", "Berlin", "Europe", "Etc/Unknown", "+02:00", "CET-1CEST", "/etc/passwd"] {
            assert_eq!(
                Zone::parse(text),
                Err(format!(
                    "must be the name of a time zone of the IANA database, such as Europe/Berlin, \
                     not {text:?}"
                ))
            );
        }
    }

    #[test]
    fn a_date_has_the_moments_between_two_midnights_of_its_zone() {
        for (name, date, first, last) in [
            ("UTC", "2026-12-31", "2026-12-31T00:00:00Z", "2026-12-31T23:59:59.999Z"),
            // 24 hours, at both ends of the world.
            ("Etc/GMT+12", "2026-12-31", "2026-12-31T12:00:00Z", "2027-01-01T11:59:59.999Z"),
            (
                "Pacific/Kiritimati",
                "2026-12-31",
                "2026-12-30T10:00:00Z",
                "2026-12-31T09:59:59.999Z",
            ),
            ("Asia/Kathmandu", "2026-12-31", "2026-12-30T18:15:00Z", "2026-12-31T18:14:59.999Z"),
            // 23 and 25 hours, and 23.5.
            (
                "America/Los_Angeles",
                "2026-03-08",
                "2026-03-08T08:00:00Z",
                "2026-03-09T06:59:59.999Z",
            ),
            (
                "America/Los_Angeles",
                "2026-11-01",
                "2026-11-01T07:00:00Z",
                "2026-11-02T07:59:59.999Z",
            ),
            (
                "Australia/Lord_Howe",
                "2026-10-04",
                "2026-10-03T13:30:00Z",
                "2026-10-04T12:59:59.999Z",
            ),
            // A midnight that does not exist, and one within an hour that does not exist.
            ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z", "2018-11-05T01:59:59.999Z"),
            ("America/Toronto", "1919-03-31", "1919-03-31T04:30:00Z", "1919-04-01T03:59:59.999Z"),
            ("America/Toronto", "1919-03-30", "1919-03-30T05:00:00Z", "1919-03-31T04:29:59.999Z"),
            // The clock goes back from 00:01: this date begins twice, and the one before ends twice.
            ("America/St_Johns", "2006-10-29", "2006-10-29T02:30:00Z", "2006-10-30T03:29:59.999Z"),
            ("America/St_Johns", "2006-10-28", "2006-10-28T02:30:00Z", "2006-10-29T03:29:59.999Z"),
            // The zone skips a date: it begins with the next one, and ends with the one before.
            ("Pacific/Apia", "2011-12-29", "2011-12-29T10:00:00Z", "2011-12-30T09:59:59.999Z"),
            ("Pacific/Apia", "2011-12-30", "2011-12-30T10:00:00Z", "2011-12-30T09:59:59.999Z"),
            ("Pacific/Apia", "2011-12-31", "2011-12-30T10:00:00Z", "2011-12-31T09:59:59.999Z"),
        ] {
            let (zone, date) = (zone(name), parse_date(date).unwrap());
            assert_eq!(
                (zone.start_of(date), zone.end_of(date)),
                (moment(first), moment(last)),
                "{name} {date}"
            );
        }
    }

    /// Compares the ends of a date with the dates of all moments around it. Returns how long it is
    /// in minutes.
    fn check(zone: &Zone, date: Date) -> i64 {
        let (first, last) = (zone.start_of(date), zone.end_of(date));
        let around = [1, MINUTE, 31 * MINUTE].into_iter().chain((1..=13).map(|n| n * 119 * MINUTE));
        let is_skipped = zone.date_of(first) != date;
        let what = || format!("{zone} {date}");
        if is_skipped {
            assert_eq!(beside(last, 1), first, "{}", what());
            assert!(zone.date_of(first) > date && zone.date_of(last) < date, "{}", what());
        } else {
            assert_eq!(zone.date_of(last), date, "{}", what());
            assert!(first < last, "{}", what());
        }
        for distance in around {
            assert!(zone.date_of(beside(first, -distance)) < date, "{} -{distance}", what());
            assert!(zone.date_of(beside(last, distance)) > date, "{} +{distance}", what());
        }
        let (next, before) = (date.next_day().unwrap(), date.previous_day().unwrap());
        assert!(zone.start_of(next) <= beside(last, 1), "{}", what());
        assert!(zone.end_of(before) >= beside(first, -1), "{}", what());
        (last.as_millis() + 1 - first.as_millis()) / MINUTE
    }

    #[test]
    fn every_zone_agrees_with_its_clock_about_the_ends_of_every_date() {
        let mut random: u64 = 2026;
        let mut below = |end: usize| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            usize::try_from(random >> 33).unwrap() % end
        };
        let mut lengths = BTreeMap::<i64, u32>::new();
        let (from, to) = (moment("1850-01-01T00:00:00Z"), moment("2040-01-01T00:00:00Z"));
        let days = usize::try_from((to.as_millis() - from.as_millis()) / DAY).unwrap();
        let names: Vec<_> =
            TimeZoneDatabase::bundled().available().map(|name| name.to_string()).collect();
        assert!(names.len() > 400, "{}", names.len());
        for name in &names {
            let zone = zone(name);
            let moves = zone.0.following(instant(from.as_millis()));
            let mut moments: Vec<_> = moves
                .map(|moved| Timestamp::from_millis(moved.timestamp().as_millisecond()))
                .take_while(|moved| *moved < to)
                .collect();
            // Those of a few zones are enough to see all that a clock can do.
            if !["Pacific/", "America/S", "America/T"].iter().any(|part| name.starts_with(part)) {
                moments =
                    (0..moments.len().min(12)).map(|_| moments[below(moments.len())]).collect();
            }
            moments.extend((0..12).map(|_| beside(from, below(days).cast_signed() as i64 * DAY)));
            for at in moments {
                let date = zone.date_of(at);
                for date in [date.previous_day().unwrap(), date, date.next_day().unwrap()] {
                    *lengths.entry(check(&zone, date)).or_default() += 1;
                }
            }
        }
        for hours in [0, 23, 24, 25, 48] {
            assert!(lengths.contains_key(&(hours * 60)), "no date of {hours} hours in {lengths:?}");
        }
    }

    #[test]
    fn the_first_and_the_last_year_have_ends_in_every_zone() {
        let (first, last) = (parse_date("0000-01-01").unwrap(), Date::MAX);
        for name in ["UTC", "Etc/GMT+12", "America/Los_Angeles", "Pacific/Kiritimati"] {
            let zone = zone(name);
            for date in [first, last] {
                for moment in [zone.start_of(date), zone.end_of(date)] {
                    assert!(
                        (Timestamp::FIRST..=Timestamp::LAST).contains(&moment),
                        "{name} {date}"
                    );
                }
            }
            assert_eq!(zone.date_of(zone.start_of(last)), last, "{name}");
            assert!(zone.date_of(Timestamp::LAST) >= last.previous_day().unwrap(), "{name}");
        }
    }
}
