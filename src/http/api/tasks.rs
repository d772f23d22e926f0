//! `/tasks`: managers create them, the assignee moves them on.

use std::sync::Arc;

use rocket::{delete, get, patch, post};
use rocket_okapi::openapi;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::deadline::{FutureMoment, Moment};
use super::samples::TASK;
use super::user_fields::{UserSummaryView, name, reference, username};
use crate::domain::{
    AssigneeFilter, Authority, Deadline, HistoryEntry, Import, NewTask, Search, Sort, Task,
    TaskChange, TaskDescription, TaskFilter, TaskId, TaskRow, TaskSort, TaskStatus, TaskTitle,
    Timestamp, UserId, UserRef, cannot_move, status_alone,
};
use crate::http::auth::{AnyUser, Manager};
use crate::http::wire::{
    Addressed, Body, Conditions, Created, CsvBody, Date, DateTime, Empty, Export, Field,
    FieldContext, Found, Id, ImportDone, ImportQuery, InPath, Link, List, ListOrCsv,
    ListOrCsvQuery, ListQuery, Name, NewOwner, NoContent, Operations, OrNone, Problem, Record, Row,
    Times, Updated, ViewContext, columns, field, filter, id_in_path, input, made_at, operations,
};
use crate::store::Store;

/// A description of 10,000 characters may take 12 bytes each, as escapes in JSON.
const MAX_BODY: u64 = 128 * 1024;

pub fn routes() -> Operations {
    use TaskStatus::{Cancelled, Pending};
    let forbidden = "The assignee may change only the status, or the API key may only read.";
    operations![
        list_tasks,
        create_task,
        import_tasks,
        get_task,
        list_task_history,
        update_task,
        delete_task
    ]
    .also("update_task", forbidden, status_alone())
    .also(
        "update_task",
        "The assignee cannot move a task to that status.",
        cannot_move(Pending, Cancelled),
    )
}

field!(TaskTitle, {
    "type": "string", "minLength": 1, "maxLength": 255,
    "description": "One line.",
});
field!(TaskDescription, {
    "type": "string", "maxLength": 10000,
    "description": "Any text. In JSON, an empty one removes it.",
}, null = TaskDescription::default());
field!(AssigneeFilter, { "type": "string" });
id_in_path!(TaskId, "task", TASK);

impl Field for TaskId {
    fn parse(text: &str, _: &FieldContext) -> Result<Self, String> {
        Self::parse(text).ok_or_else(|| format!("'{text}' is not the id of a task, a UUID"))
    }

    fn schema() -> Value {
        json!({ "type": "string", "format": "uuid" })
    }
}

input! {
    /// A new task.
    struct CreateTask {
        title: TaskTitle,
        description: Option<TaskDescription>,
        /// `pending` if it is not sent.
        status: Option<TaskStatus>,
        deadline: Option<OrNone<FutureMoment>>,
        /// A public id, e-mail address or username of an active account; `none` for nobody.
        assignee: Option<OrNone<UserRef>>,
    }
    example {
        "title": "Write the report",
        "description": "Two pages about the first quarter.",
        "deadline": "2099-12-31T12:00:00Z",
        "assignee": "none",
    }
    max_body = MAX_BODY;
}

impl CreateTask {
    fn into_new(self, creator: UserId) -> NewTask {
        let Self { title, description, status, deadline, assignee } = self;
        NewTask {
            id: TaskId::generate(),
            title,
            description: description.unwrap_or_default(),
            status: status.unwrap_or_default(),
            deadline: deadline.and_then(|deadline| deadline.0).map(|FutureMoment(at)| at),
            assignee: assignee.and_then(|assignee| assignee.0),
            creator,
        }
    }
}

input! {
    /// Changes of a task: at least one. The assignee may send only the status.
    struct UpdateTask {
        title: Option<TaskTitle>,
        description: Option<TaskDescription>,
        /// The assignee may move a task between `pending`, `in_progress` and `done`.
        status: Option<TaskStatus>,
        deadline: Option<OrNone<Moment>>,
        /// A public id, e-mail address or username; `none` for nobody.
        assignee: Option<OrNone<UserRef>>,
    }
    example { "status": "in_progress", "deadline": "none" }
    max_body = MAX_BODY;
    require_one = true;
}

input! {
    /// A row of a table of tasks.
    pub struct ImportTask {
        /// Which task the row is about. A new one keeps it; without one, it gets one.
        id: Option<Option<TaskId>>,
        title: TaskTitle,
        /// As it is without this column; an empty cell removes it.
        description: Option<TaskDescription>,
        /// As it is without this column or with an empty cell; `pending` for a new task.
        status: Option<Option<TaskStatus>>,
        /// As it is without this column; an empty cell removes it. As of `POST /tasks`; one in the
        /// past is accepted if the task has it already, or if it is not before the row's `created_at`
        /// in some time zone.
        deadline: Option<OrNone<Moment>>,
        /// As it is without this column; an empty cell is nobody.
        assignee: Option<OrNone<UserRef>>,
        /// Is not imported: you create the new tasks.
        creator: Option<Option<UserRef>>,
        /// Is not imported.
        created_at: Option<Option<Timestamp>>,
    }
}

impl Row for ImportTask {
    type Record = TaskRow;

    const KEY: &'static str = "id";
    const EXAMPLE: &'static str =
        "title,status,deadline\r\nWrite the report,pending,2099-12-31\r\n";
    const OTHERS: &'static [&'static str] =
        &["assignee_name", "assignee_username", "creator_name", "creator_username", "updated_at"];

    fn into_record(self, owner: &NewOwner, now: Timestamp) -> (String, TaskRow) {
        let Self {
            id, title, description, status, deadline, assignee, creator, created_at, ..
        } = self;
        let id = id.flatten().unwrap_or_else(TaskId::generate);
        let change = TaskChange {
            title: None,
            description,
            status: status.flatten(),
            deadline: deadline.map(|deadline| deadline.0.map(|Moment(at)| at)),
            assignee: assignee.map(|assignee| assignee.0),
        };
        let creator = owner.of(creator.flatten());
        let made_at = made_at(created_at.flatten(), now);
        (id.to_string(), TaskRow { id, title, change, creator, made_at })
    }
}

columns! {
    Task as (task, _) {
        id: task.id.to_string(),
        title: task.title.as_str(),
        description: task.description.as_str(),
        status: task.status.as_str(),
        deadline: task.deadline.map(Deadline::to_exact_text),
        assignee: task.assignee.as_ref().map(reference),
        assignee_name: task.assignee.as_ref().and_then(name),
        assignee_username: task.assignee.as_ref().and_then(username),
        creator: reference(&task.creator),
        creator_name: name(&task.creator),
        creator_username: username(&task.creator),
        created_at: task.created_at.to_rfc_3339(),
        updated_at: task.updated_at.to_rfc_3339(),
    }
}

/// The tasks of a list, all of them.
pub fn export(
    store: Arc<dyn Store>,
    reader: Option<Authority>,
    filter: TaskFilter,
    context: ViewContext<'static>,
) -> Export {
    Export::new(context, move |bookmark| {
        let (store, filter) = (Arc::clone(&store), filter.clone());
        async move { store.export_tasks(reader, filter, bookmark, context.now).await }
    })
}

filter! {
    TaskFilter {
        /// `true`: tasks that are assigned to you; `false`: all others.
        mine: bool,
        /// Tasks of this status.
        status: TaskStatus,
        /// `true`: tasks that are neither done nor cancelled; `false`: all others.
        open: bool,
        /// Tasks that are assigned to this account: a public id, e-mail address or username; a
        /// deleted account's public id; `none` for nobody's.
        assignee: AssigneeFilter,
        /// Tasks that are due before this: an RFC 3339 time, or a date, which stands for its start
        /// in the service's time zone.
        deadline_before: Timestamp,
        /// Tasks that are due at this or later: an RFC 3339 time, or a date, which stands for its
        /// start in the service's time zone.
        deadline_after: Timestamp,
        /// `true`: tasks whose deadline has passed and that are neither done nor cancelled;
        /// `false`: all others.
        overdue: bool,
        /// Tasks whose title or description contains words that begin with each of these, at most 8
        /// different ones. Letter case and diacritics do not count.
        search = "q": Search,
        /// The order; `-` for the reverse. Tasks without a deadline come last in both.
        sort: Sort<TaskSort>,
    }
}

/// A task as managers and its assignee see it.
#[derive(Serialize, JsonSchema)]
pub struct TaskView {
    id: Id<TaskId>,
    title: String,
    description: String,
    /// Whether `description` is only the first 1,024 characters, as lists have it of a description
    /// of more than 4 KiB. The task's own address has all of it.
    description_truncated: bool,
    status: Name<TaskStatus>,
    /// `12/31/26 11:59:59 PM UTC`
    deadline: Option<String>,
    deadline_iso8601: Option<DateTime>,
    /// In the service's time zone: `2026-12-31`, at whose end the deadline is. Null for a deadline
    /// with a time of day.
    deadline_date: Option<Date>,
    deadline_passed: bool,
    /// `2 days 3 hours 1 minutes 5 seconds` or `No time remaining`, whatever the status
    time_remaining: Option<String>,
    assignee: Option<UserSummaryView>,
    creator: UserSummaryView,
    #[serde(flatten)]
    times: Times,
    /// The task's address.
    link: Link,
}

impl Record for Task {
    type View = TaskView;

    fn etag(&self, now: Timestamp) -> String {
        let passed = if self.has_passed(now) { "-p" } else { "" };
        // The task shows their names.
        let creator = self.creator.version;
        let assignee = self.assignee.as_ref().map(|user| format!("-{}", user.version));
        format!("{}{passed}-{creator}{}", self.version, assignee.unwrap_or_default())
    }

    fn view(self, context: &ViewContext<'_>) -> TaskView {
        let now = context.now;
        let deadline = self.deadline.map(Deadline::timestamp);
        TaskView {
            link: Link(self.link(context)),
            id: Id(self.id),
            deadline: deadline.map(Timestamp::to_clock_text),
            deadline_iso8601: deadline.map(DateTime),
            deadline_date: self.deadline.and_then(Deadline::date_to_iso_8601).map(Date),
            deadline_passed: self.has_passed(now),
            time_remaining: deadline.map(|deadline| deadline.remaining_in_words(now)),
            title: self.title.into_string(),
            description: self.description.into_string(),
            description_truncated: self.description_truncated,
            status: Name(self.status),
            assignee: self.assignee.map(UserSummaryView::new),
            creator: UserSummaryView::new(self.creator),
            times: Times::new(self.created_at, self.updated_at),
        }
    }
}

impl Addressed for Task {
    fn path(&self) -> String {
        format!("/tasks/{}", self.id)
    }
}

/// # List the tasks
///
/// Managers and administrators see all, others those that are assigned to them. In the order of
/// creation unless `sort` says another, a page at a time. Of a description of more than 4 KiB, only
/// the beginning is here, and `description_truncated` is true. `format=csv` answers all tasks whole.
#[openapi(tag = "Tasks")]
#[get("/tasks")]
async fn list_tasks(
    user: AnyUser,
    query: ListOrCsvQuery<TaskFilter>,
) -> Result<ListOrCsv<Task>, Problem> {
    let (now, reader) = (user.context.at, user.authority);
    match query {
        ListOrCsvQuery::Page(query) => {
            let page = user.store.list_tasks(reader, query.filter, query.page, now).await?;
            Ok(ListOrCsv::List(List::new(query.address, page)))
        }
        ListOrCsvQuery::Csv(filter) => {
            let export = |store, context| export(store, Some(reader), filter, context);
            user.export("tasks", export).await
        }
    }
}

/// # Create a task
///
/// For managers and administrators.
#[openapi(tag = "Tasks")]
#[post("/tasks", data = "<body>")]
async fn create_task(manager: Manager, body: Body<CreateTask>) -> Result<Created<Task>, Problem> {
    let new = body.0.into_new(manager.id());
    Ok(Created(manager.store.create_task(new, &manager.context).await?))
}

/// # Import tasks
///
/// For managers and administrators. Creates or changes a task for each row, all at once or none;
/// `errors` names each fault by row and column, at most 100. What `GET /tasks?format=csv` answers can
/// be imported.
#[openapi(tag = "Tasks")]
#[post("/tasks/import", data = "<body>")]
async fn import_tasks(
    manager: Manager,
    query: ImportQuery,
    body: CsvBody<ImportTask>,
) -> Result<ImportDone, Problem> {
    let import = Import { mode: query.mode, ..body.0 };
    Ok(ImportDone(manager.store.import_tasks(import, &manager.context).await?))
}

/// # Get a task
///
/// For managers, administrators and the assignee.
#[openapi(tag = "Tasks")]
#[get("/tasks/<id>")]
async fn get_task(user: AnyUser, id: InPath<TaskId>) -> Result<Found<Task>, Problem> {
    Ok(Found(user.store.get_task(id.0?, user.authority).await?))
}

/// # List the changes of a task
///
/// The latest first, as far as the audit is kept.
#[openapi(tag = "Tasks")]
#[get("/tasks/<id>/history")]
async fn list_task_history(
    user: AnyUser,
    id: InPath<TaskId>,
    query: ListQuery<()>,
) -> Result<List<HistoryEntry>, Problem> {
    let page = user.store.list_task_history(id.0?, user.authority, query.page).await?;
    Ok(List::new(query.address, page))
}

/// # Update a task, or move it on
///
/// Changes only the fields that are sent. Managers and administrators change everything, the
/// assignee only the status: between `pending`, `in_progress` and `done`.
#[openapi(tag = "Tasks")]
#[patch("/tasks/<id>", data = "<body>")]
async fn update_task(
    user: AnyUser,
    conditions: Conditions,
    id: InPath<TaskId>,
    body: Body<UpdateTask>,
) -> Result<Updated<Task>, Problem> {
    let UpdateTask { title, description, status, deadline, assignee } = body.0;
    let deadline = deadline.map(|deadline| deadline.0.map(|Moment(at)| at));
    let assignee = assignee.map(|assignee| assignee.0);
    let change = TaskChange { title, description, status, deadline, assignee };
    let task = user.store.update_task(id.0?, change, conditions.0, &user.context).await?;
    Ok(Updated::new(task))
}

/// # Delete a task
///
/// For managers and administrators.
#[openapi(tag = "Tasks")]
#[delete("/tasks/<id>", data = "<_body>")]
async fn delete_task(
    manager: Manager,
    conditions: Conditions,
    id: InPath<TaskId>,
    _body: Body<Empty>,
) -> Result<NoContent, Problem> {
    manager.store.delete_task(id.0?, conditions.0, &manager.context).await?;
    Ok(NoContent)
}
