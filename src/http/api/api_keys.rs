//! `/auth/keys`: API keys, with which scripts act for a user.

use rocket::{State, delete, get, post};
use rocket_okapi::openapi;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::samples::KEY;
use crate::accounts;
use crate::domain::{ApiKey, KeyId, KeyName, KeyScope, NewApiKey, Secret, Timestamp, key_exists};
use crate::error::Error;
use crate::http::auth::{AnyUser, SessionUser};
use crate::http::wire::{
    Addressed, Body, DateTime, Empty, Field, FieldContext, Id, InPath, Link, List, ListQuery, Name,
    NoContent, Operations, Problem, Record, SecretCreated, Services, ViewContext, field,
    id_in_path, input, operations,
};

pub fn routes() -> Operations {
    let conflict = "You have a key of that name, or the maximum number.";
    let exists = key_exists("nightly report");
    operations![create_key, list_keys, revoke_key].also("create_key", conflict, exists)
}

field!(KeyName, {
    "type": "string", "minLength": 1, "maxLength": 100,
    "description": "1 to 100 characters; unique among your keys.",
});
id_in_path!(KeyId, "key", KEY);

/// When a key expires: a time, or the end of a date.
pub struct Expiry(Timestamp);

impl Field for Expiry {
    fn parse(text: &str, context: &FieldContext) -> Result<Self, String> {
        NewApiKey::parse_expiry(text, context.now, &context.zone).map(Self)
    }

    fn schema() -> Value {
        json!({
            "type": "string",
            "description": "An RFC 3339 time, or a date, which stands for its end in the service's \
                time zone. Without it the key does not expire.",
        })
    }
}

input! {
    /// A new API key.
    pub struct CreateKey {
        name: KeyName,
        /// `write` reads as well.
        scope: KeyScope,
        expires: Option<Option<Expiry>>,
    }
    example { "name": "nightly report", "scope": "read", "expires": "2099-12-31" }
}

impl CreateKey {
    /// The key itself, and the key as it is stored.
    pub async fn create(self, user: &SessionUser) -> Result<(Secret, ApiKey), Error> {
        let Self { name, scope, expires } = self;
        let (store, expires_at) = (&*user.store, expires.flatten().map(|Expiry(end)| end));
        accounts::create_key(store, user.id(), name, scope, expires_at, &user.context).await
    }
}

/// A key as its owner sees it, without the key itself.
#[derive(Serialize, JsonSchema)]
pub struct KeyView {
    /// A UUID, which is not the key.
    id: Id<KeyId>,
    name: String,
    scope: Name<KeyScope>,
    /// `12/31/26 11:59:59 PM UTC`
    created_at: String,
    created_at_iso8601: DateTime,
    /// Null for a key that does not expire.
    expires_at: Option<String>,
    expires_at_iso8601: Option<DateTime>,
    /// To the minute; null for a key that was never used.
    last_used_at: Option<String>,
    last_used_at_iso8601: Option<DateTime>,
    /// The key's address.
    link: Link,
}

/// A new key, with the key itself.
#[derive(Serialize, JsonSchema)]
pub struct NewKeyView {
    /// Send it as `Authorization: Bearer wgt_...`. Keep it: it is not shown again.
    pub key: String,
    #[serde(flatten)]
    pub view: KeyView,
}

impl Record for ApiKey {
    type View = KeyView;

    fn etag(&self, _: Timestamp) -> String {
        format!("{} {:?}", self.id, self.last_used_at)
    }

    fn view(self, context: &ViewContext<'_>) -> KeyView {
        KeyView {
            link: Link(self.link(context)),
            id: Id(self.id),
            name: self.name.into_string(),
            scope: Name(self.scope),
            created_at: self.created_at.to_clock_text(),
            created_at_iso8601: DateTime(self.created_at),
            expires_at: self.expires_at.map(Timestamp::to_clock_text),
            expires_at_iso8601: self.expires_at.map(DateTime),
            last_used_at: self.last_used_at.map(Timestamp::to_clock_text),
            last_used_at_iso8601: self.last_used_at.map(DateTime),
        }
    }
}

impl Addressed for ApiKey {
    fn path(&self) -> String {
        format!("/auth/keys/{}", self.id)
    }
}

/// # Create an API key
///
/// For a script that acts for you. It may do what you may, or only read, until you revoke it; it
/// cannot create keys, change passwords or end sessions.
#[openapi(tag = "API keys")]
#[post("/auth/keys", data = "<body>")]
async fn create_key(
    user: SessionUser,
    body: Body<CreateKey>,
    services: &State<Services>,
) -> Result<SecretCreated<NewKeyView>, Problem> {
    let (secret, key) = body.0.create(&user).await?;
    let view = key.view(&services.view_at(user.context.at));
    Ok(SecretCreated(NewKeyView { key: secret.reveal().to_owned(), view }))
}

/// # List your API keys
///
/// In the order of creation, also those that have expired.
#[openapi(tag = "API keys")]
#[get("/auth/keys")]
async fn list_keys(user: AnyUser, query: ListQuery<()>) -> Result<List<ApiKey>, Problem> {
    let page = user.store.list_keys(Some(user.id()), query.page).await?;
    Ok(List::new(query.address, page))
}

/// # Revoke an API key
///
/// The key is dead when the answer arrives.
#[openapi(tag = "API keys")]
#[delete("/auth/keys/<id>", data = "<_body>")]
async fn revoke_key(
    user: AnyUser,
    id: InPath<KeyId>,
    _body: Body<Empty>,
) -> Result<NoContent, Problem> {
    user.store.revoke_key(user.id(), id.0?, &user.context).await?;
    Ok(NoContent)
}
