//! `widgetd backup`, `widgetd restore`

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::database::{cli_context, open};
use super::replacement;
use super::terminal::{print, print_json};
use crate::clock::Clock;
use crate::config::{Config, absolute};
use crate::domain::{Backup, BackupTo, Size};
use crate::error::Error;
use crate::store::{self, OpenMode};

#[derive(clap::Args)]
pub struct BackupArgs {
    /// A new file, or a folder in which the backup is named by the time, or `-` for stdout
    /// [default: the setting `backup_dir`, or the folder `backups` beside the database]
    to: Option<PathBuf>,

    /// Afterwards, delete all backups in the folder but the newest N
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,

    /// Print what was made as JSON
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub struct RestoreArgs {
    /// The backup's file
    from: PathBuf,

    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub async fn run(config: &Config, arguments: BackupArgs) -> Result<(), Error> {
    let BackupArgs { to, keep, json } = arguments;
    let mut stdout = std::io::stdout();
    let is_stream = to.as_deref() == Some(Path::new("-"));
    let to = match to {
        Some(_) if is_stream => {
            if json || stdout.is_terminal() {
                let why = "a backup to stdout needs a file or a program behind it, and no --json";
                return Err(Error::Conflict(why.to_owned()));
            }
            BackupTo::Stream(&mut stdout)
        }
        Some(to) if !to.is_dir() && !ends_with_separator(&to) => BackupTo::File(absolute(&to)?),
        Some(folder) => BackupTo::Folder(absolute(&folder)?),
        None => BackupTo::Folder(config.backup_folder.clone()),
    };
    let folder = if let BackupTo::Folder(folder) = &to { Some(folder.clone()) } else { None };
    if keep.is_some() && folder.is_none() {
        let why = "--keep needs a folder of backups";
        return Err(Error::Conflict(why.to_owned()));
    }
    let backup = store::back_up(&config.database, to, Clock::System.now())?;
    let deleted = match folder.zip(keep) {
        Some((folder, keep)) => store::delete_old_backups(&folder, keep)?,
        None => Vec::new(),
    };
    let noted = note(config, backup.clone()).await;
    for file in &deleted {
        eprintln!("Deleted {}", file.display());
    }
    eprintln!("The backup is whole: it was opened and checked, {}.", Size(backup.bytes));
    eprintln!("Database: {}", config.database.display());
    match &backup.file {
        Some(_) if json => print_json(&BackupRow::new(&backup))?,
        Some(file) => print(&format!("{}\n", file.display()))?,
        None => {}
    }
    noted.or_else(|error| match error {
        // An older schema, of which the backup is as good.
        Error::Conflict(why) => {
            eprintln!("The database does not note this backup: {why}");
            Ok(())
        }
        other => Err(other),
    })
}

async fn note(config: &Config, backup: Backup) -> Result<(), Error> {
    let store = open(config, OpenMode::Write)?;
    store.note_backup(backup).await?;
    store.close().await;
    Ok(())
}

/// A backup as `--json` prints it.
#[derive(Serialize)]
struct BackupRow<'a> {
    file: Option<&'a Path>,
    made_at: String,
    version: &'a str,
    bytes: u64,
}

impl<'a> BackupRow<'a> {
    fn new(backup: &'a Backup) -> Self {
        let Backup { made_at, version, file, bytes } = backup;
        Self { file: file.as_deref(), made_at: made_at.to_iso_8601(), version, bytes: *bytes }
    }
}

fn ends_with_separator(path: &Path) -> bool {
    path.as_os_str().as_encoded_bytes().ends_with(b"/")
}

pub fn restore(config: &Config, arguments: RestoreArgs) -> Result<(), Error> {
    let RestoreArgs { from, yes } = arguments;
    let replacement = store::prepare_restore(&from, &config.database, &cli_context())?;
    let what = format!("Restore the backup {}", from.display());
    replacement::replace(config, replacement, &what, yes)?;
    eprintln!(
        "All sessions have ended: everybody signs in again. Passwords, roles and API keys are those \
         of the backup; revoke keys that were revoked since."
    );
    Ok(())
}
