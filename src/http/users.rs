//! `/users`: all accounts, for administrators.

use rocket::http::Status;
use rocket::serde::json::Json;
use rocket::{Route, State, delete, get, patch, post};
use rocket_okapi::okapi::openapi3::OpenApi;
use rocket_okapi::{openapi, openapi_get_routes_spec};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::Services;
use super::answers::{NoContent, Unstored};
use super::body::{Body, Input, Nothing};
use super::client::Client;
use super::docs::{Answer, Description};
use super::error::Problem;
use super::etag::{HasETag, UNCHANGED, WithETag};
use super::fields::Fields;
use super::guards::{Admin, SessionAdmin};
use super::page::{Filter, LIST, ListQuery, ListView, one_of, text};
use crate::domain::{
    Precondition, RequestContext, Role, Search, Sort, Status as AccountStatus, Timestamp, User,
    UserChange, UserFilter, UserId, UserSort, UserSummary, Username,
};
use crate::error::Error;

/// How the document tells that an account is not there.
const ABSENT: Answer = (404, "There is no such account.", &[]);

/// How the document tells that somebody has to stay.
const LAST: Answer = (409, "No administrator would be left.", &[]);

/// The routes of this file, and their part of the document.
pub fn routes() -> (Vec<Route>, OpenApi) {
    let (routes, mut spec) = openapi_get_routes_spec![
        list_accounts,
        get_account,
        update_account,
        delete_account,
        create_reset_code,
        end_sessions_of_account
    ];
    Description::of(&mut spec)
        .extend("list_accounts", ListQuery::<UserFilter>::describe)
        .operation("list_accounts", &[(200, "A page of accounts.", LIST), UNCHANGED])
        .operation("get_account", &[(200, "The account.", &["ETag"]), UNCHANGED, ABSENT])
        .operation("update_account", &[(200, "The account as it is now.", &[]), ABSENT, LAST])
        .operation("delete_account", &[(204, "The account is gone.", &[]), ABSENT, LAST])
        .operation(
            "create_reset_code",
            &[
                (
                    201,
                    "The code, which is shown here and never again.",
                    &["Cache-Control", "Pragma"],
                ),
                ABSENT,
            ],
        )
        .operation(
            "end_sessions_of_account",
            &[(204, "The account is logged out everywhere.", &[]), ABSENT],
        );
    (routes, spec)
}

impl Filter for UserFilter {
    fn read(fields: &mut Fields) -> Option<Self> {
        let status = fields.optional("status", AccountStatus::parse);
        let role = fields.optional("role", Role::parse);
        let search = fields.optional("q", |text| Ok(Search::new(text)));
        let sort = fields.optional("sort", Sort::<UserSort>::parse);
        Some(Self { status: status?, role: role?, search: search?, sort: sort? })
    }

    fn parameters() -> Vec<(&'static str, &'static str, Value)> {
        vec![
            (
                "status",
                "Those of this status.",
                one_of(AccountStatus::ALL.iter().map(|status| status.as_str())),
            ),
            ("role", "Those of this role.", one_of(Role::ALL.iter().map(|role| role.as_str()))),
            (
                "q",
                "Those in whose e-mail address or username each of these words is, or begins a word.",
                text(),
            ),
            ("sort", "The order; `-` for the latest first.", one_of(Sort::<UserSort>::names())),
        ]
    }
}

/// What changing an account takes: at least one of these.
#[derive(JsonSchema)]
#[schemars(example = "UpdateAccount::example")]
struct UpdateAccount {
    /// `active` approves an account that waits and enables a disabled one; `disabled` ends its
    /// sessions and stops its API keys.
    #[schemars(with = "Option<String>")]
    #[allow(dead_code, reason = "documents the field; `change` holds what was given")]
    status: (),
    /// `employee`, `manager` or `admin`. Holds from the account's next request.
    #[schemars(with = "Option<String>")]
    #[allow(dead_code, reason = "documents the field; `change` holds what was given")]
    role: (),
    #[schemars(skip)]
    change: UserChange,
}

impl UpdateAccount {
    fn example() -> Value {
        json!({ "status": "active", "role": "manager" })
    }
}

#[rocket::async_trait]
impl Input for UpdateAccount {
    async fn read(
        fields: &mut Fields,
        _: &Services,
        _: &RequestContext,
    ) -> Result<Option<Self>, Error> {
        let status = fields.optional("status", |text| match AccountStatus::from_name(text) {
            Some(status @ (AccountStatus::Active | AccountStatus::Disabled)) => Ok(status),
            _ => Err(format!("'{text}' must be one of active, disabled")),
        });
        let role = fields.optional("role", Role::parse);
        fields.require_any(&["status", "role"]);
        let Some((status, role)) = status.zip(role) else { return Ok(None) };
        Ok(Some(Self { status: (), role: (), change: UserChange { username: None, status, role } }))
    }
}

/// What is told of an account to whoever may see it.
#[derive(Serialize, JsonSchema)]
pub struct UserFieldsView {
    email: String,
    /// A UUID.
    public_id: String,
    username: Option<String>,
    /// `employee`, `manager` or `admin`
    role: &'static str,
    /// Whether the role is that of an administrator.
    admin: bool,
    /// Whether the account may log in.
    active: bool,
    /// `12/31/26 11:59:59 PM UTC`
    registered_on: String,
    registered_on_iso8601: String,
}

impl UserFieldsView {
    /// The account as it was read.
    pub fn new(user: &User) -> Self {
        Self {
            email: user.email.as_str().to_owned(),
            public_id: user.public_id.to_string(),
            username: user.username.as_ref().map(Username::as_str).map(str::to_owned),
            role: user.role.as_str(),
            admin: user.role.is_admin(),
            active: user.status == AccountStatus::Active,
            registered_on: user.registered_on.to_clock_text(),
            registered_on_iso8601: user.registered_on.to_iso_8601(),
        }
    }
}

/// An account as others see it in what it made, or what is to be done by it.
#[derive(Serialize, JsonSchema)]
pub struct UserSummaryView {
    email: String,
    public_id: String,
    /// Whether the account has been deleted since. Left out where it has not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(default)]
    former: bool,
}

impl UserSummaryView {
    /// The account as it was read.
    pub fn new(owner: UserSummary) -> Self {
        Self {
            email: owner.email.into_string(),
            public_id: owner.public_id.to_string(),
            former: owner.is_deleted,
        }
    }
}

impl HasETag for User {
    fn tag(&self, _: Timestamp) -> String {
        self.version.to_string()
    }
}

/// An account as administrators see it.
#[derive(Serialize, JsonSchema)]
struct AdminUserView {
    #[serde(flatten)]
    account: UserFieldsView,
    /// `pending`, `active` or `disabled`
    status: &'static str,
}

impl AdminUserView {
    fn new(user: &User) -> Self {
        Self { account: UserFieldsView::new(user), status: user.status.as_str() }
    }
}

/// A new reset code.
#[derive(Serialize, JsonSchema)]
struct ResetCodeView {
    /// For the account's owner. Works once, and is not shown again.
    code: String,
    /// Whose it is.
    email: String,
    /// `12/31/26 11:59:59 PM UTC`
    expires_at: String,
    expires_at_iso8601: String,
}

fn id_in_path(id: &str) -> Result<UserId, Error> {
    UserId::parse(id).ok_or_else(|| Error::no_such("account"))
}

/// # List the accounts
///
/// In the order of registration, a page at a time.
#[openapi(tag = "Administration")]
#[get("/users")]
async fn list_accounts(
    _admin: Admin,
    query: ListQuery<UserFilter>,
    services: &State<Services>,
) -> Result<ListView<AdminUserView>, Problem> {
    let address = query.address(services.base_path(), "/users");
    let page = services.store.list_users(query.filter, query.page).await?;
    Ok(ListView::new(&address, page, services.clock.now(), |user| AdminUserView::new(&user)))
}

/// # See an account
///
/// As it is at this moment.
#[openapi(tag = "Administration")]
#[get("/users/<public_id>")]
async fn get_account(
    _admin: Admin,
    public_id: &str,
    services: &State<Services>,
) -> Result<WithETag<AdminUserView>, Problem> {
    let user = services.store.get_user(id_in_path(public_id)?).await?;
    Ok(WithETag::new(&user, services.clock.now(), AdminUserView::new(&user)))
}

/// # Approve, disable or enable an account, or give it another role
///
/// The last administrator can be neither demoted nor disabled.
#[openapi(tag = "Administration")]
#[patch("/users/<public_id>", data = "<body>")]
async fn update_account(
    admin: Admin,
    client: Client,
    public_id: &str,
    body: Body<UpdateAccount>,
    services: &State<Services>,
) -> Result<Json<AdminUserView>, Problem> {
    let id = id_in_path(public_id)?;
    let user = services
        .store
        .update_user(id, body.0.change, Precondition::default(), &client.on_behalf_of(&admin.0))
        .await?;
    Ok(Json(AdminUserView::new(&user)))
}

/// # Delete an account
///
/// Its sessions, API keys and templates go with it; the widgets and tasks that it has added keep it
/// as a former owner, and so do the tasks that are assigned to it.
/// The last administrator cannot be deleted.
#[openapi(tag = "Administration")]
#[delete("/users/<public_id>", data = "<_body>")]
async fn delete_account(
    admin: Admin,
    client: Client,
    public_id: &str,
    _body: Body<Nothing>,
    services: &State<Services>,
) -> Result<NoContent, Problem> {
    services
        .store
        .delete_user(
            id_in_path(public_id)?,
            Precondition::default(),
            &client.on_behalf_of(&admin.0),
        )
        .await?;
    Ok(NoContent)
}

/// # Make a reset code
///
/// For somebody who has forgotten their password: they set a new one with it, once, within an hour.
/// An older code of the account dies.
#[openapi(tag = "Administration")]
#[post("/users/<public_id>/reset-code", data = "<_body>")]
async fn create_reset_code(
    admin: SessionAdmin,
    client: Client,
    public_id: &str,
    _body: Body<Nothing>,
    services: &State<Services>,
) -> Result<Unstored<ResetCodeView>, Problem> {
    let context = client.on_behalf_of(&admin.0);
    let (code, user, expires_at) =
        services.accounts.create_reset_code(id_in_path(public_id)?, &context).await?;
    let view = ResetCodeView {
        code: code.reveal().to_owned(),
        email: user.email.into_string(),
        expires_at: expires_at.to_clock_text(),
        expires_at_iso8601: expires_at.to_iso_8601(),
    };
    Ok(Unstored(Status::Created, view))
}

/// # Log somebody out everywhere
///
/// Ends all sessions of the account. Its API keys stay.
#[openapi(tag = "Administration")]
#[delete("/users/<public_id>/sessions", data = "<_body>")]
async fn end_sessions_of_account(
    admin: SessionAdmin,
    client: Client,
    public_id: &str,
    _body: Body<Nothing>,
    services: &State<Services>,
) -> Result<NoContent, Problem> {
    services.store.end_sessions(id_in_path(public_id)?, &client.on_behalf_of(&admin.0)).await?;
    Ok(NoContent)
}
