//! The only source of the current time.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::domain::Timestamp;

/// The start of [`Clock::elapsed`] for the system clock.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The system's time, or in tests a time that only [`Clock::advance`] changes.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The operating system's wall clock.
    System,
    /// Milliseconds since 1970, shared by every clone.
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// A clock that stays at `start` until [`Clock::advance`] moves it.
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

    /// The time since a fixed moment. It is monotonic: a change of the system's clock does not
    /// affect it.
    pub fn elapsed(&self) -> Duration {
        match self {
            Self::System => START.elapsed(),
            Self::Fixed(millis) => {
                Duration::from_millis(millis.load(Ordering::SeqCst).unsigned_abs())
            }
        }
    }

    /// Waits for `time`. A fixed clock does not wait.
    pub async fn sleep(&self, time: Duration) {
        if matches!(self, Self::System) {
            tokio::time::sleep(time).await;
        }
    }

    /// Moves a fixed clock forward. Does nothing to the system clock.
    pub fn advance(&self, time: Duration) {
        if let Self::Fixed(millis) = self {
            let time = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
            millis.fetch_add(time, Ordering::SeqCst);
        }
    }
}
