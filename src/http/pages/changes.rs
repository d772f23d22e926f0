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

#[async_trait]
impl Audience for Reader {
    async fn text(&self, batch: &Batch) -> Option<EventText> {
        for entry in &*batch.entries {
            if self.may_see(entry).await {
                return Some(CHANGED.as_bytes().into());
            }
        }
        None
    }

    fn farewell(&self) -> Option<EventText> {
        Some(ENDED.as_bytes().into())
    }
}

impl Reader {
    async fn may_see(&self, entry: &AuditEntry) -> bool {
        let Authority { user, role } = self.authority;
        match entry.target_kind() {
            TargetKind::Widget => true,
            TargetKind::Template => entry.actor_id == Some(user.to_string()),
            TargetKind::Task => role.is_manager() || self.may_see_task(entry).await,
            TargetKind::Account => role.is_admin() && changes_account(entry),
        }
    }

    /// Whether the task is the user's, or was until this event.
    async fn may_see_task(&self, entry: &AuditEntry) -> bool {
        let assignee = entry.changes.as_ref().and_then(|changes| changes.0.get("assignee"));
        match (assignee, Action::from_name(&entry.action)) {
            // The audit has names. Each belongs to one user at a time.
            (Some(names), _) => match self.store.get_user(self.authority.user).await {
                Ok(own) => names.iter().flatten().flatten().any(|name| name == own.names.label()),
                Err(_) => false,
            },
            (None, Some(Action::UpdateTask)) => {
                let id = entry.target_id.as_deref().and_then(TaskId::parse);
                match id {
                    Some(id) => self.store.get_task(id, self.authority).await.is_ok(),
                    None => false,
                }
            }
            // One that has just been created or deleted, and was nobody's.
            (None, _) => false,
        }
    }
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
