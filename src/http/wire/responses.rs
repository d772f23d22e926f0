//! Answers by type. A type documents its status and headers, so that an operation need not.

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

use super::conditions::is_current;
use super::json::respond_with_json;
use super::openapi::{add_response, with_schema};
use super::record::{Addressed, Record};
use super::services::ViewContext;

/// The body of an answer that only says that it succeeded.
#[derive(Serialize, JsonSchema)]
pub struct StatusView {
    /// `success`
    status: &'static str,
    message: Cow<'static, str>,
}

impl StatusView {
    pub fn success(message: impl Into<Cow<'static, str>>) -> Self {
        Self { status: "success", message: message.into() }
    }
}

/// 200 with the record and its `ETag`; 304 if the client has it already.
pub struct Found<V> {
    etag: String,
    view: V,
}

impl<V> Found<V> {
    pub fn new<R: Record<View = V>>(record: R, context: &ViewContext<'_>) -> Self {
        Self { etag: record.etag(context.now), view: record.view(context) }
    }
}

impl<'r, V: Serialize + Send + 'static> Responder<'r, 'static> for Found<V> {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        respond_with_etag(request, &self.etag, self.view)
    }
}

impl<V: JsonSchema> OpenApiResponderInner for Found<V> {
    fn responses(generator: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        let mut responses = with_schema::<V>(generator, 200, "The record.", &["ETag"]);
        add_not_modified(&mut responses);
        Ok(responses)
    }
}

/// A view with its entity tag, or 304 without it.
pub fn respond_with_etag<V: Serialize + Send + 'static>(
    request: &Request<'_>,
    etag: &str,
    view: V,
) -> response::Result<'static> {
    let header = Header::new("ETag", format!("\"{etag}\""));
    if is_current(request, etag) {
        return Response::build().status(Status::NotModified).header(header).ok();
    }
    Response::build_from(respond_with_json(request, view)?).header(header).ok()
}

/// Documents the 304 of whatever has an `ETag`.
pub fn add_not_modified(responses: &mut Responses) {
    add_response(responses, 304, "Unchanged since the `ETag` in `If-None-Match`.", &["ETag"]);
}

/// 201 with `Location`, and the record with its `ETag` or a message about it.
pub struct Created<V> {
    location: String,
    etag: String,
    view: V,
}

impl<V> Created<V> {
    pub fn new<R: Addressed<View = V>>(record: R, context: &ViewContext<'_>) -> Self {
        let (location, etag) = (record.link(context), record.etag(context.now));
        Self { location, etag, view: record.view(context) }
    }
}

impl Created<StatusView> {
    /// Answers with a message in place of the record.
    pub fn with_message(
        record: &impl Addressed,
        message: String,
        context: &ViewContext<'_>,
    ) -> Self {
        let (location, etag) = (record.link(context), record.etag(context.now));
        Self { location, etag, view: StatusView::success(message) }
    }
}

impl<'r, V: Serialize + Send + 'static> Responder<'r, 'static> for Created<V> {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let mut response = respond_with_etag(request, &self.etag, self.view)?;
        response.set_status(Status::Created);
        response.set_header(Header::new("Location", self.location));
        Ok(response)
    }
}

impl<V: JsonSchema> OpenApiResponderInner for Created<V> {
    fn responses(generator: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        Ok(with_schema::<V>(generator, 201, "The record is created.", &["ETag", "Location"]))
    }
}

/// 200 with the changed record and its new `ETag`; `Location` if its address has changed.
pub struct Updated<V> {
    location: Option<String>,
    etag: String,
    view: V,
}

impl<V> Updated<V> {
    pub fn new<R: Record<View = V>>(record: R, context: &ViewContext<'_>) -> Self {
        Self { location: None, etag: record.etag(context.now), view: record.view(context) }
    }

    /// The same for a record that `has_moved` to another address.
    pub fn moved<R>(record: R, has_moved: bool, context: &ViewContext<'_>) -> Self
    where
        R: Addressed<View = V>,
    {
        let location = has_moved.then(|| record.link(context));
        Self { location, ..Self::new(record, context) }
    }
}

impl<'r, V: Serialize + Send + 'static> Responder<'r, 'static> for Updated<V> {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let mut response = respond_with_etag(request, &self.etag, self.view)?;
        if let Some(location) = self.location {
            response.set_header(Header::new("Location", location));
        }
        Ok(response)
    }
}

impl<V: JsonSchema> OpenApiResponderInner for Updated<V> {
    fn responses(generator: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        let description = "The record as it is now; `Location` if its address has changed.";
        Ok(with_schema::<V>(generator, 200, description, &["ETag"]))
    }
}

/// 201 with `Location` if a PUT created the record, else 200.
pub struct Upserted {
    created_at: Option<String>,
    message: String,
}

impl Upserted {
    /// A record that is new at `address`.
    pub fn created(address: String, message: String) -> Self {
        Self { created_at: Some(address), message }
    }

    pub fn updated(message: String) -> Self {
        Self { created_at: None, message }
    }
}

impl<'r> Responder<'r, 'static> for Upserted {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let mut response = Json(StatusView::success(self.message)).respond_to(request)?;
        if let Some(address) = self.created_at {
            response.set_status(Status::Created);
            response.set_header(Header::new("Location", address));
        }
        Ok(response)
    }
}

impl OpenApiResponderInner for Upserted {
    fn responses(generator: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        let mut all = with_schema::<StatusView>(generator, 200, "The record is updated.", &[]);
        let description = "The record is created.";
        let created = with_schema::<StatusView>(generator, 201, description, &["Location"]);
        all.responses.extend(created.responses);
        Ok(all)
    }
}

/// 200 with a message.
pub struct Done(pub &'static str);

impl<'r> Responder<'r, 'static> for Done {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        Json(StatusView::success(self.0)).respond_to(request)
    }
}

impl OpenApiResponderInner for Done {
    fn responses(generator: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        Ok(with_schema::<StatusView>(generator, 200, "Done.", &[]))
    }
}

/// 204.
pub struct NoContent;

impl<'r> Responder<'r, 'static> for NoContent {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        Response::build().status(Status::NoContent).ok()
    }
}

impl OpenApiResponderInner for NoContent {
    fn responses(_: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        let mut responses = Responses::default();
        add_response(&mut responses, 204, "Done.", &[]);
        Ok(responses)
    }
}

/// The headers of an answer that no cache may store (RFC 6749 section 5.1).
pub const NO_STORE: &[&str] = &["Cache-Control", "Pragma"];

/// 201 with a secret that is shown once.
pub struct SecretCreated<V>(pub V);

impl<'r, V: Serialize> Responder<'r, 'static> for SecretCreated<V> {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let mut response = Json(self.0).respond_to(request)?;
        response.set_status(Status::Created);
        forbid_storing(&mut response);
        Ok(response)
    }
}

/// Tells every cache, also those of HTTP/1.0, to store nothing of a response.
pub fn forbid_storing(response: &mut Response<'_>) {
    response.set_header(Header::new("Cache-Control", "no-store"));
    response.set_header(Header::new("Pragma", "no-cache"));
}

impl<V: JsonSchema> OpenApiResponderInner for SecretCreated<V> {
    fn responses(generator: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        let description = "The secret, which is never shown again.";
        Ok(with_schema::<V>(generator, 201, description, NO_STORE))
    }
}

/// 303: the form is done, and the browser GETs another page (RFC 9110 section 15.4.4).
pub fn see_other(address: String) -> Response<'static> {
    let location = Header::new("Location", address);
    let empty = std::io::Cursor::new("");
    Response::build().status(Status::SeeOther).header(location).sized_body(0, empty).finalize()
}
