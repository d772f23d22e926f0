//! `widgetd serve`

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use rocket::error::ErrorKind;
use rocket::fairing::AdHoc;

use super::terminal::judge;
use crate::accounts::{HashingMode, SetupCode, UserDetails};
use crate::app::{self, API_PAGES, SETUP_PAGE};
use crate::clock::Clock;
use crate::config::{Config, FirstAdministrator};
use crate::domain::{Actor, LoginName, RequestContext, Role, Status, User, UserRef};
use crate::error::Error;
use crate::store::{self, IfAbsent, Retention, Store};

const PURGE_INTERVAL: Duration = Duration::from_hours(1);

/// How long the end of the process waits for tasks that do not end by themselves.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(500);

/// How long an account knows a network after a login from it.
const NETWORK_RETENTION_DAYS: u32 = 90;

/// Serves until SIGINT or SIGTERM, then finishes the requests in flight.
pub fn run(config: &Config) -> Result<(), Error> {
    // Rocket's own entry points read the number of threads from ROCKET_* only.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(config.workers)
        .max_blocking_threads(config.max_blocking)
        .thread_name("widgetd-worker")
        .enable_all()
        .build()
        .map_err(|cause| Error::internal("cannot start the threads that serve", cause))?;
    let outcome = runtime.block_on(serve(config));
    // The store is closed: what is still running serves nobody, and must not keep the process.
    runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
    outcome
}

async fn serve(config: &Config) -> Result<(), Error> {
    let clock = Clock::System;
    let timeout = Some(config.read_timeout);
    let store = store::open(&config.database, IfAbsent::Create, clock.clone(), timeout)?;
    if let Some(first) = &config.first_administrator {
        add_first_administrator(config, first, &store).await?;
    }
    let purging = tokio::spawn(purge_hourly(Arc::clone(&store), config.audit_days));
    let setup_code =
        if store.has_administrator().await? { None } else { Some(SetupCode::generate()?) };
    let rocket = app::build(config, Arc::clone(&store), clock, setup_code.as_ref()).await?;
    let settings = config.clone();
    let rocket = rocket.attach(AdHoc::on_liftoff("announce", move |rocket| {
        let at = SocketAddr::new(rocket.config().address, rocket.config().port);
        Box::pin(async move { announce(&settings, at, setup_code.as_ref()) })
    }));
    let outcome = rocket.launch().await.map(drop).map_err(|error| explain(&error));
    purging.abort();
    store.close().await;
    outcome.inspect(|()| eprintln!("widgetd has stopped."))
}

/// Adds the administrator that the settings name, if there is no administrator.
async fn add_first_administrator(
    config: &Config,
    first: &FirstAdministrator,
    store: &Arc<dyn Store>,
) -> Result<(), Error> {
    if store.has_administrator().await? {
        return Ok(());
    }
    let FirstAdministrator { email, password_file } = first;
    let text = std::fs::read_to_string(password_file).map_err(|cause| {
        Error::internal(&format!("cannot read the password in {}", password_file.display()), cause)
    })?;
    let cannot =
        |why: String| Error::Conflict(format!("cannot make the first administrator: {why}"));
    let password =
        judge(config, text.lines().next().unwrap_or_default(), &[email.as_str().to_owned()])
            .map_err(|why| cannot(format!("the password in {} {why}", password_file.display())))?;
    let accounts =
        app::accounts(config, Arc::clone(store), &Clock::System, HashingMode::Foreground)?;
    let new = UserDetails { email: email.clone(), username: None, password };
    match accounts
        .add(new, Role::Admin, &RequestContext::local(Actor::Service, Clock::System.now()))
        .await
    {
        Ok(user) => {
            eprintln!("Added {} as {}, as the settings say.", user.email, user.role.as_str());
            Ok(())
        }
        // The address is registered, maybe not by its owner: a person must decide.
        Err(Error::Conflict(why)) => {
            let user = store
                .get_user_by_name(&UserRef::LoginName(LoginName::Email(email.clone())))
                .await?;
            Err(cannot(format!(
                "{why}, and is not one; to make it one: {}",
                commands_to_promote(config, &user)
            )))
        }
        Err(error) => Err(error),
    }
}

/// The commands that turn an account into an active administrator.
fn commands_to_promote(config: &Config, User { email, role, status, .. }: &User) -> String {
    let status = match status {
        Status::Pending => Some(format!("user approve {email}")),
        Status::Disabled => Some(format!("user enable {email}")),
        Status::Active => None,
    };
    let role = (!role.is_admin()).then(|| format!("user role {email} admin"));
    let commands = status
        .into_iter()
        .chain(role)
        .map(|arguments| format!("`{}`", command(config, &arguments)));
    commands.collect::<Vec<_>>().join(", ")
}

/// Purges expired data, now and every hour.
async fn purge_hourly(store: Arc<dyn Store>, audit_days: u32) {
    loop {
        let now = Clock::System.now();
        let days_ago = |days: u32| now.plus_seconds(-i64::from(days) * 86_400);
        let retention = Retention {
            now,
            networks_since: days_ago(NETWORK_RETENTION_DAYS),
            audit_since: days_ago(audit_days),
        };
        if let Err(error) = store.purge(retention).await {
            log::warn!("cannot purge expired data: {error}");
        }
        Clock::System.sleep(PURGE_INTERVAL).await;
    }
}

fn announce(config: &Config, at: SocketAddr, setup_code: Option<&SetupCode>) {
    let host = match at.ip() {
        // It listens at every address, also at this one.
        ip if ip.is_unspecified() => SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), at.port()),
        _ => at,
    };
    eprintln!("\nwidgetd {} is ready.\n", env!("CARGO_PKG_VERSION"));
    let elsewhere =
        if at.ip().is_unspecified() { ", and every other address of this machine" } else { "" };
    let local = format!("http://{host}");
    let public = config.public_url.as_ref().map(|url| format!("{}{}", url.origin(), url.path()));
    eprintln!("  Address    {local}{elsewhere}");
    if let Some(public) = &public {
        eprintln!("  Public     {public}/");
    }
    // The links in answers name the public address.
    eprintln!("  API pages  {}{API_PAGES}", public.as_ref().unwrap_or(&local));
    eprintln!("  Database   {}", config.database.display());
    if let Some(code) = setup_code {
        let (here, root) = match &public {
            Some(public) if config.remote_setup => ("", public),
            _ if config.remote_setup => ("", &local),
            _ => (" on this machine", &local),
        };
        eprintln!(
            "\n  There is no administrator yet. To become the administrator, open this link{here}. It works once:\n"
        );
        eprintln!("    {root}{SETUP_PAGE}/{}\n", code.reveal());
        eprintln!(
            "  Or, in another terminal:\n\n    {}",
            command(config, "user add you@example.org --admin")
        );
    }
    eprintln!("\nPress Ctrl-C to stop.\n");
}

/// A command line for this database that works in any folder.
fn command(config: &Config, arguments: &str) -> String {
    let program = std::env::args().next().unwrap_or_else(|| "widgetd".to_owned());
    let database = config.database.display().to_string();
    format!("{} {arguments} --database {}", quoted(&program), quoted(&database))
}

/// Quotes a word for a shell.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:=@%,".contains(c);
    if word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// Explains Rocket's errors. (One whose kind was never read panics when it is dropped.)
fn explain(error: &rocket::Error) -> Error {
    match error.kind() {
        ErrorKind::Bind(cause) if cause.kind() == std::io::ErrorKind::AddrInUse => Error::internal(
            "cannot listen (is another widgetd running? `--port` or WIDGETD_PORT chooses another port)",
            cause,
        ),
        ErrorKind::Bind(cause) => Error::internal("cannot listen at this address", cause),
        ErrorKind::Shutdown(..) => Error::Internal(
            "some requests were still running when the grace period ended".to_owned(),
        ),
        kind => Error::internal("cannot serve", kind),
    }
}
