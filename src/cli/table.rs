//! `widgetd export` and `widgetd import`

use std::io::{ErrorKind, Read, Write, stdin, stdout};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;

use super::database::{Database, cli_context};
use super::progress::{INTERVAL, ProgressLine};
use super::terminal::one_of;
use crate::app;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::{
    ExportedList, ImportMode, Imported, ImportedList, PageRequest, Progress, Role, Status,
    TableImport, UserFilter, UserRef,
};
use crate::error::Error;
use crate::store::OpenMode;

#[derive(clap::Args)]
pub struct ExportArgs {
    /// The list
    #[arg(value_parser = one_of::<ExportedList>())]
    list: ExportedList,
    /// Whose templates: an e-mail address, username or public id
    #[arg(long, value_name = "ACCOUNT", required_if_eq("list", "templates"))]
    owner: Option<String>,
}

#[derive(clap::Args)]
pub struct ImportArgs {
    /// The list
    #[arg(value_parser = one_of::<ImportedList>())]
    list: ImportedList,
    /// A file with a header row, as `export` writes it; `-` for stdin
    file: PathBuf,
    /// Whether every row is new, or a row whose record exists changes it
    #[arg(long, default_value = "create", value_parser = one_of::<ImportMode>())]
    mode: ImportMode,
    /// Whose the new records are [default: whom a row names, else the first administrator]
    #[arg(long, value_name = "ACCOUNT")]
    owner: Option<String>,
}

/// Writes the list to stdout. It is not an error if the reader has closed it, as `head` does.
pub async fn export(config: &Config, arguments: ExportArgs) -> Result<(), Error> {
    let ExportArgs { list, owner } = arguments;
    if owner.is_some() && list != ExportedList::Templates {
        return Err(Error::invalid("owner", "is for templates only"));
    }
    let database = Database::open(config, OpenMode::Read)?;
    let owner = match owner {
        Some(account) => Some(database.find(&account).await?.public_id),
        None => None,
    };
    let mut export = app::export(config, Arc::clone(&database.store), list, owner)?;
    let (mut line, mut done) = (ProgressLine::beside_data(), 0);
    while let Some(chunk) = export.next().await {
        let chunk = chunk?;
        match stdout().write_all(&chunk.text) {
            Err(cause) if cause.kind() == ErrorKind::BrokenPipe => return Ok(()),
            written => written.map_err(|cause| Error::internal("cannot write", cause))?,
        }
        done += chunk.records;
        line.show(done, 0);
    }
    stdout().flush().map_err(|cause| Error::internal("cannot write", cause))
}

/// Imports a file, and says what was done.
pub async fn import(config: &Config, arguments: ImportArgs) -> Result<(), Error> {
    let ImportArgs { list, file, mode, owner } = arguments;
    let text = read(&file)?;
    let database = Database::open(config, OpenMode::Write)?;
    let owner = match owner {
        Some(account) => Some(UserRef::Id(database.find(&account).await?.public_id)),
        None => None,
    };
    let default_owner = match &owner {
        Some(owner) => owner.clone(),
        None => first_administrator(&database).await?,
    };
    let progress = Progress::default();
    let shown = progress.clone();
    let table = TableImport { list, text: &text, mode, owner, default_owner, progress };
    let context = cli_context();
    let result = shown_while(&shown, app::import(config, &*database.store, table, &context)).await;
    let Imported { created, updated, unchanged } = result.map_err(named)?;
    let what = format!(
        "Imported {}: {created} created, {updated} updated, {unchanged} unchanged.",
        list.as_str()
    );
    database.finish(&what).await;
    Ok(())
}

fn read(file: &Path) -> Result<String, Error> {
    let mut text = String::new();
    let result = match file.to_str() {
        Some("-") => stdin().read_to_string(&mut text).map(drop),
        _ => std::fs::read_to_string(file).map(|read| text = read),
    };
    match result {
        Err(cause) if cause.kind() == ErrorKind::InvalidData => {
            Err(Error::invalid("file", "is not valid UTF-8"))
        }
        Err(cause) => Err(Error::Conflict(format!("cannot read {}: {cause}", file.display()))),
        Ok(()) => Ok(text),
    }
}

async fn first_administrator(database: &Database<'_>) -> Result<UserRef, Error> {
    let filter = UserFilter {
        role: Some(Role::Admin),
        status: Some(Status::Active),
        ..UserFilter::default()
    };
    let found = database.store.list_users(None, filter, PageRequest::new(1, 1)).await?;
    let missing = || Error::Conflict("there is no administrator; use --owner".to_owned());
    found.items.first().map(|user| UserRef::Id(user.public_id)).ok_or_else(missing)
}

/// Waits for an import, and shows how far it is.
async fn shown_while<T>(progress: &Progress, import: impl Future<Output = T>) -> T {
    let (mut line, mut import) = (ProgressLine::new(), pin!(import));
    loop {
        tokio::select! {
            done = &mut import => return done,
            () = Clock::System.sleep(INTERVAL) => {
                let (done, all) = progress.counts();
                line.show(done, all);
            }
        }
    }
}

/// The errors of an import, one on each line.
fn named(error: Error) -> Error {
    let Error::Invalid(errors) = error else { return error };
    let line = |(place, why)| format!("{place}: {why}").replace(char::is_control, "\u{fffd}");
    let lines: Vec<_> = errors.iter().map(line).collect();
    Error::Conflict(format!("nothing was imported\n{}", lines.join("\n")))
}
