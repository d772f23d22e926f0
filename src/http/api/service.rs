//! The service itself, for programs: the greeting, its health, and the OpenAPI document.

use rocket::serde::json::Json;
use rocket::{Responder, State, get};
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::okapi::openapi3::Responses;
use rocket_okapi::openapi;
use rocket_okapi::response::OpenApiResponderInner;
use schemars::JsonSchema;
use schemars::schema::{InstanceType, SchemaObject};
use serde::Serialize;
use serde_json::json;

use crate::http::wire::{
    API, API_PAGES, BASE, BasePath, Document, Done, Link, Operations, Problem, Services,
    StatusView, add_content, add_response, operations, success,
};

/// The routes at the root.
pub fn root_routes() -> Operations {
    let greeting = greeting(BasePath(BASE));
    operations![greet, check_live, check_ready, check_health]
        .example("greet", 200, greeting)
        .example("check_live", 200, StatusView::success(ALIVE))
        .example("check_ready", 200, StatusView::success(HEALTHY))
        .example("check_health", 200, StatusView::success(HEALTHY))
}

/// The routes of the document, below the API.
pub fn document_routes() -> Operations {
    operations![swagger_json, openapi_json]
}

/// What a visitor needs to know first.
#[derive(Serialize, JsonSchema)]
struct Greeting {
    #[schemars(schema_with = "success")]
    status: &'static str,
    message: &'static str,
    /// The API's documentation for people.
    documentation: Link,
    /// The API's OpenAPI document.
    openapi: Link,
}

/// # Greeting
///
/// Says what this is, and where its documentation is.
#[openapi(tag = "Service")]
#[get("/", rank = 1)]
fn greet(services: &State<Services>) -> Json<Greeting> {
    Json(greeting(services.base_path()))
}

fn greeting(base: BasePath<'_>) -> Greeting {
    Greeting {
        status: "success",
        message: concat!("This is widgetd ", env!("CARGO_PKG_VERSION"), "."),
        documentation: Link(format!("{base}{API_PAGES}")),
        openapi: Link(format!("{base}{API}/openapi.json")),
    }
}

const ALIVE: &str = "alive";
const HEALTHY: &str = "healthy";

/// # Liveness
///
/// Whether the process answers. It asks nothing else: where this fails, start the service again.
#[openapi(tag = "Service")]
#[get("/healthz/live")]
fn check_live() -> Done {
    Done(ALIVE)
}

/// # Readiness
///
/// Whether the database can be read and written. It tries both; a write at most once a second, so
/// that it may be asked as often as you want. Where this fails, send no requests.
#[openapi(tag = "Service")]
#[get("/healthz/ready")]
async fn check_ready(services: &State<Services>) -> Result<Done, Problem> {
    services.store.ping().await?;
    Ok(Done(HEALTHY))
}

/// # Health
///
/// For a supervisor or a load balancer that asks one address: the same as readiness.
#[openapi(tag = "Service")]
#[get("/healthz")]
async fn check_health(services: &State<Services>) -> Result<Done, Problem> {
    check_ready(services).await
}

/// The document as an answer.
#[derive(Responder)]
#[response(content_type = "json")]
struct DocumentView<'r>(&'r str);

impl OpenApiResponderInner for DocumentView<'_> {
    fn responses(_: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        let schema = SchemaObject {
            instance_type: Some(InstanceType::Object.into()),
            ..SchemaObject::default()
        };
        let mut responses = Responses::default();
        add_response(&mut responses, 200, "The document.", &[]);
        let example = json!({
            "openapi": "3.0.0",
            "info": { "title": "widgetd", "version": env!("CARGO_PKG_VERSION") },
            "paths": {},
        });
        add_content(&mut responses, 200, "application/json", schema, Ok(example))?;
        Ok(responses)
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
