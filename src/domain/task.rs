//! Tasks: managers create and assign them, the assignee changes the status.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::text::check_line;
use super::{
    Authority, Bookmark, Deadline, HistoryEntry, Import, Imported, Page, PageRequest, Portion,
    Precondition, RequestContext, RequestId, Role, Search, Sort, Timestamp, UserId, UserRef,
    UserSummary, Version,
};
use crate::error::Error;

/// A random UUID.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskId(Uuid);

uuid_id!(TaskId);

/// One line of 1 to 255 characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskTitle(String);

checked_text!(TaskTitle, |text| check_line(text, 255));

/// A text of at most 10,000 characters; it may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskDescription(String);

checked_text!(TaskDescription);

impl TaskDescription {
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.chars().count() > 10_000 {
            return Err("must have at most 10000 characters".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum TaskStatus {
    #[default]
    Pending,
    InProgress,
    Done,
    Cancelled,
}

named!(TaskStatus { Pending => "pending", InProgress => "in_progress", Done => "done", Cancelled => "cancelled" });

/// The only assignee whose tasks a reader may see; `None` for managers, who may see all tasks.
pub fn sees_only(reader: Authority) -> Option<UserId> {
    (!reader.role.is_manager()).then_some(reader.user)
}

/// [`Error::Conflict`] if an assignee of this role may not move a task from one status to another.
/// Managers may always. The same status again is allowed.
pub fn check_move(from: TaskStatus, to: TaskStatus, role: Role) -> Result<(), Error> {
    // Of a manager's decision alone, so that each move of the assignee can be undone.
    let is_decided = [from, to].contains(&TaskStatus::Cancelled);
    if role.is_manager() || !is_decided || from == to {
        return Ok(());
    }
    Err(cannot_move(from, to))
}

/// The error of a move that an assignee may not make.
pub fn cannot_move(from: TaskStatus, to: TaskStatus) -> Error {
    let (from, to) = (from.as_str(), to.as_str());
    Error::Conflict(format!("The assignee cannot move a task from {from} to {to}."))
}

/// The error of a change by the assignee of more than the status.
pub fn status_alone() -> Error {
    Error::Forbidden("The assignee may change the status alone".to_owned())
}

#[derive(Clone, Debug)]
pub struct NewTask {
    pub id: TaskId,
    pub title: TaskTitle,
    pub description: TaskDescription,
    pub status: TaskStatus,
    pub deadline: Option<Deadline>,
    pub assignee: Option<UserRef>,
    pub creator: UserId,
}

/// A change of a task. `None` keeps a field.
#[derive(Clone, Debug, Default)]
pub struct TaskChange {
    pub title: Option<TaskTitle>,
    pub description: Option<TaskDescription>,
    pub status: Option<TaskStatus>,
    /// `Some(None)` clears it.
    pub deadline: Option<Option<Deadline>>,
    /// `Some(None)` clears it.
    pub assignee: Option<Option<UserRef>>,
}

/// A task in an import.
#[derive(Clone, Debug)]
pub struct TaskRow {
    pub id: TaskId,
    pub title: TaskTitle,
    /// The other fields.
    pub change: TaskChange,
    /// Of a new task.
    pub creator: UserRef,
    /// When the deadline must not have passed.
    pub made_at: Timestamp,
}

impl TaskChange {
    /// [`Error::Forbidden`] if an assignee of this role may not change these fields.
    pub fn check_fields(&self, role: Role) -> Result<(), Error> {
        let Self { title, description, status: _, deadline, assignee } = self;
        let is_status_alone =
            title.is_none() && description.is_none() && deadline.is_none() && assignee.is_none();
        if is_status_alone || role.is_manager() {
            return Ok(());
        }
        Err(status_alone())
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    pub id: TaskId,
    pub version: Version,
    pub title: TaskTitle,
    pub description: TaskDescription,
    /// Whether the description is only its beginning, as lists have it of a long one.
    pub description_truncated: bool,
    pub status: TaskStatus,
    pub deadline: Option<Deadline>,
    pub assignee: Option<UserSummary>,
    pub creator: UserSummary,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

audited_texts!(TaskTitle, TaskDescription);

audited! {
    Task: CreateTask, UpdateTask, DeleteTask;
    name title;
    fields title, description, status, deadline, assignee, creator;
}

impl Task {
    /// `false` without a deadline.
    pub fn has_passed(&self, now: Timestamp) -> bool {
        self.deadline.is_some_and(|deadline| deadline.has_passed(now))
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TaskSort {
    #[default]
    CreatedAt,
    /// Tasks without a deadline come last in both directions.
    Deadline,
    UpdatedAt,
}

named!(TaskSort { CreatedAt => "created_at", Deadline => "deadline", UpdatedAt => "updated_at" });

/// Whose tasks a list has.
#[derive(Clone, Debug)]
pub enum AssigneeFilter {
    Nobody,
    /// By id, also a soft-deleted user.
    User(UserRef),
}

impl AssigneeFilter {
    /// Parses `none` or a reference to a user.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "none" { Ok(Self::Nobody) } else { UserRef::parse(text).map(Self::User) }
    }
}

/// Filter and sort order of a list of tasks.
#[derive(Clone, Debug, Default)]
pub struct TaskFilter {
    /// Whether they are assigned to the reader.
    pub mine: Option<bool>,
    pub status: Option<TaskStatus>,
    /// Whether they are neither done nor cancelled.
    pub open: Option<bool>,
    pub assignee: Option<AssigneeFilter>,
    /// Due before this moment.
    pub deadline_before: Option<Timestamp>,
    /// Due at this moment or after it.
    pub deadline_after: Option<Timestamp>,
    /// Whether the deadline has passed and the task is neither done nor cancelled.
    pub overdue: Option<bool>,
    pub search: Option<Search>,
    /// In the order of creation by default.
    pub sort: Option<Sort<TaskSort>>,
}

/// The store of tasks. Managers read and write all tasks; assignees read theirs and change the
/// status. A change without effect keeps the version. Only a changed deadline is checked.
#[async_trait]
pub trait TaskStore {
    /// [`Error::Invalid`] if the assignee does not exist or is not active, [`Error::NotFound`] if the
    /// creator does not exist.
    async fn create_task(&self, new: NewTask, context: &RequestContext) -> Result<Task, Error>;

    /// [`Error::NotFound`] also if the reader may not see it.
    async fn get_task(&self, id: TaskId, reader: Authority) -> Result<Task, Error>;

    /// The tasks that the reader may see. `now` decides which are overdue. Of a description of more
    /// than 4 KiB, the beginning.
    async fn list_tasks(
        &self,
        reader: Authority,
        filter: TaskFilter,
        page: PageRequest,
        now: Timestamp,
    ) -> Result<Page<Task>, Error>;

    /// How many tasks each of these lists has, counted up to `at_most`, all at the same moment.
    async fn count_tasks(
        &self,
        reader: Authority,
        filters: Vec<TaskFilter>,
        at_most: u32,
        now: Timestamp,
    ) -> Result<Vec<u32>, Error>;

    /// The events of a task since it was created, latest first. [`Error::NotFound`] also if the
    /// reader may not see the task.
    async fn list_task_history(
        &self,
        id: TaskId,
        reader: Authority,
        page: PageRequest,
    ) -> Result<Page<HistoryEntry>, Error>;

    /// All tasks of such a list, a portion at a time, with their whole descriptions. Without a reader,
    /// those of everybody.
    async fn export_tasks(
        &self,
        reader: Option<Authority>,
        filter: TaskFilter,
        bookmark: Bookmark,
        now: Timestamp,
    ) -> Result<Portion<Task>, Error>;

    /// Creates or updates tasks by their ids: all, or none and [`Error::Invalid`]. For managers.
    async fn import_tasks(
        &self,
        import: Import<TaskRow>,
        context: &RequestContext,
    ) -> Result<Imported, Error>;

    /// [`Error::NotFound`] also if the user may not see it, [`Error::Forbidden`] if the assignee
    /// may not change these fields, [`Error::Conflict`] if they may not set this status,
    /// [`Error::Invalid`] if the new assignee does not exist or is not active.
    async fn update_task(
        &self,
        id: TaskId,
        change: TaskChange,
        precondition: Precondition,
        context: &RequestContext,
    ) -> Result<Task, Error>;

    async fn delete_task(
        &self,
        id: TaskId,
        precondition: Precondition,
        context: &RequestContext,
    ) -> Result<(), Error>;

    /// Makes the same change to several tasks, as [`Self::update_task`]: to all, or to none and
    /// [`Error::Conflict`] that says which task is in the way.
    async fn update_tasks(
        &self,
        ids: Vec<TaskId>,
        change: TaskChange,
        context: &RequestContext,
    ) -> Result<(), Error>;

    /// Takes back what the caller has changed with one earlier request: all of it, or nothing and
    /// [`Error::Conflict`] that says which task has changed since. Returns how many tasks it was.
    async fn undo_task_updates(
        &self,
        request: RequestId,
        context: &RequestContext,
    ) -> Result<usize, Error>;

    /// Deletes several tasks that are as they were seen: all, or none and [`Error::Conflict`] that
    /// says which task is in the way.
    async fn delete_tasks(
        &self,
        seen: Vec<(TaskId, Version)>,
        context: &RequestContext,
    ) -> Result<(), Error>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_a_line_and_a_description_is_a_text() {
        for text in ["a", " a b ", "Täglich 🎉", &"ä".repeat(255)] {
            assert_eq!(TaskTitle::parse(text).unwrap().as_str(), text);
        }
        for text in ["", " ", "a\nb", "a\u{202e}b", &"ä".repeat(256)] {
            assert!(TaskTitle::parse(text).is_err(), "{text:?}");
        }
        for text in ["", " ", "a\nb", &"ä".repeat(10_000)] {
            assert_eq!(TaskDescription::parse(text).unwrap().as_str(), text);
        }
        assert_eq!(
            TaskDescription::parse(&"ä".repeat(10_001)),
            Err("must have at most 10000 characters".to_owned())
        );
    }

    #[test]
    fn the_assignee_may_make_some_moves_and_managers_all() {
        use TaskStatus::{Cancelled, Done, InProgress, Pending};
        let allowed = [
            (Pending, InProgress),
            (Pending, Done),
            (InProgress, Pending),
            (InProgress, Done),
            (Done, InProgress),
            (Done, Pending),
        ];
        for from in TaskStatus::ALL.iter().copied() {
            for to in TaskStatus::ALL.iter().copied() {
                let expected = from == to || allowed.contains(&(from, to));
                assert_eq!(
                    check_move(from, to, Role::Employee).is_ok(),
                    expected,
                    "{from:?} {to:?}"
                );
                assert!(check_move(from, to, Role::Manager).is_ok(), "{from:?} {to:?}");
            }
        }
        let why = check_move(Done, Cancelled, Role::Employee).unwrap_err().to_string();
        assert_eq!(why, "The assignee cannot move a task from done to cancelled.");
    }

    #[test]
    fn the_assignee_changes_nothing_but_the_status() {
        let status = || TaskChange { status: Some(TaskStatus::Done), ..TaskChange::default() };
        let more = [
            TaskChange { title: Some(TaskTitle::parse("a").unwrap()), ..status() },
            TaskChange { description: Some(TaskDescription::default()), ..status() },
            TaskChange { deadline: Some(None), ..status() },
            TaskChange { assignee: Some(None), ..status() },
        ];
        assert!(status().check_fields(Role::Employee).is_ok());
        for change in more {
            let why = change.check_fields(Role::Employee).unwrap_err();
            assert!(matches!(why, Error::Forbidden(_)), "{why:?}");
            assert!(change.check_fields(Role::Manager).is_ok());
        }
    }

    #[test]
    fn managers_see_all_tasks_and_employees_their_own() {
        let user = UserId::generate();
        let only = |role| sees_only(Authority { user, role });
        assert_eq!(
            [Role::Employee, Role::Manager, Role::Admin].map(only),
            [Some(user), None, None]
        );
    }
}
