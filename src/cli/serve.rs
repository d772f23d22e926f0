//! `widgetd serve`

use std::io::IsTerminal;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

#[cfg(unix)]
use tokio::signal::unix::{self, SignalKind};
#[cfg(windows)]
use tokio::signal::windows;
use tokio::sync::oneshot;

use super::reload::reload;
use super::service_manager::{State, answer_watchdog, notify};
use super::terminal::judge;
use super::upgrade::upgrade;
use super::upkeep::{back_up, purge_hourly};
use crate::accounts::{HashingMode, SetupCode, UserDetails};
use crate::app::{self, API_PAGES, SETUP_PAGE};
use crate::clock::Clock;
use crate::config::{Config, FirstAdministrator, kubernetes_variables};
use crate::domain::{
    Actor, BackupSchedule, LoginName, RequestContext, Role, Status, User, UserNames, UserRef,
};
use crate::error::Error;
use crate::store::{self, OpenMode, ServiceLock, Store};
use crate::telemetry::{flush, start_output, tell};

/// Tells the person who has started the service, also if standard error is closed.
macro_rules! tell {
    ($($text:tt)*) => { tell(format_args!($($text)*)) };
}

/// After how many tasks a thread looks for what has arrived on its connections, so that a flood of
/// new connections does not keep others waiting.
const EVENT_INTERVAL: u32 = 16;

/// How long the end of the process waits for tasks that do not end by themselves.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_millis(500);

/// Serves until SIGINT or SIGTERM, then finishes the requests in flight.
pub fn run(config: &Config) -> Result<(), Error> {
    use_small_pages();
    start_output()?;
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
/// 88 MiB instead of 177 under 64 readers of large lists.) Linux only.
fn use_small_pages() {
    #[cfg(target_os = "linux")]
    if let Err(cause) = rustix::thread::disable_transparent_huge_pages(true) {
        log::warn!("cannot avoid huge pages: {cause}");
    }
}

async fn serve(config: &Config) -> Result<(), Error> {
    // First, so that a port that is taken changes nothing.
    let listening = app::listen(config)?;
    let at = listening.listener.address();
    let redirects_at = listening.redirects_at();
    let stop = stop_signal(config)?;
    let clock = Clock::System;
    let limits = config.store.clone();
    let _lock = ServiceLock::acquire(&config.database)?;
    upgrade(config)?;
    let store = store::open(&config.database, OpenMode::Create, clock.clone(), limits)?;
    if let Some(first) = &config.first_administrator {
        add_first_administrator(config, first, &store).await?;
    }
    let purging = tokio::spawn(purge_hourly(Arc::clone(&store), config.audit_days));
    let watchdog = tokio::spawn(answer_watchdog(Arc::clone(&store)));
    let backing_up = config.backup_schedule.clone().map(|schedule| {
        tokio::spawn(back_up(Arc::clone(&store), config.database.clone(), schedule))
    });
    let setup_code =
        if store.has_administrator().await? { None } else { Some(SetupCode::generate()?) };
    let rocket = app::build(config, Arc::clone(&store), clock, setup_code.as_ref()).await?;
    announce(config, at, redirects_at, setup_code.as_ref());
    notify(State::Ready);
    let mut ended_by = None;
    let stop = async {
        tokio::select! {
            () = stop => {}
            error = store.wait_for_other_schema() => ended_by = Some(error),
        }
        notify(State::Stopping);
    };
    let outcome = app::serve(config, rocket, listening, stop).await;
    purging.abort();
    watchdog.abort();
    if let Some(backing_up) = backing_up {
        backing_up.abort();
    }
    store.close().await;
    if !outcome? {
        return Err(Error::Internal(
            "some requests were still running when the grace period ended".to_owned(),
        ));
    }
    if let Some(error) = ended_by {
        return Err(error);
    }
    tell!("widgetd has stopped.");
    Ok(())
}

/// Resolves at SIGINT or SIGTERM, and at SIGHUP if a terminal has hung up. After it, SIGINT ends the
/// process at once. Without a terminal, SIGHUP reloads the settings.
#[cfg(unix)]
fn stop_signal(config: &Config) -> Result<impl Future<Output = ()>, Error> {
    let listen = |kind| unix::signal(kind).map_err(|cause| Error::internal(NO_SIGNALS, cause));
    let mut terminate = listen(SignalKind::terminate())?;
    let mut interrupt = listen(SignalKind::interrupt())?;
    let mut hang_up = listen(SignalKind::hangup())?;
    // A terminal that has hung up is none any more.
    let has_terminal = std::io::stdin().is_terminal() || std::io::stderr().is_terminal();
    let (sender, first) = oneshot::channel();
    let config = config.clone();
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = terminate.recv() => break,
                _ = interrupt.recv() => break,
                _ = hang_up.recv() => {
                    if has_terminal {
                        break;
                    }
                    reload(&config);
                }
            }
        }
        // Fails if nothing serves any more.
        let _ = sender.send(());
        interrupt.recv().await;
        end_at_once();
    });
    Ok(async { first.await.unwrap_or_default() })
}

/// Resolves at Ctrl-C or a shutdown. After it, Ctrl-C ends the process at once.
#[cfg(windows)]
fn stop_signal(_: &Config) -> Result<impl Future<Output = ()>, Error> {
    let cannot = |cause| Error::internal(NO_SIGNALS, cause);
    let mut terminate = windows::ctrl_shutdown().map_err(cannot)?;
    let mut interrupt = windows::ctrl_c().map_err(cannot)?;
    let (sender, first) = oneshot::channel();
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        let _ = sender.send(());
        interrupt.recv().await;
        end_at_once();
    });
    Ok(async { first.await.unwrap_or_default() })
}

const NO_SIGNALS: &str = "cannot wait for signals";

fn end_at_once() -> ! {
    tell!("widgetd has stopped without waiting for its requests.");
    flush();
    std::process::exit(1);
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
            tell!("Added {label} as {role}, as the settings say.");
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

fn announce(
    config: &Config,
    at: Option<SocketAddr>,
    redirects_at: Option<SocketAddr>,
    setup_code: Option<&SetupCode>,
) {
    tell!("\nwidgetd {} is ready.\n", env!("LONG_VERSION"));
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let local = at.map(|at| match at.ip() {
        // It listens at every address, also at this one.
        ip if ip.is_unspecified() => format!("{scheme}://{}:{}", Ipv4Addr::LOCALHOST, at.port()),
        _ => format!("{scheme}://{at}"),
    });
    let elsewhere = match at {
        Some(at) if at.ip().is_unspecified() => ", and every other address of this machine",
        _ => "",
    };
    let public = config.public_url.as_ref().map(|url| format!("{}{}", url.origin(), url.path()));
    match (&local, &config.unix_socket) {
        (Some(local), _) => tell!("  Address    {local}{elsewhere}"),
        (None, Some(file)) => tell!("  Address    {} (a Unix socket)", file.display()),
        (None, None) => tell!("  Address    the Unix socket of systemd"),
    }
    if let Some(at) = redirects_at {
        tell!("  Redirect   http://{at}");
    }
    if let Some(public) = &public {
        tell!("  Public     {public}/");
    }
    // The links in answers name the public address.
    if let Some(root) = public.as_ref().or(local.as_ref()) {
        tell!("  API pages  {root}{API_PAGES}");
    }
    tell!("  Database   {}", config.database.display());
    if let Some(BackupSchedule { folder, .. }) = &config.backup_schedule {
        tell!("  Backups    {}", folder.display());
    }
    tell!("  Time zone  {}", config.store.zone);
    announce_ignored();
    if let Some(code) = setup_code {
        announce_setup(config, public.as_deref(), local.as_deref(), code);
    }
    tell!("\nPress Ctrl-C to stop.\n");
}

/// Names the variables that are no settings.
fn announce_ignored() {
    let ignored = kubernetes_variables();
    if !ignored.is_empty() {
        tell!(
            "\n  Ignored, because Kubernetes sets them for a service of this name: {}.",
            ignored.join(", ")
        );
        tell!("  Give the service another name, or set `enableServiceLinks: false`.");
    }
}

/// Says how to become the first administrator.
fn announce_setup(
    config: &Config,
    public: Option<&str>,
    local: Option<&str>,
    setup_code: &SetupCode,
) {
    let (here, root) =
        if config.remote_setup { ("", public.or(local)) } else { (" on this machine", local) };
    let command = command(config, "user add you@example.org --admin");
    if let Some(root) = root {
        tell!(
            "\n  There is no administrator yet. To become the administrator, \
             open this link{here}. It works once:\n"
        );
        tell!("    {root}{SETUP_PAGE}/{}\n", setup_code.reveal());
        tell!("  Or, in another terminal:\n\n    {command}");
    } else {
        tell!(
            "\n  There is no administrator yet. To add one, in another terminal:\n\n    {command}"
        );
    }
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
