//! The body of a request as a stream of bytes.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Bytes, Incoming};
use rocket::tokio::io::{AsyncRead, ReadBuf};

use super::connections::Admitted;

/// What reads the body has a deadline of its own, and answers.
const UNLIMITED: Duration = Duration::MAX;

/// A body that arrives. While it does, its connection waits for the client.
pub struct ArrivingBody {
    body: Incoming,
    /// What has arrived and is not read yet.
    rest: Bytes,
    admitted: Arc<Admitted>,
}

impl ArrivingBody {
    pub fn new(body: Incoming, admitted: Arc<Admitted>) -> Self {
        Self { body, rest: Bytes::new(), admitted }
    }
}

impl AsyncRead for ArrivingBody {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.rest.is_empty() {
            let frame = Pin::new(&mut self.body).poll_frame(context);
            if frame.is_pending() {
                self.admitted.wait(UNLIMITED);
            }
            match ready!(frame) {
                None => return Poll::Ready(Ok(())),
                Some(Err(error)) => return Poll::Ready(Err(io::Error::other(error))),
                // Trailers are skipped.
                Some(Ok(frame)) => self.rest = frame.into_data().unwrap_or_default(),
            }
        }
        let count = self.rest.len().min(buffer.remaining());
        buffer.put_slice(&self.rest.split_to(count));
        Poll::Ready(Ok(()))
    }
}

impl Drop for ArrivingBody {
    fn drop(&mut self) {
        self.admitted.stop_waiting();
    }
}
