//! The model: what there is, who may do what, and what a write does.

use rocket::http::Method::{self, Delete, Patch, Post, Put};
use widgetd::domain::Role;

use crate::support::percent_encode;

pub struct User {
    pub email: String,
    pub id: String,
    pub role: Role,
    pub is_active: bool,
    pub is_deleted: bool,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Widget {
    pub name: String,
    pub url: String,
    pub date: String,
    pub owner: usize,
    /// How many events its history has.
    pub events: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    pub id: String,
    pub title: String,
    pub status: &'static str,
    pub assignee: Option<usize>,
    pub date: Option<String>,
    pub events: usize,
}

#[derive(Clone, Debug)]
pub struct Template {
    pub owner: usize,
    pub name: String,
    pub body: String,
}

#[derive(Clone, Debug)]
pub enum Change {
    Title(String),
    Status(&'static str),
    Assignee(Option<usize>),
}

/// A write of one record. Tasks are given by their place in the list; there may be none.
#[derive(Clone, Debug)]
pub enum Write {
    CreateWidget { name: String, url: String, date: String },
    PutWidget { name: String, url: String, date: String },
    ChangeWidget { name: String, to: String, url: String },
    DeleteWidget { name: String },
    CreateTask { title: String, assignee: Option<usize>, date: Option<String> },
    ChangeTask { at: usize, change: Change },
    DeleteTask { at: usize },
    CreateTemplate { name: String, body: String },
    ChangeTemplate { name: String, to: String, body: String },
    DeleteTemplate { name: String },
}

/// Each list is in the order of creation.
#[derive(Default)]
pub struct Plain {
    pub users: Vec<User>,
    pub widgets: Vec<Widget>,
    pub tasks: Vec<Task>,
    pub templates: Vec<Template>,
}

impl Plain {
    pub fn add_user(&mut self, email: String, id: String, role: Role) {
        self.users.push(User { email, id, role, is_active: true, is_deleted: false });
    }

    /// Their tasks and widgets stay.
    pub fn delete_user(&mut self, who: usize) {
        (self.users[who].is_deleted, self.users[who].is_active) = (true, false);
        self.templates.retain(|template| template.owner != who);
    }

    /// Who is not deleted. The first one is an administrator, and active.
    pub fn members(&self) -> Vec<usize> {
        (0..self.users.len()).filter(|who| !self.users[*who].is_deleted).collect()
    }

    pub fn active(&self) -> impl Iterator<Item = &User> {
        self.users.iter().filter(|user| user.is_active)
    }

    pub fn role(&self, who: usize) -> Role {
        self.users[who].role
    }

    fn manages(&self, who: usize) -> bool {
        self.role(who) != Role::Employee
    }

    pub fn widget(&self, name: &str) -> Option<usize> {
        self.widgets.iter().position(|widget| widget.name == name)
    }

    pub fn template(&self, owner: usize, name: &str) -> Option<usize> {
        self.templates.iter().position(|template| template.owner == owner && template.name == name)
    }

    pub fn sees(&self, who: usize, task: &Task) -> bool {
        self.manages(who) || task.assignee == Some(who)
    }

    /// The status of the answer to a write without a condition.
    pub fn expected(&self, who: usize, write: &Write) -> u16 {
        use Write::{
            ChangeTask, ChangeTemplate, ChangeWidget, CreateTask, CreateTemplate, CreateWidget,
            DeleteTask, DeleteTemplate, DeleteWidget, PutWidget,
        };
        if !self.users[who].is_active {
            return 401;
        }
        let (is_admin, manages) = (self.role(who) == Role::Admin, self.manages(who));
        let unless = |refused: Option<u16>, done| refused.unwrap_or(done);
        let refused_name = |found: Option<usize>, to: Option<usize>| match found {
            None => Some(404),
            Some(_) => to.filter(|to| Some(*to) != found).map(|_| 409),
        };
        match write {
            CreateWidget { .. } | PutWidget { .. } | ChangeWidget { .. } | DeleteWidget { .. }
                if !is_admin =>
            {
                403
            }
            CreateTask { .. } | DeleteTask { .. } if !manages => 403,
            CreateWidget { name, .. } => unless(self.widget(name).map(|_| 409), 201),
            PutWidget { name, .. } => unless(self.widget(name).map(|_| 200), 201),
            ChangeWidget { name, to, .. } => {
                unless(refused_name(self.widget(name), self.widget(to)), 200)
            }
            DeleteWidget { name } => unless(refused_name(self.widget(name), None), 204),
            CreateTask { assignee, .. } => unless(self.refused_assignee(*assignee, None), 201),
            ChangeTask { at, change } => self.expected_of_change(who, *at, change),
            DeleteTask { at } => unless(refused_name(self.tasks.get(*at).map(|_| *at), None), 204),
            CreateTemplate { name, .. } => unless(self.template(who, name).map(|_| 409), 201),
            ChangeTemplate { name, to, .. } => {
                unless(refused_name(self.template(who, name), self.template(who, to)), 200)
            }
            DeleteTemplate { name } => unless(refused_name(self.template(who, name), None), 204),
        }
    }

    /// Tasks are given to active users only, who keep them when they are disabled.
    fn refused_assignee(&self, to: Option<usize>, present: Option<usize>) -> Option<u16> {
        to.filter(|to| !self.users[*to].is_active && present != Some(*to)).map(|_| 400)
    }

    fn expected_of_change(&self, who: usize, at: usize, change: &Change) -> u16 {
        let Some(task) = self.tasks.get(at).filter(|task| self.sees(who, task)) else { return 404 };
        match change {
            Change::Status(to) => {
                let moves = [
                    ("pending", "in_progress"),
                    ("pending", "done"),
                    ("in_progress", "pending"),
                    ("in_progress", "done"),
                    ("done", "in_progress"),
                    ("done", "pending"),
                ];
                let may =
                    self.manages(who) || task.status == *to || moves.contains(&(task.status, *to));
                if may { 200 } else { 409 }
            }
            _ if !self.manages(who) => 403,
            Change::Assignee(to) => self.refused_assignee(*to, task.assignee).unwrap_or(200),
            Change::Title(_) => 200,
        }
    }

    /// Does what the service has done. `id` is that of a new record. A change without effect is no
    /// event.
    pub fn apply(&mut self, who: usize, write: &Write, id: &str) {
        let before = (self.widgets.clone(), self.tasks.clone());
        self.do_write(who, write, id);
        if before.0.len() == self.widgets.len() {
            for (old, new) in before.0.iter().zip(&mut self.widgets) {
                new.events += usize::from(old != new);
            }
        }
        if before.1.len() == self.tasks.len() {
            for (old, new) in before.1.iter().zip(&mut self.tasks) {
                new.events += usize::from(old != new);
            }
        }
    }

    fn do_write(&mut self, who: usize, write: &Write, id: &str) {
        match write.clone() {
            Write::CreateWidget { name, url, date } => {
                self.widgets.push(Widget { name, url, date, owner: who, events: 1 });
            }
            Write::PutWidget { name, url, date } => match self.widget(&name) {
                Some(at) => (self.widgets[at].url, self.widgets[at].date) = (url, date),
                None => self.widgets.push(Widget { name, url, date, owner: who, events: 1 }),
            },
            Write::ChangeWidget { name, to, url } => {
                let at = self.widget(&name).unwrap();
                (self.widgets[at].name, self.widgets[at].url) = (to, url);
            }
            Write::DeleteWidget { name } => {
                self.widgets.remove(self.widget(&name).unwrap());
            }
            Write::CreateTask { title, assignee, date } => {
                let task =
                    Task { id: id.to_owned(), title, status: "pending", assignee, date, events: 1 };
                self.tasks.push(task);
            }
            Write::ChangeTask { at, change: Change::Title(title) } => self.tasks[at].title = title,
            Write::ChangeTask { at, change: Change::Status(to) } => self.tasks[at].status = to,
            Write::ChangeTask { at, change: Change::Assignee(to) } => self.tasks[at].assignee = to,
            Write::DeleteTask { at } => {
                self.tasks.remove(at);
            }
            Write::CreateTemplate { name, body } => {
                self.templates.push(Template { owner: who, name, body });
            }
            Write::ChangeTemplate { name, to, body } => {
                let at = self.template(who, &name).unwrap();
                (self.templates[at].name, self.templates[at].body) = (to, body);
            }
            Write::DeleteTemplate { name } => {
                self.templates.remove(self.template(who, &name).unwrap());
            }
        }
    }
}

impl Write {
    pub const fn method(&self) -> Method {
        match self {
            Self::CreateWidget { .. } | Self::CreateTask { .. } | Self::CreateTemplate { .. } => {
                Post
            }
            Self::PutWidget { .. } => Put,
            Self::ChangeWidget { .. } | Self::ChangeTask { .. } | Self::ChangeTemplate { .. } => {
                Patch
            }
            Self::DeleteWidget { .. } | Self::DeleteTask { .. } | Self::DeleteTemplate { .. } => {
                Delete
            }
        }
    }

    pub fn path(&self, plain: &Plain) -> String {
        match self {
            Self::CreateWidget { .. } => "/widgets".to_owned(),
            Self::PutWidget { name, .. }
            | Self::ChangeWidget { name, .. }
            | Self::DeleteWidget { name } => format!("/widgets/{name}"),
            Self::CreateTask { .. } => "/tasks".to_owned(),
            Self::ChangeTask { at, .. } | Self::DeleteTask { at } => {
                let absent = "00000000-0000-4000-8000-000000000000";
                format!("/tasks/{}", plain.tasks.get(*at).map_or(absent, |task| &task.id))
            }
            Self::CreateTemplate { .. } => "/templates".to_owned(),
            Self::ChangeTemplate { name, .. } | Self::DeleteTemplate { name } => {
                format!("/templates/{}", percent_encode(name))
            }
        }
    }

    pub fn fields(&self, plain: &Plain) -> Vec<(&'static str, String)> {
        let named = |user: &Option<usize>| {
            user.map_or("none".to_owned(), |who| plain.users[who].id.clone())
        };
        match self.clone() {
            Self::CreateWidget { name, url, date } => {
                vec![("name", name), ("info_url", url), ("deadline", date)]
            }
            Self::PutWidget { url, date, .. } => vec![("info_url", url), ("deadline", date)],
            Self::ChangeWidget { to, url, .. } => vec![("name", to), ("info_url", url)],
            Self::CreateTask { title, assignee, date } => vec![
                ("title", title),
                ("assignee", named(&assignee)),
                ("deadline", date.unwrap_or("none".to_owned())),
            ],
            Self::ChangeTask { change: Change::Title(title), .. } => vec![("title", title)],
            Self::ChangeTask { change: Change::Status(to), .. } => vec![("status", to.to_owned())],
            Self::ChangeTask { change: Change::Assignee(to), .. } => vec![("assignee", named(&to))],
            Self::CreateTemplate { name, body } => vec![("name", name), ("body", body)],
            Self::ChangeTemplate { to, body, .. } => vec![("name", to), ("body", body)],
            Self::DeleteWidget { .. } | Self::DeleteTask { .. } | Self::DeleteTemplate { .. } => {
                Vec::new()
            }
        }
    }

    /// A change of the same record that an administrator may make, and that changes it.
    pub fn another_change(&self, plain: &Plain) -> Option<Self> {
        match self {
            Self::PutWidget { name, .. }
            | Self::ChangeWidget { name, .. }
            | Self::DeleteWidget { name } => {
                let url = format!("{}+", plain.widgets[plain.widget(name)?].url);
                Some(Self::ChangeWidget { name: name.clone(), to: name.clone(), url })
            }
            Self::ChangeTask { at, .. } | Self::DeleteTask { at } => {
                let title = format!("{}+", plain.tasks.get(*at)?.title);
                Some(Self::ChangeTask { at: *at, change: Change::Title(title) })
            }
            _ => None,
        }
    }
}
