//! The wire format: what comes in over HTTP, and what goes out.
//!
//! Each resource's file returns its routes together with their part of the OpenAPI document.

mod account;
mod answers;
mod api_keys;
mod audit;
mod auth;
mod body;
mod client;
mod docs;
mod error;
mod etag;
mod fallback;
mod fields;
mod guards;
mod headers;
mod pace;
mod page;
mod pages;
mod sessions;
mod tasks;
mod templates;
mod users;
mod widgets;

use std::sync::Arc;

use rocket::{Build, Request, Rocket};

use crate::accounts::{Accounts, Sessions};
use crate::clock::Clock;
use crate::domain::{AllowedOrigins, TrustedProxies};
use crate::error::Error;
use crate::store::Store;

/// Below which path version 1 of the wire format lives.
pub const API: &str = "/api/v1";

/// Where the API's pages for people are.
pub const API_PAGES: &str = "/api/v1/ui";

/// What the handlers work with.
pub struct Services {
    /// What people do with accounts.
    pub accounts: Accounts,
    /// Who is calling.
    pub sessions: Sessions,
    /// Everything that is remembered.
    pub store: Arc<dyn Store>,
    /// What time it is.
    pub clock: Clock,
    /// The `realm` of challenges (RFC 9110 section 11.5).
    pub realm: String,
    /// Who is believed about where a request is from.
    pub trusted_proxies: TrustedProxies,
    /// Whose pages may call the API.
    pub allowed_origins: AllowedOrigins,
}

impl Services {
    /// The services that a request's handler works with.
    fn of<'r>(request: &'r Request<'_>) -> Result<&'r Self, Error> {
        request.rocket().state().ok_or_else(|| Error::internal("a request", "there are no services"))
    }
}

/// Mounts every route, and the catcher that gives every refusal its one shape.
pub fn mount(rocket: Rocket<Build>, services: Services) -> Rocket<Build> {
    let (page_routes, page_spec) = pages::routes();
    let resources = [
        auth::routes(),
        account::routes(),
        sessions::routes(),
        api_keys::routes(),
        users::routes(),
        audit::routes(),
        widgets::routes(),
        tasks::routes(),
        templates::routes(),
        docs::routes(),
    ];
    let (routes, specs): (Vec<_>, Vec<_>) = resources.into_iter().unzip();
    let document = docs::Document::new(page_spec, &specs);

    rocket
        .manage(services)
        .manage(document)
        .attach(fallback::Screen)
        .attach(headers::Headers)
        .attach(pace::Pace::default())
        .mount("/", page_routes)
        .mount(API, routes.concat())
        .mount("/", fallback::routes())
        .register("/", rocket::catchers![error::catch])
}
