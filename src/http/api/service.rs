//! The service itself, for programs: the greeting, its health, and the OpenAPI document.

use rocket::serde::json::Json;
use rocket::{Responder, State, get};
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::okapi::openapi3::Responses;
use rocket_okapi::openapi;
use rocket_okapi::response::OpenApiResponderInner;
use schemars::JsonSchema;
use schemars::schema::InstanceType;
use serde::Serialize;

use crate::http::wire::{
    API, API_PAGES, Document, Done, Operations, Problem, Services, operations, with_content,
};

/// The routes at the root.
pub fn root_routes() -> Operations {
    operations![greet, check_health]
}

/// The routes of the document, below the API.
pub fn document_routes() -> Operations {
    operations![swagger_json, openapi_json]
}

/// What a visitor needs to know first.
#[derive(Serialize, JsonSchema)]
struct Greeting {
    status: &'static str,
    message: &'static str,
    /// The API's documentation for people.
    documentation: String,
    /// The API's OpenAPI document.
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
async fn check_health(services: &State<Services>) -> Result<Done, Problem> {
    services.store.ping().await?;
    Ok(Done("healthy"))
}

/// The document as an answer.
#[derive(Responder)]
#[response(content_type = "json")]
struct DocumentView<'r>(&'r str);

impl OpenApiResponderInner for DocumentView<'_> {
    fn responses(_: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        Ok(with_content("The document.", "application/json", InstanceType::Object))
    }
}

/// # OpenAPI document, under its old name
///
/// The same as `/openapi.json`.
#[openapi(tag = "Service")]
#[get("/swagger.json")]
fn swagger_json(document: &State<Document>) -> DocumentView<'_> {
    DocumentView(&document.0)
}

/// # OpenAPI document
///
/// This document: OpenAPI 3.
#[openapi(tag = "Service")]
#[get("/openapi.json")]
fn openapi_json(document: &State<Document>) -> DocumentView<'_> {
    DocumentView(&document.0)
}
