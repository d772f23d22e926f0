//! `/users`: all accounts, for administrators.

use rocket::{State, delete, get, patch, post};
use rocket_okapi::openapi;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::domain::{
    DisplayName, Email, Role, Search, Sort, Status, Timestamp, User, UserChange, UserFilter,
    UserId, UserNames, UserRef, UserSort, UserSummary, Username,
};
use crate::http::auth::{Admin, SessionAdmin};
use crate::http::wire::{
    Body, Conditions, Empty, Field, FieldContext, Fields, Found, Given, InPath, InputField, List,
    ListQuery, NoContent, Operations, Problem, Record, SecretCreated, Services, Updated,
    ViewContext, field, filter, id_in_path, input, operations,
};

pub fn routes() -> Operations {
    let last = "No administrator would be left.";
    operations![
        list_users,
        get_user,
        update_user,
        delete_user,
        create_reset_code,
        end_sessions_of_user
    ]
    .also("update_user", 409, last)
    .also("delete_user", 409, last)
}

field!(Email, {
    "type": "string", "maxLength": 254,
    "description": "An e-mail address as browsers accept it. Letter case does not count.",
});
field!(Username, {
    "type": "string", "minLength": 3, "maxLength": 32, "pattern": "^[a-zA-Z0-9._-]+$",
    "description": "3 to 32 of `a-z A-Z 0-9 . - _`, to log in with instead of the e-mail address.",
});
field!(DisplayName, {
    "type": "string", "minLength": 1, "maxLength": 100,
    "description": "How others call the account's owner: one line, in any script. Not unique.",
});
field!(UserRef, { "type": "string" });
id_in_path!(UserId, "account");

/// The e-mail address of a new account: required, unless a setting lets a username do.
pub struct NewEmail(pub Option<Email>);

impl InputField for NewEmail {
    const IS_REQUIRED: bool = false;

    fn read(fields: &mut Fields, name: &'static str, context: &FieldContext) -> Option<Self> {
        let parse = |text: &str| match text {
            "" => Ok(None),
            text => Email::parse(text).map(Some),
        };
        let email = match fields.read(name, parse)? {
            Given::Value(email) => email,
            Given::Absent | Given::Null => None,
        };
        let missing = match fields.text("username") {
            _ if email.is_some() => return Some(Self(email)),
            _ if context.require_email => "is required",
            None => "is required, unless there is a username",
            Some(_) => return Some(Self(None)),
        };
        fields.add_error(name, missing);
        None
    }

    fn schema() -> Value {
        <Email as Field>::schema()
    }
}

/// A status that an administrator may set.
struct NewStatus(Status);

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

/// The names of an account. One without an e-mail address has a username.
#[derive(Serialize, JsonSchema)]
pub struct UserNamesView {
    email: Option<String>,
    username: Option<String>,
    /// How others call the account's owner.
    name: Option<String>,
}

impl UserNamesView {
    fn new(names: UserNames) -> Self {
        Self {
            email: names.email.map(Email::into_string),
            username: names.username.map(Username::into_string),
            name: names.name.map(DisplayName::into_string),
        }
    }
}

/// The fields of an account that its owner and administrators see.
#[derive(Serialize, JsonSchema)]
pub struct UserFieldsView {
    #[serde(flatten)]
    names: UserNamesView,
    /// A UUID.
    public_id: String,
    /// `employee`, `manager` or `admin`
    role: &'static str,
    /// Whether the role is `admin`.
    admin: bool,
    /// Whether the account may log in.
    active: bool,
    /// `12/31/26 11:59:59 PM UTC`
    registered_on: String,
    registered_on_iso8601: String,
    /// What the account stores: the text of its templates, the tasks that it created and the widgets
    /// that it owns, and 512 bytes for each.
    used_bytes: u64,
    /// What it may store.
    quota_bytes: u64,
}

impl UserFieldsView {
    pub fn new(user: User, context: &ViewContext<'_>) -> Self {
        let quota_bytes = context.quota.of(&user, context.now);
        Self {
            names: UserNamesView::new(user.names),
            public_id: user.public_id.to_string(),
            role: user.role.as_str(),
            admin: user.role.is_admin(),
            active: user.status == Status::Active,
            registered_on: user.registered_on.to_clock_text(),
            registered_on_iso8601: user.registered_on.to_iso_8601(),
            used_bytes: user.used_bytes,
            quota_bytes,
        }
    }
}

/// An account as other users see it: an owner, assignee or creator.
#[derive(Serialize, JsonSchema)]
pub struct UserSummaryView {
    #[serde(flatten)]
    names: UserNamesView,
    public_id: String,
    /// Whether the account is deleted. Left out if it is not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(default)]
    former: bool,
}

impl UserSummaryView {
    pub fn new(user: UserSummary) -> Self {
        Self {
            names: UserNamesView::new(user.names),
            public_id: user.public_id.to_string(),
            former: user.is_deleted,
        }
    }
}

/// An account as administrators see it.
#[derive(Serialize, JsonSchema)]
pub struct AdminUserView {
    #[serde(flatten)]
    fields: UserFieldsView,
    /// `pending`, `active` or `disabled`
    status: &'static str,
}

impl Record for User {
    type View = AdminUserView;

    fn etag(&self, now: Timestamp) -> String {
        let new = if self.is_new(now) { "-n" } else { "" };
        format!("{}-{:x}{new}", self.version, self.used_bytes)
    }

    fn view(self, context: &ViewContext<'_>) -> AdminUserView {
        AdminUserView { status: self.status.as_str(), fields: UserFieldsView::new(self, context) }
    }
}

/// A new reset code.
#[derive(Serialize, JsonSchema)]
pub struct ResetCodeView {
    /// For the account's owner. Works once, and is not shown again.
    code: String,
    /// The account's e-mail address, if it has one.
    email: Option<String>,
    /// `12/31/26 11:59:59 PM UTC`
    expires_at: String,
    expires_at_iso8601: String,
}

/// # List the accounts
///
/// In the order of registration, a page at a time.
#[openapi(tag = "Administration")]
#[get("/users")]
async fn list_users(admin: Admin, query: ListQuery<UserFilter>) -> Result<List<User>, Problem> {
    let page = admin.store.list_users(Some(admin.id()), query.filter, query.page).await?;
    Ok(List::new(query.address, page))
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
    let (code, user, expires_at) =
        services.accounts.create_reset_code(public_id.0?, &admin.context).await?;
    Ok(SecretCreated(ResetCodeView {
        code: code.reveal().to_owned(),
        email: user.names.email.map(Email::into_string),
        expires_at: expires_at.to_clock_text(),
        expires_at_iso8601: expires_at.to_iso_8601(),
    }))
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
