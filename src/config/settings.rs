//! The settings that are not Rocket's own: names, defaults and allowed values.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::accounts::Argon2Settings;
use crate::domain::{
    AccessLog, BackupSchedule, Email, LogFormat, MAX_PASSWORD_CHARS, MinFree, PublicUrl, Quota,
    RegistrationPolicy, Secret, SessionLives, StoreLimits, TlsSettings, Zone,
};
use crate::error::Error;

pub const ENVIRONMENT_PREFIX: &str = "WIDGETD_";

/// The first administrator, added if there is none.
#[derive(Clone, Debug)]
pub struct FirstAdministrator {
    pub email: Email,
    /// Its first line is the password.
    pub password_file: PathBuf,
}

/// Browsers keep no cookie for longer (RFC 6265bis section 5.5).
const SESSION_DAYS: RangeInclusive<u32> = 1..=400;

/// Of the token for metrics.
const MIN_TOKEN_LENGTH: usize = 16;

const DAY_SECONDS: u32 = 86_400;

/// The settings that are not Rocket's own, before they are checked.
#[derive(Serialize, Deserialize)]
pub struct Settings {
    /// Profiles in `Rocket.toml` that only other runs select.
    pub profiles: Vec<String>,
    pub database: PathBuf,
    pub access_token_seconds: u32,
    pub session_days: u32,
    pub session_max_days: u32,
    pub realm: String,
    pub team_name: String,
    pub password_min_length: usize,
    pub password_min_score: u8,
    pub argon2_memory_kib: u32,
    pub argon2_passes: u32,
    pub registration: String,
    pub require_email: bool,
    pub throttle: bool,
    pub trusted_proxies: Vec<String>,
    pub cors_origins: Vec<String>,
    pub public_url: Option<String>,
    pub unix_socket: Option<PathBuf>,
    pub tls_cert: Option<PathBuf>,
    pub tls_key: Option<PathBuf>,
    pub redirect_port: Option<u16>,
    pub remote_setup: bool,
    pub audit_days: u32,
    pub backup_dir: Option<PathBuf>,
    pub backup_every: Option<String>,
    pub backup_keep: u32,
    pub max_connections: Option<u32>,
    pub quota_mib: u32,
    pub min_free_mib: Option<u32>,
    pub read_timeout_seconds: u32,
    pub time_zone: Option<String>,
    pub log_format: String,
    pub access_log: String,
    pub metrics_token: Option<String>,
    pub metrics_token_file: Option<PathBuf>,
    pub admin_email: Option<String>,
    pub admin_password_file: Option<PathBuf>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            profiles: Vec::new(),
            database: PathBuf::from("widgetd.db"),
            access_token_seconds: 3_600,
            session_days: 14,
            session_max_days: 90,
            realm: "widgetd".to_owned(),
            team_name: "widgetd".to_owned(),
            password_min_length: 8,
            password_min_score: 2,
            argon2_memory_kib: 19_456,
            argon2_passes: 2,
            registration: RegistrationPolicy::Open.as_str().to_owned(),
            require_email: true,
            throttle: true,
            trusted_proxies: Vec::new(),
            cors_origins: Vec::new(),
            public_url: None,
            unix_socket: None,
            tls_cert: None,
            tls_key: None,
            redirect_port: None,
            remote_setup: false,
            audit_days: 365,
            backup_dir: None,
            backup_every: None,
            backup_keep: 7,
            max_connections: None,
            quota_mib: Quota::DEFAULT_MIB,
            min_free_mib: None,
            read_timeout_seconds: 2,
            time_zone: None,
            log_format: LogFormat::Text.as_str().to_owned(),
            access_log: AccessLog::Off.as_str().to_owned(),
            metrics_token: None,
            metrics_token_file: None,
            admin_email: None,
            admin_password_file: None,
        }
    }
}

/// Fails only if there is no current folder.
pub fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path)
        .map_err(|cause| Error::internal("cannot tell the current folder", cause))
}

/// An empty variable counts as not set.
fn given(path: Option<&PathBuf>) -> Option<&Path> {
    path.map(PathBuf::as_path).filter(|path| !path.as_os_str().is_empty())
}

impl Settings {
    pub fn argon2(&self) -> Argon2Settings {
        Argon2Settings { memory_kib: self.argon2_memory_kib, passes: self.argon2_passes }
    }

    pub fn session_lives(&self) -> SessionLives {
        SessionLives {
            api_client: self.access_token_seconds,
            browser: self.session_days * DAY_SECONDS,
            browser_at_most: self.session_max_days * DAY_SECONDS,
        }
    }

    pub fn store_limits(&self) -> Result<StoreLimits, Error> {
        // An empty variable counts as not set.
        let zone = self.time_zone.as_deref().filter(|name| !name.is_empty());
        let zone = zone.map_or_else(|| Ok(Zone::of_this_machine()), Zone::parse);
        Ok(StoreLimits {
            quota: Quota::from_mib(self.quota_mib),
            min_free: MinFree::from_mib(self.min_free_mib),
            read_timeout: Some(Duration::from_secs(self.read_timeout_seconds.into())),
            zone: zone.map_err(|why| wrong_setting("time_zone", why))?,
            keep_zone: false,
        })
    }

    pub fn first_administrator(&self) -> Result<Option<FirstAdministrator>, Error> {
        // An empty variable counts as not set.
        let email = self.admin_email.as_ref().filter(|email| !email.is_empty());
        let password_file = given(self.admin_password_file.as_ref());
        match (email, password_file) {
            (None, None) => Ok(None),
            (Some(email), Some(password_file)) => {
                let email = Email::parse(email).map_err(|why| wrong_setting("admin_email", why))?;
                Ok(Some(FirstAdministrator { email, password_file: password_file.to_owned() }))
            }
            (Some(_), None) => {
                Err(wrong_setting("admin_email", "needs `admin_password_file` beside it"))
            }
            (None, Some(_)) => {
                Err(wrong_setting("admin_password_file", "needs `admin_email` beside it"))
            }
        }
    }

    pub fn tls(&self, public_url: Option<&PublicUrl>) -> Result<Option<TlsSettings>, Error> {
        match (given(self.tls_cert.as_ref()), given(self.tls_key.as_ref())) {
            (None, None) if self.redirect_port.is_some() => {
                Err(wrong_setting("redirect_port", "needs `tls_cert` beside it"))
            }
            (None, None) => Ok(None),
            (Some(_), Some(_)) if public_url.is_some_and(|url| !url.is_https()) => {
                Err(wrong_setting("public_url", "must be https, because `tls_cert` is set"))
            }
            (Some(certificate), Some(key)) => Ok(Some(TlsSettings {
                certificate: certificate.to_owned(),
                key: key.to_owned(),
                redirect_port: self.redirect_port,
            })),
            (Some(_), None) => Err(wrong_setting("tls_cert", "needs `tls_key` beside it")),
            (None, Some(_)) => Err(wrong_setting("tls_key", "needs `tls_cert` beside it")),
        }
    }

    pub fn unix_socket(&self) -> Result<Option<PathBuf>, Error> {
        let Some(file) = given(self.unix_socket.as_ref()) else { return Ok(None) };
        if cfg!(not(unix)) {
            return Err(wrong_setting("unix_socket", "is for Unix only"));
        }
        if given(self.tls_cert.as_ref()).is_some() {
            let why = "is without TLS, which the proxy in front of it has: leave out `tls_cert`";
            return Err(wrong_setting("unix_socket", why));
        }
        absolute(file).map(Some)
    }

    /// The folder for backups of this database.
    pub fn backup_folder(&self, database: &Path) -> Result<PathBuf, Error> {
        match given(self.backup_dir.as_ref()) {
            None => Ok(BackupSchedule::default_folder(database)),
            Some(folder) => absolute(folder),
        }
    }

    pub fn backup_schedule(&self, database: &Path) -> Result<Option<BackupSchedule>, Error> {
        let every = self.backup_every.as_deref().filter(|every| !every.is_empty());
        let Some(every) = every else { return Ok(None) };
        let every = BackupSchedule::parse_interval(every)
            .map_err(|why| wrong_setting("backup_every", format!("is wrong: {why}")))?;
        let folder = self.backup_folder(database)?;
        Ok(Some(BackupSchedule { folder, every, keep: self.backup_keep }))
    }

    /// The token of the setting, or the first line of the file.
    pub fn metrics_token(&self) -> Result<Option<Secret>, Error> {
        // An empty variable counts as not set.
        let token = self.metrics_token.as_ref().filter(|token| !token.is_empty());
        let file = given(self.metrics_token_file.as_ref());
        let (key, token) = match (token, file) {
            (None, None) => return Ok(None),
            (Some(_), Some(_)) => {
                return Err(wrong_setting("metrics_token", "is also set by `metrics_token_file`"));
            }
            (Some(token), None) => ("metrics_token", token.clone()),
            (None, Some(file)) => {
                let text = std::fs::read_to_string(file).map_err(|cause| {
                    let why = format!("names {}, which cannot be read: {cause}", file.display());
                    wrong_setting("metrics_token_file", why)
                })?;
                ("metrics_token_file", text.lines().next().unwrap_or_default().to_owned())
            }
        };
        // It is sent in a header.
        let is_token = token.bytes().all(|byte| byte.is_ascii_graphic());
        if token.len() < MIN_TOKEN_LENGTH || !is_token {
            let why = format!("must be at least {MIN_TOKEN_LENGTH} printable ASCII characters");
            return Err(wrong_setting(key, why));
        }
        Ok(Some(Secret::new(token)))
    }

    pub fn check(&self) -> Result<(), Error> {
        if self.database.as_os_str().is_empty() {
            return Err(wrong_setting("database", "must name a file"));
        }
        if self.access_token_seconds == 0 {
            return Err(wrong_setting("access_token_seconds", "must be at least 1"));
        }
        for (name, days) in
            [("session_days", self.session_days), ("session_max_days", self.session_max_days)]
        {
            if !SESSION_DAYS.contains(&days) {
                let (least, most) = (SESSION_DAYS.start(), SESSION_DAYS.end());
                return Err(wrong_setting(name, format!("must be between {least} and {most}")));
            }
        }
        // It becomes part of a quoted string in a header.
        if self.realm.is_empty()
            || !self.realm.chars().all(|c| c.is_ascii_graphic() && c != '"' && c != '\\')
        {
            let why = "must be printable ASCII without blanks and quotes";
            return Err(wrong_setting("realm", format!("{why}, not {:?}", self.realm)));
        }
        if !(1..=MAX_PASSWORD_CHARS).contains(&self.password_min_length) {
            let why = format!("must be 1 to {MAX_PASSWORD_CHARS}");
            return Err(wrong_setting("password_min_length", why));
        }
        if self.password_min_score > 4 {
            return Err(wrong_setting("password_min_score", "must be 0 to 4"));
        }
        if let Err(cause) = self.argon2().check() {
            let why = format!("is not allowed: {cause}");
            return Err(wrong_setting("argon2_memory_kib` or `argon2_passes", why));
        }
        if self.audit_days == 0 {
            return Err(wrong_setting("audit_days", "must be at least 1"));
        }
        if self.backup_keep == 0 {
            return Err(wrong_setting("backup_keep", "must be at least 1"));
        }
        if self.max_connections == Some(0) {
            return Err(wrong_setting("max_connections", "must be at least 1"));
        }
        if self.quota_mib == 0 {
            return Err(wrong_setting("quota_mib", "must be at least 1"));
        }
        if self.read_timeout_seconds == 0 {
            return Err(wrong_setting("read_timeout_seconds", "must be at least 1"));
        }
        Ok(())
    }
}

pub fn wrong_setting(key: &str, why: impl std::fmt::Display) -> Error {
    Error::Conflict(format!("the setting `{key}` {why}"))
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_variables_of_files_count_as_not_set() {
        let empty = || Some(PathBuf::new());
        let mut settings = Settings {
            unix_socket: Some(PathBuf::from("/run/widgetd.sock")),
            tls_cert: empty(),
            tls_key: empty(),
            backup_dir: empty(),
            ..Settings::default()
        };
        let socket = settings.unix_socket().unwrap();
        assert_eq!(socket.as_deref(), Some(Path::new("/run/widgetd.sock")));
        assert!(settings.tls(None).unwrap().is_none());
        let database = Path::new("/data/widgetd.db");
        assert_eq!(settings.backup_folder(database).unwrap(), Path::new("/data/backups"));
        settings.unix_socket = empty();
        assert!(settings.unix_socket().unwrap().is_none());
    }
}
