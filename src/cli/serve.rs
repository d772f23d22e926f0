//! `widgetd serve`

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket};
#[cfg(unix)]
use tokio::signal::unix::{self, SignalKind};
#[cfg(windows)]
use tokio::signal::windows;
use tokio::sync::oneshot;

use super::terminal::judge;
use crate::accounts::{HashingMode, SetupCode, UserDetails};
use crate::app::{self, API_PAGES, SETUP_PAGE};
use crate::clock::Clock;
use crate::config::{Config, FirstAdministrator};
use crate::domain::{Actor, LoginName, RequestContext, Role, Status, User, UserNames, UserRef};
use crate::error::Error;
use crate::store::{self, IfAbsent, Retention, Store};

/// How many connections may wait until they are accepted.
const BACKLOG: u32 = 1_024;

/// After how many tasks a thread looks for what has arrived on its connections, so that a flood of
/// new connections does not keep others waiting.
const EVENT_INTERVAL: u32 = 16;

const PURGE_INTERVAL: Duration = Duration::from_hours(1);

/// How long the end of the process waits for tasks that do not end by themselves.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(500);

/// How long an account knows a network after a login from it.
const NETWORK_RETENTION_DAYS: u32 = 90;

/// Serves until SIGINT or SIGTERM, then finishes the requests in flight.
pub fn run(config: &Config) -> Result<(), Error> {
    use_small_pages();
    // Rocket's own entry points read the number of threads from ROCKET_* only.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(config.workers)
        .max_blocking_threads(config.max_blocking)
        .event_interval(EVENT_INTERVAL)
        .thread_name("widgetd-worker")
        .enable_all()
        .build()
        .map_err(|cause| Error::internal("cannot start the threads that serve", cause))?;
    let outcome = runtime.block_on(serve(config));
    // The store is closed: what is still running serves nobody, and must not keep the process.
    runtime.shutdown_timeout(SHUTDOWN_TIMEOUT);
    outcome
}

/// Keeps the kernel from backing memory with huge pages, most of which would stay unused. (Measured:
/// 88 MiB instead of 177 under 64 readers of large lists, and logins are as fast.) Linux only.
fn use_small_pages() {
    #[cfg(target_os = "linux")]
    if let Err(cause) = rustix::thread::disable_transparent_huge_pages(true) {
        log::warn!("cannot avoid huge pages: {cause}");
    }
}

async fn serve(config: &Config) -> Result<(), Error> {
    // First, so that a port that is taken changes nothing.
    let listener = listen(config.address)?;
    let at = listener.local_addr().unwrap_or(config.address);
    let stop = stop_signal()?;
    let clock = Clock::System;
    let limits = config.store.clone();
    let store = store::open(&config.database, IfAbsent::Create, clock.clone(), limits)?;
    if let Some(first) = &config.first_administrator {
        add_first_administrator(config, first, &store).await?;
    }
    let purging = tokio::spawn(purge_hourly(Arc::clone(&store), config.audit_days));
    let setup_code =
        if store.has_administrator().await? { None } else { Some(SetupCode::generate()?) };
    let rocket = app::build(config, Arc::clone(&store), clock, setup_code.as_ref()).await?;
    announce(config, at, setup_code.as_ref());
    let outcome = app::serve(config, rocket, listener, stop).await;
    purging.abort();
    store.close().await;
    if !outcome? {
        return Err(Error::Internal(
            "some requests were still running when the grace period ended".to_owned(),
        ));
    }
    eprintln!("widgetd has stopped.");
    Ok(())
}

/// Listens at an address. Port 0 is any free one.
fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let listening = socket.and_then(|socket| {
        // Otherwise, after a restart, old connections would keep the port for a minute.
        if cfg!(unix) {
            socket.set_reuseaddr(true)?;
        }
        socket.bind(address)?;
        socket.listen(BACKLOG)
    });
    listening.map_err(|cause| {
        let hint = match cause.kind() {
            ErrorKind::AddrInUse => {
                " (is another widgetd running? `--port` or WIDGETD_PORT chooses another port)"
            }
            _ => "",
        };
        Error::internal(&format!("cannot listen at {address}{hint}"), cause)
    })
}

/// Resolves at SIGINT or SIGTERM. After it, SIGINT ends the process at once.
fn stop_signal() -> Result<impl Future<Output = ()>, Error> {
    let cannot = |cause| Error::internal("cannot wait for signals", cause);
    #[cfg(unix)]
    let mut terminate = unix::signal(SignalKind::terminate()).map_err(cannot)?;
    #[cfg(unix)]
    let mut interrupt = unix::signal(SignalKind::interrupt()).map_err(cannot)?;
    #[cfg(windows)]
    let (mut terminate, mut interrupt) =
        (windows::ctrl_shutdown().map_err(cannot)?, windows::ctrl_c().map_err(cannot)?);
    let (sender, first) = oneshot::channel();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        // Fails if nothing serves any more.
        let _ = sender.send(());
        interrupt.recv().await;
        eprintln!("widgetd has stopped without waiting for its requests.");
        std::process::exit(1);
    });
    Ok(async { first.await.unwrap_or_default() })
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
    let names = UserNames::from(email.clone());
    let password = judge(config, text.lines().next().unwrap_or_default(), &names)
        .map_err(|why| cannot(format!("the password in {} {why}", password_file.display())))?;
    let accounts =
        app::accounts(config, Arc::clone(store), &Clock::System, HashingMode::Foreground)?;
    let new = UserDetails { names, password };
    match accounts
        .add(new, Role::Admin, &RequestContext::local(Actor::Service, Clock::System.now()))
        .await
    {
        Ok(user) => {
            let (label, role) = (user.names.label(), user.role.as_str());
            eprintln!("Added {label} as {role}, as the settings say.");
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
fn commands_to_promote(config: &Config, User { names, role, status, .. }: &User) -> String {
    let label = names.label();
    let status = match status {
        Status::Pending => Some(format!("user approve {label}")),
        Status::Disabled => Some(format!("user enable {label}")),
        Status::Active => None,
    };
    let role = (!role.is_admin()).then(|| format!("user role {label} admin"));
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
    eprintln!("  Time zone  {}", config.store.zone);
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
