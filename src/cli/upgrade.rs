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
    let database = config.database.display();
    if !config.database.exists() {
        return Err(Error::NotFound(format!("there is no database at {database}")));
    }
    let is_older = if arguments.check {
        check(config)?
    } else {
        let _lock = ServiceLock::acquire(&config.database)?;
        upgrade(config)?
    };
    if !is_older {
        eprintln!("The database has the schema of this widgetd; there is nothing to upgrade.");
        eprintln!("Database: {database}");
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

/// Tries the upgrade on a copy if the schema is older, and says how it went. `false` if it is not.
fn check(config: &Config) -> Result<bool, Error> {
    let started = Clock::System.now();
    let Some(rehearsal) = store::rehearse_upgrade(&config.database)? else { return Ok(false) };
    let Rehearsal { from, to, needed, free } = &rehearsal;
    let millis = Clock::System.now().as_millis() - started.as_millis();
    let (seconds, tenths) = (millis / 1_000, millis % 1_000 / 100);
    eprintln!("A copy was upgraded from schema {from} to {to} in {seconds}.{tenths} s.");
    eprintln!("The upgrade needs {needed} on the disk, and {free} are free.");
    eprintln!("Database: {}, unchanged", config.database.display());
    if rehearsal.fits() {
        return Ok(true);
    }
    Err(Error::InsufficientStorage("the upgrade does not fit the disk".to_owned()))
}

pub fn rollback(config: &Config, arguments: RollbackArgs) -> Result<(), Error> {
    let replacement = store::prepare_rollback(&config.database)?;
    let what = "Go back to the copy from before the upgrade";
    replacement::replace(config, replacement, what, arguments.yes)?;
    eprintln!("Start the older widgetd now; this one would upgrade the database again.");
    Ok(())
}
