//! A task in one line: `Call the landlord tomorrow @bob`.

use std::iter::successors;

use time::{Date, Duration, Month, Weekday};

use super::date::parse_date;

/// The longest date in words: `on 31 December, 2026`.
const MAX_DATE_WORDS: usize = 4;

/// What a line says. What it does not say stays open; what looks like something else is the title.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct QuickAdd {
    pub title: String,
    /// The title with the name of the assignee, where it stood.
    pub whole_title: String,
    pub date: Option<Date>,
    /// Who shall have it, as after the `@`.
    pub assignee: Option<String>,
}

impl QuickAdd {
    /// Reads a line: one word with an `@` before it is the assignee, a date at the end is the
    /// deadline, the rest is the title.
    pub fn parse(line: &str, today: Date) -> Self {
        let mut words: Vec<&str> = line.split_whitespace().collect();
        let is_name = |word: &&str| word.len() > 1 && word.starts_with('@');
        let place = words.iter().rposition(is_name);
        let name = place.map(|at| words.remove(at));
        // One word stays: a task needs a title.
        let longest = MAX_DATE_WORDS.min(words.len().saturating_sub(1));
        let date = (1..=longest).rev().find_map(|count| {
            let date = date_of(&words[words.len() - count..], today)?;
            Some((date, words.len() - count))
        });
        if let Some((_, start)) = date {
            words.truncate(start);
        }
        let title = words.join(" ");
        if let (Some(at), Some(name)) = (place, name) {
            words.insert(at.min(words.len()), name);
        }
        Self {
            title,
            whole_title: words.join(" "),
            date: date.map(|(date, _)| date),
            assignee: name.map(|name| name[1..].to_owned()),
        }
    }
}

/// The date that words name, none of them left over.
fn date_of(words: &[&str], today: Date) -> Option<Date> {
    let lower: Vec<String> = words.iter().map(|word| word.to_lowercase()).collect();
    let lower: Vec<&str> = lower.iter().map(String::as_str).collect();
    let after = |days: i64| today.checked_add(Duration::days(days));
    match lower.as_slice() {
        ["on" | "by" | "until" | "due", rest @ ..] if !rest.is_empty() => {
            date_of(&words[1..], today)
        }
        ["today" | "tonight"] => Some(today),
        ["tomorrow"] => after(1),
        ["next", "week"] => after(days_until(Weekday::Monday, today)),
        ["next", day] => after(days_until(weekday(day)?, today)),
        ["in", count, unit] => {
            let count =
                if matches!(*count, "a" | "an" | "one") { 1 } else { count.parse().ok()? };
            let days = match *unit {
                "day" | "days" => 1,
                "week" | "weeks" => 7,
                _ => return None,
            };
            after(i64::from(count).checked_mul(days)?).filter(|_| count > 0)
        }
        [day] if weekday(day).is_some() => after(days_until(weekday(day)?, today)),
        _ => {
            let text = words.join(" ");
            parse_date(&text).ok().or_else(|| without_year(&lower, today))
        }
    }
}

/// The number of days from today to the next such day, at least one.
fn days_until(day: Weekday, today: Date) -> i64 {
    let (day, today) = (day.number_from_monday(), today.weekday().number_from_monday());
    i64::from((day + 6 - today) % 7 + 1)
}

fn weekday(text: &str) -> Option<Weekday> {
    let week = successors(Some(Weekday::Monday), |day| Some(day.next())).take(7);
    by_name(week, text, "thurs".len())
}

fn month(text: &str) -> Option<Month> {
    let year = successors(Some(Month::January), |month| Some(month.next())).take(12);
    by_name(year, text, "sept".len())
}

/// What has this name, or this beginning of its name, of three letters to `longest`.
fn by_name<T: ToString>(all: impl Iterator<Item = T>, text: &str, longest: usize) -> Option<T> {
    let is_short = (3..=longest).contains(&text.len());
    { all }.find(|one| {
        let name = one.to_string().to_lowercase();
        text == name || is_short && name.starts_with(text)
    })
}

/// `24 dec`, `december 24`: the next such date.
fn without_year(words: &[&str], today: Date) -> Option<Date> {
    let (month, day) = match words {
        [first, second] => match month(first) {
            Some(month) => (month, second),
            None => (month(second)?, first),
        },
        _ => return None,
    };
    let day = day.trim_end_matches(|c: char| c.is_ascii_alphabetic() || c == '.').parse().ok()?;
    // The 29th of February is at most eight years away.
    (0..=8).find_map(|years| {
        let date = Date::from_calendar_date(today.year() + years, month, day).ok()?;
        (date >= today).then_some(date)
    })
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;

    /// A Saturday.
    const TODAY: Date = date!(2026 - 11 - 21);

    fn parse(line: &str) -> (String, String, String) {
        let QuickAdd { title, date, assignee, .. } = QuickAdd::parse(line, TODAY);
        let date = date.map(|date| date.to_string()).unwrap_or_default();
        (title, date, assignee.unwrap_or_default())
    }

    #[test]
    fn a_line_has_a_title_a_date_and_an_assignee() {
        for (line, title, date, assignee) in [
            ("Call the landlord tomorrow @bob", "Call the landlord", "2026-11-22", "bob"),
            ("Call @bob@example.com back today", "Call back", "2026-11-21", "bob@example.com"),
            ("  Send   the report  ", "Send the report", "", ""),
            ("Ask @bob or @bea", "Ask @bob or", "", "bea"),
            ("Write to a@example.com", "Write to a@example.com", "", ""),
            ("Say hello @", "Say hello @", "", ""),
            ("tomorrow", "tomorrow", "", ""),
            ("@bob", "", "", "bob"),
            ("", "", "", ""),
        ] {
            let expected = (title.to_owned(), date.to_owned(), assignee.to_owned());
            assert_eq!(parse(line), expected, "{line}");
        }
    }

    #[test]
    fn a_name_stays_where_it_stood_in_the_whole_title() {
        for (line, title) in [
            ("Ask @zed about it tomorrow", "Ask @zed about it"),
            ("Ask tomorrow @zed", "Ask @zed"),
            ("Ask tomorrow", "Ask"),
        ] {
            assert_eq!(QuickAdd::parse(line, TODAY).whole_title, title, "{line}");
        }
    }

    #[test]
    fn a_date_at_the_end_is_the_deadline() {
        for (end, date) in [
            ("Today", "2026-11-21"),
            ("by sunday", "2026-11-22"),
            ("Saturday", "2026-11-28"),
            ("on mon", "2026-11-23"),
            ("Thurs", "2026-11-26"),
            ("next friday", "2026-11-27"),
            ("next week", "2026-11-23"),
            ("in 3 days", "2026-11-24"),
            ("in a week", "2026-11-28"),
            ("2026-12-31", "2026-12-31"),
            ("12/31/26", "2026-12-31"),
            ("until Dec 31 2026", "2026-12-31"),
            ("due december 31, 2026", "2026-12-31"),
            ("24 Dec", "2026-12-24"),
            ("Nov 20", "2027-11-20"),
            ("on November 21st", "2026-11-21"),
            ("29 Feb", "2028-02-29"),
        ] {
            let (title, found, _) = parse(&format!("Do it {end}"));
            assert_eq!((title.as_str(), found.as_str()), ("Do it", date), "{end}");
        }
    }

    #[test]
    fn what_is_no_date_or_stands_elsewhere_stays_in_the_title() {
        for line in [
            "Prepare the Monday meeting",
            "Read tomorrow never dies",
            "Buy 3 days",
            "Leave in 0 days",
            "Wait in 99999999999 weeks",
            "Wait in 2000000000 weeks",
            "Meet on 31 Feb",
            "Come by",
            "Sort the mar",
        ] {
            let (title, date, _) = parse(line);
            assert_eq!((title.as_str(), date.as_str()), (line, ""));
        }
    }
}
