//! The open connections: how many there may be, and how long each may wait for its client.
//!
//! A connection that waits for its client has a deadline. One task looks at all of them twice a
//! second and closes those that are late, so that the deadlines cost a request a few atomic stores
//! and no timer. Where there is no room for a new connection, those close that have waited longest.

use std::collections::HashMap;
use std::net::IpAddr;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use rocket::tokio::sync::watch;
use rocket::tokio::task::AbortHandle;
use rocket::tokio::time::sleep;

use crate::clock::Clock;
use crate::domain::{Network, Reloadable, TrustedProxies};

/// How many connections one address may have: more than browsers and load generators open.
const MAX_PER_ADDRESS: u32 = 256;

/// How often the deadlines are looked at.
const SWEEP_INTERVAL: Duration = Duration::from_millis(500);

/// The shortest time between two log lines about connections that there is no room for.
const WARNING_INTERVAL: Duration = Duration::from_mins(1);

/// The share of all connections that close at once to make room, so that a flood does not search
/// for the oldest at each new connection.
const EVICTED_SHARE: usize = 16;

/// How many bytes the large answers that are being sent may have together. Beyond it, connections
/// close whose clients have not read theirs for longest.
const MAX_HELD_BYTES: usize = 16 * 1024 * 1024;

/// A connection, as all tasks see it.
pub struct Connection {
    /// When it began to wait for its client, in milliseconds of [`Connections::now`]; 0 if it does
    /// not wait.
    since: AtomicU64,
    /// When it has waited too long.
    deadline: AtomicU64,
    /// Whether it is between the head of a request and the end of its answer.
    in_exchange: AtomicBool,
    /// Whether the head that was read last has both `Content-Length` and `Transfer-Encoding`.
    is_ambiguous: AtomicBool,
    /// The size of the large answer that is being sent.
    held: AtomicUsize,
    task: OnceLock<AbortHandle>,
}

impl Connection {
    fn waits(&self) -> bool {
        self.since.load(Ordering::Relaxed) != 0
    }

    pub fn stop_waiting(&self) {
        self.since.store(0, Ordering::Relaxed);
    }

    pub fn in_exchange(&self) -> bool {
        self.in_exchange.load(Ordering::Relaxed)
    }

    pub fn is_ambiguous(&self) -> bool {
        self.is_ambiguous.load(Ordering::Relaxed)
    }

    pub fn set_ambiguous(&self, is_ambiguous: bool) {
        self.is_ambiguous.store(is_ambiguous, Ordering::Relaxed);
    }

    /// The task that serves the connection; ending it closes the connection.
    pub fn set_task(&self, task: AbortHandle) {
        // It is set once.
        let _ = self.task.set(task);
    }

    fn close(&self) {
        if let Some(task) = self.task.get() {
            task.abort();
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Why a new connection is refused.
#[derive(Debug, PartialEq, Eq)]
pub enum Refused {
    /// Every connection is busy with a request.
    Full,
    /// The address has too many.
    Address(IpAddr),
}

/// All open connections.
pub struct Connections {
    clock: Clock,
    max: usize,
    /// How long a connection may stay open between two requests.
    keep_alive: Duration,
    trusted_proxies: Reloadable<TrustedProxies>,
    open: Mutex<Open>,
    last_warning: Mutex<Option<Duration>>,
    /// Whether the server stops. Each connection has a receiver.
    stopping: watch::Sender<bool>,
}

#[derive(Default)]
struct Open {
    next_id: u64,
    /// The sum of what they hold.
    held: usize,
    by_id: HashMap<u64, Arc<Connection>>,
    per_address: HashMap<Network, u32>,
}

impl Connections {
    pub fn new(
        clock: Clock,
        max: usize,
        keep_alive: Duration,
        trusted_proxies: Reloadable<TrustedProxies>,
    ) -> Arc<Self> {
        Arc::new(Self {
            clock,
            max,
            keep_alive,
            trusted_proxies,
            open: Mutex::default(),
            last_warning: Mutex::default(),
            stopping: watch::Sender::new(false),
        })
    }

    /// Monotonic time in milliseconds, never 0.
    fn now(&self) -> u64 {
        millis(self.clock.elapsed()) + 1
    }

    /// Admits a connection from `address`, which then waits at most `allowance` for its client. A
    /// trusted proxy has no limit of its own: it stands for many clients.
    pub fn admit(
        self: &Arc<Self>,
        address: IpAddr,
        allowance: Duration,
    ) -> Result<Admitted, Refused> {
        let network =
            Some(Network::of(address)).filter(|_| !self.trusted_proxies.get().contains(address));
        let mut open = self.open();
        if let Some(network) = network
            && open.per_address.get(&network).is_some_and(|count| *count >= MAX_PER_ADDRESS)
        {
            return Err(Refused::Address(address));
        }
        if open.by_id.len() >= self.max && evict(&mut open, self.max) == 0 {
            return Err(Refused::Full);
        }
        let connection = Arc::new(Connection {
            since: AtomicU64::new(0),
            deadline: AtomicU64::new(0),
            in_exchange: AtomicBool::new(false),
            is_ambiguous: AtomicBool::new(false),
            held: AtomicUsize::new(0),
            task: OnceLock::new(),
        });
        if let Some(network) = network {
            *open.per_address.entry(network).or_default() += 1;
        }
        let id = open.next_id;
        open.next_id += 1;
        open.by_id.insert(id, Arc::clone(&connection));
        let stopping = self.stopping.subscribe();
        let admitted =
            Admitted { connections: Arc::clone(self), connection, stopping, id, network };
        admitted.wait(allowance);
        Ok(admitted)
    }

    /// Closes those that have waited longest for their clients. Returns how many.
    pub fn make_room(&self) -> usize {
        evict(&mut self.open(), self.max)
    }

    /// Tells every connection that the request it serves is its last one.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }

    /// Resolves when no connection is open and no request runs.
    pub async fn ended(&self) {
        self.stopping.closed().await;
    }

    /// Closes every connection that is not in an exchange.
    pub fn close_idle(&self) {
        let open = self.open();
        for connection in open.by_id.values().filter(|connection| !connection.in_exchange()) {
            connection.close();
        }
    }

    pub fn close_all(&self) {
        self.open().by_id.values().for_each(|connection| connection.close());
    }

    /// Closes connections that are late, for as long as it is polled.
    pub async fn sweep(&self) {
        loop {
            sleep(SWEEP_INTERVAL).await;
            let now = self.now();
            for connection in self.open().by_id.values() {
                if connection.waits() && connection.deadline.load(Ordering::Relaxed) <= now {
                    connection.close();
                }
            }
        }
    }

    /// Logs a line, unless there was one in the last minute.
    pub fn warn(&self, message: std::fmt::Arguments<'_>) {
        let (now, mut last) = (self.clock.elapsed(), lock(&self.last_warning));
        if last.is_none_or(|last| now.saturating_sub(last) >= WARNING_INTERVAL) {
            *last = Some(now);
            log::warn!("{message}");
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        lock(&self.open)
    }
}

/// Ignores poisoning: nothing panics while it holds one of these locks.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Closes a share of `max`, those that have waited longest. Returns how many.
fn evict(open: &mut Open, max: usize) -> usize {
    let most = (max / EVICTED_SHARE).max(1);
    let mut closed = 0;
    close_longest_waiting(
        open,
        |_| true,
        |_| {
            closed += 1;
            closed < most
        },
    );
    closed
}

/// Closes connections whose clients have not read their large answers for longest, until at least
/// `bytes` of these are given up.
fn give_up(open: &mut Open, bytes: usize) {
    let mut given_up = 0;
    close_longest_waiting(
        open,
        |connection| connection.held.load(Ordering::Relaxed) > 0,
        |connection| {
            given_up += connection.held.swap(0, Ordering::Relaxed);
            given_up < bytes
        },
    );
    open.held -= given_up;
}

/// Closes connections that wait, the longest first, as long as `goes_on` after each.
fn close_longest_waiting(
    open: &mut Open,
    may_close: impl Fn(&Connection) -> bool,
    mut goes_on: impl FnMut(&Connection) -> bool,
) {
    let mut waiting: Vec<_> = open
        .by_id
        .iter()
        .map(|(id, connection)| (connection.since.load(Ordering::Relaxed), *id, connection))
        .filter(|(since, _, connection)| *since != 0 && may_close(connection))
        .map(|(since, id, _)| (since, id))
        .collect();
    waiting.sort_unstable();
    for (_, id) in waiting {
        let Some(connection) = open.by_id.remove(&id) else { continue };
        // Its task ends a moment later.
        connection.close();
        if !goes_on(&connection) {
            return;
        }
    }
}

/// A place among the open connections, until it is dropped.
pub struct Admitted {
    connections: Arc<Connections>,
    connection: Arc<Connection>,
    pub stopping: watch::Receiver<bool>,
    id: u64,
    network: Option<Network>,
}

impl Admitted {
    /// Waits for the client from now on, at most for `allowance`. One that waits already goes on as
    /// before.
    pub fn wait(&self, allowance: Duration) {
        if !self.waits() {
            let now = self.connections.now();
            self.deadline.store(now.saturating_add(millis(allowance)), Ordering::Relaxed);
            self.since.store(now, Ordering::Relaxed);
        }
    }

    /// It may wait longer by `extension`, but not longer than `allowance` from now.
    pub fn extend_wait(&self, extension: Duration, allowance: Duration) {
        let deadline = self.deadline.load(Ordering::Relaxed) + millis(extension);
        let latest = self.connections.now() + millis(allowance);
        self.deadline.store(deadline.min(latest), Ordering::Relaxed);
    }

    /// A request has begun. What it waits for from now on is not its client.
    pub fn begin_exchange(&self) {
        self.in_exchange.store(true, Ordering::Relaxed);
        self.stop_waiting();
    }

    /// The answer is complete: waits for the next request, unless the client has yet to read the end
    /// of this answer.
    pub fn end_exchange(&self) {
        self.in_exchange.store(false, Ordering::Relaxed);
        let bytes = self.held.swap(0, Ordering::Relaxed);
        if bytes > 0 {
            self.connections.open().held -= bytes;
        }
        self.wait(self.connections.keep_alive);
    }

    /// The client has read everything that was written.
    pub fn end_stall(&self) {
        self.stop_waiting();
        if !self.in_exchange() {
            self.wait(self.connections.keep_alive);
        }
    }

    /// Begins to send a large answer. If all of them are too much, connections close that have waited
    /// longest for their clients to read.
    pub fn hold(&self, bytes: usize) {
        let mut open = self.connections.open();
        self.held.store(bytes, Ordering::Relaxed);
        open.held += bytes;
        if open.held > MAX_HELD_BYTES {
            let excess = open.held - MAX_HELD_BYTES;
            give_up(&mut open, excess);
        }
    }
}

impl Deref for Admitted {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut open = self.connections.open();
        open.by_id.remove(&self.id);
        if let Some(network) = self.network
            && let Some(count) = open.per_address.get_mut(&network)
        {
            *count -= 1;
            if *count == 0 {
                open.per_address.remove(&network);
            }
        }
    }
}
