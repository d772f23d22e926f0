//! Tasks: SQL and row mapping.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::places::{Order, Place};
use super::users::parsed;
use super::writer::JobError;
use super::{Conditions, page, page_by_place, places, search, users};
use crate::domain::{
    Deadline, Description, NewTask, Page, PageRequest, Precondition, RequestContext, Sort, Task,
    TaskChange, TaskFilter, TaskId, TaskSort, TaskStatus, Timestamp, Title, UserId, UserRef,
    Version, Viewer, check_move,
};
use crate::error::Error;

/// What [`from_row`] reads, in its order.
const COLUMNS: &str =
    "t.public_id, t.version, t.title, t.description, t.status, t.deadline, t.created_at, t.updated_at,
     c.email, c.public_id, c.deleted_at IS NOT NULL, a.email, a.public_id, a.deleted_at IS NOT NULL";

/// Where they come from.
const TABLES: &str =
    "task AS t JOIN user AS c ON c.id = t.creator_id LEFT JOIN user AS a ON a.id = t.assignee_id";

/// The condition of who sees some tasks alone.
const IS_THEIRS: &str = "t.assignee_id = (SELECT id FROM user WHERE public_id = ?)";

/// The order of creation.
pub const BY_CREATION: Order =
    Order { list: "task.created", table: "task", column: "id", only: "TRUE" };

/// What is answered where a task is asked for that is not there, or not seen.
pub fn not_found() -> Error {
    Error::no_such("task")
}

/// Makes a task.
pub fn create(
    connection: &Connection,
    new: &NewTask,
    context: &RequestContext,
) -> Result<Task, JobError> {
    let assignee = find_assignee(connection, new.assignee.as_ref())?;
    let created = connection
        .prepare_cached(
            "INSERT INTO task (public_id, title, description, status, deadline, assignee_id, creator_id,
                               created_at, updated_at, version)
             SELECT ?1, ?2, ?3, ?4, ?5, (SELECT id FROM user WHERE public_id = ?6), id, ?8, ?8, random()
             FROM user WHERE public_id = ?7 AND deleted_at IS NULL",
        )?
        .execute(params![
            new.id.encode(&mut [0; 36]),
            new.title.as_str(),
            new.description.as_str(),
            new.status.as_str(),
            new.deadline.map(|deadline| deadline.timestamp().as_millis()),
            assignee.map(|id| id.to_string()),
            new.creator.encode(&mut [0; 36]),
            context.at.as_millis(),
        ])?;
    if created == 0 {
        return Err(users::not_found().into());
    }
    let row = connection.last_insert_rowid();
    places::added(connection, BY_CREATION, Place { key: row, id: row })?;
    get(connection, new.id, Viewer::Manager(new.creator))
}

/// The account that a task is to be assigned to, if it is to be.
fn find_assignee(
    connection: &Connection,
    account: Option<&UserRef>,
) -> Result<Option<UserId>, JobError> {
    let Some(account) = account else { return Ok(None) };
    let why = || Error::invalid("assignee", format!("there is no account {}", account.folded()));
    Ok(Some(users::find(connection, account)?.ok_or_else(why)?.public_id))
}

/// A task, if it is there and may be seen.
pub fn find(connection: &Connection, id: TaskId, viewer: Viewer) -> rusqlite::Result<Option<Task>> {
    let (id, only) = (id.to_string(), viewer.sees_only().map(|account| account.to_string()));
    let conditions =
        Conditions::default().and("t.public_id = ?", Some(&id)).and(IS_THEIRS, only.as_ref());
    connection
        .prepare_cached(&format!(
            "SELECT {COLUMNS} FROM {TABLES} WHERE {}",
            conditions.to_sql("TRUE")
        ))?
        .query_row(conditions.values().as_slice(), from_row)
        .optional()
}

/// A task that has to be there and seen.
fn get(connection: &Connection, id: TaskId, viewer: Viewer) -> Result<Task, JobError> {
    Ok(find(connection, id, viewer)?.ok_or_else(not_found)?)
}

/// A page of the tasks that somebody may see, and the number of all: both from one moment.
pub fn list(
    connection: &Connection,
    filter: &TaskFilter,
    viewer: Viewer,
    now: Timestamp,
    request: PageRequest,
) -> rusqlite::Result<Page<Task>> {
    const IS_OVERDUE: &str = "(t.deadline < ? AND t.status NOT IN ('done', 'cancelled')) IS TRUE";
    const IS_NOT_OVERDUE: &str =
        "(t.deadline < ? AND t.status NOT IN ('done', 'cancelled')) IS NOT TRUE";
    const IS_NOT_THEIRS: &str = "t.assignee_id IS NOT (SELECT id FROM user WHERE public_id = ?)";
    let (only, me) =
        (viewer.sees_only().map(|account| account.to_string()), viewer.account().to_string());
    let me_if = |wanted| (filter.is_mine == Some(wanted)).then_some(&me);
    let status = filter.status.map(TaskStatus::as_str);
    let assignee =
        filter.assignee.as_ref().map(|account| users::find_row(connection, account)).transpose()?;
    let [before, after] =
        [filter.deadline_before, filter.deadline_after].map(|at| at.map(Timestamp::as_millis));
    let now = now.as_millis();
    let now_if = |wanted| (filter.is_overdue == Some(wanted)).then_some(&now);
    let words = filter.search.as_ref().map(search::expression);
    let conditions = Conditions::default()
        .and(IS_THEIRS, only.as_ref())
        .and(IS_THEIRS, me_if(true))
        .and(IS_NOT_THEIRS, me_if(false))
        .and("t.status = ?", status.as_ref())
        .and("t.assignee_id = ?", assignee.as_ref())
        .and("t.deadline < ?", before.as_ref())
        .and("t.deadline >= ?", after.as_ref())
        .and(IS_OVERDUE, now_if(true))
        .and(IS_NOT_OVERDUE, now_if(false))
        .and("t.id IN (SELECT rowid FROM task_text WHERE task_text MATCH ?)", words.as_ref());
    let is_by_creation = filter.sort.is_none_or(|sort| sort.key == TaskSort::CreatedAt);
    if conditions.is_empty() && is_by_creation {
        let is_descending = filter.sort.is_some_and(|sort| sort.is_descending);
        return page_by_place(
            connection,
            request,
            BY_CREATION,
            is_descending,
            COLUMNS,
            (TABLES, "t"),
            from_row,
        );
    }
    let from = format!("{TABLES} WHERE {}", conditions.to_sql("TRUE"));
    page(connection, request, COLUMNS, &from, order(filter.sort), &conditions.values(), from_row)
}

fn order(sort: Option<Sort<TaskSort>>) -> &'static str {
    match sort.map(|sort| (sort.key, sort.is_descending)) {
        None | Some((TaskSort::CreatedAt, false)) => "t.id",
        Some((TaskSort::CreatedAt, true)) => "t.id DESC",
        Some((TaskSort::Deadline, false)) => "t.deadline ASC NULLS LAST, t.id",
        Some((TaskSort::Deadline, true)) => "t.deadline DESC NULLS LAST, t.id DESC",
        Some((TaskSort::UpdatedAt, false)) => "t.updated_at, t.id",
        Some((TaskSort::UpdatedAt, true)) => "t.updated_at DESC, t.id DESC",
    }
}

/// Changes some of a task. What is the same already is no change.
pub fn update(
    connection: &Connection,
    id: TaskId,
    change: &TaskChange,
    viewer: Viewer,
    precondition: &Precondition,
    context: &RequestContext,
) -> Result<Task, JobError> {
    let task = get(connection, id, viewer)?;
    change.check_fields(viewer)?;
    precondition.check(Some(task.version))?;
    let status = change.status.unwrap_or(task.status);
    check_move(task.status, status, viewer)?;
    let old_assignee = task.assignee.as_ref().map(|owner| owner.public_id);
    let assignee = match &change.assignee {
        None => old_assignee,
        Some(account) => find_assignee(connection, account.as_ref())?,
    };
    let title = change.title.as_ref().unwrap_or(&task.title);
    let description = change.description.as_ref().unwrap_or(&task.description);
    let deadline = change.deadline.unwrap_or(task.deadline);
    if (title, description, status, deadline, assignee)
        == (&task.title, &task.description, task.status, task.deadline, old_assignee)
    {
        return Ok(task);
    }
    connection
        .prepare_cached(
            "UPDATE task SET title = ?2, description = ?3, status = ?4, deadline = ?5,
                             assignee_id = (SELECT id FROM user WHERE public_id = ?6), updated_at = ?7,
                             version = random()
             WHERE public_id = ?1",
        )?
        .execute(params![
            id.encode(&mut [0; 36]),
            title.as_str(),
            description.as_str(),
            status.as_str(),
            deadline.map(|deadline| deadline.timestamp().as_millis()),
            assignee.map(|id| id.to_string()),
            context.at.as_millis(),
        ])?;
    get(connection, id, viewer)
}

/// Deletes a task.
pub fn delete(
    connection: &Connection,
    id: TaskId,
    precondition: &Precondition,
) -> Result<(), JobError> {
    let found = connection
        .prepare_cached("SELECT id, version FROM task WHERE public_id = ?1")?
        .query_row([id.encode(&mut [0; 36])], |row| {
            Ok((row.get::<_, i64>(0)?, Version::from_stored(row.get(1)?)))
        })
        .optional()?;
    let (row, version) = found.ok_or_else(not_found)?;
    precondition.check(Some(version))?;
    connection.prepare_cached("DELETE FROM task WHERE id = ?1")?.execute([row])?;
    Ok(places::removed(connection, BY_CREATION, Place { key: row, id: row })?)
}

fn from_row(row: &Row<'_>) -> rusqlite::Result<Task> {
    let is_assigned = row.get::<_, Option<String>>(11)?.is_some();
    Ok(Task {
        id: parsed(row, 0, TaskId::parse)?,
        version: Version::from_stored(row.get(1)?),
        title: Title::from_stored(row.get(2)?),
        description: Description::from_stored(row.get(3)?),
        status: parsed(row, 4, TaskStatus::from_name)?,
        deadline: row
            .get::<_, Option<i64>>(5)?
            .map(|at| Deadline::from_stored(Timestamp::from_millis(at))),
        created_at: Timestamp::from_millis(row.get(6)?),
        updated_at: Timestamp::from_millis(row.get(7)?),
        creator: users::owner(row, 8)?,
        assignee: if is_assigned { Some(users::owner(row, 11)?) } else { None },
    })
}
