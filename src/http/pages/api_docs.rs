//! The API's documentation for people: Swagger UI.

use askama::Template;
use rocket::http::Header;
use rocket::{Responder, get};
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::okapi::openapi3::Responses;
use rocket_okapi::openapi;
use rocket_okapi::response::OpenApiResponderInner;
use schemars::schema::InstanceType;

use super::frame::{Frame, Html};
use crate::http::wire::{Operations, Problem, SWAGGER_UI_CSP, operations, with_content};

pub fn routes() -> Operations {
    operations![show_api_pages]
}

#[derive(Template)]
#[template(path = "api.html")]
struct ApiPage {
    frame: Frame,
}

/// The page with its own CSP. Its template cannot fail, so no error is documented.
#[derive(Responder)]
struct ApiPageView(Result<Html, Problem>, Header<'static>);

impl OpenApiResponderInner for ApiPageView {
    fn responses(_: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        Ok(with_content("The page.", "text/html", InstanceType::String))
    }
}

/// # API documentation
///
/// Swagger UI: every operation, to be tried out.
#[openapi(tag = "Service")]
#[get("/ui")]
fn show_api_pages(frame: Frame) -> ApiPageView {
    let policy = Header::new("Content-Security-Policy", SWAGGER_UI_CSP);
    ApiPageView(Html::of(&ApiPage { frame }), policy)
}
