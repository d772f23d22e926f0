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
pub use self::server::{Listener, Listening, ServerSettings, Tls, serve};
use self::wire::cors::Cors;
use self::wire::delay::DelayRefusals;
use self::wire::dry_run::MarkDryRuns;
use self::wire::fallback::{self, RejectEmptySegments};
use self::wire::headers::CommonHeaders;
use self::wire::import::Importers;
use self::wire::json::RenderLargeAnswers;
use self::wire::observed::Observe;
use self::wire::openapi::Document;
use self::wire::services::API;
pub use self::wire::services::{API_PAGES, FieldContext, Services, ViewContext};
pub use self::wire::{Export, attach_body};
use crate::telemetry::Requests;

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
    let document = Document::new(api::DESCRIPTION, api::TAGS, root.spec, specs, base);
    let rocket = rocket
        // Ours are in `wire::headers`.
        .attach(Shield::new())
        .manage(feed)
        .manage(services)
        .manage(Importers::default())
        .manage(document)
        .attach(RejectEmptySegments)
        .attach(Observe)
        // Response fairings run in this order: the page of a problem comes before its headers.
        .attach(RenderLargeAnswers::default())
        .attach(MarkDryRuns)
        .attach(auth::RenewSessions)
        .attach(pages::ProblemPages)
        .attach(CommonHeaders)
        .attach(Cors)
        .attach(DelayRefusals::default())
        .mount("/", root.routes)
        .mount("/", api::metrics::routes())
        .mount("/", pages::routes())
        .mount(API, routes.concat());
    // What the fallback answers has no route.
    let named = rocket.routes().map(|route| (route.method.as_str(), route.uri.path().to_owned()));
    let requests = Arc::new(Requests::new(named));
    rocket
        .manage(requests)
        .mount("/", fallback::routes())
        .register("/", rocket::catchers![pages::catch])
}
