//! What inputs and answers have of users, wherever they appear.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::samples::ANN;
use crate::domain::{
    DisplayName, Email, Password, Role, Status, User, UserId, UserNames, UserRef, UserSummary,
    Username,
};
use crate::http::wire::{
    DateTime, EmailAddress, Field, FieldContext, Fields, Given, Id, InputField, Name, ViewContext,
    field, id_in_path,
};

field!(Email, {
    "type": "string", "format": "email", "maxLength": 254,
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
id_in_path!(UserId, "account", ANN);

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
        let mut schema = <Email as Field>::schema();
        schema["nullable"] = true.into();
        schema
    }
}

/// A new password of an allowed length. How hard it is to guess is estimated elsewhere.
pub struct PasswordField(pub Password);

impl Field for PasswordField {
    fn parse(text: &str, context: &FieldContext) -> Result<Self, String> {
        context.password_policy.check_length(text).map(Self)
    }

    fn schema() -> Value {
        json!({
            "type": "string", "minLength": 1, "maxLength": 128,
            "description": "8 to 128 characters (the minimum is a setting) that are hard to guess.",
        })
    }
}

/// The names of an account. One without an e-mail address has a username.
#[derive(Serialize, JsonSchema)]
pub struct UserNamesView {
    email: Option<EmailAddress>,
    username: Option<String>,
    /// How others call the account's owner.
    name: Option<String>,
}

impl UserNamesView {
    pub fn new(names: UserNames) -> Self {
        Self {
            email: names.email.map(EmailAddress),
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
    public_id: Id<UserId>,
    role: Name<Role>,
    /// Whether the role is `admin`.
    admin: bool,
    /// Whether the account may log in.
    active: bool,
    /// `12/31/26 11:59:59 PM UTC`
    registered_on: String,
    registered_on_iso8601: DateTime,
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
            public_id: Id(user.public_id),
            role: Name(user.role),
            admin: user.role.is_admin(),
            active: user.status == Status::Active,
            registered_on: user.registered_on.to_clock_text(),
            registered_on_iso8601: DateTime(user.registered_on),
            used_bytes: user.used_bytes,
            quota_bytes,
        }
    }
}

/// An account as a cell of a table, in a form that names no other account later: an e-mail address or
/// a username may belong to somebody else once the account is deleted, and `none` is nobody.
pub fn reference(user: &UserSummary) -> String {
    match user.names.label() {
        label if !user.is_deleted && label != "none" => label.to_owned(),
        _ => user.public_id.to_string(),
    }
}

/// The name of an account, for a column beside the [`reference`].
pub fn name(user: &UserSummary) -> Option<&str> {
    user.names.name.as_ref().map(DisplayName::as_str)
}

/// Its username.
pub fn username(user: &UserSummary) -> Option<&str> {
    user.names.username.as_ref().map(Username::as_str)
}

/// An account as other users see it: an owner, assignee or creator.
#[derive(Serialize, JsonSchema)]
pub struct UserSummaryView {
    #[serde(flatten)]
    names: UserNamesView,
    public_id: Id<UserId>,
    /// Whether the account is deleted. Left out if it is not.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(default)]
    former: bool,
}

impl UserSummaryView {
    pub fn new(user: UserSummary) -> Self {
        Self {
            names: UserNamesView::new(user.names),
            public_id: Id(user.public_id),
            former: user.is_deleted,
        }
    }
}
