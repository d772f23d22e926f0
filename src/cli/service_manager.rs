//! What the service and systemd tell each other (`sd_notify(3)`). Without systemd nothing here has
//! an effect.

use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::error::Error;
use crate::store::Store;

#[derive(Clone, Copy)]
pub enum State {
    Ready,
    Stopping,
    /// It still works; see [`answer_watchdog`].
    Alive,
}

#[cfg(target_os = "linux")]
pub fn notify(state: State) {
    use sd_notify::NotifyState;
    let state = match state {
        State::Ready => NotifyState::Ready,
        State::Stopping => NotifyState::Stopping,
        State::Alive => NotifyState::Watchdog,
    };
    if let Err(cause) = sd_notify::notify(&[state]) {
        log::warn!("cannot notify the service manager: {cause}");
    }
}

#[cfg(not(target_os = "linux"))]
pub fn notify(_: State) {}

/// How often systemd wants to hear that the service works.
#[cfg(target_os = "linux")]
fn watchdog_interval() -> Option<Duration> {
    sd_notify::watchdog_enabled()
}

#[cfg(not(target_os = "linux"))]
fn watchdog_interval() -> Option<Duration> {
    None
}

/// Tells the watchdog that the service works, as long as its store answers. Without a watchdog it
/// ends at once.
pub async fn answer_watchdog(store: Arc<dyn Store>) {
    let Some(interval) = watchdog_interval() else { return };
    loop {
        match store.ping().await {
            Err(error @ Error::Internal(_)) => {
                log::error!("the watchdog is not answered: {error}");
            }
            // A restart does not help where the store is busy, the disk is full or the file was moved.
            Ok(()) | Err(_) => notify(State::Alive),
        }
        Clock::System.sleep(interval / 2).await;
    }
}
