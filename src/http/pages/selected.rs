//! What is done with all selected rows of a list: with all of them, or with none.

use rocket::post;
use serde_json::{Value, json};

use super::flash::{Flash, Said};
use super::frame::Frame;
use super::reply::{Back, Reply};
use super::seen::NOT_OURS;
use crate::domain::{Named, TaskChange, TaskId, TaskStatus, UserId, UserRef, Version};
use crate::error::Error;
use crate::http::auth::{Admin, AnyUser};
use crate::http::wire::{Body, Field, FieldContext, OrNone, Problem, input};

/// A selected task, as it was seen.
pub struct SelectedTask {
    id: TaskId,
    version: Version,
}

impl Field for SelectedTask {
    fn parse(text: &str, _: &FieldContext) -> Result<Self, String> {
        let parsed = text.split_once('.').and_then(|(id, version)| {
            Some(Self { id: TaskId::parse(id)?, version: Version::parse(version)? })
        });
        parsed.ok_or_else(|| NOT_OURS.to_owned())
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
        task: Vec<SelectedTask>,
        action: SelectedAction,
        /// Who gets them.
        assignee: Option<OrNone<UserRef>>,
    }
    max_body = 64 * 1024;
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
        let seen = tasks.into_iter().map(|task| (task.id, task.version)).collect();
        user.store.delete_tasks(seen, &user.context).await?;
    } else {
        let ids = tasks.into_iter().map(|task| task.id).collect();
        user.store.update_tasks(ids, change, &user.context).await?;
    }
    Ok(done(back.or(format!("{}tasks", frame.root)), said, count))
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
