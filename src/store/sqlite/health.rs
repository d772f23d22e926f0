//! Whether something can be written.

use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::timeout;

use super::migrate::APPLICATION_ID;
use super::writer::Writer;
use crate::clock::Clock;
use crate::error::Error;

/// How long an outcome counts.
const INTERVAL: Duration = Duration::from_secs(1);

/// How long a disk may take.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

/// Tries a write, at most once a second, whoever asks how often.
pub struct WriteCheck {
    clock: Clock,
    /// When the last one was tried, and how it went.
    last: Mutex<Option<(Duration, Result<(), Error>)>>,
}

impl WriteCheck {
    pub fn new(clock: Clock) -> Self {
        Self { clock, last: Mutex::default() }
    }

    /// [`Error::Unhealthy`] or [`Error::Busy`] if nothing can be written.
    pub async fn check(&self, writer: &Writer) -> Result<(), Error> {
        let mut last = self.last.lock().await;
        let now = self.clock.elapsed();
        if let Some((at, outcome)) = &*last
            && now.saturating_sub(*at) < INTERVAL
        {
            return outcome.clone();
        }
        let outcome = write(writer).await;
        *last = Some((now, outcome.clone()));
        outcome
    }
}

async fn write(writer: &Writer) -> Result<(), Error> {
    // Changes nothing, but writes a page. (An UPDATE with equal values writes none.)
    let job = writer
        .run(|connection| Ok(connection.pragma_update(None, "application_id", APPLICATION_ID)?));
    match timeout(WRITE_TIMEOUT, job).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error @ (Error::Unhealthy(_) | Error::Busy))) => Err(error),
        Ok(Err(Error::InsufficientStorage(why))) => Err(Error::Unhealthy(why)),
        // The writer has logged why.
        Ok(_) => Err(Error::Unhealthy("The database cannot be written.".to_owned())),
        Err(_) => Err(Error::Unhealthy("Writing takes too long.".to_owned())),
    }
}
