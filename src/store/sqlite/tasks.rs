//! Tasks: SQL and row mapping.

use std::sync::LazyLock;

use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};

use super::buckets::Buckets;
use super::engine::SqliteStore;
use super::lists::{Order, Select, WhereClause, beginning};
use super::search::ScopedSearch;
use super::transaction::Transaction;
use super::user_rows;
use crate::domain::{
    Authority, Deadline, NewTask, Page, PageRequest, Precondition, RequestContext, Role, Sort,
    Task, TaskChange, TaskFilter, TaskId, TaskSort, TaskStore, Timestamp, UserRef, UserSummary,
    check_move, sees_only,
};
use crate::error::Error;

/// All columns but the description, which may be long.
macro_rules! columns {
    ($description:expr) => {
        concat!(
            "t.public_id, t.version, t.title, t.status, t.deadline, t.created_at, t.updated_at,
             c.email, c.public_id, c.deleted_at IS NOT NULL,
             a.email, a.public_id, a.deleted_at IS NOT NULL, t.assignee_id IS NOT NULL, ",
            $description
        )
    };
}

const TASKS: Select<Task> = Select {
    columns: columns!("t.description, FALSE"),
    tables: "task AS t JOIN user AS c ON c.id = t.creator_id
             LEFT JOIN user AS a ON a.id = t.assignee_id",
    id: "t.id",
    from_row: |row| {
        let is_assigned = row.get(13)?;
        Ok(Task {
            id: row.get(0)?,
            version: row.get(1)?,
            title: row.get(2)?,
            status: row.get(3)?,
            deadline: row.get(4)?,
            created_at: row.get(5)?,
            updated_at: row.get(6)?,
            creator: user_rows::summary(row, 7)?,
            assignee: if is_assigned { Some(user_rows::summary(row, 10)?) } else { None },
            description: row.get(14)?,
            description_truncated: row.get(15)?,
        })
    },
};

/// The same for lists.
const BEGINNINGS: Select<Task> = Select { columns: columns!(beginning!("t.description")), ..TASKS };

const IS_ASSIGNED_TO: &str = "t.assignee_id = (SELECT id FROM user WHERE public_id = ?)";
const IS_NOT_ASSIGNED_TO: &str = "t.assignee_id IS NOT (SELECT id FROM user WHERE public_id = ?)";
const IS_OVERDUE: &str = "(t.deadline < ? AND t.status NOT IN ('done', 'cancelled')) IS TRUE";
const IS_NOT_OVERDUE: &str =
    "(t.deadline < ? AND t.status NOT IN ('done', 'cancelled')) IS NOT TRUE";

const DEFAULT_SORT: Sort<TaskSort> = Sort { key: TaskSort::CreatedAt, descending: false };

const BY_CREATION: Order = Order::new("t.id", "t.id DESC").counted(Buckets::by_id("task"));

const BY_DEADLINE: Order =
    Order::new("t.deadline NULLS LAST, t.id", "t.deadline DESC NULLS LAST, t.id DESC");

const BY_UPDATE: Order = Order::new("t.updated_at, t.id", "t.updated_at DESC, t.id DESC");

#[async_trait]
impl TaskStore for SqliteStore {
    async fn create_task(&self, new: NewTask, context: &RequestContext) -> Result<Task, Error> {
        self.write(context, move |transaction| {
            transaction.require(Role::Manager)?;
            insert(transaction, new)
        })
        .await
    }

    async fn get_task(&self, id: TaskId, reader: Authority) -> Result<Task, Error> {
        self.read(|connection| find(connection, id, Some(reader)))?.ok_or_else(not_found)
    }

    async fn list_tasks(
        &self,
        reader: Authority,
        filter: TaskFilter,
        page: PageRequest,
        now: Timestamp,
    ) -> Result<Page<Task>, Error> {
        self.read_list(Some(reader.user), move |connection| {
            list(connection, reader, &filter, page, now)
        })
        .await
    }

    async fn update_task(
        &self,
        id: TaskId,
        change: TaskChange,
        precondition: Precondition,
        context: &RequestContext,
    ) -> Result<Task, Error> {
        self.write(context, move |transaction| {
            let role = transaction.role();
            let old = find(transaction, id, transaction.authority())?.ok_or_else(not_found)?;
            change.check_fields(role)?;
            precondition.check(Some(old.version))?;
            let new = changed(transaction, old.clone(), change)?;
            check_move(old.status, new.status, role)?;
            update(transaction, old, new)
        })
        .await
    }

    async fn delete_task(
        &self,
        id: TaskId,
        precondition: Precondition,
        context: &RequestContext,
    ) -> Result<(), Error> {
        self.write_on_low_disk(context, move |transaction| {
            transaction.require(Role::Manager)?;
            let old = find(transaction, id, None)?.ok_or_else(not_found)?;
            precondition.check(Some(old.version))?;
            transaction.prepare_cached("DELETE FROM task WHERE public_id = ?1")?.execute([id])?;
            Ok(())
        })
        .await
    }
}

fn not_found() -> Error {
    Error::no_such("task")
}

fn check_deadline(deadline: Deadline, transaction: &Transaction<'_>) -> Result<(), Error> {
    deadline.check_not_past(transaction.context.at).map_err(|why| Error::invalid("deadline", why))
}

fn insert(transaction: &Transaction<'_>, new: NewTask) -> Result<Task, Error> {
    let NewTask { id, title, description, status, deadline, assignee, creator } = new;
    let assignee = find_assignee(transaction, assignee.as_ref())?;
    let now = transaction.context.at;
    let (version, email) = transaction
        .prepare_cached(
            "INSERT INTO task (public_id, title, description, status, deadline, assignee_id, creator_id,
                               created_at, updated_at, version)
             SELECT ?1, ?2, ?3, ?4, ?5, (SELECT id FROM user WHERE public_id = ?6), id, ?8, ?8, random()
             FROM user WHERE public_id = ?7 AND deleted_at IS NULL
             RETURNING version, (SELECT email FROM user WHERE id = creator_id)",
        )?
        .query_row(
            params![
                id,
                title,
                description,
                status,
                deadline,
                assignee.as_ref().map(|user| user.public_id),
                creator,
                now,
            ],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .optional()?
        .ok_or_else(user_rows::not_found)?;
    let creator = UserSummary { email, public_id: creator, is_deleted: false };
    let (created_at, updated_at) = (now, now);
    Ok(Task {
        id,
        version,
        title,
        description,
        description_truncated: false,
        status,
        deadline,
        assignee,
        creator,
        created_at,
        updated_at,
    })
}

/// The user that a task is assigned to, if any.
fn find_assignee(
    connection: &Connection,
    user: Option<&UserRef>,
) -> Result<Option<UserSummary>, Error> {
    let Some(user) = user else { return Ok(None) };
    let why = || Error::invalid("assignee", format!("there is no account {}", user.folded()));
    let found = user_rows::find(connection, user)?.ok_or_else(why)?;
    Ok(Some(UserSummary { email: found.email, public_id: found.public_id, is_deleted: false }))
}

/// A task, if it exists and the reader may see it. Without a reader there is no restriction.
fn find(
    connection: &Connection,
    id: TaskId,
    reader: Option<Authority>,
) -> rusqlite::Result<Option<Task>> {
    static BY_ID: LazyLock<String> = LazyLock::new(|| TASKS.to_sql("t.public_id = ?1"));
    static OF_ASSIGNEE: LazyLock<String> = LazyLock::new(|| {
        TASKS.to_sql(
            "t.public_id = ?1 AND t.assignee_id = (SELECT id FROM user WHERE public_id = ?2)",
        )
    });
    match reader.and_then(sees_only) {
        None => TASKS.find(connection, &BY_ID, [id]),
        Some(assignee) => TASKS.find(connection, &OF_ASSIGNEE, params![id, assignee]),
    }
}

fn list(
    connection: &Connection,
    reader: Authority,
    filter: &TaskFilter,
    page: PageRequest,
    now: Timestamp,
) -> rusqlite::Result<Page<Task>> {
    let only = user_rows::find_row_of(connection, sees_only(reader).map(UserRef::Id).as_ref())?;
    // Who sees their own tasks alone searches among them alone.
    let (search, scoped_search) = match (filter.search.as_ref(), only) {
        (Some(search), Some(reader)) => (None, Some(ScopedSearch::new(search, reader)?)),
        (search, _) => (search, None),
    };
    let me_if = |mine| (filter.mine == Some(mine)).then_some(&reader.user);
    let assignee = user_rows::find_row_of(connection, filter.assignee.as_ref())?;
    let now_if = |overdue| (filter.overdue == Some(overdue)).then_some(&now);
    let conditions = WhereClause::new("TRUE")
        .and("t.assignee_id = ?", only.as_ref())
        .and(IS_ASSIGNED_TO, me_if(true))
        .and(IS_NOT_ASSIGNED_TO, me_if(false))
        .and("t.status = ?", filter.status.as_ref())
        .and("t.assignee_id = ?", assignee.as_ref())
        .and("t.deadline < ?", filter.deadline_before.as_ref())
        .and("t.deadline >= ?", filter.deadline_after.as_ref())
        .and(IS_OVERDUE, now_if(true))
        .and(IS_NOT_OVERDUE, now_if(false))
        .and(
            "t.id IN (SELECT rowid FROM task_assignee_text WHERE task_assignee_text MATCH ?)",
            scoped_search.as_ref(),
        )
        .and("t.id IN (SELECT rowid FROM task_text WHERE task_text MATCH ?)", search);
    let Sort { key, descending } = filter.sort.unwrap_or(DEFAULT_SORT);
    let order = match key {
        TaskSort::CreatedAt => BY_CREATION,
        TaskSort::Deadline => BY_DEADLINE,
        TaskSort::UpdatedAt => BY_UPDATE,
    };
    BEGINNINGS.page(connection, &conditions, order, descending, page)
}

/// The task after a change.
fn changed(connection: &Connection, mut task: Task, change: TaskChange) -> Result<Task, Error> {
    let TaskChange { title, description, status, deadline, assignee } = change;
    task.title = title.unwrap_or(task.title);
    task.description = description.unwrap_or(task.description);
    task.status = status.unwrap_or(task.status);
    task.deadline = deadline.unwrap_or(task.deadline);
    if let Some(assignee) = assignee {
        task.assignee = find_assignee(connection, assignee.as_ref())?;
    }
    Ok(task)
}

fn update(transaction: &Transaction<'_>, old: Task, new: Task) -> Result<Task, Error> {
    if new == old {
        return Ok(old);
    }
    if new.deadline != old.deadline
        && let Some(deadline) = new.deadline
    {
        check_deadline(deadline, transaction)?;
    }
    let now = transaction.context.at;
    let version = transaction
        .prepare_cached(
            "UPDATE task SET title = ?2, description = ?3, status = ?4, deadline = ?5,
                             assignee_id = (SELECT id FROM user WHERE public_id = ?6), updated_at = ?7,
                             version = random()
             WHERE public_id = ?1 RETURNING version",
        )?
        .query_row(
            params![
                new.id,
                new.title,
                new.description,
                new.status,
                new.deadline,
                new.assignee.as_ref().map(|user| user.public_id),
                now,
            ],
            |row| row.get(0),
        )?;
    Ok(Task { version, updated_at: now, ..new })
}
