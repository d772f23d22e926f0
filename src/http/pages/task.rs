//! The page of a task, and the forms that create, change, move and delete one.

use std::iter;

use askama::Template;
use rocket::{State, get, post};

use super::ask::{AskPage, DeleteForm};
use super::days::{Due, Moment, date_in_form};
use super::edit::Edit;
use super::flash::{Flash, Said};
use super::forms::Form;
use super::frame::{Frame, Html};
use super::history::HistoryLine;
use super::parts::{
    Face, Move, Piece, is_open, moves, record_address, status_in_words, with_links,
};
use super::quick_add::{Line, Understood, find_people};
use super::reply::{Back, Reply};
use super::seen::{FormFields, Merge, Seen};
use super::tasks::people;
use crate::domain::{
    NewTask, PageRequest, Precondition, Task, TaskChange, TaskDescription, TaskId, TaskStatus,
    TaskTitle, UserId, UserRef, Version, Zone,
};
use crate::error::Error;
use crate::http::api::deadline;
use crate::http::auth::{AnyUser, Manager, SignedIn};
use crate::http::wire::{Body, InPath, OrNone, PageForm, Problem, Services, input};

/// The fields of the form, in its order.
const FIELDS: FormFields = FormFields(&["title", "description", "deadline", "assignee", "status"]);

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

input! {
    /// A task's new assignee.
    pub struct AssignTask {
        assignee: OrNone<UserRef>,
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
    /// Who can get it, as managers see them.
    people: Vec<Face>,
    creator: Face,
    created: Moment,
    updated: Moment,
    history: Vec<HistoryLine>,
}

/// The options of an assignee who may be one of several. Nobody is chosen, so that it is asked again.
fn options(typed: &str, choices: &[Face]) -> Vec<(String, String)> {
    if choices.is_empty() {
        return Vec::new();
    }
    let option = |Face { name, label, .. }: &Face| {
        let text = if name == label { name.clone() } else { format!("{name} ({label})") };
        (label.clone(), text)
    };
    let constant = |value: &str, text: &str| iter::once((value.to_owned(), text.to_owned()));
    constant(typed, "Please choose")
        .chain(choices.iter().map(option))
        .chain(constant("none", "Nobody yet"))
        .collect()
}

impl TaskPage<'_> {
    /// Empty for nobody.
    fn assignee_id(&self) -> &str {
        self.assignee.as_ref().map_or("", |user| &user.id)
    }
}

#[derive(Template)]
#[template(path = "task_form.html")]
struct TaskFormPage {
    frame: Frame,
    form: Form,
    /// Of the task that is changed; empty for a new one.
    address: String,
    /// Where the form is sent, relative to the root.
    action: String,
    statuses: Vec<(&'static str, &'static str)>,
    people: Vec<Face>,
    /// Who may be meant by an assignee who is not known, as options.
    choices: Vec<(String, String)>,
    /// What a line says about a new task.
    understood: Option<Understood>,
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
        people: people(store, reader).await?,
        creator: Face::of(&task.creator),
        created: Moment::new(task.created_at, now, zone),
        updated: Moment::new(task.updated_at, now, zone),
        history: HistoryLine::list(history.items, now, store).await?,
    })
}

/// The texts of a task in its form.
fn texts_of(task: &Task, zone: &Zone) -> Vec<String> {
    let assignee = task.assignee.as_ref().map(|user| user.names.label());
    vec![
        task.title.as_str().to_owned(),
        task.description.as_str().to_owned(),
        task.deadline.map(|deadline| date_in_form(deadline, zone)).unwrap_or_default(),
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
    let form = form.with_days(user.context.at, store.zone());
    let choices = match form.error("assignee") {
        Some(_) => find_people(store, reader, form.value("assignee")).await?,
        None => Vec::new(),
    };
    let choices: Vec<_> = choices.iter().map(Face::of).collect();
    let choices = options(form.value("assignee"), &choices);
    let statuses = TaskStatus::ALL.iter().map(|status| (status.as_str(), status_in_words(*status)));
    Ok(TaskFormPage {
        frame: frame.shown_to(reader, services).await?,
        form,
        address: id.map_or_else(String::new, address),
        action: id.map_or_else(|| "tasks".to_owned(), address),
        statuses: statuses.collect(),
        people: people(store, reader).await?,
        choices,
        understood: None,
    })
}

/// The form is filled with what the line says.
#[get("/new/task")]
pub async fn show_new_task(
    manager: Manager,
    line: Line,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    let understood = line.understood(&manager).await?;
    let [title, date, assignee] =
        understood.as_ref().map_or(["", "", ""], |line| [&line.title, &line.date, &line.assignee]);
    let texts = [title, "", date, assignee, TaskStatus::default().as_str()].map(str::to_owned);
    let form = FIELDS.filled(texts.into());
    let page = form_page(&manager, (frame, services), form, None).await?;
    let choices = understood.as_ref().map(|line| options(&line.assignee, &line.choices));
    let choices = choices.unwrap_or_default();
    Html::of(&TaskFormPage { understood, choices, action: line.action(), ..page })
}

#[post("/tasks", data = "<form>")]
pub async fn add_task(
    manager: Manager,
    form: PageForm<TaskForm>,
    frame: Frame,
    services: &State<Services>,
) -> Result<Reply, Problem> {
    add((&manager, frame, services), form, &Line::default(), None).await
}

/// The form that a line has filled leads back to the page of the line.
#[post("/new/task", data = "<form>")]
pub async fn add_task_of_line(
    manager: Manager,
    line: Line,
    form: PageForm<TaskForm>,
    back: Back,
    frame: Frame,
    services: &State<Services>,
) -> Result<Reply, Problem> {
    add((&manager, frame, services), form, &line, back.unless_form()).await
}

async fn add(
    (manager, frame, services): (&Manager, Frame, &Services),
    form: PageForm<TaskForm>,
    line: &Line,
    back: Option<String>,
) -> Result<Reply, Problem> {
    let (created, typed) = form
        .and_then(async |input| {
            let new = input.into_new(manager.id());
            check_new(manager, &new).await?;
            manager.store.create_task(new, &manager.context).await
        })
        .await;
    if let (Ok(task), Some(page)) = (&created, back) {
        return Ok(Reply::Done(page, Flash::new(Said::Added).about(address(task.id))));
    }
    let done = created.map(|task| (address(task.id), Said::Added));
    let page = async |frame, form| {
        let page = form_page(manager, (frame, services), form, None).await?;
        Ok(TaskFormPage { action: line.action(), ..page })
    };
    FIELDS.sent(done, typed)?.reply(frame, page).await
}

/// Names a deadline in the past, and with it an assignee whom the store would refuse next.
async fn check_new(manager: &Manager, new: &NewTask) -> Result<(), Error> {
    let in_time = new.deadline.map_or(Ok(()), |at| at.check_not_past(manager.context.at));
    let Err(why) = in_time else { return Ok(()) };
    let unknown = match &new.assignee {
        Some(user) => match manager.store.get_user_by_name(user).await {
            Err(Error::NotFound(_)) => Err(user.unknown_in("assignee")),
            _ => Ok(()),
        },
        None => Ok(()),
    };
    Error::both(Err(Error::invalid("deadline", why)), unknown)
}

/// The address of a task's page, relative to the root.
fn address(id: TaskId) -> String {
    record_address("tasks", &id.to_string())
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

/// A form that changes a task.
struct EditTask<'a> {
    manager: &'a Manager,
    id: TaskId,
    form: TaskForm,
}

impl Edit for EditTask<'_> {
    fn seen(&self) -> Option<&Seen> {
        self.form.seen.as_ref()
    }

    fn address(&self) -> String {
        address(self.id)
    }

    async fn read(&self) -> Result<(Vec<String>, Version), Error> {
        let store = &self.manager.store;
        let task = store.get_task(self.id, self.manager.authority).await?;
        Ok((texts_of(&task, store.zone()), task.version))
    }

    async fn write(&self, merge: &Merge, seen: Precondition) -> Result<String, Error> {
        let (store, change) = (&self.manager.store, self.form.change(merge));
        store.update_task(self.id, change, seen, &self.manager.context).await?;
        Ok(self.address())
    }
}

impl TaskForm {
    fn into_new(self, creator: UserId) -> NewTask {
        let Self { title, description, deadline, assignee, status, seen: _ } = self;
        NewTask {
            id: TaskId::generate(),
            title,
            description: description.unwrap_or_default(),
            status: status.unwrap_or_default(),
            deadline: deadline.and_then(|deadline| deadline.0).map(|at| at.0),
            assignee: assignee.and_then(|assignee| assignee.0),
            creator,
        }
    }

    /// What the form has changed.
    fn change(&self, merge: &Merge) -> TaskChange {
        let Self { title, description, status, deadline, assignee, seen: _ } = self;
        let is_changed = |n: usize| merge.changed[n];
        TaskChange {
            title: is_changed(0).then(|| title.clone()),
            description: description.clone().filter(|_| is_changed(1)),
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
    let (id, PageForm { input, typed }) = (id.0?, form);
    let edit = input.map(|form| EditTask { manager: &manager, id, form });
    let sent = FIELDS.edited(edit, typed).await?;
    let page = |frame, form| form_page(&manager, (frame, services), form, Some(id));
    sent.reply(frame, page).await
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
    let flash = Flash::new(Said::Moved(status)).about(address(id));
    let flash = if before == status { flash } else { flash.with_undo(before) };
    Ok(Reply::Done(back.or(format!("{}{}", frame.root, address(id))), flash))
}

#[post("/tasks/<id>/assignee", data = "<form>")]
pub async fn assign_task(
    manager: Manager,
    id: InPath<TaskId>,
    form: Body<AssignTask>,
    frame: Frame,
) -> Result<Reply, Problem> {
    let (id, assignee) = (id.0?, form.0.assignee.0);
    let change = TaskChange { assignee: Some(assignee), ..TaskChange::default() };
    manager.store.update_task(id, change, Precondition::default(), &manager.context).await?;
    Ok(Reply::done(&frame, &address(id), Said::Assigned))
}

#[get("/tasks/<id>/delete")]
pub async fn ask_to_delete_task(
    manager: Manager,
    id: InPath<TaskId>,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    let task = manager.store.get_task(id.0?, manager.authority).await?;
    let (address, version) = (address(task.id), task.version);
    let frame = frame.shown_to(manager.authority, services).await?;
    let title = "Delete the task?";
    Html::of(&AskPage::to_delete(frame, title, task.title.as_str(), (address, version)))
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
    Ok(Reply::done(&frame, "tasks", Said::Deleted))
}
