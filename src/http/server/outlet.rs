//! A client's socket that knows when the client does not read.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rocket::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::connections::Admitted;
use super::listener::Link;
use crate::http::wire::TIME_PER_BYTE;

/// How long an answer may wait until the client reads more of it.
const WRITE_TIMEOUT: Duration = Duration::from_secs(30);

pub struct Outlet {
    stream: Link,
    admitted: Arc<Admitted>,
    /// Whether the client has yet to read what is written.
    is_stalled: bool,
}

impl Outlet {
    pub fn new(stream: Link, admitted: Arc<Admitted>) -> Self {
        Self { stream, admitted, is_stalled: false }
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

impl AsyncRead for Outlet {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Outlet {
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
