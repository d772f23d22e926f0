//! Listens, and serves every connection.
//!
//! Rocket's own server has no limit for connections and no deadline for a client that sends or reads
//! nothing. So this one accepts, hyper speaks HTTP, and Rocket answers each request.

mod capacity;
mod connections;
mod exchange;
mod head;
mod incoming;
mod socket;

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rocket::local::asynchronous::Client;
use rocket::tokio::net::{TcpListener, TcpStream};
use rocket::tokio::task::yield_now;
use rocket::tokio::time::{sleep, timeout};
use rocket::{Build, Rocket};

use self::capacity::max_connections;
use self::connections::{Admitted, Connections, Refused};
use self::exchange::Exchange;
use self::socket::{HEAD_TIMEOUT, Socket};
use crate::clock::Clock;
use crate::domain::TrustedProxies;
use crate::error::Error;

/// The largest head of a request, and the largest buffer of a connection.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// How much of an answer the kernel takes beyond what it can send.
#[cfg(target_os = "linux")]
const MAX_UNSENT_BYTES: u32 = 128 * 1024;

/// How long to wait before the next attempt where there is no descriptor for a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// After how many connections other tasks have their turn.
const ACCEPTED_AT_ONCE: u64 = 4;

/// After a signal to stop, how long connections without a request stay open: a client may have sent
/// one just now.
const IDLE_GRACE: Duration = Duration::from_millis(500);

const REFUSAL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n\
    Retry-After: 1\r\nContent-Type: application/json\r\nContent-Length: 75\r\n\r\n\
    {\"status\":\"error\",\"message\":\"Too many connections. Please try again soon.\"}";

/// What the server needs to know beside the routes.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// How many connections may be open. `None`: as many as memory and descriptors allow.
    pub max_connections: Option<u32>,
    /// How long a connection stays open between two requests.
    pub keep_alive: Duration,
    /// How long requests may go on after the signal to stop.
    pub grace: Duration,
    pub trusted_proxies: TrustedProxies,
}

/// Serves until `stop` resolves, then finishes the requests in flight, as far as the grace period
/// allows. Returns whether all were finished.
///
/// Fails if Rocket cannot use the routes or its settings.
pub async fn serve(
    rocket: Rocket<Build>,
    listener: TcpListener,
    settings: ServerSettings,
    stop: impl Future<Output = ()>,
) -> Result<bool, Error> {
    let client = Client::untracked(rocket).await.map_err(|error| {
        // Reading the kind tells Rocket that the error is handled; otherwise it panics.
        Error::internal("cannot serve", error.kind())
    })?;
    bound_unsent(&listener);
    let max = max_connections(settings.max_connections);
    let connections =
        Connections::new(Clock::System, max, settings.keep_alive, settings.trusted_proxies);
    let sweeper = Arc::clone(&connections);
    let sweeping = rocket::tokio::spawn(async move { sweeper.sweep().await });
    let server = Server { client: Arc::new(client), connections, grace: settings.grace };
    server.accept_until(listener, stop).await;
    let finished = server.finish().await;
    sweeping.abort();
    Ok(finished)
}

/// The kernel takes no more of an answer than the client's window and this much. Otherwise each
/// client that does not read could fill megabytes of the kernel's memory. Connections inherit it.
fn bound_unsent(listener: &TcpListener) {
    #[cfg(target_os = "linux")]
    if let Err(error) = socket2::SockRef::from(listener).set_tcp_notsent_lowat(MAX_UNSENT_BYTES) {
        log::warn!("cannot bound what is sent to clients that do not read: {error}");
    }
    #[cfg(not(target_os = "linux"))]
    let _ = listener;
}

struct Server {
    client: Arc<Client>,
    connections: Arc<Connections>,
    grace: Duration,
}

impl Server {
    async fn accept_until(&self, listener: TcpListener, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let mut accepted = 0_u64;
        loop {
            let next = poll_fn(|context| match stop.as_mut().poll(context) {
                Poll::Ready(()) => Poll::Ready(None),
                Poll::Pending => listener.poll_accept(context).map(Some),
            });
            match next.await {
                None => return,
                Some(Ok((stream, peer))) => {
                    self.open(stream, peer);
                    accepted += 1;
                    if accepted.is_multiple_of(ACCEPTED_AT_ONCE) {
                        yield_now().await;
                    }
                }
                Some(Err(error)) if is_of_one_connection(&error) => {}
                Some(Err(error)) => {
                    let closed = self.connections.make_room();
                    self.connections.warn(format_args!(
                        "cannot accept connections: {error}; closed {closed} that waited for their clients"
                    ));
                    sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }

    /// Serves a connection in a task of its own, or refuses it.
    fn open(&self, stream: TcpStream, peer: SocketAddr) {
        let admitted = match self.connections.admit(peer.ip(), HEAD_TIMEOUT) {
            Ok(admitted) => Arc::new(admitted),
            Err(refused) => {
                let why = match refused {
                    Refused::Full => "all connections are busy with requests".to_owned(),
                    Refused::Address(address) => format!("{address} has too many connections"),
                };
                self.connections.warn(format_args!("refusing connections: {why}"));
                // Nothing waits for a client that may not read it.
                let _ = stream.try_write(REFUSAL);
                return;
            }
        };
        // Answers are written whole, so there is nothing to wait for.
        let _ = stream.set_nodelay(true);
        let task = rocket::tokio::spawn(serve_connection(
            Arc::clone(&self.client),
            Socket::new(stream, Arc::clone(&admitted)),
            peer,
            Arc::clone(&admitted),
        ));
        admitted.set_task(task.abort_handle());
    }

    /// Ends every connection after its last request. Returns whether all did in time.
    async fn finish(&self) -> bool {
        self.client.rocket().shutdown().notify();
        self.connections.stop();
        if timeout(IDLE_GRACE, self.connections.ended()).await.is_ok() {
            return true;
        }
        self.connections.close_idle();
        let rest = self.grace.saturating_sub(IDLE_GRACE);
        let finished = timeout(rest, self.connections.ended()).await.is_ok();
        self.connections.close_all();
        finished
    }
}

/// Whether only the connection that was to be accepted has failed.
fn is_of_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}

async fn serve_connection(
    client: Arc<Client>,
    socket: Socket,
    peer: SocketAddr,
    admitted: Arc<Admitted>,
) {
    let mut stopping = admitted.stopping.clone();
    let service =
        service_fn(|request| Exchange::begin(Arc::clone(&client), peer, &admitted, request));
    let mut http = http1::Builder::new();
    // The deadlines are those of `Socket`.
    http.max_buf_size(MAX_HEAD_BYTES).header_read_timeout(None);
    let mut connection = pin!(http.serve_connection(TokioIo::new(socket), service));
    let mut stop = pin!(stopping.wait_for(|stops| *stops));
    let mut stops = false;
    poll_fn(|context| {
        if !stops && stop.as_mut().poll(context).is_ready() {
            stops = true;
            connection.as_mut().graceful_shutdown();
        }
        // An error is the client's: it has left, or sends what is not HTTP.
        connection.as_mut().poll(context).map(drop)
    })
    .await;
}
