//! The lock of the program that may replace a database or change its schema: the service while it
//! runs, or a command that restores or upgrades. Other commands use the database beside it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::Path;

use super::opened::beside;
use super::owner::{give_to_owner_of, is_root};
use super::permissions;
use crate::error::Error;
use crate::store::traits::OpenMode;

/// Released when it is dropped, and by the system when the process ends.
pub struct ServiceLock {
    _file: File,
}

impl ServiceLock {
    /// [`Error::Conflict`] if another program has it; the text names its process.
    ///
    /// The lock is on a file of its own, which stays: if it were deleted, two programs could each
    /// lock a file of that name.
    pub fn acquire(database: &Path) -> Result<Self, Error> {
        permissions::check(database, OpenMode::Create)?;
        let path = beside(database, ".lock");
        let cannot =
            |cause| Error::internal(&format!("cannot lock the file {}", path.display()), cause);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&path).map_err(cannot)?;
        if is_root() {
            give_to_owner_of(database, &path)?;
        }
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut process = String::new();
                file.read_to_string(&mut process).map_err(cannot)?;
                return Err(Error::Conflict(format!(
                    "the database {} is in use by another widgetd (process {}); stop that one first",
                    database.display(),
                    process.trim()
                )));
            }
            // A file system without locks.
            Err(TryLockError::Error(cause)) if cause.kind() == std::io::ErrorKind::Unsupported => {
                log::warn!("{} cannot be locked: {cause}", path.display());
            }
            Err(TryLockError::Error(cause)) => return Err(cannot(cause)),
        }
        file.set_len(0).map_err(cannot)?;
        writeln!(file, "{}", std::process::id()).map_err(cannot)?;
        Ok(Self { _file: file })
    }
}
