//! Backups: copies of the database that were checked, made while it is in use.

use std::fs;
use std::io::Seek;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;

use super::copy::{copy, folder_of, is_unfinished, open_in_use, sync_folder};
use super::last_backup;
use super::owner::give_folder_to_owner_of;
use crate::domain::{Backup, BackupTo, Timestamp};
use crate::error::Error;

/// After this time, an unfinished copy is one that a killed process has left.
const LEFT_OVER: Duration = Duration::from_hours(24);

/// Copies a database in use, and checks the copy as a restore does. It appears at its place when it is
/// whole.
///
/// [`Error::Conflict`] if there is a file of that name, or the database is damaged.
pub fn back_up(database: &Path, to: BackupTo<'_>, made_at: Timestamp) -> Result<Backup, Error> {
    let file = match &to {
        BackupTo::File(file) => Some(file.clone()),
        BackupTo::Folder(folder) => Some(folder.join(Backup::file_name(made_at))),
        BackupTo::Stream(_) => None,
    };
    if let Some(file) = file.as_ref().filter(|file| file.exists()) {
        return Err(Error::Conflict(format!("there is a file {} already", file.display())));
    }
    let folder = folder_of(file.as_deref().unwrap_or(database)).to_owned();
    if let BackupTo::Folder(folder) = &to {
        make_folder(folder, database)?;
    }
    let version = env!("CARGO_PKG_VERSION").to_owned();
    let mut backup = Backup { made_at, version, file, bytes: 0 };
    let note = |connection: &mut Connection| {
        let get = |name| connection.pragma_query_value(None, name, |row| row.get::<_, u64>(0));
        backup.bytes = get("page_count")? * get("page_size")?;
        // Schemas before version 16 have no place for it.
        if connection.table_exists(None, "backup")? {
            last_backup::note(connection, &backup)?;
        }
        Ok(())
    };
    let mut copy = copy(&open_in_use(database)?, &folder, note)?;
    match (&backup.file, to) {
        (Some(file), _) => {
            copy.persist_noclobber(file).map_err(|refusal| {
                Error::internal(&format!("cannot write {}", file.display()), refusal.error)
            })?;
            sync_folder(&folder)?;
        }
        (None, BackupTo::Stream(stream)) => {
            copy.rewind()
                .and_then(|()| std::io::copy(copy.as_file_mut(), stream))
                .and_then(|_| stream.flush())
                .map_err(|cause| Error::internal("cannot write the backup", cause))?;
        }
        (None, _) => {}
    }
    Ok(backup)
}

/// A folder that only its owner can read. If root makes it, it is for the owner of the database, whose
/// service makes backups there too.
fn make_folder(folder: &Path, database: &Path) -> Result<(), Error> {
    let missing: Vec<_> = folder.ancestors().take_while(|folder| !folder.exists()).collect();
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(folder).map_err(|cause| {
        Error::internal(&format!("cannot make the folder {}", folder.display()), cause)
    })?;
    missing.into_iter().try_for_each(|folder| give_folder_to_owner_of(database, folder))
}

/// Deletes all backups in a folder but the newest ones, and what killed processes have left. Returns
/// the deleted backups.
pub fn delete_old_backups(folder: &Path, keep: u32) -> Result<Vec<PathBuf>, Error> {
    let failed = |cause| {
        Error::internal(&format!("cannot delete old backups in {}", folder.display()), cause)
    };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let is_left_over = is_unfinished(&name)
            && entry
                .metadata()
                .and_then(|file| file.modified())
                .is_ok_and(|modified| modified.elapsed().is_ok_and(|age| age > LEFT_OVER));
        if is_left_over {
            fs::remove_file(entry.path()).map_err(failed)?;
        } else {
            names.push(name);
        }
    }
    let too_many: Vec<_> =
        Backup::too_many(names, keep).into_iter().map(|name| folder.join(name)).collect();
    for file in &too_many {
        fs::remove_file(file).map_err(failed)?;
    }
    Ok(too_many)
}
