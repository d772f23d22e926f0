//! `/auth/user`: one's own account.

use rocket::{Route, State, delete, get, patch};
use rocket_okapi::okapi::openapi3::OpenApi;
use rocket_okapi::{openapi, openapi_get_routes_spec};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::Services;
use super::answers::NoContent;
use super::auth::TOO_MANY;
use super::body::{Body, Input};
use super::client::Client;
use super::docs::Description;
use super::error::Problem;
use super::etag::{UNCHANGED, WithETag};
use super::fields::Fields;
use super::guards::{Account, SessionUser};
use super::users::UserFieldsView;
use crate::domain::{
    Password, Precondition, RequestContext, Timestamp, User, UserChange, Username,
};
use crate::error::Error;

/// The routes of this file, and their part of the document.
pub fn routes() -> (Vec<Route>, OpenApi) {
    let (routes, mut spec) = openapi_get_routes_spec![get_user, update_user, delete_user];
    Description::of(&mut spec)
        .operation(
            "get_user",
            &[(200, "The account that the token or key belongs to.", &["ETag"]), UNCHANGED],
        )
        .operation(
            "update_user",
            &[
                (200, "The account as it is now.", &[]),
                (409, "The username is already registered.", &[]),
            ],
        )
        .operation(
            "delete_user",
            &[
                (204, "The account is gone.", &[]),
                (409, "The account is the last administrator's.", &[]),
                TOO_MANY,
            ],
        );
    (routes, spec)
}

/// What changing one's account takes.
#[derive(JsonSchema)]
#[schemars(example = "UpdateUser::example")]
struct UpdateUser {
    /// 3 to 32 of `a-z A-Z 0-9 . - _`.
    #[schemars(with = "String", length(min = 3, max = 32), regex(pattern = "^[a-zA-Z0-9._-]+$"))]
    username: Username,
}

impl UpdateUser {
    fn example() -> serde_json::Value {
        json!({ "username": "ann" })
    }
}

#[rocket::async_trait]
impl Input for UpdateUser {
    async fn read(
        fields: &mut Fields,
        _: &Services,
        _: &RequestContext,
    ) -> Result<Option<Self>, Error> {
        Ok(fields.required("username", Username::parse).map(|username| Self { username }))
    }
}

/// What deleting one's account takes.
#[derive(JsonSchema)]
struct DeleteUser {
    /// The account's password.
    #[schemars(with = "String", length(min = 1, max = 128))]
    password: Password,
}

#[rocket::async_trait]
impl Input for DeleteUser {
    async fn read(
        fields: &mut Fields,
        _: &Services,
        _: &RequestContext,
    ) -> Result<Option<Self>, Error> {
        Ok(fields.required("password", Password::parse).map(|password| Self { password }))
    }
}

/// An account as its owner sees it.
#[derive(Serialize, JsonSchema)]
struct UserView {
    #[serde(flatten)]
    account: UserFieldsView,
    /// `00:59:46`; null for an API key that does not expire.
    token_expires_in: Option<String>,
}

impl UserView {
    fn new(user: &User, expires_at: Option<Timestamp>, now: Timestamp) -> WithETag<Self> {
        let token_expires_in = expires_at.map(|end| end.remaining_on_clock(now));
        WithETag::new(user, now, Self { account: UserFieldsView::new(user), token_expires_in })
    }
}

/// # See your account
///
/// What the service knows about the account that the token or key belongs to, at this moment.
#[openapi(tag = "Your account")]
#[get("/auth/user")]
async fn get_user(
    account: Account,
    services: &State<Services>,
) -> Result<WithETag<UserView>, Problem> {
    let user = services.store.get_user(account.id()).await?;
    Ok(UserView::new(&user, account.expires_at(), services.clock.now()))
}

/// # Choose a username
///
/// Unique without regard to letter case, shown as typed, and good to log in with.
#[openapi(tag = "Your account")]
#[patch("/auth/user", data = "<body>")]
async fn update_user(
    account: Account,
    client: Client,
    body: Body<UpdateUser>,
    services: &State<Services>,
) -> Result<WithETag<UserView>, Problem> {
    let context = client.on_behalf_of(&account.0);
    let change = UserChange { username: Some(body.0.username), ..UserChange::default() };
    let user =
        services.store.update_user(account.id(), change, Precondition::default(), &context).await?;
    Ok(UserView::new(&user, account.expires_at(), context.at))
}

/// # Delete your account
///
/// Takes the password once more. Sessions, API keys and templates go with it; the widgets and tasks that
/// the account has added or is to do keep it as a former one.
#[openapi(tag = "Your account")]
#[delete("/auth/user", data = "<body>")]
async fn delete_user(
    account: SessionUser,
    client: Client,
    body: Body<DeleteUser>,
    services: &State<Services>,
) -> Result<NoContent, Problem> {
    let context = client.on_behalf_of(&account.caller);
    services.accounts.delete(account.id(), body.0.password, &context).await?;
    Ok(NoContent)
}
