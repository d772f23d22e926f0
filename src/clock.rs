//! The one place that asks what time it is.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::domain::Timestamp;

/// From where [`Clock::elapsed`] counts, where nothing else says so.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The system's time, or in tests a time that moves only when it is told to.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The operating system's wall clock.
    System,
    /// Milliseconds since 1970, shared by every clone.
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stands at `start` until [`Clock::advance`] moves it.
    pub fn fixed(start: Timestamp) -> Self {
        Self::Fixed(Arc::new(AtomicI64::new(start.as_millis())))
    }

    /// The time now. A system clock set before 1970 reads as 1970.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => {
                let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp::from_millis(i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
            }
            Self::Fixed(millis) => Timestamp::from_millis(millis.load(Ordering::SeqCst)),
        }
    }

    /// The time since some moment, the same for all calls. It never goes back, and does not jump
    /// when somebody sets the system's clock.
    pub fn elapsed(&self) -> Duration {
        match self {
            Self::System => START.elapsed(),
            Self::Fixed(millis) => {
                Duration::from_millis(millis.load(Ordering::SeqCst).unsigned_abs())
            }
        }
    }

    /// Lets `time` pass. Where the clock stands still, there is nothing to wait for.
    pub async fn sleep(&self, time: Duration) {
        if matches!(self, Self::System) {
            tokio::time::sleep(time).await;
        }
    }

    /// Moves a fixed clock forward; the system's clock is left alone.
    pub fn advance(&self, context: Duration) {
        if let Self::Fixed(millis) = self {
            millis.fetch_add(
                i64::try_from(context.as_millis()).unwrap_or(i64::MAX),
                Ordering::SeqCst,
            );
        }
    }
}
