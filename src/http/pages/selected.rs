//! What is done with all selected rows of a list: with all of them, or with none.

use rocket::post;
use serde_json::{Value, json};

use super::flash::{Flash, Said};
use super::frame::Frame;
use super::reply::{Back, Reply};
use super::seen::NOT_OURS;
use crate::domain::{
    Named, RequestId, TaskChange, TaskId, TaskStatus, TemplateName, UserId, UserRef, Version,
    WidgetName,
};
use crate::error::Error;
use crate::http::auth::{Admin, AnyUser};
use crate::http::wire::{Body, Field, FieldContext, OrNone, Problem, input};

/// A selected record, as it was seen.
pub struct Seen<K> {
    key: K,
    version: Version,
}

impl<K: Field> Field for Seen<K> {
    fn parse(text: &str, context: &FieldContext) -> Result<Self, String> {
        let parsed = text.rsplit_once('.').and_then(|(key, version)| {
            Some(Self { key: K::parse(key, context).ok()?, version: Version::parse(version)? })
        });
        parsed.ok_or_else(|| NOT_OURS.to_owned())
    }

    fn schema() -> Value {
        json!({ "type": "string" })
    }
}

/// The keys and versions of records.
fn pairs<K>(seen: Vec<Seen<K>>) -> Vec<(K, Version)> {
    seen.into_iter().map(|record| (record.key, record.version)).collect()
}

impl Field for RequestId {
    fn parse(text: &str, _: &FieldContext) -> Result<Self, String> {
        Self::parse(text).ok_or_else(|| NOT_OURS.to_owned())
    }

    fn schema() -> Value {
        json!({ "type": "string" })
    }
}

impl Field for UserId {
    fn parse(text: &str, _: &FieldContext) -> Result<Self, String> {
        Self::parse(text).ok_or_else(|| NOT_OURS.to_owned())
    }

    fn schema() -> Value {
        json!({ "type": "string", "format": "uuid" })
    }
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SelectedAction {
    Start,
    Finish,
    Cancel,
    Assign,
    Delete,
}

impl Named for SelectedAction {
    const ALL: &'static [Self] =
        &[Self::Start, Self::Finish, Self::Cancel, Self::Assign, Self::Delete];

    fn name(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Finish => "finish",
            Self::Cancel => "cancel",
            Self::Assign => "assign",
            Self::Delete => "delete",
        }
    }
}

input! {
    /// Tasks and what is to be done with them.
    pub struct SelectedTasks {
        task: Vec<Seen<TaskId>>,
        action: SelectedAction,
        /// Who gets them.
        assignee: Option<OrNone<UserRef>>,
    }
    max_body = 64 * 1024;
}

input! {
    /// What was done to several tasks, by its request.
    pub struct UndoSelected {
        request: RequestId,
    }
    max_body = 1024;
}

input! {
    /// Widgets that are deleted.
    pub struct SelectedWidgets {
        widget: Vec<Seen<WidgetName>>,
    }
    max_body = 64 * 1024;
}

input! {
    /// Templates that are deleted.
    pub struct SelectedTemplates {
        template: Vec<Seen<TemplateName>>,
    }
    max_body = 128 * 1024;
}

input! {
    /// Accounts that are approved.
    pub struct SelectedPeople {
        person: Vec<UserId>,
    }
    max_body = 64 * 1024;
}

#[post("/selected/tasks", data = "<form>")]
pub async fn change_selected_tasks(
    user: AnyUser,
    form: Body<SelectedTasks>,
    back: Back,
    frame: Frame,
) -> Result<Reply, Problem> {
    let SelectedTasks { task: tasks, action, assignee } = form.0;
    let count = tasks.len();
    let to = |status| {
        (Said::Moved(status), TaskChange { status: Some(status), ..TaskChange::default() })
    };
    let (said, change) = match action {
        SelectedAction::Start => to(TaskStatus::InProgress),
        SelectedAction::Finish => to(TaskStatus::Done),
        SelectedAction::Cancel => to(TaskStatus::Cancelled),
        SelectedAction::Assign => {
            let assignee = assignee.ok_or_else(|| Error::invalid("assignee", "is required"))?;
            (Said::Assigned, TaskChange { assignee: Some(assignee.0), ..TaskChange::default() })
        }
        SelectedAction::Delete => (Said::Deleted, TaskChange::default()),
    };
    if action == SelectedAction::Delete {
        user.store.delete_tasks(pairs(tasks), &user.context).await?;
    } else {
        let ids = tasks.into_iter().map(|task| task.key).collect();
        user.store.update_tasks(ids, change, &user.context).await?;
    }
    let undo = user.context.request.clone().filter(|_| action != SelectedAction::Delete);
    let flash = Flash::new(said).of_several(count).with_undo_of(undo);
    Ok(Reply::Done(back.or(format!("{}tasks", frame.root)), flash))
}

#[post("/selected/undo", data = "<form>")]
pub async fn undo_selected_tasks(
    user: AnyUser,
    form: Body<UndoSelected>,
    back: Back,
    frame: Frame,
) -> Result<Reply, Problem> {
    let count = user.store.undo_task_updates(form.0.request, &user.context).await?;
    let said = if count == 0 { Said::Unchanged } else { Said::Undone };
    Ok(done(back.or(format!("{}tasks", frame.root)), said, count.max(1)))
}

#[post("/selected/widgets", data = "<form>")]
pub async fn delete_selected_widgets(
    admin: Admin,
    form: Body<SelectedWidgets>,
    back: Back,
    frame: Frame,
) -> Result<Reply, Problem> {
    let seen = pairs(form.0.widget);
    let count = seen.len();
    admin.store.delete_widgets(seen, &admin.context).await?;
    Ok(done(back.or(format!("{}widgets", frame.root)), Said::Deleted, count))
}

#[post("/selected/templates", data = "<form>")]
pub async fn delete_selected_templates(
    user: AnyUser,
    form: Body<SelectedTemplates>,
    back: Back,
    frame: Frame,
) -> Result<Reply, Problem> {
    let seen = pairs(form.0.template);
    let count = seen.len();
    user.store.delete_templates(user.id(), seen, &user.context).await?;
    Ok(done(back.or(format!("{}templates", frame.root)), Said::Deleted, count))
}

#[post("/selected/people", data = "<form>")]
pub async fn approve_selected_people(
    admin: Admin,
    form: Body<SelectedPeople>,
    back: Back,
    frame: Frame,
) -> Result<Reply, Problem> {
    let people = form.0.person;
    let count = people.len();
    admin.store.approve_users(people, &admin.context).await?;
    Ok(done(back.or(format!("{}people", frame.root)), Said::Approved, count))
}

fn done(back: String, said: Said, count: usize) -> Reply {
    Reply::Done(back, Flash::new(said).of_several(count))
}
