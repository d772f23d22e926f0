//! The upgrade of a database to the schema of this program, after a copy.

use std::path::{Path, PathBuf};

use rusqlite::{Connection, TransactionBehavior};

use super::connection::connect;
use super::copy::{copy, folder_of, open_in_use, sync_folder};
use super::disk::free_bytes;
use super::migrate::{apply_missing, newest_version, schema_version};
use super::opened::beside;
use super::owner::give_to_owner_of;
use super::space::allow_to_shrink;
use crate::domain::Size;
use crate::error::Error;

/// What an upgrade has done.
pub struct Upgraded {
    pub from: usize,
    pub to: usize,
    /// The database as it was before. It stays until the next upgrade.
    pub copy: PathBuf,
}

/// What an upgrade of a copy has shown.
pub struct Rehearsal {
    pub from: usize,
    pub to: usize,
    /// How much the upgrade needs on the disk, and how much is free there.
    pub needed: Size,
    pub free: Size,
}

impl Rehearsal {
    pub fn fits(&self) -> bool {
        self.needed.0 <= self.free.0
    }
}

/// The copy that an upgrade of this database keeps.
pub fn copy_before_upgrade(database: &Path) -> PathBuf {
    beside(database, ".before-upgrade")
}

/// Brings a database to the schema of this program, in one transaction, and keeps a copy of it as it
/// was. `None` if it has that schema. The caller has the [`ServiceLock`](super::ServiceLock).
///
/// [`Error::InsufficientStorage`] if the disk has no room for the copy and the changes.
pub fn upgrade(path: &Path) -> Result<Option<Upgraded>, Error> {
    let Some(from) = outdated(path)? else { return Ok(None) };
    let (needed, free) = (needed_bytes(path)?, free_bytes(path)?);
    if needed > free {
        return Err(Error::InsufficientStorage(format!(
            "the upgrade of {} needs {} on the disk, and {} are free; nothing was changed",
            path.display(),
            Size(needed),
            Size(free)
        )));
    }
    let mut connection = connect(path)?;
    // From here on nobody else writes, so the copy has everything.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if schema_version(&transaction, path)? != from {
        return Err(Error::Busy);
    }
    let kept = copy_before_upgrade(path);
    let file = copy(&open_in_use(path)?, folder_of(path), |_| Ok(()))?;
    give_to_owner_of(path, file.path())?;
    file.persist(&kept).map_err(|refusal| {
        Error::internal(&format!("cannot keep the copy {}", kept.display()), refusal.error)
    })?;
    sync_folder(folder_of(path))?;
    apply_missing(&transaction, from)?;
    transaction.commit()?;
    // What was upgraded is whole without it.
    if let Err(cause) = allow_to_shrink(&connection) {
        log::warn!("{} will not give space back to the disk: {cause}", path.display());
    }
    Ok(Some(Upgraded { from, to: newest_version(), copy: kept }))
}

/// Upgrades a copy, which is deleted, and says how it went. `None` if there is nothing to upgrade.
pub fn rehearse_upgrade(path: &Path) -> Result<Option<Rehearsal>, Error> {
    let Some(from) = outdated(path)? else { return Ok(None) };
    let (needed, free) = (Size(needed_bytes(path)?), Size(free_bytes(path)?));
    let upgrade = |connection: &mut Connection| {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        apply_missing(&transaction, from)?;
        transaction.commit()?;
        Ok(allow_to_shrink(connection)?)
    };
    copy(&open_in_use(path)?, folder_of(path), upgrade)?;
    Ok(Some(Rehearsal { from, to: newest_version(), needed, free }))
}

/// The version of the schema, if it is not that of this program; `None` if there is no database.
fn outdated(path: &Path) -> Result<Option<usize>, Error> {
    if !path.exists() {
        return Ok(None);
    }
    let version = schema_version(&open_in_use(path)?, path)?;
    Ok((version < newest_version()).then_some(version))
}

/// The copy, a log that may have every page of it, and what it is written anew with.
fn needed_bytes(path: &Path) -> Result<u64, Error> {
    let size = |path: &Path| std::fs::metadata(path).map(|file| file.len());
    let database = size(path)
        .map_err(|cause| Error::internal(&format!("cannot read {}", path.display()), cause))?;
    let log = size(&beside(path, "-wal")).unwrap_or_default();
    Ok((database + log).saturating_mul(3))
}
