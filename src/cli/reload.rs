//! What SIGHUP does to a service: it reads its settings again.

use crate::config::{Config, ShownSetting, shown_settings};
use crate::telemetry::{set_log_filter, tell};

/// The settings that a running service takes over.
const RELOADED: [&str; 4] = ["trusted_proxies", "cors_origins", "throttle", "log_level"];

/// Takes over what can be, and says what needs a restart. Settings that are wrong change nothing.
pub fn reload(config: &Config) {
    let new = match Config::load(&config.overrides) {
        Ok(new) => new,
        Err(error) => {
            log::error!("the settings were not reloaded: {error}");
            return;
        }
    };
    config.trusted_proxies.replace(&new.trusted_proxies);
    config.allowed_origins.replace(&new.allowed_origins);
    config.throttle.replace(&new.throttle);
    set_log_filter(new.log_filter);
    let (old, new) = (shown_settings(&config.figment), shown_settings(&new.figment));
    let needs_restart: Vec<_> = old
        .iter()
        .zip(&new)
        .filter(|(old, new)| old.value != new.value && !RELOADED.contains(&&*old.key))
        .map(|(ShownSetting { key, .. }, _)| format!("`{key}`"))
        .collect();
    tell(format_args!("Reloaded {}.", RELOADED.map(|key| format!("`{key}`")).join(", ")));
    if !needs_restart.is_empty() {
        tell(format_args!("A restart is needed for {}.", needs_restart.join(", ")));
    }
}
