//! HTTP. `wire` reads requests and writes answers; `auth` knows who asks; `api` has a file per
//! resource, `pages` one per page. Each imports only those before it. `server` listens.

mod api;
mod auth;
mod pages;
mod server;
mod wire;

use std::sync::Arc;

use rocket::shield::Shield;
use rocket::{Build, Rocket};

use self::api::event_feed::EventFeed;
pub use self::api::tables;
pub use self::server::{ServerSettings, serve};
use self::wire::cors::Cors;
use self::wire::delay::DelayRefusals;
use self::wire::dry_run::MarkDryRuns;
use self::wire::fallback::{self, RejectEmptySegments};
use self::wire::headers::CommonHeaders;
use self::wire::import::Importers;
use self::wire::json::RenderLargeAnswers;
use self::wire::openapi::Document;
use self::wire::services::API;
pub use self::wire::services::{API_PAGES, FieldContext, Services, ViewContext};
pub use self::wire::{Export, attach_body};

/// The path of the page that creates the first administrator; the setup code follows it.
pub const SETUP_PAGE: &str = "/setup";

/// Mounts every route and fairing.
pub fn mount(rocket: Rocket<Build>, services: Services) -> Rocket<Build> {
    let root = api::service::root_routes();
    let mut parts = api::routes();
    parts.push(pages::api_docs::routes());
    let (routes, specs): (Vec<_>, Vec<_>) =
        parts.into_iter().map(|part| (part.routes, part.spec)).unzip();
    let feed = EventFeed::new(Arc::clone(&services.store), services.clock.clone());
    let base = services.base_path();
    let document = Document::new(api::DESCRIPTION, api::TAGS, root.spec, &specs, base);
    rocket
        // Ours are in `wire::headers`.
        .attach(Shield::new())
        .manage(feed)
        .manage(services)
        .manage(Importers::default())
        .manage(document)
        .attach(RejectEmptySegments)
        // Response fairings run in this order: the page of a problem comes before its headers.
        .attach(RenderLargeAnswers::default())
        .attach(MarkDryRuns)
        .attach(auth::RenewSessions)
        .attach(pages::ProblemPages)
        .attach(CommonHeaders)
        .attach(Cors)
        .attach(DelayRefusals::default())
        .mount("/", root.routes)
        .mount("/", pages::routes())
        .mount(API, routes.concat())
        .mount("/", fallback::routes())
        .register("/", rocket::catchers![pages::catch])
}
