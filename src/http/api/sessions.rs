//! `/auth/sessions`: where you are logged in.

use rocket::{delete, get};
use rocket_okapi::openapi;
use schemars::JsonSchema;
use serde::Serialize;

use super::samples::SESSION;
use crate::domain::{Action, Page, Session, SessionId, Timestamp};
use crate::http::auth::{AnyUser, SessionUser};
use crate::http::wire::{
    Addressed, Body, DateTime, Empty, Id, InPath, Link, List, ListQuery, NoContent, Operations,
    Problem, Record, ViewContext, id_in_path, operations,
};

pub fn routes() -> Operations {
    operations![list_sessions, end_session, end_sessions]
}

id_in_path!(SessionId, "session", SESSION);

/// A session, and whether it is the one that asks.
pub struct OwnSession {
    pub session: Session,
    pub is_current: bool,
}

/// A session as its owner sees it.
#[derive(Serialize, JsonSchema)]
pub struct SessionView {
    /// A UUID: the `jti` of the session's token.
    id: Id<SessionId>,
    /// Whether this request uses it.
    current: bool,
    /// `12/31/26 11:59:59 PM UTC`
    started_at: String,
    started_at_iso8601: DateTime,
    /// `12/31/26 11:59:59 PM UTC`
    expires_at: String,
    expires_at_iso8601: DateTime,
    /// The address that logged in.
    address: Option<String>,
    /// The `User-Agent` that logged in.
    client: Option<String>,
    /// The session's address.
    link: Link,
}

impl Record for OwnSession {
    type View = SessionView;

    fn etag(&self, _: Timestamp) -> String {
        self.session.id.to_string()
    }

    fn view(self, context: &ViewContext<'_>) -> SessionView {
        let link = Link(self.link(context));
        let Session { id, started_at, expires_at, address, client } = self.session;
        SessionView {
            id: Id(id),
            current: self.is_current,
            started_at: started_at.to_clock_text(),
            started_at_iso8601: DateTime(started_at),
            expires_at: expires_at.to_clock_text(),
            expires_at_iso8601: DateTime(expires_at),
            address: address.map(|address| address.to_string()),
            client,
            link,
        }
    }
}

impl Addressed for OwnSession {
    fn path(&self) -> String {
        format!("/auth/sessions/{}", self.session.id)
    }
}

/// # List your sessions
///
/// Each login that has neither expired nor been ended, the oldest first.
#[openapi(tag = "Your account")]
#[get("/auth/sessions")]
async fn list_sessions(user: AnyUser, query: ListQuery<()>) -> Result<List<OwnSession>, Problem> {
    let now = user.context.at;
    let Page { request, items, total } =
        user.store.list_sessions(user.id(), query.page, now).await?;
    let own =
        |session: Session| OwnSession { is_current: user.session() == Some(session.id), session };
    let page = Page { request, items: items.into_iter().map(own).collect(), total };
    Ok(List::new(query.address, page))
}

/// # End a session
///
/// Its token is dead when the answer arrives.
#[openapi(tag = "Your account")]
#[delete("/auth/sessions/<id>", data = "<_body>")]
async fn end_session(
    user: SessionUser,
    id: InPath<SessionId>,
    _body: Body<Empty>,
) -> Result<NoContent, Problem> {
    let (id, action) = (id.0?, Action::EndSession);
    user.store.end_session(user.id(), id, action, &user.context).await?;
    Ok(NoContent)
}

/// # Log out everywhere
///
/// Ends all sessions of the account, also this one. API keys stay.
#[openapi(tag = "Your account")]
#[delete("/auth/sessions", data = "<_body>")]
async fn end_sessions(user: SessionUser, _body: Body<Empty>) -> Result<NoContent, Problem> {
    user.store.end_sessions(user.id(), &user.context).await?;
    Ok(NoContent)
}
