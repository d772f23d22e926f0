//! The plots of the first page, drawn by the service. Each has its text.

use time::{Date, Duration};

use super::days::{day_in_words, short_date};
use super::parts::Face;
use crate::domain::{Agenda, Load};

/// Deadlines by day: a column for each week, from Monday down.
pub struct HeatMap {
    pub weeks: Vec<Label>,
    pub days: Vec<Label>,
    pub cells: Vec<Cell>,
    /// The same as a sentence.
    pub text: String,
}

/// A text beside a column or a row.
pub struct Label {
    pub x: u16,
    pub y: u16,
    pub text: String,
}

/// A day.
pub struct Cell {
    pub x: u16,
    pub y: u16,
    pub class: &'static str,
    pub is_today: bool,
    pub title: String,
}

/// Sizes in the units of the picture.
const LEFT: u16 = 24;
const TOP: u16 = 12;
const COLUMN: u16 = 26;
const ROW: u16 = 13;

impl HeatMap {
    pub fn of(agenda: &Agenda, today: Date) -> Self {
        let first = agenda.first_day;
        let date = |n: usize| first.saturating_add(Duration::days(n.try_into().unwrap_or(0)));
        let days = ["Mo", "Tu", "We", "Th", "Fr", "Sa", "Su"];
        let all =
            || agenda.deadlines.iter().zip(0_u16..).map(|(count, n)| (*count, n, date(n.into())));
        let said = all().filter(|(count, ..)| *count > 0);
        let said: Vec<_> = said
            .map(|(count, _, day)| format!("{} {}", day_in_words(day, today), number(count)))
            .collect();
        Self {
            weeks: (0..8)
                .map(|week: u16| {
                    let monday = date(usize::from(week) * 7);
                    let is_first = week == 0 || monday.day() <= 7;
                    let day = monday.day().to_string();
                    let text = if is_first { short_date(monday) } else { day };
                    Label { x: LEFT + week * COLUMN, y: 8, text }
                })
                .collect(),
            days: (0..7)
                .zip(days)
                .map(|(row, day)| Label { x: 0, y: TOP + row * ROW + 9, text: day.to_owned() })
                .collect(),
            cells: all()
                .map(|(count, n, day)| Cell {
                    x: LEFT + n / 7 * COLUMN,
                    y: TOP + n % 7 * ROW,
                    class: class(count, day < today),
                    is_today: day == today,
                    title: format!("{}: {}", day_in_words(day, today), number(count)),
                })
                .collect(),
            text: if said.is_empty() {
                "No deadlines in these weeks".to_owned()
            } else {
                format!("Deadlines by day: {}", said.join(", "))
            },
        }
    }
}

fn number(count: u32) -> String {
    if count < Agenda::MOST_A_DAY { count.to_string() } else { format!("{count} or more") }
}

const fn class(count: u32, is_past: bool) -> &'static str {
    match (count, is_past) {
        (0, _) => "",
        (_, true) => "late",
        (1, _) => "few",
        (2..=3, _) => "some",
        _ => "many",
    }
}

/// Who has what: a bar of a hundred units at most.
pub struct Bar {
    /// `None`: nobody.
    pub face: Option<Face>,
    pub parts: Vec<BarPart>,
    pub total: String,
    /// The same as a sentence.
    pub text: String,
}

/// A part of a bar.
pub struct BarPart {
    pub class: &'static str,
    pub x: u32,
    pub width: u32,
}

/// The bars of all, in proportion to the longest.
pub fn bars(load: &[Load]) -> Vec<Bar> {
    let total = |load: &Load| load.overdue + load.in_progress + load.pending;
    let longest = load.iter().map(total).max().unwrap_or(0).max(1);
    load.iter().map(|load| Bar::of(load, total(load), longest)).collect()
}

impl Bar {
    fn of(load: &Load, total: u32, longest: u32) -> Self {
        let Load { assignee, overdue, in_progress, pending } = load;
        let mut x = 0;
        let mut parts = Vec::new();
        for (class, count) in [("late", *overdue), ("going", *in_progress), ("open", *pending)] {
            // Also one of many is seen.
            let width = (count * 100 / longest).max(u32::from(count > 0) * 2);
            parts.push(BarPart { class, x, width });
            x += width;
        }
        parts.retain(|part| part.width > 0);
        let is_all = [overdue, in_progress, pending].iter().all(|n| **n < Agenda::MOST_OF_ONE);
        let face = assignee.as_ref().map(Face::of);
        let name = face.as_ref().map_or("Nobody", |face| &face.name);
        Self {
            text: format!("{name}: {overdue} overdue, {in_progress} in progress, {pending} to do"),
            total: if is_all { total.to_string() } else { format!("{total}+") },
            face,
            parts,
        }
    }
}

#[cfg(test)]
mod tests {
    use time::macros::date;

    use super::*;
    use crate::domain::{AgendaSection, Urgency};

    #[test]
    fn a_heat_map_has_a_cell_for_each_day_and_says_the_same() {
        let section = |urgency| AgendaSection { urgency, count: 0, items: Vec::new() };
        let mut deadlines = vec![0; usize::from(Agenda::DAYS)];
        deadlines[4] = 1;
        deadlines[12] = 10;
        let agenda = Agenda {
            sections: [
                Urgency::Overdue,
                Urgency::Today,
                Urgency::Tomorrow,
                Urgency::Week,
                Urgency::Later,
                Urgency::NoDate,
            ]
            .map(section),
            first_day: date!(2026 - 11 - 09),
            deadlines,
            load: Vec::new(),
        };
        let map = HeatMap::of(&agenda, date!(2026 - 11 - 21));
        assert_eq!(map.text, "Deadlines by day: 13 Nov 1, today 10 or more");
        assert_eq!(
            (map.cells.len(), map.cells[4].class, map.cells[12].class),
            (56, "late", "many")
        );
        assert!(map.cells[12].is_today && !map.cells[11].is_today);
        assert_eq!((map.cells[7].x, map.cells[7].y), (LEFT + COLUMN, TOP));
        let weeks: Vec<_> = map.weeks.iter().map(|label| label.text.as_str()).collect();
        assert_eq!(weeks, ["9 Nov", "16", "23", "30", "7 Dec", "14", "21", "28"]);
    }

    #[test]
    fn bars_are_in_proportion_and_each_part_is_seen() {
        let load =
            |overdue, in_progress, pending| Load { assignee: None, overdue, in_progress, pending };
        let bars = bars(&[load(1, 0, 99), load(10, 20, 20), load(0, 100, 0)]);
        let widths = |bar: &Bar| bar.parts.iter().map(|part| part.width).collect::<Vec<_>>();
        assert_eq!(
            bars.iter().map(widths).collect::<Vec<_>>(),
            [vec![2, 99], vec![10, 20, 20], vec![100]]
        );
        assert_eq!(bars[1].text, "Nobody: 10 overdue, 20 in progress, 20 to do");
        assert_eq!([&*bars[0].total, &*bars[2].total], ["100", "100+"]);
    }
}
