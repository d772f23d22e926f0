//! Backups: what they hold, how they are named, and which of them are kept.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Timestamp;

/// What a database holds, for a person who must decide whether another one may replace it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// The version of its schema.
    pub schema: usize,
    pub users: u64,
    pub widgets: u64,
    pub tasks: u64,
    pub templates: u64,
    /// How many events the audit has had, also those that were purged.
    pub events: u64,
    /// The oldest event that was not purged.
    pub first_event: Option<Timestamp>,
    pub last_event: Option<Timestamp>,
    /// What says so itself, if it is a backup.
    pub backup: Option<Backup>,
}

/// A backup that was made and checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backup {
    pub made_at: Timestamp,
    /// The version of widgetd that made it.
    pub version: String,
    /// Where it was written; `None` for standard output.
    pub file: Option<PathBuf>,
    pub bytes: u64,
}

/// Where a backup is written.
pub enum BackupTo<'a> {
    /// A file that does not exist.
    File(PathBuf),
    /// A folder, which is made if it does not exist, under a name that tells the time.
    Folder(PathBuf),
    Stream(&'a mut dyn Write),
}

const PREFIX: &str = "widgetd-";
const SUFFIX: &str = ".db";

impl Backup {
    /// The name of a backup's file in a folder: `widgetd-20261231T235959.123Z.db`. Names are in the
    /// order of time.
    pub fn file_name(made_at: Timestamp) -> String {
        format!("{PREFIX}{}{SUFFIX}", time_in_name(made_at))
    }

    /// Whether a file of a backup folder has such a name.
    pub fn is_file_name(name: &str) -> bool {
        let time = name.strip_prefix(PREFIX).and_then(|rest| rest.strip_suffix(SUFFIX));
        time.is_some_and(|time| {
            time.len() == 20
                && time.bytes().enumerate().all(|(n, byte)| match n {
                    8 => byte == b'T',
                    15 => byte == b'.',
                    19 => byte == b'Z',
                    _ => byte.is_ascii_digit(),
                })
        })
    }

    /// Those of the files in a backup folder that are too many, if the newest `keep` stay. Files of
    /// other names are never among them.
    pub fn too_many(mut names: Vec<String>, keep: u32) -> Vec<String> {
        names.retain(|name| Self::is_file_name(name));
        names.sort_unstable_by(|a, b| b.cmp(a));
        names.split_off(names.len().min(usize::try_from(keep).unwrap_or(usize::MAX)))
    }
}

/// A time in the name of a file, UTC: `20261231T235959.123Z`.
pub fn time_in_name(at: Timestamp) -> String {
    at.to_rfc_3339().replace(['-', ':'], "")
}

/// When backups are made by the service itself.
#[derive(Clone, Debug)]
pub struct BackupSchedule {
    pub folder: PathBuf,
    pub every: Duration,
    /// How many backups stay in the folder.
    pub keep: u32,
}

impl BackupSchedule {
    /// The folder of backups where no setting names one.
    pub fn default_folder(database: &Path) -> PathBuf {
        database.with_file_name("backups")
    }

    /// Parses how often: `30m`, `6h`, `1d` or `2w`.
    pub fn parse_interval(text: &str) -> Result<Duration, String> {
        let wrong = || format!("{text:?} is not a number with m, h, d or w, such as 6h or 1d");
        let (number, unit) =
            text.split_at_checked(text.len().saturating_sub(1)).ok_or_else(wrong)?;
        let hours = match unit {
            "m" => 0,
            "h" => 1,
            "d" => 24,
            "w" => 7 * 24,
            _ => return Err(wrong()),
        };
        let number: u32 = number.parse().map_err(|_| wrong())?;
        let every = match hours {
            0 => Duration::from_mins(number.into()),
            hours => Duration::from_hours(u64::from(number) * hours),
        };
        if every.is_zero() { Err(format!("{text:?} is no time")) } else { Ok(every) }
    }

    /// How long to wait until the next backup is due.
    pub fn wait(&self, last: Option<Timestamp>, now: Timestamp) -> Duration {
        let Some(last) = last.filter(|last| *last <= now) else { return Duration::ZERO };
        let passed = Duration::from_millis(last.as_millis().abs_diff(now.as_millis()));
        self.every.saturating_sub(passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: Timestamp = Timestamp::from_seconds(1_798_718_400);

    #[test]
    fn backups_are_named_by_time() {
        let name = Backup::file_name(NOON);
        assert_eq!(name, "widgetd-20261231T120000.000Z.db");
        assert!(Backup::is_file_name(&name));
        for other in [
            "widgetd.db",
            "widgetd-20261231T120000.000Z.db-wal",
            "widgetd-2026-12-31T12:00Z.db",
            "",
        ] {
            assert!(!Backup::is_file_name(other), "{other}");
        }
    }

    #[test]
    fn the_newest_backups_are_kept_and_no_other_file_is_touched() {
        let names = |days: &[u32]| -> Vec<String> {
            days.iter().map(|day| format!("widgetd-202612{day:02}T120000.000Z.db")).collect()
        };
        let mut all = names(&[3, 1, 4, 2]);
        all.push("notes.txt".to_owned());
        assert_eq!(Backup::too_many(all.clone(), 2), names(&[2, 1]));
        assert_eq!(Backup::too_many(all, 9), names(&[]));
    }

    #[test]
    fn intervals_are_written_as_people_write_them() {
        for (text, seconds) in [("30m", 1_800), ("6h", 21_600), ("1d", 86_400), ("2w", 1_209_600)] {
            assert_eq!(
                BackupSchedule::parse_interval(text),
                Ok(Duration::from_secs(seconds)),
                "{text}"
            );
        }
        for text in
            ["", "6", "d", "soon", "1s", "-1d", "1 month", "0h", "1é", "99999999999999999999d"]
        {
            assert!(BackupSchedule::parse_interval(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_backup_is_due_when_the_interval_has_passed_since_the_last() {
        let (folder, every) = (PathBuf::new(), Duration::from_hours(6));
        let schedule = BackupSchedule { folder, every, keep: 7 };
        let ago = |hours: i64| Some(NOON.plus_seconds(-3_600 * hours));
        assert_eq!(schedule.wait(None, NOON), Duration::ZERO);
        assert_eq!(schedule.wait(ago(2), NOON), Duration::from_hours(4));
        assert_eq!(schedule.wait(ago(7), NOON), Duration::ZERO);
        // The clock was wrong when it was made.
        assert_eq!(schedule.wait(ago(-1), NOON), Duration::ZERO);
    }
}
