//! The agenda: what a user has to do, by urgency, and when and for whom there is more.

use std::ops::Range;

use async_trait::async_trait;
use time::{Date, Duration};

use super::{Authority, Task, Timestamp, UserSummary, Widget, Zone};
use crate::error::Error;

/// How urgent a deadline is. A day is one of the service's zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Urgency {
    /// The deadline has passed.
    Overdue,
    Today,
    Tomorrow,
    /// The five days after tomorrow.
    Week,
    Later,
    /// Tasks without a deadline.
    NoDate,
}

named!(Urgency {
    Overdue => "overdue",
    Today => "today",
    Tomorrow => "tomorrow",
    Week => "week",
    Later => "later",
    NoDate => "no_date",
});

impl Urgency {
    /// The deadlines that are this urgent. `None` for tasks without one.
    pub fn deadlines(self, now: Timestamp, zone: &Zone) -> Option<Range<Timestamp>> {
        let today = zone.date_of(now);
        // A clock may show the first midnight of tomorrow and go back to today.
        let start_in = |days| zone.start_of(today.saturating_add(Duration::days(days))).max(now);
        Some(match self {
            Self::Overdue => Timestamp::from_millis(i64::MIN)..now,
            Self::Today => now..start_in(1),
            Self::Tomorrow => start_in(1)..start_in(2),
            Self::Week => start_in(2)..start_in(7),
            Self::Later => start_in(7)..Timestamp::from_millis(i64::MAX),
            Self::NoDate => return None,
        })
    }
}

/// What a user has to do: their open tasks, and the deadlines of all widgets but those that passed
/// more than [`Self::PASSED_SECONDS`] ago.
#[derive(Clone, Debug, PartialEq)]
pub struct Agenda {
    /// In the order of [`Urgency`].
    pub sections: [AgendaSection; 6],
    /// The Monday of last week, in the service's zone.
    pub first_day: Date,
    /// How many deadlines each of [`Self::DAYS`] days has from `first_day` on: of open tasks that the
    /// reader may see, and of widgets. Counted up to [`Self::MOST_A_DAY`].
    pub deadlines: Vec<u32>,
    /// Who has which open tasks, those with most first, nobody last. Empty for employees.
    pub load: Vec<Load>,
}

impl Agenda {
    /// How many items a section has at most.
    pub const ITEMS: u32 = 20;
    /// Up to how many tasks, and widgets, of a section are counted.
    pub const MOST_OF_A_KIND: u32 = 1_000;
    /// For how long the deadline of a widget stays after it has passed: 14 days.
    pub const PASSED_SECONDS: i64 = 14 * 86_400;
    /// 8 weeks.
    pub const DAYS: u16 = 56;
    pub const MOST_A_DAY: u32 = 10;
    /// How many people `load` has at most, and nobody.
    pub const PEOPLE: usize = 12;
    /// Among how many assignees of open tasks they are found.
    pub const ASSIGNEES: usize = 100;
    /// Up to how many tasks of somebody are counted, of each number.
    pub const MOST_OF_ONE: u32 = 100;

    /// The Monday of last week.
    pub fn first_day(now: Timestamp, zone: &Zone) -> Date {
        let today = zone.date_of(now);
        let since_monday = today.weekday().number_days_from_monday();
        today.saturating_sub(Duration::days(i64::from(since_monday) + 7))
    }

    /// The moments of each day from a date on.
    pub fn days(first: Date, zone: &Zone) -> impl Iterator<Item = Range<Timestamp>> {
        let start_of =
            move |day: u16| zone.start_of(first.saturating_add(Duration::days(day.into())));
        (0..Self::DAYS).map(move |day| start_of(day)..start_of(day + 1))
    }
}

#[derive(Clone, Debug, PartialEq)]
pub struct AgendaSection {
    pub urgency: Urgency,
    /// The number of all, counted up to [`Agenda::MOST_OF_A_KIND`] of each kind.
    pub count: u32,
    /// The first ones by deadline; of those that are equal, tasks before widgets, and then in the order
    /// of creation. Of a description of more than 4 KiB, the beginning.
    pub items: Vec<AgendaItem>,
}

#[derive(Clone, Debug, PartialEq)]
pub enum AgendaItem {
    Task(Task),
    Widget(Widget),
}

/// The open tasks of somebody, each number counted up to [`Agenda::MOST_OF_ONE`].
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// `None`: nobody's.
    pub assignee: Option<UserSummary>,
    pub overdue: u32,
    /// Not overdue.
    pub in_progress: u32,
    /// Not overdue.
    pub pending: u32,
}

#[async_trait]
pub trait AgendaStore {
    /// The agenda of a user, all of it at the same moment.
    async fn read_agenda(&self, reader: Authority, now: Timestamp) -> Result<Agenda, Error>;
}

#[cfg(test)]
mod tests {
    use time::Weekday;

    use super::*;
    use crate::domain::Deadline;

    const HOUR: i64 = 3_600_000;

    fn zone(name: &str) -> Zone {
        Zone::parse(name).unwrap()
    }

    fn moment(text: &str) -> Timestamp {
        Timestamp::parse_start(text, &Zone::UTC).unwrap()
    }

    const fn before(moment: Timestamp) -> Timestamp {
        Timestamp::from_millis(moment.as_millis() - 1)
    }

    fn hours(Range { start, end }: &Range<Timestamp>) -> i64 {
        (end.as_millis() - start.as_millis()) / HOUR
    }

    #[test]
    fn each_deadline_is_urgent_by_its_date_in_every_zone() {
        for name in [
            "Etc/GMT+12",
            "America/Los_Angeles",
            "UTC",
            "Asia/Kathmandu",
            "Australia/Lord_Howe",
            "Pacific/Auckland",
            "Pacific/Kiritimati",
        ] {
            let zone = zone(name);
            // Each hour of the day, and each day of a year.
            for n in 0..366 {
                let now = moment("2026-01-01").plus_seconds(n * 25 * 3_600);
                let today = zone.date_of(now);
                let spans = Urgency::ALL.iter().map(|urgency| urgency.deadlines(now, &zone));
                let spans: Vec<_> = spans.flatten().collect();
                let days = [(1, None), (2, Some(0)), (3, Some(1)), (4, Some(6))];
                assert_eq!((spans.len(), spans[0].end), (5, now));
                assert!(Deadline::from_stored(before(now), None).has_passed(now));
                for (next, last) in days {
                    // None is between two.
                    assert_eq!(spans[next - 1].end, spans[next].start);
                    if let Some(last) = last {
                        let dates = [before(spans[next].start), spans[next].start]
                            .map(|moment| (zone.date_of(moment) - today).whole_days());
                        assert_eq!(dates, [last, last + 1], "{name} {now:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn days_have_the_length_that_they_have_in_the_zone() {
        for (name, now, today, tomorrow, week) in [
            ("UTC", "2026-11-21T12:00:00Z", 12, 24, 120),
            ("America/Los_Angeles", "2026-03-07T12:00:00-08:00", 12, 23, 120),
            ("America/Los_Angeles", "2026-03-08T00:00:00-08:00", 23, 24, 120),
            ("America/Los_Angeles", "2026-10-31T23:00:00-07:00", 1, 25, 120),
            ("America/Los_Angeles", "2026-10-30T12:00:00-07:00", 12, 24, 121),
            ("Pacific/Auckland", "2026-09-26T12:00:00+12:00", 12, 23, 120),
            // Midnight came, and half an hour before it once more.
            ("America/St_Johns", "2010-11-06T23:30:00-03:30", 0, 24, 120),
            // There was no 30th of December.
            ("Pacific/Apia", "2011-12-29T12:00:00-10:00", 12, 0, 120),
        ] {
            let zone = zone(name);
            let length = |urgency: Urgency| hours(&urgency.deadlines(moment(now), &zone).unwrap());
            let all = [Urgency::Today, Urgency::Tomorrow, Urgency::Week].map(length);
            assert_eq!(all, [today, tomorrow, week], "{name} {now}");
        }
    }

    #[test]
    fn the_first_day_is_the_monday_of_last_week() {
        for (now, name, first) in [
            // A Saturday, a Sunday and a Monday.
            ("2026-11-21T12:00:00Z", "UTC", "2026-11-09"),
            ("2026-11-22T23:59:59Z", "UTC", "2026-11-09"),
            ("2026-11-23T00:00:00Z", "UTC", "2026-11-16"),
            ("2026-11-23T00:00:00Z", "America/Los_Angeles", "2026-11-09"),
            ("2026-11-22T12:00:00Z", "Pacific/Auckland", "2026-11-16"),
            // The clocks change within the eight weeks.
            ("2026-10-21T12:00:00Z", "America/Los_Angeles", "2026-10-12"),
            ("2026-09-07T00:30:00+12:00", "Pacific/Auckland", "2026-08-31"),
        ] {
            let zone = zone(name);
            let date = Agenda::first_day(moment(now), &zone);
            assert_eq!(date.to_string(), first, "{name} {now}");
            assert_eq!(date.weekday(), Weekday::Monday);
            let days: Vec<_> = Agenda::days(date, &zone).collect();
            assert_eq!(days.len(), 56);
            assert!(days.is_sorted_by(|day, next| day.end == next.start));
            for (n, day) in days.iter().enumerate() {
                let nth = date + Duration::days(i64::try_from(n).unwrap());
                let dates = [before(day.start), day.start, before(day.end), day.end];
                let dates = dates.map(|moment| zone.date_of(moment));
                let expected = [nth.previous_day().unwrap(), nth, nth, nth.next_day().unwrap()];
                assert_eq!(dates, expected, "{name} {now}");
            }
        }
    }

    #[test]
    fn the_last_days_that_can_be_written_are_no_error() {
        for now in [Timestamp::FIRST, Timestamp::LAST] {
            let spans = Urgency::ALL.iter().filter_map(|each| each.deadlines(now, &Zone::UTC));
            assert!(spans.flat_map(|span| [span.start, span.end]).is_sorted());
            assert_eq!(Agenda::days(Agenda::first_day(now, &Zone::UTC), &Zone::UTC).count(), 56);
        }
    }
}
