//! What the service does by itself while it runs: it purges what has expired, and makes backups.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use crate::clock::Clock;
use crate::domain::{BackupSchedule, BackupTo, SteadyTime, Timestamp};
use crate::error::Error;
use crate::store::{self, Retention, Store};

const PURGE_INTERVAL: Duration = Duration::from_hours(1);

/// How long to wait after a backup that failed.
const BACKUP_RETRY: Duration = Duration::from_mins(10);

/// How long an account knows a network after a login from it.
const NETWORK_RETENTION_DAYS: u32 = 90;

/// Purges expired data, now and every hour. Audit events and known networks wait for an hour of steady
/// time if the clock may be wrong.
pub async fn purge_hourly(store: Arc<dyn Store>, audit_days: u32) {
    let clock = Clock::System;
    let events = store.last_event_times(SteadyTime::STEADY).await;
    // Where they cannot be read, nothing speaks for the clock.
    let events = events.unwrap_or([Some(Timestamp::FIRST), None]);
    let mut time = SteadyTime::begin(events, clock.now(), clock.elapsed());
    loop {
        let now = clock.now();
        if let Some(jump) = time.jump(now, clock.elapsed()) {
            let hours = jump.as_secs() / 3_600;
            log::warn!(
                "the clock has jumped by {hours} hours to {}: nothing that is old is deleted before an hour of \
                 steady time has passed",
                now.to_iso_8601()
            );
        }
        let days_ago = |days: u32| {
            if !time.is_steady() {
                return Timestamp::FIRST;
            }
            now.plus_seconds(-i64::from(days) * 86_400)
        };
        let retention = Retention {
            now,
            networks_since: days_ago(NETWORK_RETENTION_DAYS),
            audit_since: days_ago(audit_days),
        };
        if let Err(error) = store.purge(retention).await {
            log::warn!("cannot purge expired data: {error}");
        }
        clock.sleep(PURGE_INTERVAL).await;
    }
}

/// Makes a backup whenever one is due, and deletes those that are too many.
pub async fn back_up(store: Arc<dyn Store>, database: PathBuf, schedule: BackupSchedule) {
    let mut has_failed = false;
    loop {
        let now = Clock::System.now();
        let due = match store.find_last_backup().await {
            Ok(last) => schedule.wait(last.map(|last| last.made_at), now),
            Err(_) => BACKUP_RETRY,
        };
        Clock::System.sleep(if has_failed { due.max(BACKUP_RETRY) } else { due }).await;
        let (database, BackupSchedule { folder, keep, .. }) = (database.clone(), schedule.clone());
        let making = tokio::task::spawn_blocking(move || {
            let to = BackupTo::Folder(folder.clone());
            let backup = store::back_up(&database, to, Clock::System.now())?;
            store::delete_old_backups(&folder, keep)?;
            Ok(backup)
        });
        let made = making
            .await
            .unwrap_or_else(|cause| Err(Error::internal("the thread of the backup failed", cause)));
        let noted = match made {
            Ok(backup) => store.note_backup(backup).await,
            Err(error) => Err(error),
        };
        has_failed = noted.is_err();
        if let Err(error) = noted {
            log::error!("no backup was made: {error}");
        }
    }
}
