//! The wire format: what comes in over HTTP, and what goes out.
//!
//! Each resource's file returns its routes together with their part of the OpenAPI document.

mod account;
mod answers;
mod api_keys;
mod assets;
mod audit;
mod auth;
mod body;
mod browser;
mod client;
mod docs;
mod entrance;
mod error;
mod etag;
mod fallback;
mod fields;
mod guards;
mod headers;
mod pace;
mod page;
mod pages;
mod service;
mod sessions;
mod tasks;
mod templates;
mod users;
mod widgets;

use std::fmt;
use std::sync::Arc;

use rocket::shield::Shield;
use rocket::{Build, Request, Rocket};

use crate::accounts::{Accounts, Sessions};
use crate::clock::Clock;
use crate::domain::{AllowedOrigins, PublicUrl, TrustedProxies};
use crate::error::Error;
use crate::store::Store;

/// Below which path version 1 of the wire format lives.
pub const API: &str = "/api/v1";

/// Where the API's pages for people are.
pub const API_PAGES: &str = "/api/v1/ui";

/// Below which path the page is that makes the first administrator; the setup code comes behind it.
pub const SETUP_PAGE: &str = "/setup";

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
    /// The name of the cookie that browsers keep their session in, but for a prefix.
    pub cookie: String,
    /// The `realm` of challenges (RFC 9110 section 11.5).
    pub realm: String,
    /// Who is believed about where a request is from.
    pub trusted_proxies: TrustedProxies,
    /// Whose pages may call the API.
    pub allowed_origins: AllowedOrigins,
    /// Under which address browsers reach the service, where it is not the one it listens on.
    pub public_url: Option<PublicUrl>,
    /// Whether the first administrator may be made from another machine.
    pub remote_setup: bool,
}

/// What stands before every path in an address that an answer names: nothing, or `/w` where a proxy
/// takes that away. Routes know nothing of it.
#[derive(Clone, Copy)]
pub struct BasePath<'a>(&'a str);

impl fmt::Display for BasePath<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Services {
    /// The path of the public URL, for the addresses in answers. Its origin is left out, so that they
    /// hold at any other name that the service is reached by.
    fn base_path(&self) -> BasePath<'_> {
        BasePath(self.public_url.as_ref().map_or("", PublicUrl::path))
    }

    /// The services that a request's handler works with.
    fn of<'r>(request: &'r Request<'_>) -> Result<&'r Self, Error> {
        request
            .rocket()
            .state()
            .ok_or_else(|| Error::internal("a request", "there are no services"))
    }
}

/// Mounts every route, and the catcher that gives every refusal its one shape.
pub fn mount(rocket: Rocket<Build>, services: Services) -> Rocket<Build> {
    let (service_routes, service_spec) = service::routes();
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
    let document = docs::Document::new(service_spec, &specs, services.base_path());

    rocket
        // Ours stand in `headers`.
        .attach(Shield::new())
        .manage(services)
        .manage(document)
        .attach(fallback::RejectMethodOverride)
        .attach(headers::Headers)
        .attach(pace::DelayRefusals::default())
        .mount("/", service_routes)
        .mount("/", pages::routes())
        .mount("/", assets::routes())
        .mount(API, routes.concat())
        .mount("/", fallback::routes())
        .register("/", rocket::catchers![error::catch])
}
