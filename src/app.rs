//! Builds the service from its parts.

use std::net::SocketAddr;
use std::sync::Arc;

use rocket::{Build, Rocket};

use crate::accounts::{
    Accounts, Hasher, HashingMode, RateLimits, Sessions, SetupCode, SigningKey, Tokens,
};
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::{ExportedList, Imported, RequestContext, TableImport, UserId};
use crate::error::Error;
use crate::http::{
    self, Export, FieldContext, Listener, Listening, ServerSettings, Services, Tls, ViewContext,
    tables,
};
use crate::store::Store;

/// The path of the API's documentation for people.
pub const API_PAGES: &str = http::API_PAGES;

/// The path of the page that creates the first administrator, without the setup code.
pub const SETUP_PAGE: &str = http::SETUP_PAGE;

/// Everything that serves, on top of an open store; it does not listen yet. The bearer of the setup
/// code can create the first administrator.
///
/// Fails if the signing key cannot be used or the store does not answer.
pub async fn build(
    config: &Config,
    store: Arc<dyn Store>,
    clock: Clock,
    setup_code: Option<&SetupCode>,
) -> Result<Rocket<Build>, Error> {
    let key = SigningKey::load_or_create(&SigningKey::path_beside(&config.database))?;
    let installation = store.get_installation_id().await?;
    let tokens = Tokens::new(&key, &installation)?;
    let hashing = HashingMode::Background { threads: config.hashing_threads() };
    let services = Services {
        accounts: accounts(config, Arc::clone(&store), &clock, hashing)?
            .with_setup_code(setup_code),
        sessions: Sessions::new(Arc::clone(&store), tokens, config.session_lives, clock.clone()),
        store,
        clock,
        // Differs between installations on the same host, on other ports or below other paths.
        cookie: format!("widgetd-{}", installation.get(..8).unwrap_or_default()),
        realm: config.realm.clone(),
        team_name: config.team_name.clone(),
        trusted_proxies: config.trusted_proxies.clone(),
        allowed_origins: config.allowed_origins.clone(),
        public_url: config.public_url.clone(),
        remote_setup: config.remote_setup,
        quota: config.store.quota,
        require_email: config.require_email,
        metrics_token: config.metrics_token.clone(),
        speaks_tls: config.tls.is_some(),
    };
    Ok(http::mount(rocket::custom(&config.figment), services))
}

/// The certificate of the settings. Fails if it cannot be used.
pub fn load_tls(config: &Config) -> Result<Option<Arc<Tls>>, Error> {
    config.tls.as_ref().map(|files| Tls::load(files).map(Arc::new)).transpose()
}

/// Listens where the settings say, or on a socket that was opened for this process. Fails if the
/// certificate of the settings cannot be used.
pub fn listen(config: &Config) -> Result<Listening, Error> {
    let listener = match (Listener::passed()?, &config.unix_socket) {
        (Some(listener), _) => listener,
        #[cfg(unix)]
        (None, Some(file)) => Listener::bind_file(file)?,
        (None, _) => Listener::bind(config.address)?,
    };
    let redirect_port = config.tls.as_ref().and_then(|tls| tls.redirect_port);
    let redirecting = redirect_port
        .map(|port| Listener::bind(SocketAddr::new(config.address.ip(), port)))
        .transpose()?;
    Ok(Listening { listener, tls: load_tls(config)?, redirecting })
}

/// Serves until `stop` resolves. Returns whether every request was finished in the grace period.
pub async fn serve(
    config: &Config,
    rocket: Rocket<Build>,
    listening: Listening,
    stop: impl Future<Output = ()>,
) -> Result<bool, Error> {
    let settings = ServerSettings {
        max_connections: config.max_connections,
        keep_alive: config.keep_alive,
        grace: config.grace,
        trusted_proxies: config.trusted_proxies.clone(),
        access_log: config.access_log,
        public_url: config.public_url.clone(),
    };
    http::serve(rocket, listening, settings, stop).await
}

/// All of a list as CSV, as the API answers it. `owner` says whose templates.
pub fn export(
    config: &Config,
    store: Arc<dyn Store>,
    list: ExportedList,
    owner: Option<UserId>,
) -> Result<Export, Error> {
    let context = ViewContext::new(Clock::System.now(), config.store.quota);
    tables::export(store, list, owner, context)
}

/// Imports a table as the API does, of any size.
pub async fn import(
    config: &Config,
    store: &dyn Store,
    table: TableImport<'_>,
    context: &RequestContext,
) -> Result<Imported, Error> {
    let fields = FieldContext {
        now: context.at,
        zone: store.zone().clone(),
        password_policy: config.password_policy,
        require_email: config.require_email,
    };
    tables::import(store, table, &fields, context).await
}

/// The part of the service that the command line uses as well.
pub fn accounts(
    config: &Config,
    store: Arc<dyn Store>,
    clock: &Clock,
    hashing: HashingMode,
) -> Result<Accounts, Error> {
    let hasher = Hasher::start(config.argon2, hashing)?;
    let limits = RateLimits::new(config.throttle.clone(), clock.clone());
    Ok(Accounts::new(store, hasher, config.password_policy, limits, config.registration))
}
