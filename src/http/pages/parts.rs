//! The parts of records that several pages show: faces, rings, tasks and widgets as rows.

use url::Url;

use super::days::Due;
use crate::domain::{
    Agenda, AgendaItem, Task, TaskStatus, Timestamp, UserSummary, Version, Widget, Zone,
};
use crate::http::wire::escape_segment;

/// How many characters of a text a row has. The style sheet cuts it to the row's width.
const EXCERPT_CHARS: usize = 80;

/// How many colours faces have.
const COLOURS: u8 = 5;

/// A user as others see them.
pub struct Face {
    pub initials: String,
    /// From 0.
    pub colour: u8,
    pub name: String,
    /// What tells the user from all others.
    pub label: String,
    pub id: String,
    pub is_deleted: bool,
}

impl Face {
    pub fn of(user: &UserSummary) -> Self {
        let name = user.names.called();
        Self {
            initials: initials(name),
            colour: user.public_id.to_string().bytes().fold(0, u8::wrapping_add) % COLOURS,
            name: name.to_owned(),
            label: user.names.label().to_owned(),
            id: user.public_id.to_string(),
            is_deleted: user.is_deleted,
        }
    }
}

/// The first letters of the first two words, or of the parts of an e-mail address's name.
pub fn initials(name: &str) -> String {
    let name = name.split_once('@').map_or(name, |(local, _)| local);
    let words = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    let letters = words.take(2).filter_map(|word| word.chars().next());
    let initials: String = letters.flat_map(char::to_uppercase).collect();
    if initials.is_empty() { "?".to_owned() } else { initials }
}

/// A change of status that a row offers.
pub struct Move {
    pub label: &'static str,
    pub to: &'static str,
}

impl Move {
    const fn new(label: &'static str, to: TaskStatus) -> Self {
        Self { label, to: to.as_str() }
    }
}

/// A task in a list.
pub struct TaskRow {
    pub id: String,
    /// The one that is shown.
    pub version: Version,
    pub title: String,
    pub excerpt: String,
    pub status: TaskStatus,
    pub due: Option<Due>,
    pub assignee: Option<Face>,
}

impl TaskRow {
    pub fn of(task: &Task, now: Timestamp, zone: &Zone) -> Self {
        let is_open = is_open(task.status);
        Self {
            id: task.id.to_string(),
            version: task.version,
            title: task.title.as_str().to_owned(),
            excerpt: excerpt(task.description.as_str()),
            status: task.status,
            due: task.deadline.map(|deadline| Due::new(deadline, is_open, now, zone)),
            assignee: task.assignee.as_ref().map(Face::of),
        }
    }

    /// What a press on the ring does: it ticks the task off, or takes that back.
    pub fn tick(&self, is_manager: bool) -> Option<Move> {
        match self.status {
            TaskStatus::Pending | TaskStatus::InProgress => {
                Some(Move::new("Mark as done", TaskStatus::Done))
            }
            TaskStatus::Done => Some(Move::new("Reopen", TaskStatus::InProgress)),
            TaskStatus::Cancelled => is_manager.then_some(Move::new("Reopen", TaskStatus::Pending)),
        }
    }
}

/// A widget in a list.
pub struct WidgetRow {
    /// The record's, relative to the root.
    pub address: String,
    pub name: String,
    pub info_url: String,
    /// What its checkbox says.
    pub seen: String,
    /// That of `info_url`.
    pub host: String,
    pub due: Due,
    pub owner: Face,
}

impl WidgetRow {
    pub fn of(widget: &Widget, now: Timestamp, zone: &Zone) -> Self {
        let info_url = widget.info_url.as_str();
        let url = Url::parse(info_url).ok();
        Self {
            address: record_address("widgets", widget.name.as_str()),
            name: widget.name.as_str().to_owned(),
            seen: format!("{}.{}", widget.name.as_str(), widget.version),
            info_url: info_url.to_owned(),
            host: url.as_ref().and_then(Url::host_str).unwrap_or_default().to_owned(),
            due: widget_due(widget, now, zone),
            owner: Face::of(&widget.owner),
        }
    }
}

/// A row of the agenda.
pub enum Row {
    Task(TaskRow),
    Widget(WidgetRow),
}

impl Row {
    pub fn of(item: &AgendaItem, now: Timestamp, zone: &Zone) -> Self {
        match item {
            AgendaItem::Task(task) => Self::Task(TaskRow::of(task, now, zone)),
            AgendaItem::Widget(widget) => Self::Widget(WidgetRow::of(widget, now, zone)),
        }
    }
}

/// The deadline of a widget. As in the agenda, nobody waits for one that has passed long ago.
pub fn widget_due(widget: &Widget, now: Timestamp, zone: &Zone) -> Due {
    let is_open = !widget.deadline.has_passed(now.plus_seconds(-Agenda::PASSED_SECONDS));
    Due::new(widget.deadline, is_open, now, zone)
}

/// The changes of status that a user may make, the most likely one first.
pub fn moves(status: TaskStatus, is_manager: bool) -> Vec<Move> {
    use TaskStatus::{Cancelled, Done, InProgress, Pending};
    let moves: &[(&'static str, TaskStatus)] = match (status, is_manager) {
        (Pending, _) => &[("Start", InProgress), ("Done", Done), ("Cancel task", Cancelled)],
        (InProgress, _) => &[("Done", Done), ("Put back", Pending), ("Cancel task", Cancelled)],
        (Done, _) => &[("Reopen", InProgress)],
        (Cancelled, true) => &[("Reopen", Pending)],
        (Cancelled, false) => &[],
    };
    let allowed = moves.iter().filter(|(_, to)| is_manager || *to != Cancelled);
    allowed.map(|(label, to)| Move::new(label, *to)).collect()
}

pub const fn is_open(status: TaskStatus) -> bool {
    matches!(status, TaskStatus::Pending | TaskStatus::InProgress)
}

/// A status in words.
pub const fn status_in_words(status: TaskStatus) -> &'static str {
    match status {
        TaskStatus::Pending => "To do",
        TaskStatus::InProgress => "In progress",
        TaskStatus::Done => "Done",
        TaskStatus::Cancelled => "Cancelled",
    }
}

/// The beginning of a text on one line.
pub fn excerpt(text: &str) -> String {
    let beginning: String = text.chars().take(EXCERPT_CHARS).collect();
    let dots = if beginning.len() < text.len() { "…" } else { "" };
    beginning.split_whitespace().collect::<Vec<_>>().join(" ") + dots
}

/// The address of a record, relative to the root.
pub fn record_address(page: &str, key: &str) -> String {
    format!("{page}/{}", escape_segment(key))
}

/// A piece of a text: plain, or the address of a link.
#[derive(Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    Text(&'a str),
    Link(&'a str),
}

/// A text with the addresses in it as links. Only http and https: others could run a script.
pub fn with_links(text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some(start) = find_address(rest) {
        let found = &rest[start..];
        let end = found.find(|c: char| c.is_whitespace() || "<>\"".contains(c));
        let address = found[..end.unwrap_or(found.len())].trim_end_matches(is_punctuation);
        pieces.push(Piece::Text(&rest[..start]));
        pieces.push(Piece::Link(address));
        rest = &found[address.len()..];
    }
    pieces.push(Piece::Text(rest));
    pieces.retain(|piece| *piece != Piece::Text(""));
    pieces
}

/// Where the next address begins that has something behind its `//`.
fn find_address(text: &str) -> Option<usize> {
    let begins = |(at, _): &(usize, &str)| {
        let rest = &text[*at..];
        let host = rest.strip_prefix("https://").or_else(|| rest.strip_prefix("http://"));
        host.is_some_and(|host| host.starts_with(char::is_alphanumeric))
    };
    text.match_indices("http").find(begins).map(|(at, _)| at)
}

/// What ends a sentence, not an address.
const fn is_punctuation(c: char) -> bool {
    matches!(c, '.' | ',' | ';' | ':' | '!' | '?' | ')' | ']' | '}' | '\'' | '*')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Role, check_move};

    #[test]
    fn initials_are_those_of_two_words() {
        for (name, expected) in [
            ("Ada Lovelace", "AL"),
            ("ada", "A"),
            ("grace.hopper@example.com", "GH"),
            ("مراجعة عقد", "مع"),
            ("ß", "SS"),
            ("***", "?"),
        ] {
            assert_eq!(initials(name), expected, "{name}");
        }
    }

    #[test]
    fn every_move_that_is_offered_is_allowed() {
        for status in TaskStatus::ALL.iter().copied() {
            for role in [Role::Employee, Role::Manager] {
                for Move { to, .. } in moves(status, role.is_manager()) {
                    let to = TaskStatus::ALL.iter().find(|known| known.as_str() == to).unwrap();
                    assert!(check_move(status, *to, role).is_ok(), "{status:?} {to:?}");
                }
            }
        }
    }

    #[test]
    fn addresses_become_links_and_nothing_else_does() {
        use Piece::{Link, Text};
        for (text, expected) in [
            ("", vec![]),
            ("no link", vec![Text("no link")]),
            (
                "See https://example.org/a?b=c, then (http://x.y).",
                vec![
                    Text("See "),
                    Link("https://example.org/a?b=c"),
                    Text(", then ("),
                    Link("http://x.y"),
                    Text(")."),
                ],
            ),
            ("javascript:alert(1) http://", vec![Text("javascript:alert(1) http://")]),
            ("http://a\"onclick=x", vec![Link("http://a"), Text("\"onclick=x")]),
            ("httphttp://é.example/ü", vec![Text("http"), Link("http://é.example/ü")]),
        ] {
            assert_eq!(with_links(text), expected, "{text}");
        }
    }
}
