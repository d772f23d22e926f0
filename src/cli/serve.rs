//! `widgetd serve`

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use rocket::error::ErrorKind;
use rocket::fairing::AdHoc;

use crate::app::{self, API_PAGES};
use crate::clock::Clock;
use crate::config::Config;
use crate::error::Error;
use crate::store::{self, IfAbsent};

/// Serves until SIGINT or SIGTERM, then finishes what is in flight.
pub fn run(config: &Config) -> Result<(), Error> {
    // Rocket's own entry points read the number of threads from ROCKET_* alone.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(config.workers)
        .max_blocking_threads(config.max_blocking)
        .thread_name("widgetd-worker")
        .enable_all()
        .build()
        .map_err(|cause| Error::internal("cannot start the threads that serve", cause))?;
    runtime.block_on(serve(config))
}

async fn serve(config: &Config) -> Result<(), Error> {
    let store = store::open(&config.database, IfAbsent::Create)?;
    let clock = Clock::System;
    store.purge_revoked_tokens(clock.now()).await?;
    let next_step = if store.has_administrator().await? { None } else { Some(command_for_administrator(config)) };
    let database = config.database.clone();

    let rocket = app::build(config, Arc::clone(&store), clock).await?.attach(AdHoc::on_liftoff(
        "say where we are",
        move |rocket| {
            let at = SocketAddr::new(rocket.config().address, rocket.config().port);
            Box::pin(async move { announce(at, &database, next_step.as_deref()) })
        },
    ));
    let outcome = rocket.launch().await.map(drop).map_err(|error| explain(&error));
    store.close().await;
    outcome.inspect(|()| eprintln!("widgetd has stopped."))
}

fn announce(at: SocketAddr, database: &Path, next_step: Option<&str>) {
    let host = match at.ip() {
        // Listening everywhere; this machine is one of the places to find it.
        ip if ip.is_unspecified() => SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), at.port()),
        _ => at,
    };
    eprintln!("\nwidgetd {} is ready.\n", env!("CARGO_PKG_VERSION"));
    eprintln!("  Address    http://{host}");
    eprintln!("  API pages  http://{host}{API_PAGES}");
    eprintln!("  Database   {}", database.display());
    if let Some(command) = next_step {
        eprintln!("\n  There is no administrator yet. In another terminal:\n\n    {command}");
    }
    eprintln!("\nPress Ctrl-C to stop.\n");
}

/// How to make an administrator of this database, with the program as it was called, from any folder.
fn command_for_administrator(config: &Config) -> String {
    let program = std::env::args().next().unwrap_or_else(|| "widgetd".to_owned());
    let database = config.database.display().to_string();
    format!("{} user add you@example.org --admin --database {}", quoted(&program), quoted(&database))
}

/// As a shell takes it for one word.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+:=@%,".contains(c);
    if word.chars().all(is_plain) { word.to_owned() } else { format!("'{}'", word.replace('\'', r"'\''")) }
}

/// Rocket's errors for a person at a terminal. Looking at the kind also keeps it from panicking.
fn explain(error: &rocket::Error) -> Error {
    match error.kind() {
        ErrorKind::Bind(cause) if cause.kind() == std::io::ErrorKind::AddrInUse => Error::internal(
            "cannot listen (is another widgetd running? `--port` or WIDGETD_PORT chooses another port)",
            cause,
        ),
        ErrorKind::Bind(cause) => Error::internal("cannot listen at this address", cause),
        ErrorKind::Shutdown(..) => {
            Error::Internal("some requests were still running when the time for them was over".to_owned())
        }
        kind => Error::internal("cannot serve", kind),
    }
}
