//! Who owns the files of a database, and with which mode: a command that runs as root must not take
//! them away from the service.

#[cfg(unix)]
use std::fs::{Metadata, Permissions, metadata, set_permissions};
#[cfg(unix)]
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use crate::error::Error;

/// Gives a new file the owner and the mode of the database. If there is no database: those of its
/// folder with mode 0600 for root, who works for somebody else there; others keep the file.
///
/// Fails if the database has another owner and this process is not root.
#[cfg(unix)]
pub fn give_to_owner_of(database: &Path, file: &Path) -> Result<(), Error> {
    match metadata(database) {
        Ok(model) => give(file, &model, Some(model.mode() & 0o777)),
        Err(_) if is_root() => match metadata(super::copy::folder_of(database)) {
            Ok(model) => give(file, &model, Some(0o600)),
            Err(_) => Ok(()),
        },
        Err(_) => Ok(()),
    }
}

/// Gives a folder the owner of the database, if this process is root and there is a database.
#[cfg(unix)]
pub fn give_folder_to_owner_of(database: &Path, folder: &Path) -> Result<(), Error> {
    match metadata(database) {
        Ok(model) if is_root() => give(folder, &model, None),
        _ => Ok(()),
    }
}

/// Gives a path the owner of another one. Without a mode it keeps its own.
#[cfg(unix)]
fn give(path: &Path, model: &Metadata, mode: Option<u32>) -> Result<(), Error> {
    let (user, group) = (model.uid(), model.gid());
    let cannot = |cause| {
        let what = format!("cannot give {} to the owner of the database", path.display());
        Error::internal(&format!("{what} (user {user}, group {group})"), cause)
    };
    let present = metadata(path).map_err(cannot)?;
    if (present.uid(), present.gid()) != (user, group) {
        chown(path, Some(user), Some(group)).map_err(cannot)?;
    }
    match mode {
        Some(mode) if present.mode() & 0o777 != mode => {
            set_permissions(path, Permissions::from_mode(mode)).map_err(cannot)
        }
        _ => Ok(()),
    }
}

#[cfg(unix)]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(unix))]
pub fn give_to_owner_of(_: &Path, _: &Path) -> Result<(), Error> {
    Ok(())
}

#[cfg(not(unix))]
pub fn give_folder_to_owner_of(_: &Path, _: &Path) -> Result<(), Error> {
    Ok(())
}

#[cfg(not(unix))]
pub fn is_root() -> bool {
    false
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_error_says_to_whom_the_file_would_be_given() {
        let folder = tempfile::TempDir::new().unwrap();
        let model = metadata(folder.path()).unwrap();
        let error = give_to_owner_of(folder.path(), &folder.path().join("none")).unwrap_err();
        let owner = format!("(user {}, group {})", model.uid(), model.gid());
        assert!(error.to_string().contains(&owner), "{error}");
    }
}
