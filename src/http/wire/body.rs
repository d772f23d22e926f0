//! Bodies of writes: a browser's form or JSON, with the same fields and the same strictness.

use std::io;
use std::sync::{Mutex, PoisonError};

use rocket::data::{ByteUnit, FromData, Outcome};
use rocket::http::{ContentType, Method};
use rocket::tokio::io::{AsyncRead, AsyncReadExt, copy, empty, sink};
use rocket::tokio::time::{Duration, timeout};
use rocket::{Data, Request};
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::okapi::openapi3::{MediaType, RequestBody};
use rocket_okapi::request::OpenApiFromData;

use super::describe::{PROBLEMS, carried};
use super::example::field_context;
use super::fields::{Fields, WHOLE_BODY};
use super::input::{Empty, Input};
use super::problem::{Problem, remember};
use super::request::{done_at, recognise, wants_page};
use super::services::FieldContext;
use super::services::Services;
use crate::clock::Clock;
use crate::error::Error;

/// How long a body may take to arrive, beside the time for its bytes.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The time that each byte may take, in either direction: 1 KB/s.
pub const TIME_PER_BYTE: Duration = Duration::from_millis(1);

/// How many bytes of an unwanted body are read before the answer.
const MAX_DISCARDED_BYTES: u64 = 16 * 1024 * 1024;

/// How long an unwanted body is read.
const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);

/// The limit of JSON, unless the settings say another.
const DEFAULT_LIMIT: u64 = 64 * 1024;

/// A body that arrives.
type Arriving = Box<dyn AsyncRead + Send + Unpin>;

/// The body of a request, until it is read. It is not in Rocket's `Data`, of which Rocket reads the
/// first bytes before any guard, without a time limit, and takes the method of a form from them.
#[derive(Default)]
struct Unread(Mutex<Option<Arriving>>);

/// Gives a request its body. A GET with one is answered with a problem: it has no meaning (RFC 9110
/// section 9.3.1), and would be ignored silently.
pub fn attach_body(request: &mut Request<'_>, body: impl AsyncRead + Send + Unpin + 'static) {
    request.local_cache(|| Unread(Mutex::new(Some(Box::new(body)))));
    if matches!(request.method(), Method::Get | Method::Head) {
        reject_unrouted(request, Problem::body_of_read());
    }
}

/// Answers a request with a problem, whatever its path and method: only the fallback has TRACE.
pub fn reject_unrouted(request: &mut Request<'_>, problem: impl Into<Problem>) {
    remember(request, problem.into());
    request.set_method(Method::Trace);
}

fn take_body(request: &Request<'_>) -> Arriving {
    let Unread(body) = request.local_cache(Unread::default);
    let body = body.lock().unwrap_or_else(PoisonError::into_inner).take();
    body.unwrap_or_else(|| Box::new(empty()))
}

/// Reads a body that nobody wants to nowhere, within bounds. If the connection closes while a client
/// still sends, it never sees the answer that says why.
pub async fn discard_body(request: &Request<'_>) {
    discard(take_body(request)).await;
}

async fn discard(body: Arriving) {
    // An error means that the client is gone; running out of time, that it is too slow.
    let mut bounded = body.take(MAX_DISCARDED_BYTES);
    let _ = timeout(DISCARD_TIMEOUT, copy(&mut bounded, &mut sink())).await;
}

/// The body, or `None` if it has more than `limit` bytes. [`Error::Invalid`] if it does not arrive.
pub async fn read_body(request: &Request<'_>, limit: u64) -> Result<Option<Vec<u8>>, Error> {
    let mut body = take_body(request);
    let bytes = read_bytes(&mut body, limit).await.map_err(|error| {
        let is_late = error.kind() == io::ErrorKind::TimedOut;
        let why =
            if is_late { "took too long to arrive" } else { "ended before all of it had arrived" };
        Error::invalid(WHOLE_BODY, why)
    })?;
    if bytes.len() as u64 > limit {
        discard(body).await;
        return Ok(None);
    }
    Ok(Some(bytes))
}

/// Reads until the end, or until more than `limit` bytes have arrived. The error of a client that
/// is too slow has the kind `TimedOut`.
async fn read_bytes(body: &mut Arriving, limit: u64) -> io::Result<Vec<u8>> {
    let (clock, mut bytes) = (Clock::System, Vec::new());
    let start = clock.elapsed();
    loop {
        let received = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let allowed = start + BODY_TIMEOUT + TIME_PER_BYTE * received;
        let left = allowed.saturating_sub(clock.elapsed());
        if timeout(left, body.read_buf(&mut bytes)).await?? == 0 || bytes.len() as u64 > limit {
            return Ok(bytes);
        }
    }
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

/// A data guard: a form of a page. It has all fields of its record, so that an empty one clears it.
pub struct PageForm<T> {
    /// The input, or every error.
    pub input: Result<T, Error>,
    /// The texts as they were typed, for the same form with its errors.
    pub typed: Vec<(String, String)>,
}

impl<T> PageForm<T> {
    /// What is done with the input, or the errors; and the texts as they were typed.
    pub async fn and_then<R>(
        self,
        job: impl AsyncFnOnce(T) -> Result<R, Error>,
    ) -> (Result<R, Error>, Vec<(String, String)>) {
        let done = match self.input {
            Ok(input) => job(input).await,
            Err(error) => Err(error),
        };
        (done, self.typed)
    }
}

/// The texts of a form that a browser sent while it navigated, for the page that shows its errors.
#[derive(Default)]
pub struct SubmittedForm(pub Vec<(String, String)>);

#[rocket::async_trait]
impl<'r, T: Input> FromData<'r> for Draft<T> {
    type Error = ();

    async fn from_data(request: &'r Request<'_>, _: Data<'r>) -> Outcome<'r, Self> {
        match read(request).await {
            Ok(draft) => Outcome::Success(draft),
            Err(problem) => Outcome::Error((remember(request, problem), ())),
        }
    }
}

#[rocket::async_trait]
impl<'r, T: Input> FromData<'r> for PageForm<T> {
    type Error = ();

    async fn from_data(request: &'r Request<'_>, _: Data<'r>) -> Outcome<'r, Self> {
        let form = async {
            let mut fields = read_fields(request, T::MAX_BODY).await?;
            fields.clear_empty();
            fields.plain_lines();
            let owned = |(name, text): (&str, &str)| (name.to_owned(), text.to_owned());
            let typed = fields.texts().map(owned).collect();
            let value = T::read(&mut fields, &Services::of(request)?.field_context());
            Ok(Self { input: fields.finish(value), typed })
        };
        match form.await {
            Ok(form) => Outcome::Success(form),
            Err(problem) => Outcome::Error((remember(request, problem), ())),
        }
    }
}

#[rocket::async_trait]
impl<'r, T: Input> FromData<'r> for Body<T> {
    type Error = ();

    async fn from_data(request: &'r Request<'_>, _: Data<'r>) -> Outcome<'r, Self> {
        let input = match read(request).await {
            Ok(draft) => draft.finish().map_err(Problem::from),
            Err(problem) => Err(problem),
        };
        match input {
            Ok(input) => Outcome::Success(Self(input)),
            Err(problem) => Outcome::Error((remember(request, problem), ())),
        }
    }
}

async fn read<T: Input>(request: &Request<'_>) -> Result<Draft<T>, Problem> {
    let services = Services::of(request)?;
    let mut fields = read_fields(request, T::MAX_BODY).await?;
    if wants_page(request) {
        let owned = |(name, text): (&str, &str)| (name.to_owned(), text.to_owned());
        request.local_cache(|| SubmittedForm(fields.texts().map(owned).collect()));
    }
    let mut context = services.field_context();
    // A repeated request is judged as the first one was.
    context.now = done_at(request).unwrap_or(context.now);
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

async fn read_fields(request: &Request<'_>, at_least: Option<u64>) -> Result<Fields, Problem> {
    let limits = request.limits();
    let (format, limit) = match request.content_type() {
        Some(content_type) if content_type.is_form() => (Some(Format::Form), limits.get("form")),
        Some(content_type) if content_type.is_json() => (Some(Format::Json), limits.get("json")),
        None if !request.headers().contains("Content-Type") => (Some(Format::Absent), None),
        _ => (None, None),
    };
    let mut limit = limit.map_or(0, ByteUnit::as_u64);
    if format != Some(Format::Absent) {
        limit = limit.max(at_least.unwrap_or(0));
    }
    let Some(format) = format else {
        discard_body(request).await;
        return Err(Problem::unsupported_media_type());
    };
    let bytes = read_body(request, limit).await?.ok_or_else(|| match format {
        Format::Absent => Problem::unsupported_media_type(),
        Format::Form | Format::Json => Problem::too_large(limit),
    })?;
    recognise(request, &bytes).await?;
    let fields = match format {
        Format::Form | Format::Absent => Fields::from_form(&bytes),
        Format::Json => Fields::from_json(&bytes),
    };
    Ok(fields?)
}

/// What is wrong with a body without its required fields, or with one where none is expected.
fn invalid<T: Input>() -> Option<Error> {
    let read = |text: &str| {
        let mut fields = Fields::from_form(text.as_bytes())?;
        let value = T::read(&mut fields, &field_context());
        fields.finish(value)
    };
    read("").and_then(|_| read("comment=hello")).err()
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
    let limit = T::MAX_BODY.unwrap_or(0).max(DEFAULT_LIMIT);
    let mut problems = vec![
        ("The body is too large.", Problem::too_large(limit)),
        ("The body is neither a form nor JSON.", Problem::unsupported_media_type()),
    ];
    if let Some(error) = invalid::<T>() {
        problems.push(("The input is invalid; `errors` names every field at fault.", error.into()));
    }
    body.extensions.insert(PROBLEMS.to_owned(), carried(problems));
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
