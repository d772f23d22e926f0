//! The page of a task, and the forms that create, change, move and delete one.

use askama::Template;
use rocket::http::Status;
use rocket::{State, get, post};

use super::days::{Due, Moment};
use super::delete::{DeleteForm, DeletePage};
use super::flash::{Flash, Said};
use super::forms::Form;
use super::frame::{Frame, Html};
use super::history::HistoryLine;
use super::parts::{
    Face, Move, Piece, is_open, moves, record_address, status_in_words, with_links,
};
use super::reply::{Back, Reply};
use super::seen::{FormFields, Merge, Seen, with_plain_lines};
use super::tasks::people;
use crate::domain::{
    Deadline, NewTask, PageRequest, Precondition, Role, Task, TaskChange, TaskDescription, TaskId,
    TaskStatus, TaskTitle, UserRef, Zone,
};
use crate::error::Error;
use crate::http::api::deadline;
use crate::http::api::tasks::CreateTask;
use crate::http::auth::{AnyUser, Manager, SignedIn};
use crate::http::wire::{Body, InPath, OrNone, PageForm, Problem, Services, input};

/// The fields of the form, in its order.
const FIELDS: FormFields = FormFields(&["title", "description", "deadline", "assignee", "status"]);

/// How often a form is merged with what others change meanwhile.
const ATTEMPTS: usize = 4;

input! {
    /// A task as its form has it.
    pub struct TaskForm {
        title: TaskTitle,
        description: Option<TaskDescription>,
        deadline: Option<OrNone<deadline::Moment>>,
        assignee: Option<OrNone<UserRef>>,
        status: Option<TaskStatus>,
        /// What the form showed at first.
        seen: Option<Seen>,
    }
    max_body = 128 * 1024;
}

input! {
    /// A move of a task to another status.
    pub struct MoveTask {
        status: TaskStatus,
    }
}

#[derive(Template)]
#[template(path = "task.html")]
struct TaskPage<'a> {
    frame: Frame,
    id: String,
    title: &'a str,
    text: Vec<Piece<'a>>,
    status: TaskStatus,
    status_in_words: &'static str,
    moves: Vec<Move>,
    due: Option<Due>,
    assignee: Option<Face>,
    creator: Face,
    created: Moment,
    updated: Moment,
    history: Vec<HistoryLine>,
}

#[derive(Template)]
#[template(path = "task_form.html")]
struct TaskFormPage {
    frame: Frame,
    form: Form,
    /// Of the task that is changed; empty for a new one.
    id: String,
    statuses: Vec<(&'static str, &'static str)>,
    people: Vec<Face>,
}

#[get("/tasks/<id>")]
pub async fn show_task(
    user: AnyUser,
    id: InPath<TaskId>,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    let (store, reader, now) = (&*user.store, user.authority, user.context.at);
    let id = id.0?;
    let task = store.get_task(id, reader).await?;
    let history = store.list_task_history(id, reader, PageRequest::new(1, 50)).await?;
    let frame = frame.shown_to(reader, services).await?;
    let zone = store.zone();
    let line = |entry| HistoryLine::of(entry, now, zone);
    Html::of(&TaskPage {
        frame,
        id: task.id.to_string(),
        title: task.title.as_str(),
        text: with_links(task.description.as_str()),
        status: task.status,
        status_in_words: status_in_words(task.status),
        moves: moves(task.status, reader.role.is_manager()),
        due: task.deadline.map(|deadline| Due::new(deadline, is_open(task.status), now, zone)),
        assignee: task.assignee.as_ref().map(Face::of),
        creator: Face::of(&task.creator),
        created: Moment::new(task.created_at, now, zone),
        updated: Moment::new(task.updated_at, now, zone),
        history: history.items.into_iter().map(line).collect(),
    })
}

/// The texts of a task in its form.
fn texts_of(task: &Task, zone: &Zone) -> Vec<String> {
    // The form has dates. A deadline that is not changed keeps its time of day.
    let date = |deadline: Deadline| {
        let date = || zone.date_of(deadline.timestamp()).to_string();
        deadline.date_to_iso_8601().unwrap_or_else(date)
    };
    let assignee = task.assignee.as_ref().map(|user| user.names.label());
    vec![
        task.title.as_str().to_owned(),
        task.description.as_str().to_owned(),
        task.deadline.map(date).unwrap_or_default(),
        assignee.unwrap_or_default().to_owned(),
        task.status.as_str().to_owned(),
    ]
}

/// A page with a form, as it is at first or after an error.
async fn form_page(
    user: &SignedIn,
    (frame, services): (Frame, &Services),
    form: Form,
    id: Option<TaskId>,
) -> Result<TaskFormPage, Error> {
    let (store, reader) = (&*user.store, user.authority);
    let statuses = TaskStatus::ALL.iter().map(|status| (status.as_str(), status_in_words(*status)));
    Ok(TaskFormPage {
        frame: frame.shown_to(reader, services).await?,
        form,
        id: id.map_or_else(String::new, |id| id.to_string()),
        statuses: statuses.collect(),
        people: people(store, reader).await?,
    })
}

/// The role is not the guard's to decide: it would leave the address to the page of a task.
#[get("/tasks/new")]
pub async fn show_new_task(
    user: AnyUser,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    user.authority.role.require(Role::Manager)?;
    let form =
        FIELDS.filled(["", "", "", "", TaskStatus::default().as_str()].map(str::to_owned).into());
    Html::of(&form_page(&user, (frame, services), form, None).await?)
}

#[post("/tasks", data = "<form>")]
pub async fn add_task(
    manager: Manager,
    form: PageForm<CreateTask>,
    frame: Frame,
    services: &State<Services>,
) -> Result<Reply, Problem> {
    let PageForm { input, typed } = form;
    let created = match input {
        Err(error) => Err(error),
        Ok(input) => {
            let new = input.into_new(manager.id());
            let new = NewTask { description: plain(&new.description), ..new };
            manager.store.create_task(new, &manager.context).await
        }
    };
    match created {
        Ok(task) => Ok(Reply::Done(address(&frame, task.id), Flash::new(Said::Added))),
        Err(error) => {
            let (status, form) = FIELDS.rejected(typed, error)?;
            let page = form_page(&manager, (frame, services), form, None).await?;
            Ok(Reply::Page(Html::with(status, &page)?))
        }
    }
}

/// The address of a task's page.
fn address(frame: &Frame, id: TaskId) -> String {
    format!("{}tasks/{id}", frame.root)
}

/// Browsers write line ends in their own way.
fn plain(description: &TaskDescription) -> TaskDescription {
    TaskDescription::from_stored(with_plain_lines(description.as_str()))
}

#[get("/tasks/<id>/edit")]
pub async fn show_task_form(
    manager: Manager,
    id: InPath<TaskId>,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    let task = manager.store.get_task(id.0?, manager.authority).await?;
    let form = FIELDS.filled(texts_of(&task, manager.store.zone()));
    Html::of(&form_page(&manager, (frame, services), form, Some(task.id)).await?)
}

/// What became of a form.
enum Edited {
    Done(Merge),
    /// Others have changed the same fields to these texts.
    Conflict(Merge, Vec<String>),
}

/// Changes the fields that the form has changed, unless others have changed the same.
async fn edit(
    manager: &Manager,
    id: TaskId,
    form: TaskForm,
    mine: &[String],
) -> Result<Edited, Error> {
    for _ in 0..ATTEMPTS {
        let stored = manager.store.get_task(id, manager.authority).await?;
        let theirs = texts_of(&stored, manager.store.zone());
        let merge = Merge::of(form.seen.as_ref(), mine, &theirs);
        if merge.has_conflict() {
            return Ok(Edited::Conflict(merge, theirs));
        }
        if !merge.has_change() {
            return Ok(Edited::Done(merge));
        }
        let (change, seen) = (form.change(&merge), Precondition::is(stored.version));
        match manager.store.update_task(id, change, seen, &manager.context).await {
            Ok(_) => return Ok(Edited::Done(merge)),
            Err(Error::PreconditionFailed) => {}
            Err(error) => return Err(error),
        }
    }
    Err(Error::Busy)
}

impl TaskForm {
    /// What the form has changed.
    fn change(&self, merge: &Merge) -> TaskChange {
        let Self { title, description, status, deadline, assignee, seen: _ } = self;
        let is_changed = |n: usize| merge.changed[n];
        TaskChange {
            title: is_changed(0).then(|| title.clone()),
            description: description.as_ref().filter(|_| is_changed(1)).map(plain),
            deadline: deadline
                .as_ref()
                .filter(|_| is_changed(2))
                .map(|deadline| deadline.0.as_ref().map(|at| at.0)),
            assignee: assignee
                .as_ref()
                .filter(|_| is_changed(3))
                .map(|assignee| assignee.0.clone()),
            status: status.filter(|_| is_changed(4)),
        }
    }
}

#[post("/tasks/<id>", data = "<form>")]
pub async fn edit_task(
    manager: Manager,
    id: InPath<TaskId>,
    form: PageForm<TaskForm>,
    frame: Frame,
    services: &State<Services>,
) -> Result<Reply, Problem> {
    let id = id.0?;
    let PageForm { input, typed } = form;
    let edited = match input {
        Ok(form) => edit(&manager, id, form, &FIELDS.texts(&typed)).await,
        Err(error) => Err(error),
    };
    let (status, form) = match edited {
        Ok(Edited::Done(merge)) => {
            let said = if merge.has_change() { Said::Changed } else { Said::Unchanged };
            return Ok(Reply::Done(address(&frame, id), Flash::new(said)));
        }
        Ok(Edited::Conflict(merge, theirs)) => {
            (Status::Conflict, FIELDS.conflicting(typed, &merge, theirs))
        }
        Err(error) => FIELDS.rejected(typed, error)?,
    };
    let page = form_page(&manager, (frame, services), form, Some(id)).await?;
    Ok(Reply::Page(Html::with(status, &page)?))
}

#[post("/tasks/<id>/status", data = "<form>")]
pub async fn move_task(
    user: AnyUser,
    id: InPath<TaskId>,
    form: Body<MoveTask>,
    back: Back,
    frame: Frame,
) -> Result<Reply, Problem> {
    let (id, status) = (id.0?, form.0.status);
    let before = user.store.get_task(id, user.authority).await?.status;
    let change = TaskChange { status: Some(status), ..TaskChange::default() };
    user.store.update_task(id, change, Precondition::default(), &user.context).await?;
    let flash = Flash::new(Said::Moved(status)).about(record_address("tasks", &id.to_string()));
    let flash = if before == status { flash } else { flash.with_undo(before) };
    Ok(Reply::Done(back.or(address(&frame, id)), flash))
}

#[get("/tasks/<id>/delete")]
pub async fn ask_to_delete_task(
    manager: Manager,
    id: InPath<TaskId>,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    let task = manager.store.get_task(id.0?, manager.authority).await?;
    let address = record_address("tasks", &task.id.to_string());
    let frame = frame.shown_to(manager.authority, services).await?;
    Html::of(&DeletePage {
        frame,
        kind: "task",
        name: task.title.as_str(),
        address,
        version: task.version,
    })
}

/// Only what was seen is deleted.
#[post("/tasks/<id>/delete", data = "<form>")]
pub async fn delete_task_of_page(
    manager: Manager,
    id: InPath<TaskId>,
    form: Body<DeleteForm>,
    frame: Frame,
) -> Result<Reply, Problem> {
    let seen = form.0.precondition();
    manager.store.delete_task(id.0?, seen, &manager.context).await?;
    Ok(Reply::Done(format!("{}tasks", frame.root), Flash::new(Said::Deleted)))
}
