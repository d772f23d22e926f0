//! Who owns the files of a database, and with which mode: a command that runs as root must not take
//! them away from the service.

use std::path::Path;

use crate::error::Error;

/// Gives a new file the owner and the mode of the database. If there is no database: those of its
/// folder with mode 0600 for root, who works for somebody else there; others keep the file.
///
/// Fails if the database has another owner and this process is not root.
#[cfg(unix)]
pub fn give_to_owner_of(database: &Path, file: &Path) -> Result<(), Error> {
    use std::fs::{Permissions, metadata, set_permissions};
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

    let (model, mode) = match metadata(database) {
        Ok(database) => (Ok(database), None),
        Err(_) if is_root() => (metadata(super::copy::folder_of(database)), Some(0o600)),
        Err(_) => return Ok(()),
    };
    let Ok(model) = model else { return Ok(()) };
    let (user, group, mode) = (model.uid(), model.gid(), mode.unwrap_or(model.mode() & 0o777));
    let cannot = |cause| failed(file, cause);
    let present = metadata(file).map_err(cannot)?;
    if (present.uid(), present.gid()) != (user, group) {
        chown(file, Some(user), Some(group)).map_err(cannot)?;
    }
    if present.mode() & 0o777 != mode {
        set_permissions(file, Permissions::from_mode(mode)).map_err(cannot)?;
    }
    Ok(())
}

/// Gives a folder the owner of the database, if this process is root and there is a database.
#[cfg(unix)]
pub fn give_folder_to_owner_of(database: &Path, folder: &Path) -> Result<(), Error> {
    use std::os::unix::fs::{MetadataExt, chown};

    match std::fs::metadata(database) {
        Ok(model) if is_root() => chown(folder, Some(model.uid()), Some(model.gid()))
            .map_err(|cause| failed(folder, cause)),
        _ => Ok(()),
    }
}

#[cfg(not(unix))]
pub fn give_folder_to_owner_of(_: &Path, _: &Path) -> Result<(), Error> {
    Ok(())
}

#[cfg(unix)]
fn failed(path: &Path, cause: std::io::Error) -> Error {
    Error::internal(&format!("cannot give {} to the owner of the database", path.display()), cause)
}

#[cfg(not(unix))]
pub fn give_to_owner_of(_: &Path, _: &Path) -> Result<(), Error> {
    Ok(())
}

#[cfg(unix)]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(unix))]
pub fn is_root() -> bool {
    false
}
