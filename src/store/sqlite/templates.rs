//! Templates: SQL and row mapping. Whose they are is part of every question, so that somebody
//! else's is as good as none.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::writer::JobError;
use super::{Conditions, page, search, users};
use crate::domain::{
    NewTemplate, Page, PageRequest, Precondition, Template, TemplateBody, TemplateChange,
    TemplateFilter, TemplateName, TemplateSort, Timestamp, UserId, Version,
};
use crate::error::Error;

/// How many templates an account may have, so that nobody fills the disk.
const MOST: u32 = 1_000;

/// What [`from_row`] reads, in its order.
macro_rules! columns {
    () => {
        "name, body, created_at, updated_at, version"
    };
}

/// What is answered where a template is asked for that is not there.
pub fn not_found(name: &TemplateName) -> Error {
    Error::NotFound(format!("{} not found in database.", name.as_str()))
}

fn is_taken(name: &TemplateName) -> Error {
    Error::Conflict(format!("Template name: {} already exists, must be unique.", name.as_str()))
}

/// Makes a template.
pub fn create(
    connection: &Connection,
    new: &NewTemplate,
    now: Timestamp,
) -> Result<Template, JobError> {
    let present: u32 = connection
        .prepare_cached("SELECT count(*) FROM template WHERE owner_id = (SELECT id FROM user WHERE public_id = ?1)")?
        .query_row([new.owner.encode(&mut [0; 36])], |row| row.get(0))?;
    if present >= MOST {
        return Err(Error::Conflict(format!(
            "There are {MOST} templates already, the most there may be."
        ))
        .into());
    }
    let inserted = connection
        .prepare_cached(
            "INSERT INTO template (owner_id, name, body, created_at, updated_at, version)
             SELECT id, ?2, ?3, ?4, ?4, random() FROM user WHERE public_id = ?1 AND deleted_at IS NULL
             ON CONFLICT DO NOTHING",
        )?
        .execute(params![new.owner.encode(&mut [0; 36]), new.name.as_str(), new.body.as_str(), now.as_millis(),])?;
    match find(connection, new.owner, &new.name)? {
        Some(template) if inserted == 1 => Ok(template),
        Some(_) => Err(is_taken(&new.name).into()),
        None => Err(users::not_found().into()),
    }
}

/// The row and the version of somebody's template of that name, if there is one.
fn find_version(
    connection: &Connection,
    owner: UserId,
    name: &TemplateName,
) -> rusqlite::Result<Option<(i64, Version)>> {
    connection
        .prepare_cached(
            "SELECT id, version FROM template
             WHERE owner_id = (SELECT id FROM user WHERE public_id = ?1) AND name = ?2",
        )?
        .query_row(params![owner.encode(&mut [0; 36]), name.as_str()], |row| {
            Ok((row.get(0)?, Version::from_stored(row.get(1)?)))
        })
        .optional()
}

/// The row of a template that may be changed.
fn confirm(
    connection: &Connection,
    owner: UserId,
    name: &TemplateName,
    precondition: &Precondition,
) -> Result<i64, JobError> {
    let (id, version) = find_version(connection, owner, name)?.ok_or_else(|| not_found(name))?;
    precondition.check(Some(version))?;
    Ok(id)
}

/// Somebody's template by its name.
pub fn find(
    connection: &Connection,
    owner: UserId,
    name: &TemplateName,
) -> rusqlite::Result<Option<Template>> {
    connection
        .prepare_cached(concat!(
            "SELECT ",
            columns!(),
            " FROM template WHERE owner_id = (SELECT id FROM user WHERE public_id = ?1) AND name = ?2"
        ))?
        .query_row(params![owner.encode(&mut [0; 36]), name.as_str()], from_row)
        .optional()
}

/// A page of somebody's templates.
pub fn list(
    connection: &Connection,
    owner: UserId,
    filter: &TemplateFilter,
    request: PageRequest,
) -> rusqlite::Result<Page<Template>> {
    let (owner, words) = (owner.to_string(), filter.search.as_ref().map(search::expression));
    let conditions = Conditions::default()
        .and("owner_id = (SELECT id FROM user WHERE public_id = ?)", Some(&owner))
        .and("id IN (SELECT rowid FROM template_text WHERE template_text MATCH ?)", words.as_ref());
    let from = format!("template WHERE {}", conditions.to_sql("TRUE"));
    let column = match filter.sort.key {
        TemplateSort::Name => "name",
        TemplateSort::CreatedAt => "created_at",
        TemplateSort::UpdatedAt => "updated_at",
    };
    let direction = if filter.sort.is_descending { "DESC" } else { "ASC" };
    let order = format!("{column} {direction}, id {direction}");
    page(connection, request, columns!(), &from, &order, &conditions.values(), from_row)
}

/// Changes some of a template.
pub fn update(
    connection: &Connection,
    owner: UserId,
    name: &TemplateName,
    change: &TemplateChange,
    precondition: &Precondition,
    now: Timestamp,
) -> Result<Template, JobError> {
    let id = confirm(connection, owner, name, precondition)?;
    connection
        .prepare_cached(concat!(
            "UPDATE template SET name = coalesce(?2, name), body = coalesce(?3, body), updated_at = ?4,
                                 version = random()
             WHERE id = ?1 AND NOT EXISTS (
                 SELECT 1 FROM template AS other
                 WHERE other.owner_id = template.owner_id AND other.name = ?2 AND other.id <> template.id)
             RETURNING ",
            columns!()
        ))?
        .query_row(
            params![
                id,
                change.name.as_ref().map(TemplateName::as_str),
                change.body.as_ref().map(TemplateBody::as_str),
                now.as_millis(),
            ],
            from_row,
        )
        .optional()?
        .ok_or_else(|| is_taken(change.name.as_ref().unwrap_or(name)).into())
}

/// Deletes a template.
pub fn delete(
    connection: &Connection,
    owner: UserId,
    name: &TemplateName,
    precondition: &Precondition,
) -> Result<(), JobError> {
    let id = confirm(connection, owner, name, precondition)?;
    connection.prepare_cached("DELETE FROM template WHERE id = ?1")?.execute([id])?;
    Ok(())
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Template> {
    Ok(Template {
        name: TemplateName::from_stored(row.get(0)?),
        body: TemplateBody::from_stored(row.get(1)?),
        created_at: Timestamp::from_millis(row.get(2)?),
        updated_at: Timestamp::from_millis(row.get(3)?),
        version: Version::from_stored(row.get(4)?),
    })
}
