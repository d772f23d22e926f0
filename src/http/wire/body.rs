//! Bodies of writes: a browser's form or JSON, with the same fields and the same strictness.

use rocket::data::{ByteUnit, FromData, Outcome, ToByteUnit};
use rocket::http::ContentType;
use rocket::tokio::io::{AsyncRead, AsyncReadExt, copy, sink};
use rocket::tokio::time::{Duration, timeout};
use rocket::{Data, Request};
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::okapi::openapi3::{MediaType, RequestBody};
use rocket_okapi::request::OpenApiFromData;

use super::field::FieldContext;
use super::fields::{Fields, WHOLE_BODY};
use super::input::{Empty, Input};
use super::problem::{Problem, remember};
use super::request::wants_page;
use super::services::Services;
use crate::error::Error;

/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// How many bytes of an unwanted body are read before the answer.
pub const MAX_DISCARDED_BYTES: u64 = 16 * 1024 * 1024;

/// How long an unwanted body is read.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads a body to nowhere, within bounds. If the connection closes while a client still sends, it
/// never sees the answer that says why.
pub async fn discard(mut body: impl AsyncRead + Unpin) {
    // An error means that the client is gone; running out of time, that it is too slow.
    let mut bounded = (&mut body).take(MAX_DISCARDED_BYTES);
    let _ = timeout(DISCARD_TIMEOUT, copy(&mut bounded, &mut sink())).await;
}

/// A data guard: the body as a valid `T`.
pub struct Body<T>(pub T);

/// A data guard: the body as a `T` or its errors, for a handler that adds errors of its own.
pub struct Draft<T> {
    fields: Fields,
    value: Option<T>,
    context: FieldContext,
}

impl<T> Draft<T> {
    /// A single field, whether or not others are at fault.
    pub fn parse<F: super::field::Field>(&self, name: &str) -> Option<F> {
        F::parse(self.fields.text(name)?, &self.context).ok()
    }

    pub fn add_error(&mut self, name: &str, why: impl Into<String>) {
        self.fields.add_error(name, why);
    }

    /// The input, or every error.
    pub fn finish(self) -> Result<T, Error> {
        self.fields.finish(self.value)
    }
}

/// The texts of a form that a browser sent while it navigated, for the page that shows its errors.
#[derive(Default)]
pub struct SubmittedForm(pub Vec<(String, String)>);

#[rocket::async_trait]
impl<'r, T: Input> FromData<'r> for Draft<T> {
    type Error = ();

    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r, Self> {
        match read(request, data).await {
            Ok(draft) => Outcome::Success(draft),
            Err(problem) => Outcome::Error((remember(request, problem), ())),
        }
    }
}

#[rocket::async_trait]
impl<'r, T: Input> FromData<'r> for Body<T> {
    type Error = ();

    async fn from_data(request: &'r Request<'_>, data: Data<'r>) -> Outcome<'r, Self> {
        let input = match read(request, data).await {
            Ok(draft) => draft.finish().map_err(Problem::from),
            Err(problem) => Err(problem),
        };
        match input {
            Ok(input) => Outcome::Success(Self(input)),
            Err(problem) => Outcome::Error((remember(request, problem), ())),
        }
    }
}

async fn read<T: Input>(request: &Request<'_>, data: Data<'_>) -> Result<Draft<T>, Problem> {
    let services = Services::of(request)?;
    let mut fields = read_fields(request, data, T::MAX_BODY).await?;
    if wants_page(request) {
        let owned = |(name, text): (&str, &str)| (name.to_owned(), text.to_owned());
        request.local_cache(|| SubmittedForm(fields.texts().map(owned).collect()));
    }
    let context = FieldContext {
        now: services.clock.now(),
        password_policy: services.accounts.password_policy(),
    };
    let value = T::read(&mut fields, &context);
    Ok(Draft { fields, value, context })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Form,
    Json,
    /// No `Content-Type`; such a body must be empty.
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
    let mut bounded = (&mut stream).take(limit.saturating_add(1));
    match timeout(BODY_TIMEOUT, bounded.read_to_end(&mut bytes)).await {
        Ok(Ok(_)) => {}
        Ok(Err(_)) => return Err(incomplete()),
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

/// The problem of a body whose connection closed before its end.
pub fn incomplete() -> Problem {
    Error::invalid(WHOLE_BODY, "ended before all of it had arrived").into()
}

/// Documents both formats. [`super::openapi`] removes a body without fields.
fn document<T: Input>(generator: &mut OpenApiGenerator) -> RequestBody {
    let mut body = RequestBody { required: true, ..RequestBody::default() };
    if T::schema_name() != <Empty as schemars::JsonSchema>::schema_name() {
        for content_type in [ContentType::JSON, ContentType::Form] {
            let schema = Some(generator.json_schema::<T>());
            let media = MediaType { schema, ..MediaType::default() };
            body.content.insert(content_type.to_string(), media);
        }
    }
    body
}

impl<T: Input> OpenApiFromData<'_> for Body<T> {
    fn request_body(generator: &mut OpenApiGenerator) -> rocket_okapi::Result<RequestBody> {
        Ok(document::<T>(generator))
    }
}

impl<T: Input> OpenApiFromData<'_> for Draft<T> {
    fn request_body(generator: &mut OpenApiGenerator) -> rocket_okapi::Result<RequestBody> {
        Ok(document::<T>(generator))
    }
}
