//! Widgets: SQL and row mapping.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::places::{Order, Place};
use super::writer::JobError;
use super::{Conditions, page, page_by_place, places, search, users};
use crate::domain::{
    Deadline, InfoUrl, NewWidget, Page, PageRequest, Precondition, Put, Timestamp, Version, Widget,
    WidgetChange, WidgetFilter, WidgetName, WidgetSort,
};
use crate::error::Error;

/// What [`from_row`] reads, in its order.
macro_rules! columns {
    () => {
        "w.name, w.info_url, w.deadline, w.created_at, u.email, u.public_id, u.deleted_at IS NOT NULL, w.version"
    };
}

/// Where they come from.
macro_rules! tables {
    () => {
        "widget AS w JOIN user AS u ON u.id = w.owner_id"
    };
}

/// The order of creation.
pub const BY_CREATION: Order =
    Order { list: "widget.created", table: "widget", column: "id", only: "TRUE" };
/// The order of deadlines.
pub const BY_DEADLINE: Order =
    Order { list: "widget.deadline", table: "widget", column: "deadline", only: "TRUE" };

/// What is answered where a widget is asked for that is not there.
pub fn not_found(name: &WidgetName) -> Error {
    Error::NotFound(format!("{} not found in database.", name.as_str()))
}

/// Makes a widget.
pub fn create(connection: &Connection, new: &NewWidget, now: Timestamp) -> Result<(), JobError> {
    if insert(connection, new, now)? {
        return Ok(());
    }
    Err(if find_row(connection, &new.name)?.is_some() {
        is_taken(&new.name)
    } else {
        users::not_found()
    }
    .into())
}

fn is_taken(name: &WidgetName) -> Error {
    Error::Conflict(format!("Widget name: {} already exists, must be unique.", name.as_str()))
}

/// Adds a row, unless the name is taken or the owner is not there.
fn insert(connection: &Connection, new: &NewWidget, now: Timestamp) -> rusqlite::Result<bool> {
    let inserted = connection
        .prepare_cached(
            "INSERT INTO widget (name, info_url, deadline, owner_id, created_at, updated_at, version)
             SELECT ?1, ?2, ?3, id, ?5, ?5, random() FROM user WHERE public_id = ?4 AND deleted_at IS NULL
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            new.name.as_str(),
            new.info_url.as_str(),
            new.deadline.timestamp().as_millis(),
            new.owner.encode(&mut [0; 36]),
            now.as_millis(),
        ])?;
    if inserted == 1 {
        for (order, place) in
            places(connection.last_insert_rowid(), new.deadline.timestamp().as_millis())
        {
            places::added(connection, order, place)?;
        }
    }
    Ok(inserted == 1)
}

/// What a change of a widget has to know of it first.
struct Found {
    id: i64,
    deadline: i64,
    version: Version,
}

/// The widget of that name as it is before a change, if there is one.
fn find_row(connection: &Connection, name: &WidgetName) -> rusqlite::Result<Option<Found>> {
    connection
        .prepare_cached("SELECT id, deadline, version FROM widget WHERE name = ?1")?
        .query_row([name.as_str()], |row| {
            Ok(Found {
                id: row.get(0)?,
                deadline: row.get(1)?,
                version: Version::from_stored(row.get(2)?),
            })
        })
        .optional()
}

/// The widget of that name, which has to be there and may be changed.
fn get_row(
    connection: &Connection,
    name: &WidgetName,
    precondition: &Precondition,
) -> Result<Found, JobError> {
    let found = find_row(connection, name)?.ok_or_else(|| not_found(name))?;
    precondition.check(Some(found.version))?;
    Ok(found)
}

/// A widget by its name.
pub fn find(connection: &Connection, name: &WidgetName) -> rusqlite::Result<Option<Widget>> {
    connection
        .prepare_cached(concat!("SELECT ", columns!(), " FROM ", tables!(), " WHERE w.name = ?1"))?
        .query_row([name.as_str()], from_row)
        .optional()
}

/// A page of widgets, and the number of all that are asked for: both from one moment.
pub fn list(
    connection: &Connection,
    filter: &WidgetFilter,
    request: PageRequest,
    now: Timestamp,
) -> rusqlite::Result<Page<Widget>> {
    let owner =
        filter.owner.as_ref().map(|owner| users::find_row(connection, owner)).transpose()?;
    let (before, after) = (
        filter.deadline_before.map(Timestamp::as_millis),
        filter.deadline_after.map(Timestamp::as_millis),
    );
    let (overdue, in_time, now) =
        (filter.overdue == Some(true), filter.overdue == Some(false), now.as_millis());
    let words = filter.search.as_ref().map(search::expression);
    let conditions = Conditions::default()
        .and("w.owner_id = ?", owner.as_ref())
        .and("w.deadline < ?", before.as_ref())
        .and("w.deadline >= ?", after.as_ref())
        .and("w.deadline < ?", overdue.then_some(&now))
        .and("w.deadline >= ?", in_time.then_some(&now))
        .and("w.id IN (SELECT rowid FROM widget_text WHERE widget_text MATCH ?)", words.as_ref());
    let (order, is_descending) = (order_of(filter.sort.key), filter.sort.is_descending);
    if conditions.is_empty() {
        return page_by_place(
            connection,
            request,
            order,
            is_descending,
            columns!(),
            (tables!(), "w"),
            from_row,
        );
    }
    let direction = if is_descending { "DESC" } else { "ASC" };
    page(
        connection,
        request,
        columns!(),
        &format!("{} WHERE {}", tables!(), conditions.to_sql("TRUE")),
        &format!("w.{} {direction}, w.id {direction}", order.column),
        &conditions.values(),
        from_row,
    )
}

fn order_of(sort: WidgetSort) -> Order {
    match sort {
        WidgetSort::CreatedAt => BY_CREATION,
        WidgetSort::Deadline => BY_DEADLINE,
    }
}

/// What has a place in each order: a widget's row, and its deadline.
fn places(id: i64, deadline: i64) -> [(Order, Place); 2] {
    [(BY_CREATION, Place { key: id, id }), (BY_DEADLINE, Place { key: deadline, id })]
}

/// Puts a widget where its new deadline belongs.
fn move_to(
    connection: &Connection,
    Found { id, deadline, .. }: Found,
    new: i64,
) -> rusqlite::Result<()> {
    if deadline == new {
        return Ok(());
    }
    places::removed(connection, BY_DEADLINE, Place { key: deadline, id })?;
    places::added(connection, BY_DEADLINE, Place { key: new, id })
}

/// Changes a widget, or makes it.
pub fn put(
    connection: &Connection,
    widget: &NewWidget,
    precondition: &Precondition,
    now: Timestamp,
) -> Result<Put, JobError> {
    let found = find_row(connection, &widget.name)?;
    precondition.check(found.as_ref().map(|found| found.version))?;
    let Some(found) = found else {
        create(connection, widget, now)?;
        return Ok(Put::Created);
    };
    connection
        .prepare_cached(
            "UPDATE widget SET info_url = ?2, deadline = ?3, updated_at = ?4, version = random() WHERE name = ?1",
        )?
        .execute(params![
            widget.name.as_str(),
            widget.info_url.as_str(),
            widget.deadline.timestamp().as_millis(),
            now.as_millis(),
        ])?;
    move_to(connection, found, widget.deadline.timestamp().as_millis())?;
    Ok(Put::Updated)
}

/// Changes some of a widget.
pub fn update(
    connection: &Connection,
    name: &WidgetName,
    change: &WidgetChange,
    precondition: &Precondition,
    now: Timestamp,
) -> Result<Widget, JobError> {
    let found = get_row(connection, name, precondition)?;
    let new_name = change.name.as_ref().unwrap_or(name);
    let updated = connection
        .prepare_cached(
            "UPDATE OR IGNORE widget SET name = ?2, info_url = coalesce(?3, info_url), deadline = coalesce(?4, deadline),
                                         updated_at = ?5, version = random()
             WHERE name = ?1",
        )?
        .execute(params![
            name.as_str(),
            new_name.as_str(),
            change.info_url.as_ref().map(InfoUrl::as_str),
            change.deadline.map(|deadline| deadline.timestamp().as_millis()),
            now.as_millis(),
        ])?;
    if updated == 0 {
        return Err(is_taken(new_name).into());
    }
    let widget = find(connection, new_name)?.ok_or_else(|| not_found(new_name))?;
    move_to(connection, found, widget.deadline.timestamp().as_millis())?;
    Ok(widget)
}

/// Deletes a widget.
pub fn delete(
    connection: &Connection,
    name: &WidgetName,
    precondition: &Precondition,
) -> Result<(), JobError> {
    let Found { id, deadline, .. } = get_row(connection, name, precondition)?;
    connection.prepare_cached("DELETE FROM widget WHERE id = ?1")?.execute([id])?;
    for (order, place) in places(id, deadline) {
        places::removed(connection, order, place)?;
    }
    Ok(())
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Widget> {
    Ok(Widget {
        name: WidgetName::from_stored(row.get(0)?),
        info_url: InfoUrl::from_stored(row.get(1)?),
        deadline: Deadline::from_stored(Timestamp::from_millis(row.get(2)?)),
        created_at: Timestamp::from_millis(row.get(3)?),
        owner: users::owner(row, 4)?,
        version: Version::from_stored(row.get(7)?),
    })
}
