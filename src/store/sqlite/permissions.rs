//! Who may not do what with the files of a database, so that the error names what is at fault.

use std::path::Path;

use super::opened::beside;
use crate::error::Error;
use crate::store::traits::OpenMode;

/// Fails if this process may not write the database, a file beside it or its folder. What does not
/// exist is no failure here.
#[cfg(unix)]
pub fn check(database: &Path, mode: OpenMode) -> Result<(), Error> {
    use rustix::fs::Access;

    let database = &std::path::absolute(database).unwrap_or_else(|_| database.to_owned());
    let folders: Vec<_> = database.ancestors().skip(1).collect();
    // From the root on: what is below a folder that is closed cannot be looked at.
    for folder in folders.iter().rev() {
        check_access(folder, Access::EXEC_OK, "may not enter the folder")?;
    }
    let all = Access::READ_OK | Access::WRITE_OK;
    check_access(database, all, "may not write the database")?;
    if let Some(folder) = folders.first()
        && (mode == OpenMode::Create || database.exists())
    {
        check_access(folder, Access::WRITE_OK, "may not write into the folder of the database,")?;
    }
    ["-wal", "-shm"]
        .iter()
        .try_for_each(|suffix| check_access(&beside(database, suffix), all, "may not write"))
}

#[cfg(not(unix))]
pub fn check(_: &Path, _: OpenMode) -> Result<(), Error> {
    Ok(())
}

#[cfg(unix)]
fn check_access(path: &Path, access: rustix::fs::Access, may_not: &str) -> Result<(), Error> {
    use std::os::unix::fs::MetadataExt;

    use rustix::io::Errno;

    let cause = match rustix::fs::access(path, access) {
        Ok(()) | Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
        Err(Errno::ROFS) => "it is on a disk that is mounted read-only",
        Err(Errno::PERM) => "it is marked as immutable",
        Err(_) => "permission denied",
    };
    let of = std::fs::metadata(path).map_or(String::new(), |file| {
        let (owner, mode) = (user_name(file.uid()), file.mode() & 0o7777);
        format!("; its owner is {owner} and its mode {mode:04o}")
    });
    let user = user_name(rustix::process::geteuid().as_raw());
    Err(Error::Conflict(format!(
        "widgetd runs as {user}, which {may_not} {}: {cause}{of}",
        path.display()
    )))
}

/// The name of a user of the machine, or else the number.
#[cfg(unix)]
fn user_name(id: u32) -> String {
    let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)?.parse() == Ok(id)).then(|| name.to_owned())
    });
    name.unwrap_or_else(|| format!("user {id}"))
}
