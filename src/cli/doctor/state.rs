//! The state of the database: whether it is whole, its schema, growth, backups and the clock.

use super::finding::Finding;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::{Contents, Size, Timestamp};
use crate::store;

const MINUTE_MILLIS: i64 = 60_000;
const DAY_MILLIS: i64 = 86_400_000;

/// Without a schedule, a backup that is older than this is worth a warning.
const OLD_BACKUP_MILLIS: i64 = 7 * DAY_MILLIS;

pub fn check_state(config: &Config, findings: &mut Vec<Finding>) {
    if !config.database.exists() {
        return;
    }
    let now = Clock::System.now();
    let contents = match store::inspect_in_use(&config.database) {
        Ok(contents) => contents,
        Err(error) => {
            let advice = "stop the service and restore a backup: `widgetd restore FILE`";
            findings.push(Finding::wrong("database", error.to_string(), advice));
            return;
        }
    };
    findings.push(schema(&contents));
    findings.extend(growth(config, &contents, now));
    findings.push(backup(config, &contents, now));
    findings.push(clock(&contents, now));
}

fn schema(contents: &Contents) -> Finding {
    let Contents { schema, users, widgets, tasks, templates, .. } = contents;
    let newest = store::newest_version();
    if *schema == newest {
        let says = format!(
            "whole; schema {schema}, users: {users}, widgets: {widgets}, tasks: {tasks}, templates: {templates}"
        );
        return Finding::ok("database", says);
    }
    let says = format!("it has schema {schema}, and this widgetd needs {newest}");
    let advice =
        "`widgetd upgrade --check` tries the upgrade on a copy; the next start upgrades it";
    Finding::warning("database", says, advice)
}

/// How fast the file has grown since the oldest event.
fn growth(config: &Config, contents: &Contents, now: Timestamp) -> Option<Finding> {
    let days = (now.as_millis() - contents.first_event?.as_millis()) / DAY_MILLIS;
    let bytes = config.database.metadata().ok()?.len();
    let days = u64::try_from(days).ok().filter(|days| *days > 0)?;
    let says = format!("about {} a day in the last {days} days", Size(bytes / days));
    Some(Finding::ok("growth", says))
}

fn backup(config: &Config, contents: &Contents, now: Timestamp) -> Finding {
    let Some(backup) = &contents.backup else {
        let advice =
            "`widgetd backup` makes one, and the setting `backup_every` makes them regularly";
        return Finding::warning("backup", "none was made by widgetd", advice);
    };
    let place = backup.file.as_ref().map_or("stdout".to_owned(), |file| file.display().to_string());
    let says =
        format!("the last one was made and checked {} ({place})", backup.made_at.to_iso_8601());
    let interval = config.backup_schedule.as_ref().and_then(|schedule| {
        // One may be late by the time that it takes.
        i64::try_from(schedule.every.as_millis()).ok()?.checked_mul(2)
    });
    let age = now.as_millis() - backup.made_at.as_millis();
    if age > interval.unwrap_or(OLD_BACKUP_MILLIS) {
        return Finding::warning("backup", says, "make one: `widgetd backup`; look into the log");
    }
    match &backup.file {
        Some(file) if !file.exists() => Finding::warning(
            "backup",
            format!("{says}; it is not there any more"),
            "make another one",
        ),
        _ => Finding::ok("backup", says),
    }
}

fn clock(contents: &Contents, now: Timestamp) -> Finding {
    match contents.last_event {
        Some(last) if last.as_millis() > now.as_millis() + MINUTE_MILLIS => Finding::wrong(
            "clock",
            format!(
                "it says {}, and the last event was at {}",
                now.to_iso_8601(),
                last.to_iso_8601()
            ),
            "set the clock, or have it set (`timedatectl set-ntp true`)",
        ),
        _ => Finding::ok("clock", format!("it says {}", now.to_iso_8601())),
    }
}
