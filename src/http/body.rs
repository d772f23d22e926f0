//! Bodies of writes: a browser's form or JSON, with the same fields and the same strictness.

use rocket::data::{ByteUnit, FromData, Outcome, ToByteUnit};
use rocket::http::ContentType;
use rocket::tokio::io::AsyncReadExt;
use rocket::tokio::time::{Duration, timeout};
use rocket::{Data, Request};
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::okapi::openapi3::{MediaType, RequestBody};
use rocket_okapi::request::OpenApiFromData;
use schemars::JsonSchema;

use super::browser::wants_page;
use super::client::request_context;
use super::error::{Problem, refuse};
use super::fallback::discard;
use super::fields::{Fields, WHOLE_BODY};
use super::{Services, pages};
use crate::domain::RequestContext;
use crate::error::Error;

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// What a body of this kind must contain, and how it is read.
#[rocket::async_trait]
pub trait Input: JsonSchema + Send + Sized {
    /// How many bytes it may take in either format, where that is more than the settings give to all.
    const MAX_BODY: Option<u64> = None;

    /// Reads every field before it gives up on any, so that all that are at fault are named:
    /// `None` where `fields` has noted an error, `Err` where the reading itself failed. `by` says who
    /// sent it, for what is counted.
    async fn read(
        fields: &mut Fields,
        services: &Services,
        context: &RequestContext,
    ) -> Result<Option<Self>, Error>;
}

/// No fields at all: an empty body, an empty form or `{}`.
#[derive(JsonSchema)]
pub struct Nothing {}

#[rocket::async_trait]
impl Input for Nothing {
    async fn read(_: &mut Fields, _: &Services, _: &RequestContext) -> Result<Option<Self>, Error> {
        Ok(Some(Self {}))
    }
}

/// A data guard: the body as a `T` in which nothing is wrong.
pub struct Body<T>(pub T);

#[rocket::async_trait]
impl<'r, T: Input> FromData<'r> for Body<T> {
    type Error = ();

    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r, Self> {
        match read(request, data).await {
            Ok(value) => Outcome::Success(Self(value)),
            Err(problem) => Outcome::Error((refuse(request, problem), ())),
        }
    }
}

async fn read<T: Input>(request: &Request<'_>, data: Data<'_>) -> Result<T, Problem> {
    let mut fields = read_fields(request, data, T::MAX_BODY).await?;
    if wants_page(request) {
        pages::keep_typed(request, &fields);
    }
    let value = T::read(&mut fields, Services::of(request)?, request_context(request)?).await?;
    Ok(fields.finish(value)?)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Form,
    Json,
    /// No `Content-Type`, as clients send that have nothing to say. Nothing may follow.
    Absent,
}

async fn read_fields(
    request: &Request<'_>,
    data: Data<'_>,
    at_least: Option<u64>,
) -> Result<Fields, Problem> {
    let limits = request.limits();
    let (format, limit) = match request.content_type() {
        Some(content_type) if content_type.is_form() => (Some(Format::Form), limits.get("form")),
        Some(content_type) if content_type.is_json() => (Some(Format::Json), limits.get("json")),
        None if !request.headers().contains("Content-Type") => {
            (Some(Format::Absent), Some(0.bytes()))
        }
        _ => (None, None),
    };
    let mut limit = limit.unwrap_or_else(|| 0.bytes()).as_u64();
    if format != Some(Format::Absent) {
        limit = limit.max(at_least.unwrap_or(0));
    }
    let mut stream = data.open(ByteUnit::max_value());
    let Some(format) = format else {
        discard(stream).await;
        return Err(Problem::unsupported_media_type());
    };
    let mut bytes = Vec::new();
    match timeout(BODY_TIMEOUT, (&mut stream).take(limit.saturating_add(1)).read_to_end(&mut bytes))
        .await
    {
        Ok(Ok(_)) => {}
        Ok(Err(_)) => {
            return Err(Error::invalid(WHOLE_BODY, "ended before all of it had arrived").into());
        }
        Err(_) => return Err(Error::invalid(WHOLE_BODY, "took too long to arrive").into()),
    }
    if bytes.len() as u64 > limit {
        discard(stream).await;
        return Err(match format {
            Format::Absent => Problem::unsupported_media_type(),
            Format::Form | Format::Json => Problem::too_large(limit),
        });
    }
    let fields = match format {
        Format::Form | Format::Absent => Fields::from_form(&bytes),
        Format::Json => Fields::from_json(&bytes),
    };
    Ok(fields?)
}

/// Documents both formats; a body without fields is left out of the document.
impl<T: Input> OpenApiFromData<'_> for Body<T> {
    fn request_body(generator: &mut OpenApiGenerator) -> rocket_okapi::Result<RequestBody> {
        let mut body = RequestBody { required: true, ..RequestBody::default() };
        if T::schema_name() != Nothing::schema_name() {
            for content_type in [ContentType::JSON, ContentType::Form] {
                let media = MediaType {
                    schema: Some(generator.json_schema::<T>()),
                    ..MediaType::default()
                };
                body.content.insert(content_type.to_string(), media);
            }
        }
        Ok(body)
    }
}
