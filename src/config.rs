//! Every setting: where it comes from, its default, and what it may be.
//!
//! One flat namespace in one figment: built-in defaults, over them `Rocket.toml`, over it
//! `WIDGETD_*` from the environment, over them the flags of the command line.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use rocket::config::{Ident, LogLevel, Shutdown};
use rocket::data::{Limits, ToByteUnit};
use rocket::figment::providers::{Env, Format, Serialized, Toml};
use rocket::figment::value::{Dict, Value};
use rocket::figment::{Figment, Profile};
use serde::{Deserialize, Serialize};

use crate::accounts::Argon2Settings;
use crate::domain::{MAX_PASSWORD_CHARS, PasswordPolicy};
use crate::error::Error;

/// The prefix of every variable that is a setting.
pub const ENVIRONMENT: &str = "WIDGETD_";

/// The settings that are not Rocket's own, as they are written.
#[derive(Serialize, Deserialize)]
struct Settings {
    database: PathBuf,
    access_token_seconds: u32,
    realm: String,
    password_min_length: usize,
    password_min_score: u8,
    argon2_memory_kib: u32,
    argon2_passes: u32,
    cors_origins: Vec<String>,
    throttle: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            database: PathBuf::from("widgetd.db"),
            access_token_seconds: 3_600,
            realm: "widgetd".to_owned(),
            password_min_length: 8,
            password_min_score: 2,
            argon2_memory_kib: 19_456,
            argon2_passes: 2,
            cors_origins: Vec::new(),
            throttle: true,
        }
    }
}

/// What the command line sets over everything else.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Overrides {
    /// The database's file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<PathBuf>,
    /// The address to listen on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<IpAddr>,
    /// The port to listen on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

/// The settings of one process, checked. None of them is secret.
#[derive(Clone, Debug)]
pub struct Config {
    /// The absolute path of the database's file; the signing key is beside it.
    pub database: PathBuf,
    /// How many seconds a token lives.
    pub access_token_seconds: u32,
    /// The realm of challenges.
    pub realm: String,
    /// What a new password must be.
    pub password_policy: PasswordPolicy,
    /// What hashing a password costs.
    pub argon2: Argon2Settings,
    /// What is logged, as `env_logger` takes it.
    pub log_filter: &'static str,
    /// How many threads serve requests.
    pub workers: usize,
    /// How many threads may do blocking work beside them.
    pub max_blocking: usize,
    /// Everything together, for Rocket to read its own settings from.
    pub figment: Figment,
}

impl Config {
    /// Reads and checks every setting. The error names the one at fault and where it was set.
    pub fn load(overrides: &Overrides) -> Result<Self, Error> {
        let figment = Self::defaults()
            .merge(Toml::file("Rocket.toml").nested())
            .merge(Env::prefixed(ENVIRONMENT).ignore(&["profile"]).global())
            .merge(Serialized::globals(overrides))
            .select(Profile::from_env_or("WIDGETD_PROFILE", rocket::Config::DEFAULT_PROFILE));
        Self::from_figment(figment)
    }

    /// Checks the settings of a figment, which must hold them all: see [`Config::defaults`].
    pub fn from_figment(figment: Figment) -> Result<Self, Error> {
        refuse_unknown_keys(&figment)?;
        let settings: Settings = figment.extract().map_err(|error| bad_settings(&error))?;
        let rocket: rocket::Config = figment.extract().map_err(|error| bad_settings(&error))?;
        settings.check()?;
        let database = std::path::absolute(&settings.database)
            .map_err(|cause| Error::internal("cannot tell the current folder", cause))?;
        let argon2 = settings.argon2();
        Ok(Self {
            database,
            access_token_seconds: settings.access_token_seconds,
            realm: settings.realm,
            password_policy: PasswordPolicy {
                min_length: settings.password_min_length,
                min_score: settings.password_min_score,
            },
            argon2,
            log_filter: log_filter(rocket.log_level),
            workers: rocket.workers.max(1),
            max_blocking: rocket.max_blocking.max(1),
            figment,
        })
    }

    /// The built-in defaults alone.
    pub fn defaults() -> Figment {
        Figment::from(rocket_defaults()).merge(Serialized::defaults(Settings::default()))
    }

    /// As many threads as there are cores: hashing takes all that serving leaves.
    pub fn hashing_threads(&self) -> usize {
        std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
    }
}

/// Rocket's settings, where its own defaults do not do for a service on the internet.
fn rocket_defaults() -> rocket::Config {
    rocket::Config {
        address: Ipv4Addr::LOCALHOST.into(),
        port: 8_000,
        // Says what runs here, and not what it is built with.
        ident: Ident::none(),
        // Rocket believes X-Real-IP from anyone.
        ip_header: None,
        limits: Limits::new().limit("form", 8.kibibytes()).limit("json", 64.kibibytes()),
        shutdown: Shutdown { grace: 8, mercy: 1, ..Shutdown::default() },
        log_level: LogLevel::Normal,
        ..rocket::Config::default()
    }
}

impl Settings {
    fn argon2(&self) -> Argon2Settings {
        Argon2Settings { memory_kib: self.argon2_memory_kib, passes: self.argon2_passes }
    }

    fn check(&self) -> Result<(), Error> {
        let wrong = |key: &str, why: String| Err(Error::Conflict(format!("the setting `{key}` {why}")));
        if self.database.as_os_str().is_empty() {
            return wrong("database", "must name a file".to_owned());
        }
        if self.access_token_seconds == 0 {
            return wrong("access_token_seconds", "must be at least 1".to_owned());
        }
        // It stands in a quoted string of a header.
        if self.realm.is_empty() || !self.realm.chars().all(|c| c.is_ascii_graphic() && c != '"' && c != '\\') {
            return wrong("realm", format!("must be printable ASCII without blanks and quotes, not {:?}", self.realm));
        }
        if !(1..=MAX_PASSWORD_CHARS).contains(&self.password_min_length) {
            return wrong("password_min_length", format!("must be 1 to {MAX_PASSWORD_CHARS}"));
        }
        if self.password_min_score > 4 {
            return wrong("password_min_score", "must be 0 to 4".to_owned());
        }
        if let Err(cause) = self.argon2().check() {
            return wrong("argon2_memory_kib` or `argon2_passes", format!("is not allowed: {cause}"));
        }
        if !self.cors_origins.is_empty() {
            return wrong("cors_origins", "is known, but cross-origin requests are not served yet".to_owned());
        }
        Ok(())
    }
}

/// `normal` is our warnings and errors; `debug` is Rocket's account of every request as well.
fn log_filter(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Off => "off",
        LogLevel::Critical => "off,widgetd=error",
        // Rocket warns of each refusal of a guard in the name of the module that the handler is in.
        LogLevel::Normal => "off,widgetd=warn,widgetd::http=error",
        LogLevel::Debug => "info",
    }
}

/// Refuses a key that nobody reads, which is a key misspelt.
fn refuse_unknown_keys(figment: &Figment) -> Result<(), Error> {
    let known: Dict = Config::defaults().extract().map_err(|error| bad_settings(&error))?;
    let given: Dict = figment.extract().map_err(|error| bad_settings(&error))?;
    match given.iter().find(|(key, _)| !known.contains_key(*key)) {
        None => Ok(()),
        Some((key, value)) => {
            Err(Error::Conflict(format!("there is no setting `{key}`, which is set in {}", source_of(figment, value))))
        }
    }
}

fn source_of(figment: &Figment, value: &Value) -> String {
    figment.get_metadata(value.tag()).map_or_else(
        || "an unknown place".to_owned(),
        |metadata| match &metadata.source {
            Some(source) => source.to_string(),
            None => metadata.name.to_string(),
        },
    )
}

fn bad_settings(error: &rocket::figment::Error) -> Error {
    Error::Conflict(format!("bad settings: {error}"))
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
            assert_eq!(config.access_token_seconds, 3_600);
            let rocket: rocket::Config = config.figment.extract().unwrap();
            assert_eq!((rocket.address, rocket.port), (Ipv4Addr::LOCALHOST.into(), 8_000));
            assert_eq!(rocket.ip_header, None);
            assert_eq!(rocket.limits.get("json"), Some(64.kibibytes()));
            assert_eq!(rocket.shutdown.grace, 8);
        });
    }

    #[test]
    fn the_environment_goes_over_the_file_and_flags_over_both() {
        jail(|jail| {
            jail.create_file("Rocket.toml", "[default]\nrealm = \"file\"\nport = 1\naccess_token_seconds = 7").unwrap();
            jail.set_env("WIDGETD_REALM", "environment");
            jail.set_env("WIDGETD_PORT", "2");
            let overrides = Overrides { port: Some(3), ..Overrides::default() };
            let config = Config::load(&overrides).unwrap();
            assert_eq!(config.realm, "environment");
            assert_eq!(config.access_token_seconds, 7);
            assert_eq!(config.figment.extract_inner::<u16>("port").unwrap(), 3);
        });
    }

    #[test]
    fn a_profile_of_the_file_can_be_chosen() {
        jail(|jail| {
            jail.create_file("Rocket.toml", "[default]\nrealm = \"default\"\n[staging]\nrealm = \"staging\"").unwrap();
            assert_eq!(Config::load(&Overrides::default()).unwrap().realm, "default");
            jail.set_env("WIDGETD_PROFILE", "staging");
            assert_eq!(Config::load(&Overrides::default()).unwrap().realm, "staging");
        });
    }

    #[test]
    fn an_unknown_key_is_refused_by_name_and_place() {
        jail(|jail| {
            jail.set_env("WIDGETD_DATABSE", "x.db");
            let refusal = refusal();
            assert!(refusal.starts_with("there is no setting `databse`"), "{refusal}");
            assert!(refusal.contains("WIDGETD_"), "{refusal}");
        });
        jail(|jail| {
            jail.create_file("Rocket.toml", "[default]\npot = 1").unwrap();
            let refusal = refusal();
            assert!(refusal.starts_with("there is no setting `pot`"), "{refusal}");
            assert!(refusal.contains("Rocket.toml"), "{refusal}");
        });
    }

    #[test]
    fn a_value_that_cannot_be_is_refused_by_its_key() {
        for (key, value) in [
            ("WIDGETD_PORT", "80000"),
            ("WIDGETD_ACCESS_TOKEN_SECONDS", "0"),
            ("WIDGETD_ACCESS_TOKEN_SECONDS", "soon"),
            ("WIDGETD_REALM", "a\"b"),
            ("WIDGETD_PASSWORD_MIN_LENGTH", "129"),
            ("WIDGETD_PASSWORD_MIN_SCORE", "5"),
            ("WIDGETD_ARGON2_MEMORY_KIB", "1"),
            ("WIDGETD_ARGON2_MEMORY_KIB", "4000000000"),
            ("WIDGETD_ARGON2_PASSES", "0"),
            ("WIDGETD_THROTTLE", "perhaps"),
            ("WIDGETD_CORS_ORIGINS", "[\"https://app.example.org\"]"),
            ("WIDGETD_DATABASE", ""),
        ] {
            jail(|jail| {
                jail.set_env(key, value);
                let name = key.trim_start_matches(ENVIRONMENT).to_lowercase();
                let refusal = refusal();
                assert!(refusal.to_lowercase().contains(&name), "{key}={value}: {refusal}");
            });
        }
    }
}
