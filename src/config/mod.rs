//! The settings of the process.
//!
//! One flat namespace in one figment. Later sources override earlier ones: built-in defaults,
//! `Rocket.toml`, `WIDGETD_*` from the environment, flags of the command line.

mod settings;
mod shown;
mod unknown_keys;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rocket::config::{Ident, LogLevel, Shutdown};
use rocket::data::{Limits, ToByteUnit};
use rocket::figment::error::Kind;
use rocket::figment::providers::{Env, Format, Serialized, Toml};
use rocket::figment::{Figment, Profile};
use serde::Serialize;

use self::settings::{ENVIRONMENT_PREFIX, Settings, wrong_setting};
pub use self::settings::{FirstAdministrator, absolute};
pub use self::shown::{ShownSetting, shown_settings};
use self::unknown_keys::{refuse_unknown_keys, refuse_unknown_profiles};
use crate::accounts::Argon2Settings;
use crate::domain::{
    AccessLog, AllowedOrigins, BackupSchedule, LogFormat, Named, PasswordPolicy, PublicUrl,
    RegistrationPolicy, Reloadable, Secret, SessionLives, StoreLimits, TeamName, TlsSettings,
    TrustedProxies,
};
use crate::error::Error;

/// The memory of all hashing threads together, unless one thread needs more.
const HASHING_MEMORY_KIB: u32 = 64 * 1024;

/// The flags, which override every other source.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Overrides {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<PathBuf>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    /// The file of settings [default: `Rocket.toml` in the current folder, if there is one].
    #[serde(skip)]
    pub file: Option<PathBuf>,
}

/// The settings, checked. Do not show `figment`: it has the token for metrics.
#[derive(Clone, Debug)]
pub struct Config {
    /// An absolute path. The signing key is in a file beside it.
    pub database: PathBuf,
    pub session_lives: SessionLives,
    /// Part of the realm in challenges.
    pub realm: String,
    /// What pages and the calendar are called.
    pub team_name: TeamName,
    pub password_policy: PasswordPolicy,
    pub argon2: Argon2Settings,
    pub registration: RegistrationPolicy,
    /// Whether every account has an e-mail address.
    pub require_email: bool,
    /// Whether rate limits are on.
    pub throttle: Reloadable<bool>,
    /// The proxies whose `X-Forwarded-For` is trusted.
    pub trusted_proxies: Reloadable<TrustedProxies>,
    /// The origins whose pages may call the API (CORS).
    pub allowed_origins: Reloadable<AllowedOrigins>,
    /// The address for browsers, if it is not the address the service listens on.
    pub public_url: Option<PublicUrl>,
    /// Where to listen instead of `address`.
    pub unix_socket: Option<PathBuf>,
    /// `None`: connections are not encrypted.
    pub tls: Option<TlsSettings>,
    /// Whether the setup link works from another machine.
    pub remote_setup: bool,
    /// The retention of audit entries.
    pub audit_days: u32,
    /// Where backups go, unless a command says so.
    pub backup_folder: PathBuf,
    /// `None`: the service makes none.
    pub backup_schedule: Option<BackupSchedule>,
    /// How much may be stored, how long reading a list may take, and the time zone.
    pub store: StoreLimits,
    pub first_administrator: Option<FirstAdministrator>,
    /// In the syntax of `env_logger`.
    pub log_filter: &'static str,
    pub log_format: LogFormat,
    pub access_log: AccessLog,
    /// Who bears it may see the metrics.
    pub metrics_token: Option<Secret>,
    pub workers: usize,
    pub max_blocking: usize,
    /// Where to listen; port 0 is any free one.
    pub address: SocketAddr,
    /// How many connections may be open. `None`: as many as memory and descriptors allow.
    pub max_connections: Option<u32>,
    /// How long a connection stays open between two requests.
    pub keep_alive: Duration,
    /// How long requests may go on after the signal to stop.
    pub grace: Duration,
    /// The flags, for when the settings are read again.
    pub overrides: Overrides,
    /// All settings, for Rocket to read its own from.
    pub figment: Figment,
}

impl Config {
    /// Reads and checks every setting. The error names the setting at fault and where it is set.
    pub fn load(overrides: &Overrides) -> Result<Self, Error> {
        let file = overrides.file.as_deref().unwrap_or(Path::new("Rocket.toml"));
        if overrides.file.is_some() && !file.is_file() {
            return Err(Error::NotFound(format!("there is no file {}", file.display())));
        }
        let mut figment = Self::defaults();
        if file.is_file() {
            // Of this folder alone: one of a folder above would be a surprise.
            figment = figment.merge(Toml::file_exact(file).nested());
        }
        let figment = figment
            .merge(
                Env::prefixed(ENVIRONMENT_PREFIX)
                    .ignore(&["profile"])
                    .filter(|key| !is_of_kubernetes(key.as_str()))
                    .global(),
            )
            .merge(Serialized::globals(overrides));
        let profile = Profile::from_env_or("WIDGETD_PROFILE", rocket::Config::DEFAULT_PROFILE);
        // The built-in profiles need no table.
        if profile.is_custom()
            && profile != rocket::Config::DEFAULT_PROFILE
            && figment.profiles().all(|known| *known != profile)
        {
            return Err(Error::Conflict(format!(
                "Rocket.toml has no profile [{profile}], which WIDGETD_PROFILE chooses"
            )));
        }
        let config = Self::from_figment(figment.select(profile))?;
        Ok(Self { overrides: overrides.clone(), ..config })
    }

    /// Checks the settings of a figment that includes [`Config::defaults`].
    pub fn from_figment(figment: Figment) -> Result<Self, Error> {
        let known = Self::defaults().extract().map_err(|error| bad_settings(&error))?;
        refuse_unknown_keys(&figment, &known)?;
        let settings: Settings = figment.extract().map_err(|error| bad_settings(&error))?;
        refuse_unknown_profiles(&figment, &settings.profiles)?;
        let rocket: rocket::Config = figment.extract().map_err(|error| bad_settings(&error))?;
        settings.check()?;
        let wrong = |key| move |why: String| wrong_setting(key, why);
        let team_name = TeamName::parse(&settings.team_name).map_err(wrong("team_name"))?;
        let registration = RegistrationPolicy::parse_name(&settings.registration)
            .map_err(wrong("registration"))?;
        let log_format =
            LogFormat::parse_name(&settings.log_format).map_err(wrong("log_format"))?;
        let access_log =
            AccessLog::parse_name(&settings.access_log).map_err(wrong("access_log"))?;
        let trusted_proxies =
            TrustedProxies::parse(&settings.trusted_proxies).map_err(wrong("trusted_proxies"))?;
        let allowed_origins =
            AllowedOrigins::parse(&settings.cors_origins).map_err(wrong("cors_origins"))?;
        // An empty variable counts as not set.
        let public_url = settings.public_url.as_deref().filter(|url| !url.is_empty());
        let public_url =
            public_url.map(PublicUrl::parse).transpose().map_err(wrong("public_url"))?;
        let first_administrator = settings.first_administrator()?;
        let database = absolute(&settings.database)?;
        Ok(Self {
            argon2: settings.argon2(),
            store: settings.store_limits()?,
            backup_folder: settings.backup_folder(&database)?,
            backup_schedule: settings.backup_schedule(&database)?,
            metrics_token: settings.metrics_token()?,
            tls: settings.tls(public_url.as_ref())?,
            unix_socket: settings.unix_socket()?,
            database,
            session_lives: settings.session_lives(),
            realm: settings.realm,
            team_name,
            password_policy: PasswordPolicy {
                min_length: settings.password_min_length,
                min_score: settings.password_min_score,
            },
            registration,
            require_email: settings.require_email,
            throttle: Reloadable::new(settings.throttle),
            trusted_proxies: Reloadable::new(trusted_proxies),
            allowed_origins: Reloadable::new(allowed_origins),
            public_url,
            remote_setup: settings.remote_setup,
            audit_days: settings.audit_days,
            first_administrator,
            log_filter: log_filter(rocket.log_level),
            log_format,
            access_log,
            workers: rocket.workers.max(1),
            max_blocking: rocket.max_blocking.max(1),
            address: SocketAddr::new(rocket.address, rocket.port),
            max_connections: settings.max_connections,
            keep_alive: Duration::from_secs(rocket.keep_alive.into()),
            grace: Duration::from_secs(rocket.shutdown.grace.into()),
            overrides: Overrides::default(),
            figment,
        })
    }

    /// The built-in defaults alone.
    pub fn defaults() -> Figment {
        Figment::from(rocket_defaults()).merge(Serialized::defaults(Settings::default()))
    }

    /// One per core, because hashing uses all time that serving leaves; at most as many as fit into
    /// 64 MiB.
    pub fn hashing_threads(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let room = HASHING_MEMORY_KIB / self.argon2.memory_kib.max(1);
        cores.min(usize::try_from(room).unwrap_or(usize::MAX)).max(1)
    }
}

/// Whether Kubernetes has set this variable, which has no prefix here, because a service is called
/// widgetd: `WIDGETD_PORT=tcp://10.0.0.1:8000`, `WIDGETD_SERVICE_HOST`, `WIDGETD_PORT_8000_TCP`.
fn is_of_kubernetes(key: &str) -> bool {
    let key = key.to_ascii_uppercase();
    if key == "PORT" {
        let value = std::env::var(format!("{ENVIRONMENT_PREFIX}PORT")).unwrap_or_default();
        return value.contains("://");
    }
    key.starts_with("SERVICE_HOST") || key.starts_with("SERVICE_PORT") || key.starts_with("PORT_")
}

/// The variables that Kubernetes has set and that are ignored.
pub fn kubernetes_variables() -> Vec<String> {
    let names = std::env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    names
        .filter(|name| name.strip_prefix(ENVIRONMENT_PREFIX).is_some_and(is_of_kubernetes))
        .collect()
}

/// Rocket's defaults, changed for a service on the internet.
fn rocket_defaults() -> rocket::Config {
    rocket::Config {
        address: Ipv4Addr::LOCALHOST.into(),
        port: 8_000,
        // No header that names the framework.
        ident: Ident::none(),
        // Rocket trusts X-Real-IP from every client.
        ip_header: None,
        limits: Limits::new()
            .limit("form", 8.kibibytes())
            .limit("json", 64.kibibytes())
            .limit("csv", 32.mebibytes()),
        shutdown: Shutdown { grace: 8, mercy: 1, ..Shutdown::default() },
        log_level: LogLevel::Normal,
        ..rocket::Config::default()
    }
}

/// `normal` is our warnings and errors; `debug` adds Rocket's lines about every request.
fn log_filter(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Off => "off",
        LogLevel::Critical => "off,widgetd=error",
        // Rocket logs each failed guard as a warning of the handler's module.
        LogLevel::Normal => "off,widgetd=warn,widgetd::http=error,widgetd::http::server=warn",
        LogLevel::Debug => "info",
    }
}

fn bad_settings(error: &rocket::figment::Error) -> Error {
    let hint = match &error.kind {
        Kind::InvalidType(_, expected) if expected == "a sequence" => {
            "; a list is written like [\"one\", \"other\"]"
        }
        _ => "",
    };
    Error::Conflict(format!("bad settings: {error}{hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rocket::figment::Jail;

    // The error is the size that `figment::Jail` has chosen.
    #[allow(clippy::result_large_err)]
    fn jail(run: impl FnOnce(&mut Jail)) {
        Jail::expect_with(|jail| {
            jail.clear_env();
            run(jail);
            Ok(())
        });
    }

    fn refusal() -> String {
        Config::load(&Overrides::default()).expect_err("refused").to_string()
    }

    #[test]
    fn without_any_file_the_defaults_hold() {
        jail(|_| {
            let config = Config::load(&Overrides::default()).unwrap();
            assert_eq!(config.database, std::path::absolute("widgetd.db").unwrap());
            assert_eq!(config.session_lives.api_client, 3_600);
            let rocket: rocket::Config = config.figment.extract().unwrap();
            assert_eq!((rocket.address, rocket.port), (Ipv4Addr::LOCALHOST.into(), 8_000));
            assert_eq!(rocket.ip_header, None);
            assert_eq!(rocket.limits.get("json"), Some(64.kibibytes()));
            assert_eq!(rocket.limits.get("csv"), Some(32.mebibytes()));
            assert_eq!(rocket.shutdown.grace, 8);
        });
    }

    #[test]
    fn the_environment_goes_over_the_file_and_flags_over_both() {
        jail(|jail| {
            jail.create_file(
                "Rocket.toml",
                "[default]\nrealm = \"file\"\nport = 1\naccess_token_seconds = 7",
            )
            .unwrap();
            jail.set_env("WIDGETD_REALM", "environment");
            jail.set_env("WIDGETD_PORT", "2");
            let overrides = Overrides { port: Some(3), ..Overrides::default() };
            let config = Config::load(&overrides).unwrap();
            assert_eq!(config.realm, "environment");
            assert_eq!(config.session_lives.api_client, 7);
            assert_eq!(config.figment.extract_inner::<u16>("port").unwrap(), 3);
        });
    }

    #[test]
    fn a_profile_of_the_file_can_be_chosen() {
        jail(|jail| {
            jail.create_file(
                "Rocket.toml",
                "[default]\nprofiles = [\"staging\"]\nrealm = \"default\"\n[staging]\nrealm = \"staging\"",
            )
            .unwrap();
            assert_eq!(Config::load(&Overrides::default()).unwrap().realm, "default");
            jail.set_env("WIDGETD_PROFILE", "staging");
            assert_eq!(Config::load(&Overrides::default()).unwrap().realm, "staging");
            jail.set_env("WIDGETD_PROFILE", "stagging");
            assert_eq!(
                refusal(),
                "Rocket.toml has no profile [stagging], which WIDGETD_PROFILE chooses"
            );
        });
    }

    #[test]
    fn lists_and_names_are_read_from_the_environment() {
        jail(|jail| {
            jail.set_env("WIDGETD_REGISTRATION", "approval");
            jail.set_env("WIDGETD_CORS_ORIGINS", "[\"https://app.example.org\"]");
            jail.set_env("WIDGETD_TRUSTED_PROXIES", "[\"127.0.0.1\", \"10.0.0.0/8\"]");
            jail.set_env("WIDGETD_ADMIN_EMAIL", "ann@example.com");
            jail.set_env("WIDGETD_ADMIN_PASSWORD_FILE", "/run/secrets/password");
            let config = Config::load(&Overrides::default()).unwrap();
            assert_eq!(config.registration, RegistrationPolicy::Approval);
            assert!(config.allowed_origins.get().allow("https://app.example.org"));
            let client = config
                .trusted_proxies
                .get()
                .client([127, 0, 0, 1].into(), ["192.0.2.1"].into_iter());
            assert_eq!(client.to_string(), "192.0.2.1");
            let first = config.first_administrator.unwrap();
            assert_eq!(
                (first.email.as_str(), first.password_file.to_str()),
                ("ann@example.com", Some("/run/secrets/password"))
            );
        });
    }

    #[test]
    fn variables_that_kubernetes_sets_are_no_settings() {
        jail(|jail| {
            jail.set_env("WIDGETD_PORT", "tcp://10.0.0.1:8000");
            jail.set_env("WIDGETD_SERVICE_HOST", "10.0.0.1");
            jail.set_env("WIDGETD_SERVICE_PORT_HTTP", "8000");
            jail.set_env("WIDGETD_PORT_8000_TCP_ADDR", "10.0.0.1");
            jail.set_env("WIDGETD_REALM", "acme");
            let config = Config::load(&Overrides::default()).unwrap();
            assert_eq!((config.address.port(), config.realm.as_str()), (8_000, "acme"));
            assert_eq!(kubernetes_variables().len(), 4);
            jail.set_env("WIDGETD_PORT", "8001");
            assert_eq!(Config::load(&Overrides::default()).unwrap().address.port(), 8_001);
            jail.set_env("WIDGETD_SERVICES", "1");
            assert!(refusal().contains("services"));
        });
    }

    #[test]
    fn a_value_that_cannot_be_is_refused_by_its_key() {
        for (key, value) in [
            ("WIDGETD_PORT", "80000"),
            ("WIDGETD_ACCESS_TOKEN_SECONDS", "0"),
            ("WIDGETD_ACCESS_TOKEN_SECONDS", "soon"),
            ("WIDGETD_REALM", "a\"b"),
            ("WIDGETD_TEAM_NAME", " "),
            ("WIDGETD_TEAM_NAME", "Ac\u{7}me"),
            ("WIDGETD_TEAM_NAME", &"é".repeat(61)),
            ("WIDGETD_PASSWORD_MIN_LENGTH", "129"),
            ("WIDGETD_PASSWORD_MIN_SCORE", "5"),
            ("WIDGETD_ARGON2_MEMORY_KIB", "1"),
            ("WIDGETD_ARGON2_MEMORY_KIB", "4000000000"),
            ("WIDGETD_ARGON2_PASSES", "0"),
            ("WIDGETD_ARGON2_PASSES", "101"),
            ("WIDGETD_THROTTLE", "perhaps"),
            ("WIDGETD_CORS_ORIGINS", "[\"https://app.example.org/\"]"),
            ("WIDGETD_CORS_ORIGINS", "https://app.example.org"),
            ("WIDGETD_TRUSTED_PROXIES", "[\"proxy.local\"]"),
            ("WIDGETD_PUBLIC_URL", "https://example.org/w"),
            ("WIDGETD_TLS_CERT", "/run/tls/cert.pem"),
            ("WIDGETD_TLS_KEY", "/run/tls/key.pem"),
            ("WIDGETD_REDIRECT_PORT", "80"),
            ("WIDGETD_UNIX_SOCKET", "5"),
            ("WIDGETD_REMOTE_SETUP", "perhaps"),
            ("WIDGETD_REGISTRATION", "never"),
            ("WIDGETD_AUDIT_DAYS", "0"),
            ("WIDGETD_BACKUP_EVERY", "1 month"),
            ("WIDGETD_BACKUP_KEEP", "0"),
            ("WIDGETD_MAX_CONNECTIONS", "0"),
            ("WIDGETD_QUOTA_MIB", "0"),
            ("WIDGETD_MIN_FREE_MIB", "5 %"),
            ("WIDGETD_READ_TIMEOUT_SECONDS", "0"),
            ("WIDGETD_TIME_ZONE", "Europe/Atlantis"),
            ("WIDGETD_LOG_FORMAT", "xml"),
            ("WIDGETD_ACCESS_LOG", "true"),
            ("WIDGETD_METRICS_TOKEN", "too short"),
            ("WIDGETD_METRICS_TOKEN", "with blanks in a long token"),
            ("WIDGETD_METRICS_TOKEN_FILE", "/nowhere/token"),
            ("WIDGETD_ADMIN_EMAIL", "ann@example.com"),
            ("WIDGETD_ADMIN_PASSWORD_FILE", "/run/secrets/password"),
            ("WIDGETD_DATABASE", ""),
        ] {
            jail(|jail| {
                jail.set_env(key, value);
                let name = key.trim_start_matches(ENVIRONMENT_PREFIX).to_lowercase();
                let refusal = refusal();
                assert!(refusal.to_lowercase().contains(&name), "{key}={value}: {refusal}");
            });
        }
    }
}
