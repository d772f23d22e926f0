//! `/changes`: tells the pages that something has changed which their user may see, so that they ask
//! for it. It says neither what nor who.

use std::sync::Arc;

use async_trait::async_trait;
use rocket::response::status::NoContent;
use rocket::{Either, Shutdown, State, get};

use crate::domain::{Action, AuditEntry, Authority, EventResult, TargetKind, TaskId};
use crate::error::Error;
use crate::http::api::event_feed::{Audience, Batch, EventFeed};
use crate::http::auth::AnyUser;
use crate::http::wire::{EventStream, EventText, Problem};
use crate::store::Store;

const CHANGED: &str = "data: changed\n\n";

/// The session has ended or the role has changed. The page asks for itself before it listens again.
const ENDED: &str = "event: end\ndata: end\n\n";

/// Is told of what a user may see.
struct Reader {
    store: Arc<dyn Store>,
    authority: Authority,
}

/// Whether a user is told of an event.
enum Told {
    Yes,
    No,
    /// If a task was given to them, or taken from them.
    IfNamed,
    /// If they may see this task.
    IfSees(TaskId),
}

#[async_trait]
impl Audience for Reader {
    async fn text(&self, batch: &Batch) -> Option<EventText> {
        self.is_told(&batch.entries).await.then(|| CHANGED.as_bytes().into())
    }

    fn end_text(&self) -> Option<EventText> {
        Some(ENDED.as_bytes().into())
    }
}

impl Reader {
    /// Reads the user once, and each task once.
    async fn is_told(&self, entries: &[AuditEntry]) -> bool {
        let (mut named, mut tasks) = (Vec::new(), Vec::new());
        for entry in entries {
            match self.told(entry) {
                Told::Yes => return true,
                Told::No => {}
                Told::IfNamed => named.extend(assignees(entry)),
                Told::IfSees(task) if tasks.contains(&task) => {}
                Told::IfSees(task) => tasks.push(task),
            }
        }
        // The audit has names. Each belongs to one user at a time.
        if !named.is_empty()
            && let Ok(own) = self.store.get_user(self.authority.user).await
            && named.contains(&own.names.label())
        {
            return true;
        }
        for task in tasks {
            if self.store.get_task(task, self.authority).await.is_ok() {
                return true;
            }
        }
        false
    }

    fn told(&self, entry: &AuditEntry) -> Told {
        let Authority { user, role } = self.authority;
        let is_told = match entry.target_kind() {
            TargetKind::Widget => true,
            // The service was stopped when it was replaced.
            TargetKind::Database => false,
            TargetKind::Template => entry.actor_id == Some(user.to_string()),
            TargetKind::Account => role.is_admin() && changes_account(entry),
            TargetKind::Task if role.is_manager() => true,
            TargetKind::Task if assignees(entry).next().is_some() => return Told::IfNamed,
            TargetKind::Task => match updated_task(entry) {
                Some(task) => return Told::IfSees(task),
                // One that has just been created or deleted, and was nobody's.
                None => false,
            },
        };
        if is_told { Told::Yes } else { Told::No }
    }
}

/// Who has the task no more, or from now on.
fn assignees(entry: &AuditEntry) -> impl Iterator<Item = &str> {
    let names = entry.changes.as_ref().and_then(|changes| changes.0.get("assignee"));
    names.into_iter().flatten().flatten().flatten().map(String::as_str)
}

fn updated_task(entry: &AuditEntry) -> Option<TaskId> {
    let is_update = Action::from_name(&entry.action) == Some(Action::UpdateTask);
    entry.target_id.as_deref().filter(|_| is_update).and_then(TaskId::parse)
}

/// Whether it changes what the pages show of an account. Who signs in, or tries to, does not.
fn changes_account(entry: &AuditEntry) -> bool {
    entry.action.starts_with("account.") && entry.result == EventResult::Ok.as_str()
}

/// An event stream, or nothing if the user has as many as there may be: the page does not follow then.
#[get("/changes")]
pub async fn follow_changes(
    user: AnyUser,
    feed: &State<Arc<EventFeed>>,
    shutdown: Shutdown,
) -> Result<Either<EventStream, NoContent>, Problem> {
    let reader = Reader { store: Arc::clone(&user.store), authority: user.authority };
    match Arc::clone(feed).listen(&user, reader, None, shutdown).await {
        Ok(stream) => Ok(Either::Left(stream)),
        Err(Error::Conflict(_)) => Ok(Either::Right(NoContent)),
        Err(error) => Err(error.into()),
    }
}
