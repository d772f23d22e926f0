//! `widgetd upgrade`, `widgetd rollback`

use super::replacement;
use crate::clock::Clock;
use crate::config::Config;
use crate::error::Error;
use crate::store::{self, Rehearsal, ServiceLock, Upgraded};

#[derive(clap::Args)]
pub struct UpgradeArgs {
    /// Try it on a copy, and say how long it takes and whether it fits the disk
    #[arg(long)]
    check: bool,
}

#[derive(clap::Args)]
pub struct RollbackArgs {
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub fn run(config: &Config, arguments: UpgradeArgs) -> Result<(), Error> {
    if arguments.check {
        return check(config);
    }
    if !config.database.exists() {
        return Err(no_database(config));
    }
    let _lock = ServiceLock::acquire(&config.database)?;
    if !upgrade(config)? {
        eprintln!("The database has the schema of this widgetd; there is nothing to upgrade.");
        eprintln!("Database: {}", config.database.display());
    }
    Ok(())
}

/// Upgrades the database if its schema is older, and says so. `false` if it is not.
pub fn upgrade(config: &Config) -> Result<bool, Error> {
    let Some(Upgraded { from, to, copy }) = store::upgrade(&config.database)? else {
        return Ok(false);
    };
    eprintln!("Upgraded the database {} from schema {from} to {to}.", config.database.display());
    eprintln!("As it was before: {} (`widgetd rollback` goes back to it)", copy.display());
    Ok(true)
}

fn check(config: &Config) -> Result<(), Error> {
    if !config.database.exists() {
        return Err(no_database(config));
    }
    let started = Clock::System.now();
    let Some(rehearsal) = store::rehearse_upgrade(&config.database)? else {
        eprintln!("The database has the schema of this widgetd; there is nothing to upgrade.");
        return Ok(());
    };
    let Rehearsal { from, to, needed, free } = &rehearsal;
    let millis = Clock::System.now().as_millis() - started.as_millis();
    let (seconds, tenths) = (millis / 1_000, millis % 1_000 / 100);
    eprintln!("A copy was upgraded from schema {from} to {to} in {seconds}.{tenths} s.");
    eprintln!("The upgrade needs {needed} on the disk, and {free} are free.");
    eprintln!("Database: {}, unchanged", config.database.display());
    if rehearsal.fits() {
        return Ok(());
    }
    Err(Error::InsufficientStorage("the upgrade does not fit the disk".to_owned()))
}

fn no_database(config: &Config) -> Error {
    Error::NotFound(format!("there is no database at {}", config.database.display()))
}

pub fn rollback(config: &Config, arguments: RollbackArgs) -> Result<(), Error> {
    let replacement = store::prepare_rollback(&config.database)?;
    let what = "Go back to the copy from before the upgrade";
    replacement::replace(config, replacement, what, arguments.yes)?;
    eprintln!("Start the older widgetd now; this one would upgrade the database again.");
    Ok(())
}
