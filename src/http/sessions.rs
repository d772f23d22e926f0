//! `/auth/sessions`: where one is logged in.

use rocket::{Route, State, delete, get};
use rocket_okapi::okapi::openapi3::OpenApi;
use rocket_okapi::{openapi, openapi_get_routes_spec};
use schemars::JsonSchema;
use serde::Serialize;

use super::answers::NoContent;
use super::body::{Body, Nothing};
use super::client::Client;
use super::docs::Description;
use super::error::Problem;
use super::etag::{HasETag, UNCHANGED};
use super::guards::{Account, SessionUser};
use super::page::{LIST, ListQuery, ListView};
use super::{API, BasePath, Services};
use crate::domain::{Action, Session, SessionId, Timestamp};
use crate::error::Error;

/// The routes of this file, and their part of the document.
pub fn routes() -> (Vec<Route>, OpenApi) {
    let (routes, mut spec) = openapi_get_routes_spec![list_sessions, end_session, end_sessions];
    Description::of(&mut spec)
        .extend("list_sessions", ListQuery::<()>::describe)
        .operation("list_sessions", &[(200, "A page of sessions.", LIST), UNCHANGED])
        .operation(
            "end_session",
            &[(204, "The session is over.", &[]), (404, "You have no such session.", &[])],
        )
        .operation("end_sessions", &[(204, "You are logged out everywhere.", &[])]);
    (routes, spec)
}

/// A session as its owner sees it.
#[derive(Serialize, JsonSchema)]
struct SessionView {
    /// A UUID, which is the `jti` of the session's token.
    id: String,
    /// Whether it is the one that asks.
    current: bool,
    /// `12/31/26 11:59:59 PM UTC`
    started_at: String,
    started_at_iso8601: String,
    /// `12/31/26 11:59:59 PM UTC`
    expires_at: String,
    expires_at_iso8601: String,
    /// From which address somebody logged in.
    address: Option<String>,
    /// With what, as it called itself.
    client: Option<String>,
    /// The session's address.
    link: String,
}

impl HasETag for Session {
    fn tag(&self, _: Timestamp) -> String {
        self.id.to_string()
    }
}

impl SessionView {
    fn new(session: Session, current: Option<SessionId>, base: BasePath<'_>) -> Self {
        Self {
            id: session.id.to_string(),
            current: current == Some(session.id),
            started_at: session.started_at.to_clock_text(),
            started_at_iso8601: session.started_at.to_iso_8601(),
            expires_at: session.expires_at.to_clock_text(),
            expires_at_iso8601: session.expires_at.to_iso_8601(),
            address: session.address.map(|address| address.to_string()),
            client: session.client,
            link: format!("{base}{API}/auth/sessions/{}", session.id),
        }
    }
}

/// # List your sessions
///
/// Each login that has neither expired nor been ended, the oldest first.
#[openapi(tag = "Your account")]
#[get("/auth/sessions")]
async fn list_sessions(
    account: Account,
    query: ListQuery<()>,
    services: &State<Services>,
) -> Result<ListView<SessionView>, Problem> {
    let now = services.clock.now();
    let page = services.store.list_sessions(account.id(), query.page, now).await?;
    let (current, base) = (account.session(), services.base_path());
    let address = query.address(base, "/auth/sessions");
    Ok(ListView::new(&address, page, now, |session| SessionView::new(session, current, base)))
}

/// # End a session
///
/// When the answer arrives its token is dead.
#[openapi(tag = "Your account")]
#[delete("/auth/sessions/<id>", data = "<_body>")]
async fn end_session(
    account: SessionUser,
    client: Client,
    id: &str,
    _body: Body<Nothing>,
    services: &State<Services>,
) -> Result<NoContent, Problem> {
    let id = SessionId::parse(id).ok_or_else(|| Error::no_such("session"))?;
    let context = client.on_behalf_of(&account.caller);
    services.store.end_session(account.id(), id, Action::EndSession, &context).await?;
    Ok(NoContent)
}

/// # Log out everywhere
///
/// Ends all sessions of the account, also this one. API keys stay.
#[openapi(tag = "Your account")]
#[delete("/auth/sessions", data = "<_body>")]
async fn end_sessions(
    account: SessionUser,
    client: Client,
    _body: Body<Nothing>,
    services: &State<Services>,
) -> Result<NoContent, Problem> {
    services.store.end_sessions(account.id(), &client.on_behalf_of(&account.caller)).await?;
    Ok(NoContent)
}
