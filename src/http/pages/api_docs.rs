//! The API's documentation for people: Swagger UI, below a header of ours.

use askama::Template;
use rocket::http::Header;
use rocket::{Responder, State, get};
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::okapi::openapi3::Responses;
use rocket_okapi::openapi;
use rocket_okapi::response::OpenApiResponderInner;

use super::frame::{Frame, Html};
use super::visitor::Visitor;
use crate::http::auth::{API_DOCS, next_query};
use crate::http::wire::{Operations, Problem, SWAGGER_UI_CSP, Services, operations, with_text};

pub fn routes() -> Operations {
    operations![show_api_pages]
}

#[derive(Template)]
#[template(path = "api.html")]
struct ApiPage {
    frame: Frame,
    /// The query of the login page that leads back here.
    back: String,
}

/// The page with its own CSP.
#[derive(Responder)]
struct ApiPageView(Html, Header<'static>);

impl OpenApiResponderInner for ApiPageView {
    fn responses(_: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        with_text("The page.", "text/html", Ok("<!DOCTYPE html>".to_owned()))
    }
}

/// # API documentation
///
/// Swagger UI: every operation, to be tried out. What you try is done as the account that is signed
/// in to the pages, or as that of the token with which you authorize.
#[openapi(tag = "Service")]
#[get("/ui")]
async fn show_api_pages(
    visitor: Visitor,
    frame: Frame,
    services: &State<Services>,
) -> Result<ApiPageView, Problem> {
    let frame = match visitor.0 {
        Some(caller) => frame.shown_to(caller.authority, services).await?,
        None => frame,
    };
    let page = Html::of(&ApiPage { frame, back: next_query(API_DOCS) })?;
    Ok(ApiPageView(page, Header::new("Content-Security-Policy", SWAGGER_UI_CSP)))
}
