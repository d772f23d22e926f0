//! Where you are signed in, and how to leave: one session, all of them, or the account.

use askama::Template;
use rocket::{State, get, post};

use super::ask::AskPage;
use super::clients::client_name;
use super::days::Moment;
use super::flash::Said;
use super::forms::Form;
use super::frame::{Frame, Html};
use super::reply::Reply;
use super::seen::FormFields;
use crate::domain::{Action, Precondition, Session, SessionId, Timestamp, Zone};
use crate::error::Error;
use crate::http::api::current_user::DeleteCurrentUser;
use crate::http::auth::{AnyUser, Notice, SessionUser, SignedIn};
use crate::http::wire::{Body, Empty, InPath, PageForm, Problem, Services};

const DELETION: FormFields = FormFields(&["password"]);

/// A session in the list of the account.
pub struct SessionRow {
    pub id: String,
    pub name: String,
    /// The whole `User-Agent`.
    pub title: String,
    /// Whether the page is shown in it.
    pub is_here: bool,
    pub started: Moment,
    pub expires: Moment,
    pub address: String,
}

impl SessionRow {
    /// The one that asks first, then the latest ones.
    pub fn all(
        sessions: Vec<Session>,
        here: Option<SessionId>,
        now: Timestamp,
        zone: &Zone,
    ) -> Vec<Self> {
        let row = |session: Session| Self {
            id: session.id.to_string(),
            name: client_name(session.client.as_deref()),
            title: session.client.unwrap_or_default(),
            is_here: Some(session.id) == here,
            started: Moment::new(session.started_at, now, zone),
            expires: Moment::new(session.expires_at, now, zone),
            address: session.address.map_or_else(String::new, |address| address.to_string()),
        };
        let mut rows: Vec<_> = sessions.into_iter().rev().map(row).collect();
        rows.sort_by_key(|row| !row.is_here);
        rows
    }
}

#[derive(Template)]
#[template(path = "account_delete.html")]
struct DeleteAccountPage {
    frame: Frame,
    form: Form,
    label: String,
}

#[post("/account/sessions/<id>/end", data = "<_form>")]
pub async fn end_own_session(
    user: SessionUser,
    id: InPath<SessionId>,
    _form: Body<Empty>,
    frame: Frame,
) -> Result<Reply, Problem> {
    let (id, action) = (id.0?, Action::EndSession);
    user.store.end_session(user.id(), id, action, &user.context).await?;
    Ok(Reply::done(&frame, "account", Said::SignedOut))
}

#[get("/account/sign-out")]
pub async fn ask_to_sign_out(
    user: AnyUser,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    Html::of(&AskPage {
        frame: frame.shown_to(user.authority, services).await?,
        title: "Sign out everywhere?",
        name: "",
        consequence: "Every session of yours ends, also this one. API keys stay.",
        label: "Sign out everywhere",
        action: "account/sign-out".to_owned(),
        seen: None,
        back: "account".to_owned(),
        may_end_session: true,
    })
}

#[post("/account/sign-out", data = "<_form>")]
pub async fn end_own_sessions(user: SessionUser, _form: Body<Empty>) -> Result<Reply, Problem> {
    user.store.end_sessions(user.id(), &user.context).await?;
    Ok(Reply::SignedOut(Notice::LoggedOut))
}

async fn delete_page(
    user: &SignedIn,
    (frame, services): (Frame, &Services),
    form: Form,
) -> Result<DeleteAccountPage, Error> {
    let label = user.store.get_user(user.id()).await?.names.label().to_owned();
    let frame = frame.shown_to(user.authority, services).await?;
    Ok(DeleteAccountPage { frame, form, label })
}

#[get("/account/delete")]
pub async fn ask_to_delete_account(
    user: AnyUser,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    Html::of(&delete_page(&user, (frame, services), Form::default()).await?)
}

#[post("/account/delete", data = "<form>")]
pub async fn delete_own_account(
    user: SessionUser,
    form: PageForm<DeleteCurrentUser>,
    frame: Frame,
    services: &State<Services>,
) -> Result<Reply, Problem> {
    let (deleted, typed) = form
        .and_then(async |input| input.delete(&user, Precondition::default(), services).await)
        .await;
    let Err(error) = deleted else { return Ok(Reply::SignedOut(Notice::Deleted)) };
    let page = |frame, form| delete_page(&user, (frame, services), form);
    DELETION.rejected(typed, error)?.reply(frame, page).await
}
