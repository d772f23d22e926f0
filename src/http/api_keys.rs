//! `/auth/keys`: API keys, with which scripts act for an account.

use rocket::http::Status;
use rocket::{Route, State, delete, get, post};
use rocket_okapi::okapi::openapi3::OpenApi;
use rocket_okapi::{openapi, openapi_get_routes_spec};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::json;

use super::answers::{NoContent, Unstored};
use super::body::{Body, Input, Nothing};
use super::client::Client;
use super::docs::Description;
use super::error::Problem;
use super::etag::{HasETag, UNCHANGED};
use super::fields::Fields;
use super::guards::{Account, SessionUser};
use super::page::{LIST, ListQuery, ListView};
use super::{API, BasePath, Services};
use crate::accounts;
use crate::domain::{ApiKey, KeyId, KeyName, KeyScope, NewApiKey, RequestContext, Timestamp};
use crate::error::Error;

/// The routes of this file, and their part of the document.
pub fn routes() -> (Vec<Route>, OpenApi) {
    let (routes, mut spec) = openapi_get_routes_spec![create_key, list_keys, revoke_key];
    Description::of(&mut spec)
        .operation(
            "create_key",
            &[
                (
                    201,
                    "The key, which is shown here and never again.",
                    &["Cache-Control", "Pragma"],
                ),
                (409, "You have a key of that name.", &[]),
            ],
        )
        .extend("list_keys", ListQuery::<()>::describe)
        .operation("list_keys", &[(200, "A page of keys.", LIST), UNCHANGED])
        .operation(
            "revoke_key",
            &[(204, "The key is dead.", &[]), (404, "You have no such key.", &[])],
        );
    (routes, spec)
}

/// What a new key takes.
#[derive(JsonSchema)]
#[schemars(example = "CreateKey::example")]
struct CreateKey {
    /// 1 to 100 characters that tell your keys apart.
    #[schemars(with = "String", length(min = 1, max = 100))]
    name: KeyName,
    /// `read`, or `write`, which reads as well.
    #[schemars(with = "KeyScopeName")]
    scope: KeyScope,
    /// Until when the key is good: a date, to whose end it is, or an RFC 3339 time. For ever, if it
    /// is left out.
    #[schemars(with = "Option<String>")]
    expires: Option<Timestamp>,
}

/// The names of the scopes, for the document.
#[derive(JsonSchema)]
#[schemars(rename_all = "lowercase")]
#[allow(dead_code, reason = "documents the field")]
enum KeyScopeName {
    Read,
    Write,
}

impl CreateKey {
    fn example() -> serde_json::Value {
        json!({ "name": "nightly report", "scope": "read", "expires": "2099-12-31" })
    }
}

#[rocket::async_trait]
impl Input for CreateKey {
    async fn read(
        fields: &mut Fields,
        _: &Services,
        context: &RequestContext,
    ) -> Result<Option<Self>, Error> {
        let now = context.at;
        let name = fields.required("name", KeyName::parse);
        let scope = fields.required("scope", KeyScope::parse);
        let expires = fields.optional("expires", |text| NewApiKey::parse_expiry(text, now));
        let (Some(name), Some(scope), Some(expires)) = (name, scope, expires) else {
            return Ok(None);
        };
        Ok(Some(Self { name, scope, expires }))
    }
}

/// A key as its owner sees it, without the key itself.
#[derive(Serialize, JsonSchema)]
struct KeyView {
    /// A UUID, which is not the key.
    id: String,
    name: String,
    /// `read` or `write`
    scope: &'static str,
    /// `12/31/26 11:59:59 PM UTC`
    created_at: String,
    created_at_iso8601: String,
    /// Null for a key that does not expire.
    expires_at: Option<String>,
    expires_at_iso8601: Option<String>,
    /// To the minute; null for a key that was never used.
    last_used_at: Option<String>,
    last_used_at_iso8601: Option<String>,
    /// The key's address.
    link: String,
}

impl HasETag for ApiKey {
    fn tag(&self, _: Timestamp) -> String {
        format!("{} {:?}", self.id, self.last_used_at)
    }
}

impl KeyView {
    fn new(key: ApiKey, base: BasePath<'_>) -> Self {
        Self {
            id: key.id.to_string(),
            name: key.name.into_string(),
            scope: key.scope.as_str(),
            created_at: key.created_at.to_clock_text(),
            created_at_iso8601: key.created_at.to_iso_8601(),
            expires_at: key.expires_at.map(Timestamp::to_clock_text),
            expires_at_iso8601: key.expires_at.map(Timestamp::to_iso_8601),
            last_used_at: key.last_used_at.map(Timestamp::to_clock_text),
            last_used_at_iso8601: key.last_used_at.map(Timestamp::to_iso_8601),
            link: format!("{base}{API}/auth/keys/{}", key.id),
        }
    }
}

/// A new key, with the key itself.
#[derive(Serialize, JsonSchema)]
struct NewKeyView {
    /// To be sent as `Authorization: Bearer wgt_...`. Keep it: it is not shown again.
    key: String,
    #[serde(flatten)]
    view: KeyView,
}

/// # Make an API key
///
/// For a script that acts for you. It may do what you may, or only read, until you revoke it; it
/// cannot make keys, change passwords or end sessions.
#[openapi(tag = "API keys")]
#[post("/auth/keys", data = "<body>")]
async fn create_key(
    account: SessionUser,
    client: Client,
    body: Body<CreateKey>,
    services: &State<Services>,
) -> Result<Unstored<NewKeyView>, Problem> {
    let Body(CreateKey { name, scope, expires }) = body;
    let context = client.on_behalf_of(&account.caller);
    let (secret, key) =
        accounts::create_key(&*services.store, account.id(), name, scope, expires, &context)
            .await?;
    let view = KeyView::new(key, services.base_path());
    Ok(Unstored(Status::Created, NewKeyView { key: secret.reveal().to_owned(), view }))
}

/// # List your API keys
///
/// In the order of creation, also those that have expired.
#[openapi(tag = "API keys")]
#[get("/auth/keys")]
async fn list_keys(
    account: Account,
    query: ListQuery<()>,
    services: &State<Services>,
) -> Result<ListView<KeyView>, Problem> {
    let page = services.store.list_keys(Some(account.id()), query.page).await?;
    let base = services.base_path();
    let address = query.address(base, "/auth/keys");
    Ok(ListView::new(&address, page, services.clock.now(), |key| KeyView::new(key, base)))
}

/// # Revoke an API key
///
/// When the answer arrives the key is dead.
#[openapi(tag = "API keys")]
#[delete("/auth/keys/<id>", data = "<_body>")]
async fn revoke_key(
    account: Account,
    client: Client,
    id: &str,
    _body: Body<Nothing>,
    services: &State<Services>,
) -> Result<NoContent, Problem> {
    let id = KeyId::parse(id).ok_or_else(|| Error::no_such("key"))?;
    services.store.revoke_key(account.id(), id, &client.on_behalf_of(&account.0)).await?;
    Ok(NoContent)
}
