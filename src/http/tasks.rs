//! `/tasks`: managers hand them out, the assignee moves them on.

use rocket::{Route, State, delete, get, patch, post};
use rocket_okapi::okapi::openapi3::OpenApi;
use rocket_okapi::{openapi, openapi_get_routes_spec};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::answers::NoContent;
use super::body::{Body, Input, Nothing};
use super::client::Client;
use super::docs::{Answer, Description};
use super::error::Problem;
use super::etag::{CHANGED, Conditions, HasETag, Located, UNCHANGED, WithETag};
use super::fields::Fields;
use super::guards::{Account, Manager};
use super::page::{Filter, LIST, ListQuery, ListView, boolean, one_of, parse_bool, text};
use super::users::UserSummaryView;
use super::{API, BasePath, Services};
use crate::domain::{
    Deadline, Description as TaskDescription, NewTask, RequestContext, Search, Sort, Task,
    TaskChange, TaskFilter, TaskId, TaskSort, TaskStatus, Timestamp, Title, UserRef,
};
use crate::error::Error;

/// How the document tells that a task is not there.
const ABSENT: Answer = (404, "There is no such task, or you may not see it.", &[]);

/// What stands for no deadline and for no assignee. (An account of this username is named by another of its names.)
const NOTHING: &str = "none";

/// How many bytes a description of 10,000 characters may take, each escaped as two times six.
const MAX_BODY: u64 = 128 * 1024;

/// The routes below `/tasks`, and their part of the document.
pub fn routes() -> (Vec<Route>, OpenApi) {
    let (routes, mut spec) =
        openapi_get_routes_spec![list_tasks, create_task, get_task, update_task, delete_task];
    Description::of(&mut spec)
        .extend("list_tasks", ListQuery::<TaskFilter>::describe)
        .operation("list_tasks", &[(200, "A page of tasks.", LIST), UNCHANGED])
        .operation("create_task", &[(201, "The task.", &["ETag", "Location"])])
        .operation("get_task", &[(200, "The task.", &["ETag"]), UNCHANGED, ABSENT])
        .extend("update_task", Conditions::describe)
        .operation(
            "update_task",
            &[
                (200, "The task as it is now.", &["ETag"]),
                (
                    403,
                    "The assignee may change the status alone, or the API key may only read.",
                    &[],
                ),
                ABSENT,
                (409, "The assignee cannot move a task from the one status to the other.", &[]),
                CHANGED,
            ],
        )
        .extend("delete_task", Conditions::describe)
        .operation("delete_task", &[(204, "The task is gone.", &[]), ABSENT, CHANGED]);
    (routes, spec)
}

fn id_in_path(id: &str) -> Result<TaskId, Error> {
    TaskId::parse(id).ok_or_else(|| Error::no_such("task"))
}

impl Filter for TaskFilter {
    fn read(fields: &mut Fields) -> Option<Self> {
        let mine = fields.optional("mine", parse_bool);
        let status = fields.optional("status", TaskStatus::parse);
        let assignee = fields.optional("assignee", UserRef::parse);
        let deadline_before = fields.optional("deadline_before", Timestamp::parse_start);
        let deadline_after = fields.optional("deadline_after", Timestamp::parse_start);
        let overdue = fields.optional("overdue", parse_bool);
        let search = fields.optional("q", |text| Ok(Search::new(text)));
        let sort = fields.optional("sort", Sort::parse);
        Some(Self {
            mine: mine?,
            status: status?,
            assignee: assignee?,
            deadline_before: deadline_before?,
            deadline_after: deadline_after?,
            overdue: overdue?,
            search: search?,
            sort: sort?,
        })
    }

    fn parameters() -> Vec<(&'static str, &'static str, Value)> {
        vec![
            ("mine", "`true`: those that are assigned to you. `false`: all others.", boolean()),
            (
                "status",
                "Those of this status.",
                one_of(TaskStatus::ALL.iter().map(|status| status.as_str())),
            ),
            (
                "assignee",
                "Those that are assigned to the account of this public id, e-mail address or username; of a \
                 deleted one by its public id.",
                text(),
            ),
            (
                "deadline_before",
                "Those whose deadline is before this moment: a date, before whose start, or an RFC 3339 time.",
                text(),
            ),
            (
                "deadline_after",
                "Those whose deadline is at this moment or later: a date, from whose start on, or an RFC 3339 time.",
                text(),
            ),
            (
                "overdue",
                "`true`: those whose deadline has passed and that are neither done nor cancelled. `false`: all others.",
                boolean(),
            ),
            (
                "q",
                "Those in whose title and description each of these words is, or begins one, in any letter case and \
                 with any diacritics.",
                text(),
            ),
            (
                "sort",
                "In which order; with `-`, the latest first. Tasks without a deadline come last either way. Without \
                 this it is the order of creation.",
                one_of(Sort::<TaskSort>::names()),
            ),
        ]
    }
}

/// What a new task takes.
#[derive(JsonSchema)]
#[schemars(example = "CreateTask::example")]
struct CreateTask {
    /// In a line.
    #[schemars(with = "String", length(min = 1, max = 255))]
    title: Title,
    /// At length.
    #[schemars(with = "Option<String>", length(max = 10_000))]
    description: TaskDescription,
    /// `pending`, `in_progress`, `done` or `cancelled`; `pending`, where it is not given.
    #[schemars(with = "Option<String>")]
    status: TaskStatus,
    /// Not in the past: a date, in any form that a widget's may have, to whose end in UTC it is, or an
    /// RFC 3339 time. None, where it is not given or `none`.
    #[schemars(with = "Option<String>")]
    deadline: Option<Deadline>,
    /// The public id, e-mail address or username of an account. Nobody, where it is not given or `none`.
    #[schemars(with = "Option<String>")]
    assignee: Option<UserRef>,
}

impl CreateTask {
    fn example() -> Value {
        json!({
            "title": "Write the report",
            "description": "Two pages about the first quarter.",
            "deadline": "2099-12-31T12:00:00Z",
            "assignee": "none",
        })
    }
}

#[rocket::async_trait]
impl Input for CreateTask {
    const MAX_BODY: Option<u64> = Some(MAX_BODY);

    async fn read(
        fields: &mut Fields,
        _: &Services,
        context: &RequestContext,
    ) -> Result<Option<Self>, Error> {
        let title = fields.required("title", Title::parse);
        let change = read_change(fields, |deadline| deadline.check_not_past(context.at));
        Ok(title.zip(change).map(|(title, change)| Self {
            title,
            description: change.description.unwrap_or_default(),
            status: change.status.unwrap_or_default(),
            deadline: change.deadline.flatten(),
            assignee: change.assignee.flatten(),
        }))
    }
}

/// What changing a task takes: at least one of these. The assignee may give the status alone.
#[derive(JsonSchema)]
#[schemars(example = "UpdateTask::example")]
struct UpdateTask {
    /// In a line.
    #[schemars(with = "Option<String>", length(min = 1, max = 255))]
    #[allow(dead_code, reason = "documents the field; `change` holds what was given")]
    title: (),
    /// At length. In JSON, an empty one removes it.
    #[schemars(with = "Option<String>", length(max = 10_000))]
    #[allow(dead_code, reason = "documents the field; `change` holds what was given")]
    description: (),
    /// `pending`, `in_progress`, `done` or `cancelled`. The assignee may move a task between `pending` and
    /// `in_progress`, from either to `done`, and from `done` back to `in_progress`.
    #[schemars(with = "Option<String>")]
    #[allow(dead_code, reason = "documents the field; `change` holds what was given")]
    status: (),
    /// As for a new task; `none` removes it.
    #[schemars(with = "Option<String>")]
    #[allow(dead_code, reason = "documents the field; `change` holds what was given")]
    deadline: (),
    /// As for a new task; `none` removes it.
    #[schemars(with = "Option<String>")]
    #[allow(dead_code, reason = "documents the field; `change` holds what was given")]
    assignee: (),
    #[schemars(skip)]
    change: TaskChange,
}

impl UpdateTask {
    fn example() -> Value {
        json!({ "status": "in_progress", "deadline": "none" })
    }
}

#[rocket::async_trait]
impl Input for UpdateTask {
    const MAX_BODY: Option<u64> = Some(MAX_BODY);

    async fn read(
        fields: &mut Fields,
        _: &Services,
        _: &RequestContext,
    ) -> Result<Option<Self>, Error> {
        let title = fields.optional("title", Title::parse);
        let change = read_change(fields, |_| Ok(()));
        fields.require_any(&["title", "description", "status", "deadline", "assignee"]);
        let Some((title, change)) = title.zip(change) else { return Ok(None) };
        let change = TaskChange { title, ..change };
        Ok(Some(Self {
            title: (),
            description: (),
            status: (),
            deadline: (),
            assignee: (),
            change,
        }))
    }
}

/// What may be left out of a new task as well as of a change.
fn read_change(
    fields: &mut Fields,
    check_deadline: impl Fn(Deadline) -> Result<(), String>,
) -> Option<TaskChange> {
    let description = fields.optional("description", TaskDescription::parse);
    let status = fields.optional("status", TaskStatus::parse);
    let deadline = fields.optional("deadline", |text| {
        or_none(text, |text| {
            let deadline = Deadline::parse_moment(text)?;
            check_deadline(deadline).map(|()| deadline)
        })
    });
    let assignee = fields.optional("assignee", |text| or_none(text, UserRef::parse));
    Some(TaskChange {
        title: None,
        description: description?,
        status: status?,
        deadline: deadline?,
        assignee: assignee?,
    })
}

/// Reads something of which there may be none.
fn or_none<T>(
    text: &str,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Result<Option<T>, String> {
    if text == NOTHING { Ok(None) } else { parse(text).map(Some) }
}

/// A task as those see it who may.
#[derive(Serialize, JsonSchema)]
struct TaskView {
    /// A UUID.
    id: String,
    title: String,
    description: String,
    /// `pending`, `in_progress`, `done` or `cancelled`
    status: &'static str,
    /// `12/31/26 11:59:59 PM UTC`
    deadline: Option<String>,
    deadline_iso8601: Option<String>,
    deadline_passed: bool,
    /// `2 days 3 hours 1 minutes 5 seconds` or `No time remaining`, whatever the status
    time_remaining: Option<String>,
    /// By whom it is to be done.
    assignee: Option<UserSummaryView>,
    /// Who handed it out.
    creator: UserSummaryView,
    /// `12/31/26 11:59:59 PM UTC`
    created_at: String,
    created_at_iso8601: String,
    /// `12/31/26 11:59:59 PM UTC`
    updated_at: String,
    updated_at_iso8601: String,
    /// The task's address.
    link: String,
}

impl HasETag for Task {
    fn tag(&self, now: Timestamp) -> String {
        let is = |seen, letter| if seen { letter } else { "" };
        let passed = is(self.has_passed(now), "-p");
        let former_creator = is(self.creator.is_deleted, "-c");
        let former_assignee =
            is(self.assignee.as_ref().is_some_and(|assignee| assignee.is_deleted), "-a");
        format!("{}{passed}{former_creator}{former_assignee}", self.version)
    }
}

impl TaskView {
    fn new(task: Task, now: Timestamp, base: BasePath<'_>) -> Self {
        let deadline = task.deadline.map(Deadline::timestamp);
        Self {
            link: address(base, task.id),
            id: task.id.to_string(),
            deadline: deadline.map(Timestamp::to_clock_text),
            deadline_iso8601: deadline.map(Timestamp::to_iso_8601),
            deadline_passed: task.has_passed(now),
            time_remaining: deadline.map(|deadline| deadline.remaining_in_words(now)),
            title: task.title.into_string(),
            description: task.description.into_string(),
            status: task.status.as_str(),
            assignee: task.assignee.map(UserSummaryView::new),
            creator: UserSummaryView::new(task.creator),
            created_at: task.created_at.to_clock_text(),
            created_at_iso8601: task.created_at.to_iso_8601(),
            updated_at: task.updated_at.to_clock_text(),
            updated_at_iso8601: task.updated_at.to_iso_8601(),
        }
    }

    /// The view with its tag.
    fn tagged(task: Task, now: Timestamp, base: BasePath<'_>) -> WithETag<Self> {
        WithETag::of_tag(task.tag(now), Self::new(task, now, base))
    }
}

fn address(base: BasePath<'_>, id: TaskId) -> String {
    format!("{base}{API}/tasks/{id}")
}

/// # List the tasks
///
/// Managers and administrators see all, others those that are assigned to them. In the order of
/// creation, unless `sort` says another one, a page at a time.
#[openapi(tag = "Tasks")]
#[get("/tasks")]
async fn list_tasks(
    account: Account,
    query: ListQuery<TaskFilter>,
    services: &State<Services>,
) -> Result<ListView<TaskView>, Problem> {
    let base = services.base_path();
    let (address, now) = (query.address(base, "/tasks"), services.clock.now());
    let reader = account.0.authority;
    let page = services.store.list_tasks(reader, query.filter, query.page, now).await?;
    Ok(ListView::new(&address, page, now, |task| TaskView::new(task, now, base)))
}

/// # Hand out a task
///
/// For managers and administrators.
#[openapi(tag = "Tasks")]
#[post("/tasks", data = "<body>")]
async fn create_task(
    manager: Manager,
    client: Client,
    body: Body<CreateTask>,
    services: &State<Services>,
) -> Result<Located<TaskView>, Problem> {
    let Body(CreateTask { title, description, status, deadline, assignee }) = body;
    let (id, creator) = (TaskId::generate(), manager.0.authority.user);
    let new = NewTask { id, title, description, status, deadline, assignee, creator };
    let context = client.on_behalf_of(&manager.0);
    let task = services.store.create_task(new, &context).await?;
    let base = services.base_path();
    Ok(Located {
        location: Some(address(base, id)),
        answer: TaskView::tagged(task, context.at, base),
    })
}

/// # Read a task
///
/// For managers, administrators and the assignee.
#[openapi(tag = "Tasks")]
#[get("/tasks/<id>")]
async fn get_task(
    account: Account,
    id: &str,
    services: &State<Services>,
) -> Result<WithETag<TaskView>, Problem> {
    let task = services.store.get_task(id_in_path(id)?, account.0.authority).await?;
    Ok(TaskView::tagged(task, services.clock.now(), services.base_path()))
}

/// # Change a task, or move it on
///
/// Changes only the fields that are given. Managers and administrators change everything, the assignee
/// the status alone: between `pending` and `in_progress`, from either to `done`, and back to `in_progress`.
#[openapi(tag = "Tasks")]
#[patch("/tasks/<id>", data = "<body>")]
async fn update_task(
    account: Account,
    client: Client,
    conditions: Conditions,
    id: &str,
    body: Body<UpdateTask>,
    services: &State<Services>,
) -> Result<WithETag<TaskView>, Problem> {
    let context = client.on_behalf_of(&account.0);
    let task =
        services.store.update_task(id_in_path(id)?, body.0.change, conditions.0, &context).await?;
    Ok(TaskView::tagged(task, context.at, services.base_path()))
}

/// # Delete a task
///
/// For managers and administrators.
#[openapi(tag = "Tasks")]
#[delete("/tasks/<id>", data = "<_body>")]
async fn delete_task(
    manager: Manager,
    client: Client,
    conditions: Conditions,
    id: &str,
    _body: Body<Nothing>,
    services: &State<Services>,
) -> Result<NoContent, Problem> {
    services
        .store
        .delete_task(id_in_path(id)?, conditions.0, &client.on_behalf_of(&manager.0))
        .await?;
    Ok(NoContent)
}
