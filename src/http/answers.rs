//! Answers that many operations give.

use std::borrow::Cow;

use rocket::http::{Header, Status};
use rocket::response::{self, Responder};
use rocket::serde::json::Json;
use rocket::{Request, Response};
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::okapi::openapi3::Responses;
use rocket_okapi::response::OpenApiResponderInner;
use schemars::JsonSchema;
use serde::Serialize;

/// It went well.
#[derive(Serialize, JsonSchema)]
pub struct StatusView {
    /// `success`
    status: &'static str,
    message: Cow<'static, str>,
}

impl StatusView {
    /// Says what went well.
    pub fn success(message: impl Into<Cow<'static, str>>) -> Self {
        Self { status: "success", message: message.into() }
    }
}

/// 204: it went well, and there is nothing to say.
pub struct NoContent;

impl<'r> Responder<'r, 'static> for NoContent {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        Response::build().status(Status::NoContent).ok()
    }
}

impl OpenApiResponderInner for NoContent {
    fn responses(_: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        Ok(Responses::default())
    }
}

/// An answer with a secret in it, which no cache may keep (RFC 6749 section 5.1).
pub struct Unstored<T>(pub Status, pub T);

impl<'r, T: Serialize> Responder<'r, 'static> for Unstored<T> {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let Self(status, view) = self;
        let mut response = Json(view).respond_to(request)?;
        response.set_status(status);
        forbid_storing(&mut response);
        Ok(response)
    }
}

/// Tells every cache, also the old ones, to keep nothing of a response.
pub fn forbid_storing(response: &mut Response<'_>) {
    response.set_header(Header::new("Cache-Control", "no-store"));
    response.set_header(Header::new("Pragma", "no-cache"));
}

impl<T: JsonSchema + Serialize + Send> OpenApiResponderInner for Unstored<T> {
    fn responses(generator: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        <Json<T> as OpenApiResponderInner>::responses(generator)
    }
}
