//! Widgets: SQL and row mapping.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::users::parsed;
use super::writer::JobError;
use super::{page, users};
use crate::domain::{
    Deadline, Email, InfoUrl, NewWidget, Owner, Page, PageRequest, PublicId, Put, Timestamp, Widget, WidgetName,
};
use crate::error::Error;

/// What [`from_row`] reads, in its order.
macro_rules! columns {
    () => {
        "w.name, w.info_url, w.deadline, w.created_at, u.email, u.public_id, u.deleted_at IS NOT NULL"
    };
}

/// Where they come from.
macro_rules! tables {
    () => {
        "widget AS w JOIN user AS u ON u.id = w.owner_id"
    };
}

/// What is answered where a widget is asked for that is not there.
pub fn not_found(name: &WidgetName) -> Error {
    Error::NotFound(format!("{} not found in database.", name.as_str()))
}

/// Makes a widget.
pub fn create(connection: &Connection, new: &NewWidget, now: Timestamp) -> Result<(), JobError> {
    if insert(connection, new, now)? {
        return Ok(());
    }
    let name = new.name.as_str();
    Err(if exists(connection, &new.name)? {
        Error::Conflict(format!("Widget name: {name} already exists, must be unique."))
    } else {
        users::not_found()
    }
    .into())
}

/// Adds a row, unless the name is taken or the owner is not there.
fn insert(connection: &Connection, new: &NewWidget, now: Timestamp) -> rusqlite::Result<bool> {
    let inserted = connection
        .prepare_cached(
            "INSERT INTO widget (name, info_url, deadline, owner_id, created_at, updated_at)
             SELECT ?1, ?2, ?3, id, ?5, ?5 FROM user WHERE public_id = ?4 AND deleted_at IS NULL
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![
            new.name.as_str(),
            new.info_url.as_str(),
            new.deadline.timestamp().as_millis(),
            new.owner.encode(&mut [0; 36]),
            now.as_millis(),
        ])?;
    Ok(inserted == 1)
}

fn exists(connection: &Connection, name: &WidgetName) -> rusqlite::Result<bool> {
    connection
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM widget WHERE name = ?1)")?
        .query_row([name.as_str()], |row| row.get(0))
}

/// A widget by its name.
pub fn find(connection: &Connection, name: &WidgetName) -> rusqlite::Result<Option<Widget>> {
    connection
        .prepare_cached(concat!("SELECT ", columns!(), " FROM ", tables!(), " WHERE w.name = ?1"))?
        .query_row([name.as_str()], from_row)
        .optional()
}

/// A page of widgets, oldest first, and the number of all: both from one moment.
pub fn list(connection: &Connection, request: PageRequest) -> rusqlite::Result<Page<Widget>> {
    page(connection, request, columns!(), tables!(), "w.id", &[], from_row)
}

/// Changes a widget, or makes it.
pub fn put(connection: &Connection, widget: &NewWidget, now: Timestamp) -> Result<Put, JobError> {
    let updated = connection
        .prepare_cached("UPDATE widget SET info_url = ?2, deadline = ?3, updated_at = ?4 WHERE name = ?1")?
        .execute(params![
            widget.name.as_str(),
            widget.info_url.as_str(),
            widget.deadline.timestamp().as_millis(),
            now.as_millis(),
        ])?;
    if updated == 1 {
        return Ok(Put::Updated);
    }
    create(connection, widget, now)?;
    Ok(Put::Created)
}

/// Deletes a widget.
pub fn delete(connection: &Connection, name: &WidgetName) -> Result<(), JobError> {
    match connection.prepare_cached("DELETE FROM widget WHERE name = ?1")?.execute([name.as_str()])? {
        0 => Err(not_found(name).into()),
        _ => Ok(()),
    }
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Widget> {
    Ok(Widget {
        name: WidgetName::from_stored(row.get(0)?),
        info_url: InfoUrl::from_stored(row.get(1)?),
        deadline: Deadline::from_stored(Timestamp::from_millis(row.get(2)?)),
        created_at: Timestamp::from_millis(row.get(3)?),
        owner: Owner {
            email: Email::from_stored(row.get(4)?),
            public_id: parsed(row, 5, PublicId::parse)?,
            is_former: row.get(6)?,
        },
    })
}
