//! `/auth/user`: your own account.

use rocket::{State, delete, get, patch};
use rocket_okapi::openapi;
use schemars::JsonSchema;
use serde::Serialize;

use super::auth::NOT_CHECKED;
use super::user_fields::UserFieldsView;
use crate::domain::{
    DisplayName, Password, Precondition, Timestamp, User, UserChange, Username, last_administrator,
};
use crate::error::Error;
use crate::http::auth::{AnyUser, SessionUser};
use crate::http::wire::{
    Body, Conditions, Found, NoContent, Operations, Problem, RATE_LIMITED, Record, Services,
    Updated, ViewContext, input, operations,
};

pub fn routes() -> Operations {
    let taken = "The username is already registered.";
    let last = "The account is the last administrator's.";
    operations![get_current_user, update_current_user, delete_current_user]
        .also("update_current_user", taken, Error::is_registered("ann"))
        .also("delete_current_user", last, last_administrator())
        .also("delete_current_user", NOT_CHECKED, RATE_LIMITED)
}

input! {
    /// Changes of your account: at least one.
    struct UpdateCurrentUser {
        username: Option<Username>,
        name: Option<Option<DisplayName>>,
    }
    example { "username": "ann", "name": "Ann Lee" }
    require_one = true;
}

input! {
    /// The confirmation that you are the account's owner.
    pub struct DeleteCurrentUser {
        /// The account's password.
        password: Password,
    }
    example { "password": "correct horse battery staple" }
}

impl DeleteCurrentUser {
    pub async fn delete(
        self,
        user: &SessionUser,
        conditions: Precondition,
        services: &Services,
    ) -> Result<(), Error> {
        services.accounts.delete(user.id(), self.password, conditions, &user.context).await
    }
}

/// The account of the caller, and when the token or key expires.
pub struct CurrentUser {
    pub user: User,
    pub expires_at: Option<Timestamp>,
}

/// An account as its owner sees it.
#[derive(Serialize, JsonSchema)]
pub struct CurrentUserView {
    #[serde(flatten)]
    fields: UserFieldsView,
    /// `00:59:46`; null for an API key that does not expire.
    token_expires_in: Option<String>,
}

impl Record for CurrentUser {
    type View = CurrentUserView;

    fn etag(&self, now: Timestamp) -> String {
        self.user.etag(now)
    }

    fn view(self, context: &ViewContext<'_>) -> CurrentUserView {
        let token_expires_in = self.expires_at.map(|end| end.remaining_on_clock(context.now));
        CurrentUserView { fields: UserFieldsView::new(self.user, context), token_expires_in }
    }
}

/// # Get your account
///
/// The account that the token or key belongs to.
#[openapi(tag = "Your account")]
#[get("/auth/user")]
async fn get_current_user(user: AnyUser) -> Result<Found<CurrentUser>, Problem> {
    let found = user.store.get_user(user.id()).await?;
    let found = CurrentUser { user: found, expires_at: user.expires_at() };
    Ok(Found(found))
}

/// # Choose a username or a name
///
/// A username is unique without regard to letter case, and shown as typed. You can log in with it.
/// A name says how others call you.
#[openapi(tag = "Your account")]
#[patch("/auth/user", data = "<body>")]
async fn update_current_user(
    user: AnyUser,
    conditions: Conditions,
    body: Body<UpdateCurrentUser>,
) -> Result<Updated<CurrentUser>, Problem> {
    let UpdateCurrentUser { username, name } = body.0;
    let change = UserChange { username, name, ..UserChange::default() };
    let updated = user.store.update_user(user.id(), change, conditions.0, &user.context).await?;
    let updated = CurrentUser { user: updated, expires_at: user.expires_at() };
    Ok(Updated::new(updated))
}

/// # Delete your account
///
/// Requires the password. Everything private is deleted with the account. Shared records that it
/// owns, created or is assigned to keep it, marked as `former`.
#[openapi(tag = "Your account")]
#[delete("/auth/user", data = "<body>")]
async fn delete_current_user(
    user: SessionUser,
    conditions: Conditions,
    body: Body<DeleteCurrentUser>,
    services: &State<Services>,
) -> Result<NoContent, Problem> {
    body.0.delete(&user, conditions.0, services).await?;
    Ok(NoContent)
}
