//! The page of the audit.

use askama::Template;
use rocket::{State, get};

use super::address::{Address, PageQuery, Pagination};
use super::audit_words::ActionWords;
use super::days::Moment;
use super::frame::{Frame, Html};
use super::sentence::Sentence;
use crate::domain::{Action, AuditFilter};
use crate::http::auth::Admin;
use crate::http::wire::{Problem, Services};

#[derive(Template)]
#[template(path = "audit.html")]
struct AuditPage {
    frame: Frame,
    address: Address,
    /// When the last backup was made and checked.
    backup: Option<Moment>,
    actions: Vec<ActionWords>,
    events: Vec<Sentence>,
    pages: Pagination,
}

#[get("/audit")]
pub async fn show_audit(
    admin: Admin,
    query: PageQuery<AuditFilter>,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    let (store, now) = (&*admin.store, admin.context.at);
    let PageQuery { filter, page, address } = query;
    let frame = frame.shown_to(admin.authority, services).await?;
    let page = store.list_audit(Some(admin.id()), filter, page).await?;
    let pages = Pagination::of(&page, &address);
    let backup = store.find_last_backup().await?;
    let backup = backup.map(|backup| Moment::new(backup.made_at, now, store.zone()));
    Html::of(&AuditPage {
        frame,
        address,
        backup,
        actions: Action::ALL.iter().copied().map(ActionWords::of).collect(),
        events: Sentence::list(page.items, now, store).await?,
        pages,
    })
}
