//! The database's files: owners, modes, and the space on the disk.

use std::path::{Path, PathBuf};

use super::finding::Finding;
use crate::accounts::SigningKey;
use crate::config::Config;
use crate::domain::Size;
use crate::store;

pub fn check_files(config: &Config, findings: &mut Vec<Finding>) {
    let database = &config.database;
    if !database.exists() {
        let says = format!("there is no database at {}", database.display());
        let advice = "start `widgetd` there, restore a backup, or name it with --database";
        findings.push(Finding::wrong("files", says, advice));
        return;
    }
    let count = findings.len();
    let key = SigningKey::path_beside(database);
    let others = ["-wal", "-shm", ".lock", ".before-upgrade"];
    let others = others.map(|ending| store::beside(database, ending));
    let files = [database.clone(), key].into_iter().chain(others);
    let files: Vec<_> = files.filter(|file| file.exists()).collect();
    for file in &files {
        check_access(file, database, findings);
    }
    if let Some(folder) = database.parent() {
        check_folder(folder, findings);
    }
    if findings.len() == count {
        let says = format!("{} and what is beside it are their owner's alone", database.display());
        findings.push(Finding::ok("files", says));
    }
    check_space(config, &files, findings);
}

#[cfg(unix)]
fn check_access(file: &Path, database: &Path, findings: &mut Vec<Finding>) {
    use std::os::unix::fs::MetadataExt;
    let metadata =
        |path: &Path| std::fs::metadata(path).map(|file| (file.uid(), file.mode() & 0o777));
    let (Ok((user, mode)), Ok((owner, _))) = (metadata(file), metadata(database)) else { return };
    let name = file.display();
    if mode & 0o077 != 0 {
        let says = format!("others on this machine may use {name} (mode {mode:04o})");
        findings.push(Finding::wrong("files", says, format!("chmod 600 {name}")));
    }
    if user != owner {
        let says = format!("{name} belongs to user {user}, and the database to user {owner}");
        let advice = format!("chown --reference={} {name}", database.display());
        findings.push(Finding::wrong("files", says, advice));
    }
}

#[cfg(not(unix))]
fn check_access(_: &Path, _: &Path, _: &mut Vec<Finding>) {}

/// Whoever can write to the folder can replace the database.
#[cfg(unix)]
fn check_folder(folder: &Path, findings: &mut Vec<Finding>) {
    use std::os::unix::fs::MetadataExt;
    const STICKY: u32 = 0o1000;
    let Ok(mode) = std::fs::metadata(folder).map(|folder| folder.mode()) else { return };
    if mode & 0o022 != 0 && mode & STICKY == 0 {
        let name = folder.display();
        let says = format!("others may replace the files in {name} (mode {:04o})", mode & 0o7777);
        findings.push(Finding::wrong("files", says, format!("chmod go-w {name}")));
    }
}

#[cfg(not(unix))]
fn check_folder(_: &Path, _: &mut Vec<Finding>) {}

fn check_space(config: &Config, files: &[PathBuf], findings: &mut Vec<Finding>) {
    let used: u64 =
        files.iter().filter_map(|file| file.metadata().ok()).map(|file| file.len()).sum();
    let free = match store::free_bytes(&config.database) {
        Ok(free) => free,
        Err(error) => {
            let advice = "look at the disk and its mount";
            findings.push(Finding::wrong("disk", error.to_string(), advice));
            return;
        }
    };
    let says = format!("the database uses {}, and {} are free", Size(used), Size(free));
    // A backup, an upgrade and a restore each need room for a copy.
    findings.push(if free < used.saturating_mul(2) {
        let advice = "make room: backups, upgrades and restores need copies of the database";
        Finding::warning("disk", says, advice)
    } else {
        Finding::ok("disk", says)
    });
}
