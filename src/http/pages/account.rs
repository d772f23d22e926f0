//! The page of your own account.

use askama::Template;
use rocket::{State, get};

use super::forms::password_hint;
use super::frame::{Frame, Html};
use crate::domain::{DisplayName, Email, Size, Username};
use crate::http::auth::AnyUser;
use crate::http::wire::{Problem, Services};

#[derive(Template)]
#[template(path = "account.html")]
struct AccountPage {
    frame: Frame,
    /// What tells the user from all others.
    label: String,
    email: String,
    username: String,
    display_name: String,
    registered_on: String,
    used: Size,
    quota: Size,
    password_hint: String,
}

/// The account itself is rendered here; its sessions and keys are lists from the API.
#[get("/account")]
pub async fn show_account(
    user: AnyUser,
    frame: Frame,
    services: &State<Services>,
) -> Result<Html, Problem> {
    let now = user.context.at;
    let frame = frame.shown_to(user.authority, services).await?;
    let user = services.store.get_user(user.id()).await?;
    let names = user.names.clone();
    Html::of(&AccountPage {
        frame,
        used: Size(user.used_bytes),
        quota: Size(services.quota.of(&user, now)),
        label: names.label().to_owned(),
        email: names.email.map_or_else(String::new, Email::into_string),
        username: names.username.map_or_else(String::new, Username::into_string),
        display_name: names.name.map_or_else(String::new, DisplayName::into_string),
        registered_on: user.registered_on.to_iso_8601(),
        password_hint: password_hint(services),
    })
}
