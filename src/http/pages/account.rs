//! The page of one's own account.

use askama::Template;
use rocket::{State, get};

use super::super::Services;
use super::super::error::Problem;
use super::super::guards::Account;
use super::forms::password_hint;
use super::frame::{Frame, Html};
use crate::domain::Username;

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    frame: Frame,
    email: String,
    username: String,
    registered_on: String,
    password_hint: String,
}

/// One's own account. What is known of it stands there at once; its sessions and keys are lists.
#[get("/account")]
pub async fn show_account(
    account: Account,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    let frame = frame.shown_to(&account.0, services).await?;
    let user = services.store.get_user(account.id()).await?;
    Html::of(&AccountPage {
        frame,
        email: user.email.into_string(),
        username: user.username.map_or_else(String::new, Username::into_string),
        registered_on: user.registered_on.to_iso_8601(),
        password_hint: password_hint(services),
    })
}
