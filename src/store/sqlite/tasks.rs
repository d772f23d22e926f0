//! Tasks: SQL and row mapping.

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::buckets::Buckets;
use super::conditions::{Index, Order, WhereClause};
use super::deadlines;
use super::engine::SqliteStore;
use super::idempotency::once;
use super::imports;
use super::lists::{Select, beginning, is_truncated, select};
use super::portions::{Part, UpTo};
use super::search::ScopedSearch;
use super::snapshots::snapshot;
use super::transaction::Transaction;
use super::undo::{self, Undo};
use super::{audit, several, user_rows};
use crate::domain::{
    AssigneeFilter, Authority, Bookmark, Deadline, HistoryEntry, Import, ImportMode, Imported,
    NewTask, Page, PageRequest, Portion, Precondition, RequestContext, RequestId, Role, RowEffect,
    Sort, Status, Task, TaskChange, TaskFilter, TaskId, TaskRow, TaskSort, TaskStore, Timestamp,
    UserId, UserRef, UserSummary, Version, check_move, sees_only,
};
use crate::error::Error;

/// The values of the key are the id, and the assignee if only their tasks count.
pub const TASKS: Select<Task> = select! {
    Task {
        id: "t.public_id", version: "t.version", title,
        description: "description" => beginning!("t.description"),
        description_truncated: "FALSE" => is_truncated!("t.description"),
        status: "t.status",
        deadline: "t.deadline, t.deadline_date" as deadlines::deadline_if_any,
        assignee: "a.email, a.username, a.name, a.public_id, a.version, a.deleted_at IS NOT NULL"
            as user_rows::summary_if_any,
        creator: "c.email, c.username, c.name, c.public_id, c.version, c.deleted_at IS NOT NULL"
            as user_rows::summary,
        created_at: "t.created_at", updated_at: "t.updated_at",
    },
    from "task AS t",
    with "JOIN user AS c ON c.id = t.creator_id LEFT JOIN user AS a ON a.id = t.assignee_id",
    id "t.id", key "t.public_id = ?1 AND (?2 IS NULL OR a.public_id = ?2)",
};

/// As in `task_open`: SQLite uses that index if it finds the same expression.
const IS_OPEN: &str = "t.status = 'pending' OR t.status = 'in_progress'";
const IS_CLOSED: &str = "t.status IN ('done', 'cancelled')";
const IS_OVERDUE: &str = "t.deadline < ? AND (t.status = 'pending' OR t.status = 'in_progress')";

const BY_ASSIGNEE: Index = Index::new("task_by_assignee").sorted_by("t.deadline");
const OPEN_BY_ASSIGNEE: Index = Index::new("task_open");
const BY_STATUS: Index = Index::new("task_by_status").sorted_by("t.deadline");
const BY_STATUSES: Index = Index::new("task_by_status");
const BY_DEADLINE: Index = Index::new("task_by_deadline");

#[async_trait]
impl TaskStore for SqliteStore {
    async fn create_task(&self, new: NewTask, context: &RequestContext) -> Result<Task, Error> {
        self.write(context, move |transaction| {
            transaction.require(Role::Manager)?;
            once(transaction, |transaction| insert(transaction, new))
        })
        .await
    }

    async fn get_task(&self, id: TaskId, reader: Authority) -> Result<Task, Error> {
        self.read(|connection| get(connection, id, Some(reader)))
    }

    async fn list_tasks(
        &self,
        reader: Authority,
        filter: TaskFilter,
        page: PageRequest,
        now: Timestamp,
    ) -> Result<Page<Task>, Error> {
        self.read_page(Some(reader.user), filter.search.is_some(), move |connection| {
            list(connection, Some(reader), &filter, page, now)
        })
        .await
    }

    async fn count_tasks(
        &self,
        reader: Authority,
        filters: Vec<TaskFilter>,
        at_most: u32,
        now: Timestamp,
    ) -> Result<Vec<u32>, Error> {
        let is_search = filters.iter().any(|filter| filter.search.is_some());
        self.read_page(Some(reader.user), is_search, move |connection| {
            let _snapshot = snapshot(connection)?;
            let count = |filter| list(connection, Some(reader), filter, UpTo(at_most), now);
            filters.iter().map(count).collect()
        })
        .await
    }

    async fn export_tasks(
        &self,
        reader: Option<Authority>,
        filter: TaskFilter,
        bookmark: Bookmark,
        now: Timestamp,
    ) -> Result<Portion<Task>, Error> {
        self.read_list(reader.map(|reader| reader.user), move |connection| {
            list(connection, reader, &filter, bookmark, now)
        })
        .await
    }

    async fn import_tasks(
        &self,
        import: Import<TaskRow>,
        context: &RequestContext,
    ) -> Result<Imported, Error> {
        self.write_many(context, move |transaction| {
            transaction.require(Role::Manager)?;
            let mode = import.mode;
            once(transaction, |transaction| {
                imports::run(transaction, import, "id", |row| write_row(transaction, row, mode))
            })
        })
        .await
    }

    async fn list_task_history(
        &self,
        id: TaskId,
        reader: Authority,
        page: PageRequest,
    ) -> Result<Page<HistoryEntry>, Error> {
        let list = move |connection: &Connection| {
            let history = audit::list_history(connection, &id.to_string(), page)?;
            // Afterwards: who may not see the task any more sees none of its events.
            Ok(find(connection, id, Some(reader))?.map(|_| history))
        };
        self.read_page(Some(reader.user), false, list).await?.ok_or_else(no_such_task)
    }

    async fn update_task(
        &self,
        id: TaskId,
        change: TaskChange,
        precondition: Precondition,
        context: &RequestContext,
    ) -> Result<Task, Error> {
        self.write(context, move |transaction| {
            let old = get(transaction, id, transaction.authority())?;
            update_one(transaction, old, change, &precondition)
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
            let old = get(transaction, id, None)?;
            delete_one(transaction, &old, &precondition)
        })
        .await
    }

    async fn update_tasks(
        &self,
        ids: Vec<TaskId>,
        change: TaskChange,
        context: &RequestContext,
    ) -> Result<(), Error> {
        self.write(context, move |transaction| {
            for id in ids {
                let old = get(transaction, id, transaction.authority())
                    .map_err(several::one_is_gone("tasks"))?;
                let title = old.title.clone();
                let updated =
                    update_one(transaction, old, change.clone(), &Precondition::default());
                updated.map_err(several::in_the_way(title.as_str()))?;
            }
            Ok(())
        })
        .await
    }

    async fn undo_task_updates(
        &self,
        request: RequestId,
        context: &RequestContext,
    ) -> Result<usize, Error> {
        self.write(context, move |transaction| {
            let changes = undo::of_request(transaction, request)?;
            let count = changes.len();
            for Undo { task, change, is_latest } in changes {
                let old = get(transaction, task, transaction.authority())
                    .map_err(several::one_is_gone("tasks"))?;
                let title = old.title.clone();
                if !is_latest {
                    return Err(several::has_changed(title.as_str()));
                }
                update_one(transaction, old, change, &Precondition::default())
                    .map_err(several::in_the_way(title.as_str()))?;
            }
            Ok(count)
        })
        .await
    }

    async fn delete_tasks(
        &self,
        seen: Vec<(TaskId, Version)>,
        context: &RequestContext,
    ) -> Result<(), Error> {
        self.write_on_low_disk(context, move |transaction| {
            transaction.require(Role::Manager)?;
            for (id, version) in seen {
                let old = get(transaction, id, None).map_err(several::one_is_gone("tasks"))?;
                delete_one(transaction, &old, &Precondition::is(version))
                    .map_err(several::in_the_way(old.title.as_str()))?;
            }
            Ok(())
        })
        .await
    }
}

/// A task, if it exists and the reader may see it. Without a reader there is no restriction.
fn get(connection: &Connection, id: TaskId, reader: Option<Authority>) -> Result<Task, Error> {
    find(connection, id, reader)?.ok_or_else(no_such_task)
}

fn find(
    connection: &Connection,
    id: TaskId,
    reader: Option<Authority>,
) -> rusqlite::Result<Option<Task>> {
    TASKS.find(connection, params![id, reader.and_then(sees_only)])
}

fn no_such_task() -> Error {
    Error::no_such("task")
}

/// The task as it was written, with an event.
fn written(transaction: &Transaction<'_>, old: Option<&Task>, id: TaskId) -> Result<Task, Error> {
    let new = get(transaction, id, None)?;
    audit::changed(transaction, Some(&id.to_string()), old, Some(&new))?;
    Ok(new)
}

fn check_deadline(deadline: Option<Deadline>, now: Timestamp) -> Result<(), Error> {
    let check = |deadline: Deadline| deadline.check_not_past(now);
    deadline.map_or(Ok(()), check).map_err(|why| Error::invalid("deadline", why))
}

fn insert(transaction: &Transaction<'_>, new: NewTask) -> Result<Task, Error> {
    let NewTask { id, title, description, status, deadline, assignee, creator } = new;
    let assignee = find_assignee(transaction, assignee.as_ref(), None)?;
    let assignee = assignee.map(|user| user.public_id);
    let creator = user_rows::get_row(transaction, creator)?;
    let (at, date) = (deadline.map(Deadline::timestamp), deadline.and_then(Deadline::date));
    let now = transaction.context.at;
    transaction.run_unless(
        || Error::Conflict(format!("There is a task {id} already.")),
        "INSERT INTO task (public_id, title, description, status, deadline, deadline_date,
                           assignee_id, creator_id, created_at, updated_at, version)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6,
                 (SELECT id FROM user WHERE public_id = ?7), ?8, ?9, ?9, random())",
        params![id, title, description, status, at, date, assignee, creator, now],
    )?;
    written(transaction, None, id)
}

/// The user that a task is to be assigned to, if any: an active one, or the `present` assignee.
fn find_assignee(
    connection: &Connection,
    user: Option<&UserRef>,
    present: Option<UserId>,
) -> Result<Option<UserSummary>, Error> {
    let Some(user) = user else { return Ok(None) };
    let found = user_rows::find_named(connection, user, "assignee")?;
    if found.status != Status::Active && present != Some(found.public_id) {
        let (label, status) = (found.names.label(), found.status.as_str());
        let why = format!("the account {label} is {status}, not active");
        return Err(Error::invalid("assignee", why));
    }
    Ok(Some(found.summary()))
}

/// Creates or updates the task of a row.
fn write_row(
    transaction: &Transaction<'_>,
    row: TaskRow,
    mode: ImportMode,
) -> Result<RowEffect, Error> {
    let TaskRow { id, title, change, creator, made_at } = row;
    let old = match mode {
        ImportMode::Create => None,
        ImportMode::Upsert => TASKS.find(transaction, params![id, None::<UserId>])?,
    };
    let Some(old) = old else {
        let TaskChange { description, status, deadline, assignee, .. } = change;
        let (description, status) = (description.unwrap_or_default(), status.unwrap_or_default());
        let (deadline, assignee) = (deadline.flatten(), assignee.flatten());
        check_deadline(deadline, made_at)?;
        let creator = user_rows::find_named(transaction, &creator, "creator")?.public_id;
        let new = NewTask { id, title, description, status, deadline, assignee, creator };
        insert(transaction, new)?;
        return Ok(RowEffect::Created);
    };
    // A table has milliseconds, so its times are meant as they are.
    let deadline = change.deadline.unwrap_or(old.deadline);
    let change = TaskChange { title: Some(title), deadline: None, ..change };
    let new = changed(transaction, old.clone(), change);
    let new = Task { deadline, ..Error::both(new, check_change(old.deadline, deadline, made_at))? };
    let version = old.version;
    let is_unchanged = update(transaction, old, new)?.version == version;
    Ok(if is_unchanged { RowEffect::Unchanged } else { RowEffect::Updated })
}

/// Without a reader, the tasks of everybody.
pub fn list<P: Part>(
    connection: &Connection,
    reader: Option<Authority>,
    filter: &TaskFilter,
    part: P,
    now: Timestamp,
) -> rusqlite::Result<P::Of<Task>> {
    let me = reader.map(|reader| UserRef::Id(reader.user));
    let me = user_rows::find_row_of(connection, me.as_ref())?;
    let only = reader.and_then(sees_only).and(me);
    // Who sees their own tasks alone searches among them alone.
    let (search, scoped_search) = match only {
        Some(reader) => (None, ScopedSearch::of(filter.search.as_ref(), reader)?),
        None => (filter.search.as_ref(), None),
    };
    let me_if = |mine| me.as_ref().filter(|_| filter.mine == Some(mine));
    let mine = me_if(true).filter(|_| only.is_none());
    let assignee = match &filter.assignee {
        None => None,
        Some(AssigneeFilter::Nobody) => Some(None),
        Some(AssigneeFilter::User(user)) => Some(Some(user_rows::find_row(connection, user)?)),
    };
    let now_if = |overdue| (filter.overdue == Some(overdue)).then_some(&now);
    let is_open = filter.open == Some(true);
    let of_assignee =
        if is_open || filter.overdue == Some(true) { OPEN_BY_ASSIGNEE } else { BY_ASSIGNEE };
    let conditions = WhereClause::new("TRUE")
        .and_by(of_assignee, "t.assignee_id = ?", only.as_ref())
        .and_by(of_assignee, "t.assignee_id IS ?", assignee.as_ref())
        .and_by(of_assignee, "t.assignee_id = ?", mine)
        .and_by(BY_STATUS, "t.status = ?", filter.status.as_ref())
        .and_by(BY_STATUSES, IS_OVERDUE, now_if(true))
        .and_if(BY_STATUSES, IS_OPEN, is_open)
        .and_if(BY_STATUSES, IS_CLOSED, filter.open == Some(false))
        .and_by(BY_DEADLINE, "t.deadline < ?", filter.deadline_before.as_ref())
        .and_by(BY_DEADLINE, "t.deadline >= ?", filter.deadline_after.as_ref())
        .and_not_by(BY_STATUSES, IS_OVERDUE, now_if(false))
        .and_not_by(BY_ASSIGNEE, "t.assignee_id = ?", me_if(false))
        .and_match(Some("task_by_id"), "task_assignee_text", scoped_search.as_ref())
        .and_match(Some("task_by_id"), "task_text", search);
    let Sort { key, descending } = filter.sort.unwrap_or_default();
    let whole = Buckets::by_id("task");
    let order = match key {
        TaskSort::CreatedAt => Order::new("t.id", descending).indexed("task_by_id").paged(whole),
        TaskSort::Deadline => Order::new("t.deadline", descending)
            .nulls_last()
            .indexed("task_by_deadline")
            .counted(whole),
        TaskSort::UpdatedAt => {
            Order::new("t.updated_at", descending).indexed("task_by_updated_at").counted(whole)
        }
    };
    part.read(&TASKS, connection, conditions, order)
}

/// A deadline may stay, also one that has passed at `made_at`.
fn check_change(
    old: Option<Deadline>,
    new: Option<Deadline>,
    made_at: Timestamp,
) -> Result<(), Error> {
    if new == old { Ok(()) } else { check_deadline(new, made_at) }
}

/// The task after a change.
fn changed(
    transaction: &Transaction<'_>,
    mut task: Task,
    change: TaskChange,
) -> Result<Task, Error> {
    let TaskChange { title, description, status, deadline, assignee } = change;
    task.title = title.unwrap_or(task.title);
    task.description = description.unwrap_or(task.description);
    task.status = status.unwrap_or(task.status);
    let old = task.deadline;
    task.deadline = match (old, deadline) {
        (Some(old), Some(Some(new))) => Some(old.changed_to(new)),
        (old, deadline) => deadline.unwrap_or(old),
    };
    let in_time = check_change(old, task.deadline, transaction.context.at);
    if let Some(assignee) = assignee {
        let present = task.assignee.as_ref().map(|user| user.public_id);
        // An unchanged assignee may have been deleted meanwhile.
        if !matches!(assignee, Some(UserRef::Id(id)) if Some(id) == present) {
            let found = find_assignee(transaction, assignee.as_ref(), present);
            task.assignee = Error::both(found, in_time)?;
            return Ok(task);
        }
    }
    in_time.map(|()| task)
}

/// Makes a change that the actor may make.
fn update_one(
    transaction: &Transaction<'_>,
    old: Task,
    change: TaskChange,
    precondition: &Precondition,
) -> Result<Task, Error> {
    let role = transaction.role();
    change.check_fields(role)?;
    precondition.check(Some(old.version))?;
    let new = changed(transaction, old.clone(), change)?;
    check_move(old.status, new.status, role)?;
    update(transaction, old, new)
}

fn delete_one(
    transaction: &Transaction<'_>,
    old: &Task,
    precondition: &Precondition,
) -> Result<(), Error> {
    precondition.check(Some(old.version))?;
    let id = old.id;
    transaction.run("DELETE FROM task WHERE public_id = ?1", [id])?;
    Ok(audit::changed(transaction, Some(&id.to_string()), Some(old), None)?)
}

fn update(transaction: &Transaction<'_>, old: Task, new: Task) -> Result<Task, Error> {
    if new == old {
        return Ok(old);
    }
    let Task { id, title, description, status, deadline, assignee, .. } = new;
    let (assignee, now) = (assignee.map(|user| user.public_id), transaction.context.at);
    let (at, date) = (deadline.map(Deadline::timestamp), deadline.and_then(Deadline::date));
    transaction.run(
        "UPDATE task SET title = ?2, description = ?3, status = ?4, deadline = ?5,
                         deadline_date = ?6,
                         assignee_id = (SELECT id FROM user WHERE public_id = ?7), updated_at = ?8,
                         version = random()
         WHERE public_id = ?1",
        params![id, title, description, status, at, date, assignee, now],
    )?;
    written(transaction, Some(&old), id)
}
