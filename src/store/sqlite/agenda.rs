//! The agenda: SQL. All is counted and found in indexes, and up to a bound, so that the cost does not
//! grow with the data.

use std::cmp::Reverse;
use std::ops::Range;

use async_trait::async_trait;
use rusqlite::{Connection, Params, Row, params};

use super::engine::SqliteStore;
use super::snapshots::snapshot;
use super::tasks::TASKS;
use super::user_rows;
use super::widgets::WIDGETS;
use crate::domain::{
    Agenda, AgendaItem, AgendaSection, AgendaStore, Authority, Load, Timestamp, Urgency, UserRef,
    Zone, sees_only,
};
use crate::error::Error;

/// The open tasks of an assignee, or nobody's, whose status follows.
const TASKS_OF: &str = "task INDEXED BY task_open WHERE assignee_id IS ?1 AND ";
/// The tasks of everybody, whose status follows.
const ALL_TASKS: &str = "task INDEXED BY task_by_status WHERE ";
const ALL_WIDGETS: &str = "widget INDEXED BY widget_by_deadline WHERE ";

const IS_PENDING: &str = "status = 'pending'";
const IS_IN_PROGRESS: &str = "status = 'in_progress'";
const IS_OPEN: &str = "(status = 'pending' OR status = 'in_progress')";

const IS_DUE: &str = "deadline >= ?2 AND deadline < ?3";

#[async_trait]
impl AgendaStore for SqliteStore {
    async fn read_agenda(&self, reader: Authority, now: Timestamp) -> Result<Agenda, Error> {
        let zone = self.zone.clone();
        self.read_page(Some(reader.user), false, move |connection| {
            read(connection, reader, &zone, now)
        })
        .await
    }
}

pub fn read(
    connection: &Connection,
    reader: Authority,
    zone: &Zone,
    now: Timestamp,
) -> rusqlite::Result<Agenda> {
    let _snapshot = snapshot(connection)?;
    let me = user_rows::find_row(connection, &UserRef::Id(reader.user))?;
    let only = sees_only(reader).map(|_| me);
    let section = |urgency: Urgency| section(connection, me, urgency, zone, now);
    let first_day = Agenda::first_day(now, zone);
    Ok(Agenda {
        sections: [
            section(Urgency::Overdue)?,
            section(Urgency::Today)?,
            section(Urgency::Tomorrow)?,
            section(Urgency::Week)?,
            section(Urgency::Later)?,
            section(Urgency::NoDate)?,
        ],
        first_day,
        deadlines: deadlines(connection, only, Agenda::days(first_day, zone))?,
        load: if only.is_some() { Vec::new() } else { load(connection, now)? },
    })
}

fn section(
    snapshot: &Connection,
    me: i64,
    urgency: Urgency,
    zone: &Zone,
    now: Timestamp,
) -> rusqlite::Result<AgendaSection> {
    let (keys, count) = match urgency.deadlines(now, zone) {
        Some(due) => due_then(snapshot, me, due, now)?,
        None => tasks(snapshot, "deadline IS NULL", [me])?,
    };
    Ok(AgendaSection { urgency, count, items: items(snapshot, keys)? })
}

/// The row id of an item.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Task(i64),
    Widget(i64),
}

/// Items with their deadlines, by which they are sorted, and how many there are.
type Keys = (Vec<(Option<Timestamp>, Key)>, u32);

/// The reader's tasks and the widgets that are due then.
fn due_then(
    snapshot: &Connection,
    me: i64,
    Range { start, end }: Range<Timestamp>,
    now: Timestamp,
) -> rusqlite::Result<Keys> {
    let (mut keys, tasks) = tasks(snapshot, IS_DUE, (me, start, end))?;
    let since = start.max(now.plus_seconds(-Agenda::PASSED_SECONDS));
    let widgets = format!("{ALL_WIDGETS}{IS_DUE}");
    let due = (None::<i64>, since, end);
    keys.extend(first(snapshot, &widgets, due, Key::Widget)?);
    Ok((keys, tasks + count(snapshot, &widgets, due)?))
}

/// The reader's tasks. The first value is the row id of the reader.
fn tasks(
    snapshot: &Connection,
    condition: &str,
    values: impl Params + Copy,
) -> rusqlite::Result<Keys> {
    let mut keys = Vec::new();
    // Each status is a part of the index, and has its rows by deadline.
    for status in [IS_PENDING, IS_IN_PROGRESS] {
        let rows = format!("{TASKS_OF}{status} AND {condition}");
        keys.extend(first(snapshot, &rows, values, Key::Task)?);
    }
    Ok((keys, count(snapshot, &format!("{TASKS_OF}{IS_OPEN} AND {condition}"), values)?))
}

/// The first rows by deadline.
fn first(
    snapshot: &Connection,
    rows: &str,
    values: impl Params,
    key: fn(i64) -> Key,
) -> rusqlite::Result<Vec<(Option<Timestamp>, Key)>> {
    let most = Agenda::ITEMS;
    let sql = format!("SELECT deadline, id FROM {rows} ORDER BY deadline, id LIMIT {most}");
    let read = |row: &Row<'_>| Ok((row.get(0)?, key(row.get(1)?)));
    snapshot.prepare_cached(&sql)?.query_map(values, read)?.collect()
}

fn count(snapshot: &Connection, rows: &str, values: impl Params) -> rusqlite::Result<u32> {
    let sql = format!("SELECT {}", count_of(rows, Agenda::MOST_OF_A_KIND));
    snapshot.prepare_cached(&sql)?.query_row(values, |row| row.get(0))
}

/// An expression that counts rows up to a bound.
fn count_of(rows: &str, most: u32) -> String {
    format!("(SELECT count(*) FROM (SELECT 1 FROM {rows} LIMIT {most}))")
}

/// The first of these items.
fn items(
    snapshot: &Connection,
    mut keys: Vec<(Option<Timestamp>, Key)>,
) -> rusqlite::Result<Vec<AgendaItem>> {
    let mut task = snapshot.prepare_cached(&TASKS.to_list_sql("t.id = ?1"))?;
    let mut widget = snapshot.prepare_cached(&WIDGETS.to_list_sql("w.id = ?1"))?;
    let mut item = |(_, key)| match key {
        Key::Task(id) => task.query_row([id], TASKS.from_row).map(AgendaItem::Task),
        Key::Widget(id) => widget.query_row([id], WIDGETS.from_row).map(AgendaItem::Widget),
    };
    keys.sort_unstable();
    keys.into_iter().take(Agenda::ITEMS as usize).map(&mut item).collect()
}

/// How many deadlines each day has; of the tasks of one assignee, if they see no others.
fn deadlines(
    snapshot: &Connection,
    only: Option<i64>,
    days: impl Iterator<Item = Range<Timestamp>>,
) -> rusqlite::Result<Vec<u32>> {
    let (tasks, most) = (if only.is_some() { TASKS_OF } else { ALL_TASKS }, Agenda::MOST_A_DAY);
    let sql = format!(
        "SELECT min({most}, {} + {})",
        count_of(&format!("{tasks}{IS_OPEN} AND {IS_DUE}"), most),
        count_of(&format!("{ALL_WIDGETS}{IS_DUE}"), most),
    );
    let mut count = snapshot.prepare_cached(&sql)?;
    days.map(|day| count.query_row((only, day.start, day.end), |row| row.get(0))).collect()
}

/// Who has which open tasks. From each assignee, the index leads to the next one.
fn load(snapshot: &Connection, now: Timestamp) -> rusqlite::Result<Vec<Load>> {
    let mut next = snapshot.prepare_cached(&format!(
        "SELECT min(assignee_id) FROM task INDEXED BY task_open WHERE assignee_id > ?1 AND {IS_OPEN}"
    ))?;
    let (mut all, mut last) = (Vec::new(), 0);
    while all.len() < Agenda::ASSIGNEES
        && let Some(row) = next.query_row([last], |row| row.get(0))?
    {
        all.push((row, load_of(snapshot, Some(row), now)?));
        last = row;
    }
    let total = |load: &Load| load.overdue + load.in_progress + load.pending;
    all.sort_by_key(|(_, load)| Reverse(total(load)));
    all.truncate(Agenda::PEOPLE);
    let named = |(row, load)| {
        let assignee = user_rows::find_summary(snapshot, row)?;
        Ok(Load { assignee, ..load })
    };
    let mut all = all.into_iter().map(named).collect::<rusqlite::Result<Vec<_>>>()?;
    all.extend(Some(load_of(snapshot, None, now)?).filter(|nobodys| total(nobodys) > 0));
    Ok(all)
}

/// The open tasks of an assignee, who is not named yet, or nobody's.
fn load_of(snapshot: &Connection, assignee: Option<i64>, now: Timestamp) -> rusqlite::Result<Load> {
    let most = Agenda::MOST_OF_ONE;
    let not_overdue = |status: &str| {
        let rows = format!("{TASKS_OF}{status} AND deadline");
        count_of(&format!("{rows} IS NULL UNION ALL SELECT 1 FROM {rows} >= ?2"), most)
    };
    let sql = format!(
        "SELECT {}, {}, {}",
        count_of(&format!("{TASKS_OF}{IS_OPEN} AND deadline < ?2"), most),
        not_overdue(IS_IN_PROGRESS),
        not_overdue(IS_PENDING),
    );
    snapshot.prepare_cached(&sql)?.query_row(params![assignee, now], |row| {
        let (overdue, in_progress, pending) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(Load { assignee: None, overdue, in_progress, pending })
    })
}
