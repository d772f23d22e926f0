//! `/audit/events`, and what the pages follow: the events of the audit, from the store to all who
//! listen. One task reads each event once, and it is rendered once. A listener that is behind reads from the store
//! by itself, a few events at a time.

use std::collections::HashMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rocket::futures::future::BoxFuture;
use rocket::futures::{StreamExt, stream};
use rocket::tokio::select;
use rocket::tokio::sync::broadcast::{self, error::RecvError};
use rocket::tokio::task::AbortHandle;
use rocket::tokio::time::{Interval, MissedTickBehavior, interval, sleep};
use rocket::{Shutdown, State, get};
use rocket_okapi::openapi;

use super::audit::AuditView;
use crate::clock::Clock;
use crate::domain::{AuditEntry, EventId, Timestamp, UserId};
use crate::error::Error;
use crate::http::auth::{Admin, SignedIn};
use crate::http::wire::{
    EventStream, EventText, Example, Operations, PING, Problem, Resume, operations,
};
use crate::store::Store;
use crate::telemetry::{Inside, METRICS};

pub fn routes() -> Operations {
    let example =
        AuditEntry::example().ok().and_then(|event| Batch::of(EventId::new(0), vec![event]));
    let text = example.map(|batch| format!("{PING}{}", String::from_utf8_lossy(&batch.text())));
    operations![stream_audit]
        .also("stream_audit", "The account has 16 streams already.", too_many())
        .example("stream_audit", 200, text)
}

fn too_many() -> Error {
    Error::Conflict(format!(
        "There are {MAX_PER_USER} event streams of this account already, the most there may be."
    ))
}

/// How many streams one user may have open.
const MAX_PER_USER: usize = 16;

/// How often a stream sends [`PING`], beginning with one at once, so that neither end takes a quiet
/// connection for a dead one.
const PING_INTERVAL: Duration = Duration::from_secs(15);

/// How long events are collected after others were sent: each delivery costs every listener a read
/// of its authority and a write.
const PACE: Duration = Duration::from_millis(100);

/// How many events are sent at once at most.
const BATCH: u32 = 64;

/// How many events a listener that is behind reads at once. They wait in memory for its client.
const CATCH_UP: u32 = 25;

/// How many batches wait for listeners that are busy, some ten megabytes at most. One that misses some
/// reads them from the store, and they are rendered for it alone. (Measured with 1,008 listeners that
/// read 10,000 events slowly: 64 s of processor time with 16, 45 s with 256.)
const WAITING_BATCHES: usize = 256;

/// How long to wait after a read has failed.
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// All events that follow `after`, up to `last`.
#[derive(Clone)]
pub struct Batch {
    after: EventId,
    last: EventId,
    pub entries: Arc<[AuditEntry]>,
    /// As administrators are sent them, once one of them listens.
    text: Arc<OnceLock<EventText>>,
}

impl Batch {
    /// `None` without events.
    fn of(after: EventId, entries: Vec<AuditEntry>) -> Option<Self> {
        let last = entries.last()?.id;
        Some(Self { after, last, entries: entries.into(), text: Arc::default() })
    }

    /// The events as administrators are sent them. The first who asks renders them for all.
    fn text(&self) -> EventText {
        let rendered = || {
            let mut text = String::new();
            for entry in &*self.entries {
                let (id, view) = (entry.id.get(), AuditView::from(entry.clone()));
                // Neither JSON nor the name of an action has line breaks. Writing to a text never fails.
                let data = serde_json::to_string(&view).unwrap_or_default();
                let _ = write!(text, "id: {id}\nevent: {}\ndata: {data}\n\n", view.action);
            }
            text.into_bytes().into()
        };
        Arc::clone(self.text.get_or_init(rendered))
    }
}

/// What somebody who listens is told.
#[async_trait]
pub trait Audience: Send + Sync + 'static {
    /// What of these events, if anything.
    async fn text(&self, batch: &Batch) -> Option<EventText>;

    /// The last that is sent where the authority has ended or is another one.
    fn end_text(&self) -> Option<EventText> {
        None
    }
}

/// Is told of all events.
struct Administrators;

#[async_trait]
impl Audience for Administrators {
    async fn text(&self, batch: &Batch) -> Option<EventText> {
        Some(batch.text())
    }
}

/// Who listens, and what they are sent.
pub struct EventFeed {
    store: Arc<dyn Store>,
    clock: Clock,
    batches: broadcast::Sender<Batch>,
    listeners: Mutex<Listeners>,
}

#[derive(Default)]
struct Listeners {
    by_user: HashMap<UserId, usize>,
    /// The task that reads for all, while anybody listens.
    reader: Option<AbortHandle>,
}

impl EventFeed {
    pub fn new(store: Arc<dyn Store>, clock: Clock) -> Arc<Self> {
        let (batches, _) = broadcast::channel(WAITING_BATCHES);
        Arc::new(Self { store, clock, batches, listeners: Mutex::default() })
    }

    /// What the audience is told of the events after this one, or of those that happen from now on. The
    /// stream ends with the session or key, when the user has another role, and when the service stops.
    pub async fn listen(
        self: Arc<Self>,
        user: &SignedIn,
        audience: impl Audience,
        after: Option<EventId>,
        shutdown: Shutdown,
    ) -> Result<EventStream, Error> {
        let latest = self.store.latest_event().await?;
        let (place, batches) = self.subscribe(user.id(), latest)?;
        let mut pings = interval(PING_INTERVAL);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let listener = Listener {
            // After a backup was restored, a client may have seen events that do not exist.
            last: after.map_or(latest, |after| after.min(latest)),
            // What was committed before it subscribed is not in the batches.
            is_behind: true,
            place,
            batches,
            audience: Box::new(audience),
            confirm: Box::new(user.confirmation()),
            expires_at: user.expires_at(),
            has_ended: false,
            shutdown,
            pings,
        };
        let next = |mut listener: Listener| async {
            let text = listener.next().await?;
            Some((text, listener))
        };
        Ok(EventStream(stream::unfold(listener, next).boxed()))
    }

    /// All events from `latest` on are in the batches, or are committed already.
    /// [`Error::Conflict`] if the user has the maximum number of streams.
    fn subscribe(
        self: &Arc<Self>,
        user: UserId,
        latest: EventId,
    ) -> Result<(Place, broadcast::Receiver<Batch>), Error> {
        let mut listeners = self.listeners();
        let count = listeners.by_user.entry(user).or_default();
        if *count == MAX_PER_USER {
            return Err(too_many());
        }
        *count += 1;
        let batches = self.batches.subscribe();
        if listeners.reader.as_ref().is_none_or(AbortHandle::is_finished) {
            let reader = rocket::tokio::spawn(Arc::clone(self).read(latest));
            listeners.reader = Some(reader.abort_handle());
        }
        let place = Place { feed: Arc::clone(self), user, _listening: METRICS.listeners.enter() };
        Ok((place, batches))
    }

    /// Reads for all what follows `last`, until the task is aborted.
    async fn read(self: Arc<Self>, mut last: EventId) {
        loop {
            match self.read_batch(&mut last).await {
                Ok(count) if count == BATCH as usize => {}
                Ok(_) => sleep(PACE).await,
                Err(error) => {
                    log::warn!("cannot read the audit for those who listen: {error}");
                    sleep(RETRY_PAUSE).await;
                }
            }
        }
    }

    /// Waits for events after `last`, and sends them. Returns how many they are.
    async fn read_batch(&self, last: &mut EventId) -> Result<usize, Error> {
        self.store.wait_for_event(*last).await?;
        let entries = self.store.read_audit(*last, BATCH).await?;
        let count = entries.len();
        if let Some(batch) = Batch::of(*last, entries) {
            *last = batch.last;
            // Fails if nobody listens any more.
            let _ = self.batches.send(batch);
        }
        Ok(count)
    }

    fn listeners(&self) -> MutexGuard<'_, Listeners> {
        // A panic cannot leave a half-changed map.
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of a user's streams, until it is dropped.
struct Place {
    feed: Arc<EventFeed>,
    user: UserId,
    _listening: Inside,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut listeners = self.feed.listeners();
        if let Some(count) = listeners.by_user.get_mut(&self.user) {
            *count -= 1;
            if *count == 0 {
                listeners.by_user.remove(&self.user);
            }
        }
        if listeners.by_user.is_empty()
            && let Some(reader) = listeners.reader.take()
        {
            reader.abort();
        }
    }
}

struct Listener {
    place: Place,
    batches: broadcast::Receiver<Batch>,
    audience: Box<dyn Audience>,
    /// Whether the authority is what it was.
    confirm: Box<dyn Fn() -> BoxFuture<'static, Result<(), Error>> + Send + Sync>,
    expires_at: Option<Timestamp>,
    /// Whether the authority has ended, and the audience knows.
    has_ended: bool,
    /// The last event that was read.
    last: EventId,
    /// Whether the next events are to be read from the store.
    is_behind: bool,
    shutdown: Shutdown,
    pings: Interval,
}

impl Listener {
    /// What is to be sent next; `None` at the end.
    async fn next(&mut self) -> Option<EventText> {
        if self.has_ended {
            return None;
        }
        let text = self.text().await?;
        // After the events were read: none that is younger than the end of the authority is sent.
        if let Some(text) = text
            && (self.confirm)().await.is_ok()
        {
            return Some(text);
        }
        self.has_ended = true;
        self.audience.end_text()
    }

    /// What the audience is told next. Within it, `None` where the authority expires.
    async fn text(&mut self) -> Option<Option<EventText>> {
        let Self { place, batches, audience, expires_at, last, is_behind, shutdown, pings, .. } =
            self;
        let feed = &place.feed;
        loop {
            let batch = select! {
                biased;
                () = &mut *shutdown => return None,
                () = expiry(&feed.clock, *expires_at) => return Some(None),
                _ = pings.tick() => return Some(Some(PING.as_bytes().into())),
                batch = next_batch(&*feed.store, batches, last, is_behind) => batch.ok()?,
            };
            if let Some(text) = audience.text(&batch).await {
                return Some(Some(text));
            }
        }
    }
}

/// Resolves when the session or key expires, if ever.
async fn expiry(clock: &Clock, expires_at: Option<Timestamp>) {
    match expires_at {
        None => std::future::pending().await,
        Some(end) => {
            let millis = end.as_millis().saturating_sub(clock.now().as_millis());
            sleep(Duration::from_millis(u64::try_from(millis).unwrap_or(0))).await;
        }
    }
}

/// Waits for events after `last`.
async fn next_batch(
    store: &dyn Store,
    batches: &mut broadcast::Receiver<Batch>,
    last: &mut EventId,
    is_behind: &mut bool,
) -> Result<Batch, Error> {
    loop {
        if *is_behind {
            let entries = store.read_audit(*last, CATCH_UP).await?;
            if let Some(batch) = Batch::of(*last, entries) {
                *last = batch.last;
                return Ok(batch);
            }
            *is_behind = false;
        }
        match batches.recv().await {
            Ok(batch) if batch.last <= *last => {}
            Ok(batch) if batch.after == *last => {
                *last = batch.last;
                return Ok(batch);
            }
            Ok(_) | Err(RecvError::Lagged(_)) => *is_behind = true,
            Err(RecvError::Closed) => return Err(Error::Busy),
        }
    }
}

/// # Listen to the audit
///
/// Server-Sent Events as they happen: `id` is that of the event, `event` its action, and `data` the
/// same JSON as in the list. Without `Last-Event-ID` and `after`, it begins with the next event. A
/// comment comes at once and every 15 seconds. The stream ends when your session or key ends, or you
/// are no administrator any more. You may have 16 streams at once, with those of the pages that you
/// have open.
#[openapi(tag = "Administration")]
#[get("/audit/events")]
async fn stream_audit(
    admin: Admin,
    resume: Resume,
    feed: &State<Arc<EventFeed>>,
    shutdown: Shutdown,
) -> Result<EventStream, Problem> {
    Ok(Arc::clone(feed).listen(&admin, Administrators, resume.0, shutdown).await?)
}
