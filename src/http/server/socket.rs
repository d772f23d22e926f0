//! What a client sends and is sent, in the clear. It knows when it waits for the head of a request.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use rocket::tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::server::TlsStream;

use super::connections::Admitted;
use super::head::HeadScan;
use super::outlet::Outlet;

/// The largest head of a request, and the largest buffer of a connection.
pub const MAX_HEAD_BYTES: usize = 16 * 1024;

/// How long the head of a request may take to arrive, and so may the handshake of TLS.
pub const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

pub enum Stream {
    Plain(Outlet),
    Tls(Box<TlsStream<Outlet>>),
}

pub struct Socket {
    stream: Stream,
    admitted: Arc<Admitted>,
    head: HeadScan,
}

/// Calls a method of the stream, whichever it is.
macro_rules! call {
    ($socket:ident.$method:ident($($argument:expr),*)) => {
        match &mut $socket.stream {
            Stream::Plain(stream) => Pin::new(stream).$method($($argument),*),
            Stream::Tls(stream) => Pin::new(stream).$method($($argument),*),
        }
    };
}

impl Socket {
    pub fn new(stream: Stream, admitted: Arc<Admitted>) -> Self {
        Self { stream, admitted, head: HeadScan::default() }
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
}

impl AsyncRead for Socket {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = call!(self.poll_read(context, buffer));
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
        call!(self.poll_write(context, bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        call!(self.poll_write_vectored(context, slices))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.stream {
            Stream::Plain(stream) => stream.is_write_vectored(),
            Stream::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        call!(self.poll_flush(context))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        call!(self.poll_shutdown(context))
    }
}
