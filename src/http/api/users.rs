//! `/users`: all accounts, for administrators.

use std::sync::Arc;

use rocket::{State, delete, get, patch, post};
use rocket_okapi::openapi;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::user_fields::{NewEmail, PasswordField, UserFieldsView};
use crate::accounts::ResetCode;
use crate::domain::{
    DisplayName, Email, Role, Search, Sort, Status, Timestamp, User, UserChange, UserFilter,
    UserId, UserNames, UserSort, Username, last_administrator,
};
use crate::error::Error;
use crate::http::auth::{Admin, SessionAdmin};
use crate::http::wire::{
    Addressed, Body, Conditions, Created, DateTime, EmailAddress, Empty, Export, Field,
    FieldContext, Found, InPath, List, ListOrCsv, ListOrCsvQuery, Name, NoContent, Operations,
    Problem, Record, SecretCreated, Services, Updated, ViewContext, columns, filter, input,
    operations,
};
use crate::store::Store;

pub fn routes() -> Operations {
    let taken = "The e-mail address or the username is already registered.";
    let last = "No administrator would be left.";
    operations![
        list_users,
        create_user,
        get_user,
        update_user,
        delete_user,
        create_reset_code,
        end_sessions_of_user
    ]
    .also("create_user", taken, Error::is_registered("eve@example.com"))
    .also("update_user", last, last_administrator())
    .also("delete_user", last, last_administrator())
}

/// A status that an administrator may set.
pub struct NewStatus(pub Status);

impl Field for NewStatus {
    fn parse(text: &str, _: &FieldContext) -> Result<Self, String> {
        match Status::from_name(text) {
            Some(status @ (Status::Active | Status::Disabled)) => Ok(Self(status)),
            _ => Err(format!("'{text}' must be one of active, disabled")),
        }
    }

    fn schema() -> Value {
        json!({ "type": "string", "enum": ["active", "disabled"] })
    }
}

input! {
    /// A new account.
    struct CreateUser {
        /// Required, unless the setting `require_email` is false and there is a username.
        email: NewEmail,
        username: Option<Option<Username>>,
        name: Option<Option<DisplayName>>,
        /// `employee` if it is not sent.
        role: Option<Role>,
        /// Without it, the answer has a reset code.
        password: Option<PasswordField>,
    }
    example { "email": "eve@example.com", "name": "Eve Moss", "role": "manager" }
}

input! {
    /// Changes of an account: at least one.
    struct UpdateUser {
        /// `active` approves a pending account and enables a disabled one; `disabled` ends its
        /// sessions and stops its API keys.
        status: Option<NewStatus>,
        /// Holds from the account's next request.
        role: Option<Role>,
        name: Option<Option<DisplayName>>,
    }
    example { "status": "active", "role": "manager" }
    require_one = true;
}

columns! {
    User as (user, context) {
        public_id: user.public_id.to_string(),
        email: user.names.email.as_ref().map(Email::as_str),
        username: user.names.username.as_ref().map(Username::as_str),
        name: user.names.name.as_ref().map(DisplayName::as_str),
        role: user.role.as_str(),
        status: user.status.as_str(),
        registered_on: user.registered_on.to_rfc_3339(),
        used_bytes: user.used_bytes,
        quota_bytes: context.quota.of(user, context.now),
    }
}

/// The accounts of a list, all of them.
pub fn export(
    store: Arc<dyn Store>,
    reader: Option<UserId>,
    filter: UserFilter,
    context: ViewContext<'static>,
) -> Export {
    Export::new(context, move |bookmark| {
        let (store, filter) = (Arc::clone(&store), filter.clone());
        async move { store.export_users(reader, filter, bookmark).await }
    })
}

filter! {
    UserFilter {
        /// Accounts of this status.
        status: Status,
        /// Accounts of this role.
        role: Role,
        /// Accounts whose e-mail address, username or name contains words that begin with each of these,
        /// at most 8 different ones.
        search = "q": Search,
        /// The order; `-` for the latest first.
        sort: Sort<UserSort>,
    }
}

/// An account as administrators see it.
#[derive(Serialize, JsonSchema)]
pub struct AdminUserView {
    #[serde(flatten)]
    fields: UserFieldsView,
    status: Name<Status>,
}

impl Record for User {
    type View = AdminUserView;

    fn etag(&self, now: Timestamp) -> String {
        let new = if self.is_new(now) { "-n" } else { "" };
        format!("{}-{:x}{new}", self.version, self.used_bytes)
    }

    fn view(self, context: &ViewContext<'_>) -> AdminUserView {
        AdminUserView { status: Name(self.status), fields: UserFieldsView::new(self, context) }
    }
}

/// A new reset code.
#[derive(Serialize, JsonSchema)]
pub struct ResetCodeView {
    /// For the account's owner. Works once, and is not shown again.
    code: String,
    /// The account's e-mail address, if it has one.
    email: Option<EmailAddress>,
    /// `12/31/26 11:59:59 PM UTC`
    expires_at: String,
    expires_at_iso8601: DateTime,
}

impl ResetCodeView {
    pub fn new(ResetCode { code, expires_at }: &ResetCode, user: &User) -> Self {
        Self {
            code: code.reveal().to_owned(),
            email: user.names.email.clone().map(EmailAddress),
            expires_at: expires_at.to_clock_text(),
            expires_at_iso8601: DateTime(*expires_at),
        }
    }
}

/// An account that an administrator has created.
pub struct CreatedUser {
    pub user: User,
    pub reset_code: Option<ResetCode>,
}

/// A new account.
#[derive(Serialize, JsonSchema)]
pub struct CreatedUserView {
    #[serde(flatten)]
    user: AdminUserView,
    /// Null if you have sent a password.
    reset_code: Option<ResetCodeView>,
}

impl Record for CreatedUser {
    type View = CreatedUserView;

    fn etag(&self, now: Timestamp) -> String {
        self.user.etag(now)
    }

    fn view(self, context: &ViewContext<'_>) -> CreatedUserView {
        let reset_code = self.reset_code.map(|code| ResetCodeView::new(&code, &self.user));
        CreatedUserView { user: self.user.view(context), reset_code }
    }
}

impl Addressed for CreatedUser {
    fn path(&self) -> String {
        format!("/users/{}", self.user.public_id)
    }
}

/// # Create an account
///
/// Active at once. Without a password, the answer has a reset code to hand over: with it, the owner
/// chooses a password, once, within an hour.
#[openapi(tag = "Administration")]
#[post("/users", data = "<body>")]
async fn create_user(
    admin: Admin,
    body: Body<CreateUser>,
    services: &State<Services>,
) -> Result<Created<CreatedUser>, Problem> {
    let CreateUser { email: NewEmail(email), username, name, role, password } = body.0;
    let names = UserNames { email, username: username.flatten(), name: name.flatten() };
    let (role, password) = (role.unwrap_or(Role::Employee), password.map(|field| field.0));
    if password.is_none() && admin.context.idempotency_key.is_some() {
        let why = "is required with an Idempotency-Key: a reset code is not stored";
        return Err(Error::invalid("password", why).into());
    }
    let (user, reset_code) =
        services.accounts.add_with_code(names, role, password, &admin.context).await?;
    Ok(Created(CreatedUser { user, reset_code }))
}

/// # List the accounts
///
/// In the order of registration, a page at a time. `format=csv` answers all of them.
#[openapi(tag = "Administration")]
#[get("/users")]
async fn list_users(
    admin: Admin,
    query: ListOrCsvQuery<UserFilter>,
) -> Result<ListOrCsv<User>, Problem> {
    let reader = Some(admin.id());
    match query {
        ListOrCsvQuery::Page(query) => {
            let page = admin.store.list_users(reader, query.filter, query.page).await?;
            Ok(ListOrCsv::List(List::new(query.address, page)))
        }
        ListOrCsvQuery::Csv(filter) => {
            let export = |store, context| export(store, reader, filter, context);
            admin.export("users", export).await
        }
    }
}

/// # Get an account
///
/// For administrators.
#[openapi(tag = "Administration")]
#[get("/users/<public_id>")]
async fn get_user(admin: Admin, public_id: InPath<UserId>) -> Result<Found<User>, Problem> {
    Ok(Found(admin.store.get_user(public_id.0?).await?))
}

/// # Approve, disable or enable an account, or change its role or name
///
/// The last administrator can be neither demoted nor disabled.
#[openapi(tag = "Administration")]
#[patch("/users/<public_id>", data = "<body>")]
async fn update_user(
    admin: Admin,
    conditions: Conditions,
    public_id: InPath<UserId>,
    body: Body<UpdateUser>,
) -> Result<Updated<User>, Problem> {
    let (id, UpdateUser { status, role, name }) = (public_id.0?, body.0);
    let status = status.map(|NewStatus(status)| status);
    let change = UserChange { name, status, role, ..UserChange::default() };
    let user = admin.store.update_user(id, change, conditions.0, &admin.context).await?;
    Ok(Updated::new(user))
}

/// # Delete an account
///
/// Everything private is deleted with it, such as its sessions and API keys. Shared records that it
/// owns, created or is assigned to keep it, marked as `former`. The last administrator stays.
#[openapi(tag = "Administration")]
#[delete("/users/<public_id>", data = "<_body>")]
async fn delete_user(
    admin: Admin,
    conditions: Conditions,
    public_id: InPath<UserId>,
    _body: Body<Empty>,
) -> Result<NoContent, Problem> {
    admin.store.delete_user(public_id.0?, conditions.0, &admin.context).await?;
    Ok(NoContent)
}

/// # Create a reset code
///
/// For somebody who has forgotten their password: the code sets a new one, once, within an hour. It
/// replaces an older code of the account.
#[openapi(tag = "Administration")]
#[post("/users/<public_id>/reset-code", data = "<_body>")]
async fn create_reset_code(
    admin: SessionAdmin,
    public_id: InPath<UserId>,
    _body: Body<Empty>,
    services: &State<Services>,
) -> Result<SecretCreated<ResetCodeView>, Problem> {
    let (user, code) = services.accounts.create_reset_code(public_id.0?, &admin.context).await?;
    Ok(SecretCreated(ResetCodeView::new(&code, &user)))
}

/// # Log an account out everywhere
///
/// Ends all its sessions. Its API keys stay.
#[openapi(tag = "Administration")]
#[delete("/users/<public_id>/sessions", data = "<_body>")]
async fn end_sessions_of_user(
    admin: SessionAdmin,
    public_id: InPath<UserId>,
    _body: Body<Empty>,
) -> Result<NoContent, Problem> {
    admin.store.end_sessions(public_id.0?, &admin.context).await?;
    Ok(NoContent)
}
