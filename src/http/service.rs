//! What stands outside the API, for programs: the greeting, and whether the service is well.

use rocket::serde::json::Json;
use rocket::{Route, State, get};
use rocket_okapi::okapi::openapi3::OpenApi;
use rocket_okapi::{openapi, openapi_get_routes_spec};
use schemars::JsonSchema;
use serde::Serialize;

use super::answers::StatusView;
use super::docs::Description;
use super::error::Problem;
use super::{API, API_PAGES, Services};

/// The routes at the root, and their part of the document.
pub fn routes() -> (Vec<Route>, OpenApi) {
    let (routes, mut spec) = openapi_get_routes_spec![greet, check_health];
    Description::of(&mut spec)
        .operation("greet", &[(200, "Where to go from here.", &[])])
        .operation("check_health", &[(200, "The service and its store answer.", &[])]);
    (routes, spec)
}

/// What a visitor needs to know first.
#[derive(Serialize, JsonSchema)]
struct Greeting {
    status: &'static str,
    message: &'static str,
    /// The API's pages for people.
    documentation: String,
    /// The API's description for programs.
    openapi: String,
}

/// # Greeting
///
/// Says what this is, and where its documentation is.
#[openapi(tag = "Service")]
#[get("/", rank = 1)]
fn greet(services: &State<Services>) -> Json<Greeting> {
    let base = services.base_path();
    Json(Greeting {
        status: "success",
        message: concat!("This is widgetd ", env!("CARGO_PKG_VERSION"), "."),
        documentation: format!("{base}{API_PAGES}"),
        openapi: format!("{base}{API}/openapi.json"),
    })
}

/// # Health
///
/// For a supervisor or a load balancer.
#[openapi(tag = "Service")]
#[get("/healthz")]
async fn check_health(services: &State<Services>) -> Result<Json<StatusView>, Problem> {
    services.store.ping().await?;
    Ok(Json(StatusView::success("healthy")))
}
