//! Lists as CSV: all of a list in one answer, which is read in portions as its client takes it.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use rocket::Request;
use rocket::futures::future::{BoxFuture, TryFutureExt};
use rocket::futures::stream::{BoxStream, Stream, StreamExt, TryStreamExt, iter, try_unfold};
use rocket::http::{ContentType, Header};
use rocket::request::{FromRequest, Outcome};
use rocket::response::{self, Responder, Response};
use rocket::tokio::io::{AsyncRead, ReadBuf};
use rocket_okapi::r#gen::OpenApiGenerator;
use rocket_okapi::okapi::openapi3::Responses;
use rocket_okapi::request::{OpenApiFromRequest, RequestHeaderInput};
use rocket_okapi::response::OpenApiResponderInner;
use serde_json::json;

use super::csv::{CsvRow, Format, Table};
use super::describe::{add_text, parameters, query_parameter};
use super::example::{self, Example};
use super::list::{Filter, List, ListQuery, admitted, all_parameters};
use super::problem::{Problem, reject};
use super::record::Record;
use super::services::ViewContext;
use crate::domain::{Bookmark, PageRequest, Portion};
use crate::error::Error;

/// How often a portion is tried, if all connections that read are busy; each time waits.
const ATTEMPTS: usize = 6;

/// Rows as text.
pub struct Chunk {
    pub text: Vec<u8>,
    /// How many records they are.
    pub records: usize,
}

impl Chunk {
    fn new<T: CsvRow>(
        records: &[T],
        has_header: bool,
        context: &ViewContext<'_>,
    ) -> Result<Self, Error> {
        let mut table = Table::default();
        let mut write = || {
            if has_header {
                table.header(T::COLUMNS)?;
            }
            records.iter().try_for_each(|record| record.write(context, &mut table))
        };
        write().map_err(|cause: csv::Error| Error::internal("writing CSV", cause))?;
        Ok(Self { text: table.into_bytes()?, records: records.len() })
    }
}

/// A list as chunks of text, the header first. Nothing is read before it is asked for.
pub struct Export(BoxStream<'static, Result<Chunk, Error>>);

impl Export {
    /// `read` reads the portion after a bookmark.
    pub fn new<T: CsvRow + Send + Sync + 'static, F>(
        context: ViewContext<'static>,
        read: impl Fn(Bookmark) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<Portion<T>, Error>> + Send + 'static,
    {
        let start = (Some(Bookmark::default()), true, read);
        let next = move |(bookmark, is_first, read)| async move {
            let Some(bookmark) = bookmark else { return Ok(None) };
            let attempts = if is_first { 1 } else { ATTEMPTS };
            let portion = insist(attempts, &read, bookmark).await?;
            let chunk = Chunk::new(&portion.items, is_first, &context)?;
            Ok(Some((chunk, (portion.next, false, read))))
        };
        Self(try_unfold(start, next).boxed())
    }

    /// The same, but each chunk has to be confirmed before it is handed over.
    #[must_use]
    pub fn confirmed_by(
        self,
        confirm: impl Fn() -> BoxFuture<'static, Result<(), Error>> + Send + 'static,
    ) -> Self {
        Self(self.0.and_then(move |chunk| confirm().map_ok(|()| chunk)).boxed())
    }

    pub async fn next(&mut self) -> Option<Result<Chunk, Error>> {
        self.0.next().await
    }
}

/// Reads a portion, again if it is [`Error::Busy`]: an answer that has begun cannot say so.
async fn insist<T, F: Future<Output = Result<Portion<T>, Error>>>(
    attempts: usize,
    read: &impl Fn(Bookmark) -> F,
    bookmark: Bookmark,
) -> Result<Portion<T>, Error> {
    for _ in 1..attempts {
        match read(bookmark.clone()).await {
            Err(Error::Busy) => {}
            other => return other,
        }
    }
    read(bookmark).await
}

/// A guard: what page of a list to answer, or all of the list as CSV by `format=csv` or `Accept`.
pub enum ListOrCsvQuery<F> {
    Page(ListQuery<F>),
    Csv(F),
}

#[rocket::async_trait]
impl<'r, F: Filter> FromRequest<'r> for ListOrCsvQuery<F> {
    type Error = ();

    async fn from_request(request: &'r Request<'_>) -> Outcome<Self, ()> {
        match admitted(request, Some(Format::accepted(request)), PageRequest::DEFAULT) {
            Ok((query, Format::Json)) => Outcome::Success(Self::Page(query)),
            Ok((query, Format::Csv)) => Outcome::Success(Self::Csv(query.filter)),
            Err(error) => reject(request, error),
        }
    }
}

impl<F: Filter> OpenApiFromRequest<'_> for ListOrCsvQuery<F> {
    fn from_request_input(
        _: &mut OpenApiGenerator,
        _: String,
        _: bool,
    ) -> rocket_okapi::Result<RequestHeaderInput> {
        let mut all = all_parameters::<F>();
        let format = json!({ "type": "string", "enum": Format::NAMES });
        let description = "`csv` for the whole list as CSV, without `page` and `per_page`; else \
            `Accept` decides.";
        all.push(query_parameter("format", description, format));
        Ok(parameters(all))
    }
}

/// 200 with a page of a list, or with all of it as CSV.
pub enum ListOrCsv<R> {
    List(List<R>),
    Csv(Csv),
}

/// A list as an attachment.
pub struct Csv {
    /// That of the file, without `.csv`.
    name: &'static str,
    chunks: BoxStream<'static, Result<Chunk, Error>>,
}

impl<R> ListOrCsv<R> {
    /// Reads the first rows, so that an error is answered.
    pub async fn csv(name: &'static str, mut export: Export) -> Result<Self, Problem> {
        let first = export.next().await.transpose()?;
        let chunks = iter(first.map(Ok)).chain(export.0).boxed();
        Ok(Self::Csv(Csv { name, chunks }))
    }
}

/// The answer depends on it.
fn vary() -> Header<'static> {
    Header::new("Vary", "Accept")
}

impl<'r, R: Record> Responder<'r, 'static> for ListOrCsv<R> {
    fn respond_to(self, request: &'r Request<'_>) -> response::Result<'static> {
        match self {
            Self::List(list) => {
                Response::build_from(list.respond_to(request)?).header_adjoin(vary()).ok()
            }
            Self::Csv(Csv { name, chunks }) => {
                let disposition = format!("attachment; filename=\"{name}.csv\"");
                Response::build()
                    .header(ContentType::CSV)
                    .header(Header::new("Content-Disposition", disposition))
                    .header(vary())
                    .streamed_body(Body { text: io::Cursor::default(), chunks })
                    .ok()
            }
        }
    }
}

/// A header, and the row of the record's example.
fn example_table<R: Example + CsvRow>() -> Result<String, String> {
    let chunk = Chunk::new(&[R::example()?], true, &example::view_context());
    let text = chunk.map_err(|error| error.to_string())?.text;
    String::from_utf8(text).map_err(|error| error.to_string())
}

impl<R: Record + Example + CsvRow> OpenApiResponderInner for ListOrCsv<R> {
    fn responses(generator: &mut OpenApiGenerator) -> rocket_okapi::Result<Responses> {
        let mut responses = List::<R>::responses(generator)?;
        add_text(&mut responses, "text/csv", example_table::<R>())?;
        Ok(responses)
    }
}

/// Chunks as a stream of bytes. An error ends the connection, so that the client does not take what
/// it has for everything.
struct Body {
    text: io::Cursor<Vec<u8>>,
    chunks: BoxStream<'static, Result<Chunk, Error>>,
}

impl AsyncRead for Body {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        loop {
            ready!(Pin::new(&mut self.text).poll_read(context, buffer))?;
            if buffer.filled().len() > before {
                return Poll::Ready(Ok(()));
            }
            match ready!(Pin::new(&mut self.chunks).poll_next(context)) {
                None => return Poll::Ready(Ok(())),
                Some(Ok(chunk)) => self.text = io::Cursor::new(chunk.text),
                Some(Err(error)) => {
                    log::warn!("an export was cut off: {error}");
                    return Poll::Ready(Err(io::Error::other(error)));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::domain::{Quota, Timestamp};
    use crate::http::wire::csv::columns;

    struct Number(u64);

    columns! {
        Number as (number, _) {
            n: number.0,
        }
    }

    /// Portions of one row each, and errors between them.
    fn export(portions: Vec<Result<u64, Error>>) -> Export {
        let left = Arc::new(Mutex::new(portions.into_iter().rev().collect::<Vec<_>>()));
        let context = ViewContext::new(Timestamp::from_millis(0), Quota::from_mib(1));
        Export::new(context, move |_| {
            let mut left = left.lock().unwrap();
            let items = left.pop().unwrap().map(|n| vec![Number(n)]);
            let next = (!left.is_empty()).then(Bookmark::default);
            async move { Ok(Portion { items: items?, next }) }
        })
    }

    async fn read(mut export: Export) -> Result<String, Error> {
        let mut text = String::new();
        while let Some(chunk) = export.next().await {
            text.push_str(std::str::from_utf8(&chunk?.text).unwrap());
        }
        Ok(text)
    }

    #[rocket::async_test]
    async fn a_portion_is_read_again_while_the_store_is_busy_but_not_the_first() {
        let busy = || Err(Error::Busy);
        let whole = read(export(vec![Ok(1), busy(), busy(), Ok(2)])).await;
        assert_eq!(whole.unwrap(), "n\r\n1\r\n2\r\n");
        assert!(matches!(read(export(vec![busy(), Ok(1)])).await, Err(Error::Busy)));
        let tries =
            |count| [vec![Ok(1)], (0..count).map(|_| busy()).collect(), vec![Ok(2)]].concat();
        assert!(read(export(tries(ATTEMPTS - 1))).await.is_ok());
        assert!(matches!(read(export(tries(ATTEMPTS))).await, Err(Error::Busy)));
        let slow = read(export(vec![Ok(1), Err(Error::ReadTimeout), Ok(2)])).await;
        assert!(matches!(slow, Err(Error::ReadTimeout)));
    }

    #[rocket::async_test]
    async fn a_chunk_that_is_not_confirmed_is_not_handed_over() {
        let confirmed = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&confirmed);
        let mut export = export(vec![Ok(1), Ok(2), Ok(3)]).confirmed_by(move || {
            let is_confirmed = counter.fetch_add(1, Ordering::Relaxed) < 2;
            Box::pin(
                async move { if is_confirmed { Ok(()) } else { Err(Error::PreconditionFailed) } },
            )
        });
        assert_eq!(export.next().await.unwrap().unwrap().records, 1);
        assert_eq!(export.next().await.unwrap().unwrap().text, b"2\r\n");
        assert!(matches!(export.next().await, Some(Err(Error::PreconditionFailed))));
        assert!(export.next().await.is_none());
    }
}
