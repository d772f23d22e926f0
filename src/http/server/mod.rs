//! Listens, and serves every connection.
//!
//! Rocket's own server has no limit for connections and no deadline for a client that sends or reads
//! nothing. So this one accepts, hyper speaks HTTP, and Rocket answers each request.

mod access;
mod capacity;
mod connections;
mod exchange;
mod head;
mod incoming;
mod listener;
mod outlet;
mod redirect;
mod socket;
mod tls;

use std::future::{Future, pending, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rocket::local::asynchronous::Client;
use rocket::tokio::task::yield_now;
use rocket::tokio::time::{sleep, timeout};
use rocket::{Build, Rocket};

use self::access::Application;
use self::capacity::max_connections;
use self::connections::{Admitted, Connections, Refused};
use self::exchange::Exchange;
pub use self::listener::Listener;
use self::listener::{Link, send_at_once, try_write};
use self::outlet::Outlet;
use self::redirect::Redirect;
use self::socket::{HEAD_TIMEOUT, MAX_HEAD_BYTES, Socket, Stream};
pub use self::tls::Tls;
use crate::clock::Clock;
use crate::domain::{AccessLog, PublicUrl, Reloadable, TrustedProxies};
use crate::error::Error;
use crate::http::wire::Services;

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
    pub trusted_proxies: Reloadable<TrustedProxies>,
    /// Where a redirect leads, unless it is the name that the client has used.
    pub public_url: Option<PublicUrl>,
    pub access_log: AccessLog,
}

/// Where the service listens, and how.
pub struct Listening {
    pub listener: Listener,
    /// `None`: connections are not encrypted.
    pub tls: Option<Arc<Tls>>,
    /// Where plain requests are answered with the address over https.
    pub redirecting: Option<Listener>,
}

impl Listening {
    pub fn redirects_at(&self) -> Option<SocketAddr> {
        self.redirecting.as_ref().and_then(Listener::address)
    }
}

/// What happens on the connections of a listener.
#[derive(Clone)]
enum Way {
    Plain,
    Tls(Arc<Tls>),
    Redirect(Arc<Redirect>),
}

/// Serves until `stop` resolves, then finishes the requests in flight, as far as the grace period
/// allows. Returns whether all were finished.
///
/// Fails if Rocket cannot use the routes or its settings.
pub async fn serve(
    rocket: Rocket<Build>,
    Listening { listener, tls, redirecting }: Listening,
    settings: ServerSettings,
    stop: impl Future<Output = ()>,
) -> Result<bool, Error> {
    let (Some(services), Some(requests)) = (rocket.state::<Services>(), rocket.state()) else {
        return Err(Error::internal("cannot serve", "the routes are not mounted"));
    };
    let (store, requests) = (Arc::clone(&services.store), Arc::clone(requests));
    let client = Client::untracked(rocket).await.map_err(|error| {
        // Reading the kind tells Rocket that the error is handled; otherwise it panics.
        Error::internal("cannot serve", error.kind())
    })?;
    listener.bound_unsent();
    let max = max_connections(settings.max_connections);
    let connections =
        Connections::new(Clock::System, max, settings.keep_alive, settings.trusted_proxies);
    let sweeper = Arc::clone(&connections);
    let sweeping = rocket::tokio::spawn(async move { sweeper.sweep().await });
    let access_log = settings.access_log.format();
    let application = Application { client, store, requests, access_log };
    let watching = tls.clone().map(|tls| rocket::tokio::spawn(tls.watch()));
    let server = Server { application: Arc::new(application), connections, grace: settings.grace };
    let way = tls.map_or(Way::Plain, Way::Tls);
    let port = listener.address().map_or(0, |at| at.port());
    let redirect = Way::Redirect(Arc::new(Redirect::new(settings.public_url, port)));
    let redirects = async {
        match &redirecting {
            Some(listener) => server.accept(listener, &redirect).await,
            None => pending().await,
        }
    };
    tokio::select! {
        biased;
        () = stop => {}
        () = server.accept(&listener, &way) => {}
        () = redirects => {}
    }
    // Others may listen there now.
    drop((listener, redirecting));
    let finished = server.finish().await;
    sweeping.abort();
    if let Some(watching) = watching {
        watching.abort();
    }
    Ok(finished)
}

struct Server {
    application: Arc<Application>,
    connections: Arc<Connections>,
    grace: Duration,
}

impl Server {
    /// Accepts connections for as long as it is polled.
    async fn accept(&self, listener: &Listener, way: &Way) {
        let mut accepted = 0_u64;
        loop {
            match listener.accept().await {
                Ok((stream, peer)) => {
                    self.open(stream, peer, way.clone());
                    accepted += 1;
                    if accepted.is_multiple_of(ACCEPTED_AT_ONCE) {
                        yield_now().await;
                    }
                }
                Err(error) if is_of_one_connection(&error) => {}
                Err(error) => {
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
    fn open(&self, stream: Link, peer: SocketAddr, way: Way) {
        let admitted = match self.connections.admit(peer.ip(), HEAD_TIMEOUT) {
            Ok(admitted) => Arc::new(admitted),
            Err(refused) => {
                let why = match refused {
                    Refused::Full => "all connections are busy with requests".to_owned(),
                    Refused::Address(address) => format!("{address} has too many connections"),
                };
                self.connections.warn(format_args!("refusing connections: {why}"));
                // Nothing waits for a client that may not read it, nor for a handshake.
                if !matches!(way, Way::Tls(_)) {
                    let _ = try_write(&stream, REFUSAL);
                }
                return;
            }
        };
        send_at_once(&stream);
        let task = rocket::tokio::spawn(serve_connection(
            Arc::clone(&self.application),
            Outlet::new(stream, Arc::clone(&admitted)),
            way,
            peer,
            Arc::clone(&admitted),
        ));
        admitted.set_task(task.abort_handle());
    }

    /// Ends every connection after its last request. Returns whether all did in time.
    async fn finish(&self) -> bool {
        self.application.client.rocket().shutdown().notify();
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
    application: Arc<Application>,
    outlet: Outlet,
    way: Way,
    peer: SocketAddr,
    admitted: Arc<Admitted>,
) {
    let stream = match way {
        Way::Plain => Stream::Plain(outlet),
        Way::Redirect(redirect) => {
            return redirect.serve(Socket::new(Stream::Plain(outlet), admitted)).await;
        }
        Way::Tls(tls) => match tls.accept(outlet).await {
            Ok(stream) => Stream::Tls(stream),
            // It is the client's.
            Err(_) => return,
        },
    };
    let socket = Socket::new(stream, Arc::clone(&admitted));
    let mut stopping = admitted.stopping.clone();
    let has_begun = AtomicBool::new(false);
    let service = service_fn(|request| {
        has_begun.store(true, Ordering::Relaxed);
        Exchange::begin(Arc::clone(&application), peer, &admitted, request)
    });
    let mut http = http1::Builder::new();
    // The deadlines are those of `Socket`.
    http.max_buf_size(MAX_HEAD_BYTES).header_read_timeout(None);
    let mut connection = pin!(http.serve_connection(TokioIo::new(socket), service));
    let mut stop = pin!(stopping.wait_for(|stops| *stops));
    let (mut stops, mut ends) = (false, false);
    poll_fn(|context| {
        loop {
            stops = stops || stop.as_mut().poll(context).is_ready();
            // A client that has just connected is about to send its first request, and gets its answer.
            if stops && !ends && has_begun.load(Ordering::Relaxed) {
                ends = true;
                connection.as_mut().graceful_shutdown();
            }
            // An error is the client's: it has left, or sends what is not HTTP.
            let polled = connection.as_mut().poll(context).map(drop);
            if polled.is_ready() || !stops || ends || !has_begun.load(Ordering::Relaxed) {
                return polled;
            }
        }
    })
    .await;
}
