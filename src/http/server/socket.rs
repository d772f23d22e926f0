//! A client's socket that knows when it waits for the client.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rocket::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use rocket::tokio::net::TcpStream;

use super::connections::Admitted;
use super::head::HeadScan;
use crate::http::wire::TIME_PER_BYTE;

/// How long the head of a request may take to arrive.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// How long an answer may wait until the client reads more of it.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

pub struct Socket {
    stream: TcpStream,
    admitted: Arc<Admitted>,
    head: HeadScan,
    /// Whether the client has yet to read what is written.
    is_stalled: bool,
}

impl Socket {
    pub fn new(stream: TcpStream, admitted: Arc<Admitted>) -> Self {
        Self { stream, admitted, head: HeadScan::default(), is_stalled: false }
    }

    fn received(&mut self, bytes: &[u8]) {
        if bytes.is_empty() || self.admitted.in_exchange() {
            return;
        }
        let is_first = !self.head.has_begun();
        match self.head.feed(bytes) {
            Some(is_ambiguous) => self.admitted.set_ambiguous(is_ambiguous),
            None if is_first => {
                self.admitted.stop_waiting();
                self.admitted.wait(HEAD_TIMEOUT);
            }
            None => {}
        }
    }

    fn written(&mut self, outcome: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        match &outcome {
            Poll::Pending if !self.is_stalled => {
                self.is_stalled = true;
                self.admitted.stop_waiting();
                self.admitted.wait(WRITE_TIMEOUT);
            }
            Poll::Ready(Ok(bytes)) if self.is_stalled => {
                // A client that reads a byte now and then gains little.
                let extension = TIME_PER_BYTE * u32::try_from(*bytes).unwrap_or(u32::MAX);
                self.admitted.extend_wait(extension, WRITE_TIMEOUT);
            }
            _ => {}
        }
        outcome
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(context, buffer);
        self.received(&buffer.filled()[before..]);
        outcome
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.written(outcome)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let outcome = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.written(outcome)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// The kernel has taken everything.
    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_stalled {
            self.is_stalled = false;
            self.admitted.end_stall();
        }
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
