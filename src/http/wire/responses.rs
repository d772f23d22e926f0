//! Answers by type. A type documents its status and headers, so that an operation need not.

use std::borrow::Cow;

use data_encoding::HEXLOWER;
use rocket::http::{ContentType, Header, Status};
use rocket::response::{self, Responder};
use rocket::serde::json::Json;
use rocket::{Request, Response};
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::okapi::openapi3::Responses;
use rocket_okapi::response::OpenApiResponderInner;
use schemars::JsonSchema;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::conditions::is_current;
use super::describe::{add_response, with_schema};
use super::example::{Example, example_view};
use super::json::respond_with_json;
use super::record::{Addressed, Record, address};
use super::request::view_context;
use super::schemas::success;

/// The body of an answer that only says that it succeeded.
#[derive(Serialize, JsonSchema)]
pub struct StatusView {
    /// `success`
    #[schemars(schema_with = "success")]
    status: &'static str,
    message: Cow<'static, str>,
}

impl StatusView {
    pub fn success(message: impl Into<Cow<'static, str>>) -> Self {
        Self { status: "success", message: message.into() }
    }
}

/// 200 with the record and its `ETag`; 304 if the client has it already.
pub struct Found<R>(pub R);

impl<'r, R: Record> Responder<'r, 'static> for Found<R> {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        respond_with_record(request, self.0)
    }
}

impl<R: Record + Example> OpenApiResponderInner for Found<R> {
    fn responses(generator: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        let example = example_view::<R>();
        let mut responses = with_schema(generator, 200, "The record.", &["ETag"], example)?;
        add_not_modified(&mut responses);
        Ok(responses)
    }
}

fn respond_with_record(request: &Request<'_>, record: impl Record) -> response::Result<'static> {
    let context = view_context(request)?;
    let etag = record.etag(context.now);
    respond_with_etag(request, &etag, || record.view(&context))
}

/// 200 with a text and an entity tag of its bytes, or 304.
pub fn respond_with_text(
    request: &Request<'_>,
    content_type: ContentType,
    text: String,
) -> response::Result<'static> {
    let digest = Sha256::digest(&text);
    let etag = HEXLOWER.encode(&digest[..16]);
    let header = Header::new("ETag", format!("\"{etag}\""));
    if is_current(request, &etag) {
        return Response::build().status(Status::NotModified).header(header).ok();
    }
    let response = (content_type, text).respond_to(request)?;
    Response::build_from(response).header(header).ok()
}

/// A view with its entity tag, or 304 without it, for which the view is not made.
pub fn respond_with_etag<V: Serialize + Send + 'static>(
    request: &Request<'_>,
    etag: &str,
    view: impl FnOnce() -> V,
) -> response::Result<'static> {
    let header = Header::new("ETag", format!("\"{etag}\""));
    if is_current(request, etag) {
        return Response::build().status(Status::NotModified).header(header).ok();
    }
    Response::build_from(respond_with_json(request, view())?).header(header).ok()
}

/// Documents the 304 of whatever has an `ETag`.
pub fn add_not_modified(responses: &mut Responses) {
    add_response(responses, 304, "Unchanged since the `ETag` in `If-None-Match`.", &["ETag"]);
}

/// 200 with a view of no record.
pub struct View<V>(pub V);

impl<'r, V: Serialize + Send + 'static> Responder<'r, 'static> for View<V> {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        respond_with_json(request, self.0)
    }
}

impl<V: JsonSchema + Serialize + Example> OpenApiResponderInner for View<V> {
    fn responses(generator: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        with_schema(generator, 200, "What was found.", &[], V::example())
    }
}

/// 201 with `Location`, and the record with its `ETag`.
pub struct Created<R>(pub R);

impl<'r, R: Addressed> Responder<'r, 'static> for Created<R> {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let location = self.0.link(&view_context(request)?);
        let mut response = respond_with_record(request, self.0)?;
        response.set_status(Status::Created);
        response.set_header(Header::new("Location", location));
        Ok(response)
    }
}

impl<R: Addressed + Example> OpenApiResponderInner for Created<R> {
    fn responses(generator: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        with_schema(generator, 201, CREATED, &["ETag", "Location"], example_view::<R>())
    }
}

const CREATED: &str = "The record is created.";

/// A record whose changes are answered with a message.
pub trait Announced: Addressed {
    fn created_message(&self) -> String;

    fn updated_message(&self) -> String;
}

/// The same with a message in place of the record.
pub struct CreatedWithMessage<R>(pub R);

impl<'r, R: Announced> Responder<'r, 'static> for CreatedWithMessage<R> {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let Self(record) = self;
        let context = view_context(request)?;
        let etag = record.etag(context.now);
        let view = || StatusView::success(record.created_message());
        let mut response = respond_with_etag(request, &etag, view)?;
        response.set_status(Status::Created);
        response.set_header(Header::new("Location", record.link(&context)));
        Ok(response)
    }
}

impl<R: Announced + Example> OpenApiResponderInner for CreatedWithMessage<R> {
    fn responses(generator: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        let example = R::example().map(|record| StatusView::success(record.created_message()));
        with_schema(generator, 201, CREATED, &["ETag", "Location"], example)
    }
}

/// 200 with the changed record and its new `ETag`; `Location` if its path has changed.
pub struct Updated<R> {
    record: R,
    /// Below the API.
    new_path: Option<String>,
}

impl<R: Record> Updated<R> {
    pub fn new(record: R) -> Self {
        Self { record, new_path: None }
    }

    /// The same, and the new address if the record `has_moved`.
    pub fn moved(has_moved: bool, record: R) -> Self
    where
        R: Addressed,
    {
        let new_path = has_moved.then(|| record.path());
        Self { record, new_path }
    }
}

impl<'r, R: Record> Responder<'r, 'static> for Updated<R> {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let mut response = respond_with_record(request, self.record)?;
        if let Some(path) = self.new_path {
            let location = address(&path, &view_context(request)?);
            response.set_header(Header::new("Location", location));
        }
        Ok(response)
    }
}

impl<R: Record + Example> OpenApiResponderInner for Updated<R> {
    fn responses(generator: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        let description = "The record as it is now; `Location` if its address has changed.";
        with_schema(generator, 200, description, &["ETag"], example_view::<R>())
    }
}

/// 201 with `Location` if a PUT created the record, else 200; with a message.
pub enum Upserted<R> {
    Created(R),
    Updated(R),
}

impl<'r, R: Announced> Responder<'r, 'static> for Upserted<R> {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        let message = match &self {
            Self::Created(record) => record.created_message(),
            Self::Updated(record) => record.updated_message(),
        };
        let mut response = Json(StatusView::success(message)).respond_to(request)?;
        if let Self::Created(record) = self {
            response.set_status(Status::Created);
            response.set_header(Header::new("Location", record.link(&view_context(request)?)));
        }
        Ok(response)
    }
}

impl<R: Announced + Example> OpenApiResponderInner for Upserted<R> {
    fn responses(generator: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        let updated = R::example().map(|record| StatusView::success(record.updated_message()));
        let mut all = with_schema(generator, 200, "The record is updated.", &[], updated)?;
        let created = R::example().map(|record| StatusView::success(record.created_message()));
        let created = with_schema(generator, 201, CREATED, &["Location"], created)?;
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
        // The operation says which message.
        with_schema(generator, 200, "Done.", &[], Ok(StatusView::success("done")))
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

impl<V: JsonSchema + Serialize + Example> OpenApiResponderInner for SecretCreated<V> {
    fn responses(generator: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        let description = "The secret, which is never shown again.";
        with_schema(generator, 201, description, NO_STORE, V::example())
    }
}

/// 303: the form is done, and the browser GETs another page (RFC 9110 section 15.4.4).
pub fn see_other(address: String) -> Response<'static> {
    let location = Header::new("Location", address);
    let empty = std::io::Cursor::new("");
    Response::build().status(Status::SeeOther).header(location).sized_body(0, empty).finalize()
}
