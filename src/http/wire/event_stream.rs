//! Server-Sent Events (WHATWG HTML section 9.2): an answer that goes on, and where it resumes.

use std::io::Cursor;
use std::sync::Arc;

use rocket::Request;
use rocket::futures::StreamExt;
use rocket::futures::stream::BoxStream;
use rocket::http::ContentType;
use rocket::request::{FromRequest, Outcome};
use rocket::response::stream::ReaderStream;
use rocket::response::{self, Responder, Response};
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::okapi::openapi3::Responses;
use rocket_okapi::request::{OpenApiFromRequest, RequestHeaderInput};
use rocket_okapi::response::OpenApiResponderInner;

use super::describe::{header_parameter, parameters, query_parameter, with_text};
use super::field::{Field, InputField};
use super::fields::Fields;
use super::list::admit;
use super::problem::reject;
use super::request::query_of;
use super::services::Services;
use crate::domain::EventId;
use crate::error::Error;

/// One or more events as they are sent.
pub type EventText = Arc<[u8]>;

/// A comment, which says that the stream is alive.
pub const PING: &str = ":\n\n";

/// 200 with events as they happen. It ends where the stream ends.
pub struct EventStream(pub BoxStream<'static, EventText>);

impl<'r> Responder<'r, 'static> for EventStream {
    fn respond_to(self, _: &'r Request<'_>) -> response::Result<'static> {
        Response::build()
            .header(ContentType::EventStream)
            // nginx would collect them.
            .raw_header("X-Accel-Buffering", "no")
            .streamed_body(ReaderStream::from(self.0.map(Cursor::new)))
            .ok()
    }
}

impl OpenApiResponderInner for EventStream {
    fn responses(_: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        with_text("The events as they happen.", "text/event-stream", Ok(PING.to_owned()))
    }
}

/// A guard: the event after which a stream goes on, by `Last-Event-ID`, which a browser sends when it
/// connects again, or else by the query.
pub struct Resume(pub Option<EventId>);

const HEADER: &str = "Last-Event-ID";

#[rocket::async_trait]
impl<'r> FromRequest<'r> for Resume {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match read(request) {
            Ok(after) => Outcome::Success(Self(after)),
            Err(error) => reject(request, error),
        }
    }
}

fn read(request: &Request<'_>) -> Result<Option<EventId>, Error> {
    let mut fields = Fields::from_form(query_of(request).as_bytes())?;
    let context = Services::of(request)?.field_context();
    let after = <Option<EventId> as InputField>::read(&mut fields, "after", &context);
    let given: Vec<_> = request.headers().get(HEADER).filter(|id| !id.is_empty()).collect();
    let last = match given.as_slice() {
        [] => Ok(None),
        [id] => EventId::parse(id).map(Some),
        _ => Err("is given more than once".to_owned()),
    };
    let last = last.map_err(|why| fields.add_error(HEADER, why)).ok();
    let after = fields.finish(after.zip(last).map(|(after, last)| last.or(after)))?;
    // What it has missed is read as from a filtered list.
    admit(request).map(|()| after)
}

impl OpenApiFromRequest<'_> for Resume {
    fn from_request_input(
        _: &mut OpenApiGenerator,
        _: String,
        _: bool,
    ) -> rocket_okapi::Result<RequestHeaderInput> {
        let after =
            "The `id` of the last event that you have; the stream begins with the next one.";
        let header = "The same; it takes precedence. Browsers send it when they connect again.";
        Ok(parameters(vec![
            query_parameter("after", after, <EventId as Field>::schema()),
            header_parameter(HEADER, header),
        ]))
    }
}
