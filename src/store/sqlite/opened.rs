//! The files that are open, and whether they are still those at their paths.
//!
//! Nothing stops another program from moving or deleting the file of a running service. SQLite goes
//! on with what it has open, and what it writes there is lost with it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::Error;

/// What tells one file from another: its device and its number there.
#[cfg(unix)]
type Identity = (u64, u64);
/// Elsewhere files cannot be told apart, and a file that is open cannot be deleted.
#[cfg(not(unix))]
type Identity = ();

/// The database and its log, as they were when they were opened.
pub struct OpenedFiles {
    files: [(PathBuf, Identity); 2],
    are_gone: AtomicBool,
}

impl OpenedFiles {
    /// The files of a connection that has used its log, which exists from then on until the last
    /// connection closes.
    pub fn of(database: &Path) -> Result<Self, Error> {
        let identify = |path: PathBuf| match identity(&path) {
            Ok(identity) => Ok((path, identity)),
            Err(cause) => {
                Err(Error::internal(&format!("cannot look at {}", path.display()), cause))
            }
        };
        let files = [identify(database.to_owned())?, identify(beside(database, "-wal"))?];
        Ok(Self { files, are_gone: AtomicBool::new(false) })
    }

    /// The sizes of the database and its log. 0 if there is none: the health checks tell of that.
    pub fn sizes(&self) -> [u64; 2] {
        self.files.each_ref().map(|(path, _)| std::fs::metadata(path).map_or(0, |file| file.len()))
    }

    /// [`Error::Unhealthy`] if another file, or none, is where one of them was. Takes a few
    /// microseconds.
    pub fn check(&self) -> Result<(), Error> {
        let is_gone = |(path, opened): &&(PathBuf, Identity)| {
            identity(path).map_or(true, |found| found != *opened)
        };
        let gone = self.files.iter().find(is_gone).map(|(path, _)| path.display());
        let was_gone = self.are_gone.swap(gone.is_some(), Ordering::Relaxed);
        let Some(path) = gone else {
            if was_gone {
                log::warn!("the files of the database are back: writes are accepted");
            }
            return Ok(());
        };
        if !was_gone {
            log::error!(
                "{path} was moved, replaced or deleted while it was in use: writes are refused until it \
                 is back, or the service is started again"
            );
        }
        let why =
            "The database of the service was moved, replaced or deleted. Nothing was changed.";
        Err(Error::Unhealthy(why.to_owned()))
    }
}

/// A file that SQLite keeps beside the database, with links resolved as it does.
pub fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut name = database.canonicalize().unwrap_or_else(|_| database.to_owned()).into_os_string();
    name.push(suffix);
    name.into()
}

#[cfg(unix)]
fn identity(path: &Path) -> std::io::Result<Identity> {
    use std::os::unix::fs::MetadataExt;

    std::fs::metadata(path).map(|file| (file.dev(), file.ino()))
}

#[cfg(not(unix))]
fn identity(_: &Path) -> std::io::Result<Identity> {
    Ok(())
}
