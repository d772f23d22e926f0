//! One request and its answer: from hyper to Rocket, and back.
//!
//! Rocket has no interface for a server of another crate but its local client, which dispatches a
//! request exactly as Rocket's own server does.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use hyper::http::request::Parts;
use hyper::http::response::Builder;
use hyper::{Request, Response, Version};
use rocket::http::uri::Origin;
use rocket::http::{Header, Method, Status};
use rocket::local::asynchronous::{Client, LocalRequest, LocalResponse};
use rocket::tokio::io::AsyncReadExt;
use rocket::tokio::sync::{mpsc, oneshot};

use super::access::{Application, Followed, Running};
use super::connections::Admitted;
use super::incoming::ArrivingBody;
use crate::clock::Clock;
use crate::error::Error;
use crate::http::wire::{Problem, attach_body, reject_unrouted};
use crate::store::Store;

/// Up to this size, an answer is handed over whole.
const WHOLE_BYTES: usize = 64 * 1024;

/// The largest part of any other answer that is in memory twice.
const CHUNK_BYTES: usize = 8 * 1024;

/// Without it, reading to the end would move the bytes once more.
const ROOM_TO_SEE_THE_END: usize = 64;

type Work = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The future of an answer.
///
/// A GET runs within it, so that it ends where the client leaves. Anything else runs to its end in
/// a task of its own.
pub struct Exchange {
    work: Option<Work>,
    answer: oneshot::Receiver<Response<AnswerBody>>,
}

impl Exchange {
    pub fn begin(
        application: Arc<Application>,
        peer: SocketAddr,
        admitted: &Arc<Admitted>,
        request: Request<Incoming>,
    ) -> Self {
        let (sender, answer) = oneshot::channel();
        let reads = matches!(*request.method(), hyper::Method::GET | hyper::Method::HEAD);
        let (running, began) = (Running::begin(admitted), Clock::System.elapsed());
        let work: Work = Box::pin(async move {
            let (parts, body) = request.into_parts();
            let method = known_method(&parts);
            let mut request = to_rocket(&application.client, peer, method, &parts);
            let name = method.map_or("-", |method| method.as_str());
            let followed = Followed::begin(&application, running, began, name, request.inner());
            let admitted = &followed.running.0;
            let error = framing_error(&parts, admitted);
            if let Some(why) = error {
                reject_unrouted(request.inner_mut(), Error::invalid("headers", why));
            } else if !body.is_end_stream() {
                let body = ArrivingBody::new(body, Arc::clone(admitted));
                attach_body(request.inner_mut(), body);
            }
            let mut head = Response::builder();
            if error.is_some() {
                head = head.header(CONNECTION, "close");
            }
            let response = read_together(&*application.store, request.dispatch()).await;
            respond(response, head, followed, sender).await;
        });
        if reads {
            Self { work: Some(work), answer }
        } else {
            rocket::tokio::spawn(work);
            Self { work: None, answer }
        }
    }
}

impl Future for Exchange {
    type Output = io::Result<Response<AnswerBody>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        drive(&mut self.work, context);
        let answer = ready!(Pin::new(&mut self.answer).poll(context));
        Poll::Ready(answer.map_err(io::Error::other).map(|mut answer| {
            answer.body_mut().work = self.work.take();
            answer
        }))
    }
}

/// Polls work that has not ended.
fn drive(work: &mut Option<Work>, context: &mut Context<'_>) {
    if work.as_mut().is_some_and(|work| work.as_mut().poll(context).is_ready()) {
        *work = None;
    }
}

/// Who asks and what they ask for are read from one state, where nothing waits between them.
async fn read_together<T>(store: &dyn Store, answering: impl Future<Output = T>) -> T {
    let mut answering = pin!(answering);
    poll_fn(|context| {
        let mut polled = Poll::Pending;
        store.read_together(&mut || polled = answering.as_mut().poll(context));
        polled
    })
    .await
}

/// `None` for a method that Rocket does not know.
fn known_method(parts: &Parts) -> Option<Method> {
    let known = parts.method.as_str().parse().ok();
    known.filter(|known: &Method| known.as_str() == parts.method.as_str())
}

fn to_rocket<'c>(
    client: &'c Client,
    peer: SocketAddr,
    known: Option<Method>,
    parts: &'c Parts,
) -> LocalRequest<'c> {
    let mut local = client.req(known.unwrap_or(Method::Trace), Origin::ROOT);
    let request = local.inner_mut();
    request.set_remote(peer);
    for (name, value) in &parts.headers {
        // Rocket's headers are UTF-8. What is not stays wrong instead of being left out: a condition
        // that cannot be read must not be none.
        let value = String::from_utf8_lossy(value.as_bytes());
        request.add_header(Header::new(name.as_str(), value));
    }
    let path = parts.uri.path_and_query().and_then(|uri| Origin::parse(uri.as_str()).ok());
    let is_known = known.is_some() && path.is_some();
    if let Some(path) = path {
        request.set_uri(path);
    }
    if !is_known {
        reject_unrouted(request, Problem::of_status(Status::BadRequest));
    }
    local
}

/// What servers and proxies could understand differently (RFC 9112 sections 3.2 and 6.1).
fn framing_error(parts: &Parts, admitted: &Admitted) -> Option<&'static str> {
    let mut hosts = parts.headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if parts.version == Version::HTTP_11 => Some("lack Host"),
        (Some(_), Some(_)) => Some("have more than one Host"),
        _ if parts.headers.contains_key(TRANSFER_ENCODING) && admitted.is_ambiguous() => {
            Some("have both Content-Length and Transfer-Encoding")
        }
        _ => None,
    }
}

async fn respond(
    mut response: LocalResponse<'_>,
    mut head: Builder,
    mut followed: Followed,
    answer: oneshot::Sender<Response<AnswerBody>>,
) {
    let status = response.status().code;
    followed.status = Some(status);
    head = head.status(status);
    for header in response.headers().iter() {
        head = head.header(header.name().as_str(), header.value().as_bytes());
    }
    let size = response.body().preset_size();
    // That of an answer to HEAD has a size and no bytes.
    if let Some(size) = size.filter(|size| *size > 0) {
        head = head.header(CONTENT_LENGTH, size);
    }
    let is_whole = response.body().is_none() || size.is_some_and(|size| size <= WHOLE_BYTES);
    if is_whole {
        let mut bytes = Vec::with_capacity(size.map_or(0, |size| size + ROOM_TO_SEE_THE_END));
        let read = response.read_to_end(&mut bytes).await;
        if let Some(whole) = complete(read.map(|_| AnswerBody::whole(bytes.into(), followed)), head)
        {
            // Fails if the client has left.
            let _ = answer.send(whole);
        }
        return;
    }
    // Of an answer without a size, only a part is in memory at once.
    followed.running.0.hold(size.unwrap_or(0));
    let (sender, chunks) = mpsc::channel(1);
    let Some(begun) = complete(Ok(AnswerBody::chunked(chunks, followed)), head) else { return };
    if answer.send(begun).is_err() {
        return;
    }
    loop {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        let part = match response.read_buf(&mut chunk).await {
            Ok(0) => return,
            read => read.map(|_| Bytes::from(chunk)),
        };
        let is_last = part.is_err();
        if sender.send(part).await.is_err() || is_last {
            return;
        }
    }
}

/// Without an answer, the connection closes.
fn complete(body: io::Result<AnswerBody>, head: Builder) -> Option<Response<AnswerBody>> {
    let answer = body
        .map_err(|error| error.to_string())
        .and_then(|body| head.body(body).map_err(|error| error.to_string()));
    answer.inspect_err(|error| log::error!("cannot answer: {error}")).ok()
}

/// The body of an answer.
pub struct AnswerBody {
    whole: Bytes,
    chunks: Option<mpsc::Receiver<io::Result<Bytes>>>,
    /// What makes the chunks, unless it is a task.
    work: Option<Work>,
    followed: Followed,
}

impl AnswerBody {
    fn whole(whole: Bytes, followed: Followed) -> Self {
        Self { whole, chunks: None, work: None, followed }
    }

    fn chunked(chunks: mpsc::Receiver<io::Result<Bytes>>, followed: Followed) -> Self {
        Self { whole: Bytes::new(), chunks: Some(chunks), work: None, followed }
    }
}

impl Body for AnswerBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let Self { whole, chunks, work, followed } = &mut *self;
        drive(work, context);
        let next = match chunks {
            Some(chunks) => ready!(chunks.poll_recv(context)),
            None if whole.is_empty() => None,
            None => Some(Ok(std::mem::take(whole))),
        };
        if let Some(Ok(chunk)) = &next {
            followed.bytes += chunk.len() as u64;
        }
        Poll::Ready(next.map(|chunk| chunk.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.chunks.is_none() && self.whole.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        match self.chunks {
            Some(_) => SizeHint::default(),
            None => SizeHint::with_exact(self.whole.len() as u64),
        }
    }
}
