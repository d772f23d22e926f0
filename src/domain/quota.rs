//! How much may be stored: by one user, and on the disk.

use std::fmt;
use std::time::Duration;

use super::{Timestamp, User, UserId, Zone};
use crate::error::Error;

const MIB: u64 = 1024 * 1024;

/// The bounds of what the store accepts, and of what a list may cost.
#[derive(Clone, Debug, Default)]
pub struct StoreLimits {
    pub quota: Quota,
    pub min_free: MinFree,
    /// How long reading a list may take. `None`: as long as it needs.
    pub read_timeout: Option<Duration>,
    /// Decides when a date ends. The store moves the deadlines that are the end of a date to it.
    pub zone: Zone,
    /// Whether a store that has another zone keeps that.
    pub keep_zone: bool,
}

/// What a user may store, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct Quota(u64);

impl Default for Quota {
    /// Holds as many templates as a user may have, each as large as it may be.
    fn default() -> Self {
        Self::from_mib(Self::DEFAULT_MIB)
    }
}

impl Quota {
    pub const DEFAULT_MIB: u32 = 64;

    /// The part of the quota that a new user has.
    const NEW_USER_PART: u64 = 16;

    pub const fn from_mib(mib: u32) -> Self {
        Self(mib as u64 * MIB)
    }

    /// What this user may store now.
    pub fn of(self, user: &User, now: Timestamp) -> u64 {
        if user.is_new(now) { self.0 / Self::NEW_USER_PART } else { self.0 }
    }

    /// Decides on a write by `actor` after which `user`, for whom it counts, stores more than before.
    /// [`Error::InsufficientStorage`] if that is more than the user may store.
    pub fn check(self, user: &User, actor: Option<UserId>, now: Timestamp) -> Result<(), Error> {
        let quota = self.of(user, now);
        if user.used_bytes <= quota {
            return Ok(());
        }
        let (quota, whole, label) = (Size(quota), Size(self.0), user.names.label());
        Err(Error::InsufficientStorage(if actor != Some(user.public_id) {
            format!("This counts for {label}, who cannot store more than {quota}.")
        } else if user.is_new(now) {
            format!(
                "Your account cannot store more than {quota} on its first day, and {whole} from \
                 then on. Please delete something."
            )
        } else {
            format!("Your account cannot store more than {quota}. Please delete something.")
        }))
    }
}

/// The space on the disk that must stay free, in bytes; by default 256 MiB, or 5 % of the disk if
/// that is less.
#[derive(Clone, Copy, Debug, Default)]
pub struct MinFree(Option<u64>);

impl MinFree {
    pub fn from_mib(mib: Option<u32>) -> Self {
        Self(mib.map(|mib| u64::from(mib) * MIB))
    }

    /// What must stay free on a disk of this size.
    pub fn of(self, disk: u64) -> u64 {
        self.0.unwrap_or_else(|| (256 * MIB).min(disk / 20))
    }

    /// Whether too little is free on a disk of this size. What is `unused` in the database's file
    /// counts as free: the file does not shrink when something is deleted, and uses that first.
    pub fn is_undercut(self, disk: u64, free: u64, unused: u64) -> bool {
        free.saturating_add(unused) < self.of(disk)
    }
}

/// A number of bytes for people, such as `64 MiB` or `1.5 KiB`. Rounded down.
#[derive(Clone, Copy, Debug)]
pub struct Size(pub u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [("GiB", 1024 * MIB), ("MiB", MIB), ("KiB", 1024)];
        let Some((name, unit)) = units.into_iter().find(|(_, unit)| self.0 >= *unit) else {
            return write!(f, "{} bytes", self.0);
        };
        // The remainder is less than the unit, so its tenths are less than ten.
        match (self.0 / unit, self.0 % unit * 10 / unit) {
            (whole, 0) => write!(f, "{whole} {name}"),
            (whole, tenths) => write!(f, "{whole}.{tenths} {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Email, Role, Status, Version};

    const NOW: Timestamp = Timestamp::from_millis(1_000);

    fn user(used_bytes: u64, full_quota_from: Timestamp) -> User {
        User {
            public_id: UserId::generate(),
            names: Email::parse("ann@example.com").unwrap().into(),
            role: Role::Employee,
            status: Status::Active,
            token_epoch: 0,
            registered_on: NOW,
            version: Version::from_stored(0),
            used_bytes,
            full_quota_from,
        }
    }

    #[test]
    fn a_new_user_has_a_sixteenth_of_the_quota() {
        let (quota, later) = (Quota::from_mib(1), Timestamp::from_millis(1_001));
        for (user, expected) in [
            (user(1_048_576, NOW), None),
            (
                user(1_048_577, NOW),
                Some("Your account cannot store more than 1 MiB. Please delete something."),
            ),
            (user(65_536, later), None),
            (
                user(65_537, later),
                Some(
                    "Your account cannot store more than 64 KiB on its first day, and 1 MiB from \
                     then on. Please delete something.",
                ),
            ),
        ] {
            let refusal = quota.check(&user, Some(user.public_id), NOW).err();
            assert_eq!(refusal.map(|error| error.to_string()).as_deref(), expected);
        }
        let refusal = quota.check(&user(65_537, later), Some(UserId::generate()), NOW);
        let expected = "This counts for ann@example.com, who cannot store more than 64 KiB.";
        assert_eq!(refusal.unwrap_err().to_string(), expected);
    }

    #[test]
    fn min_free_is_256_mib_or_a_twentieth_of_a_small_disk_unless_it_is_set() {
        let cases = [(None, 100, 5), (None, 100_000, 256), (Some(0), 100, 0), (Some(70), 100, 70)];
        for (setting, disk, expected) in cases {
            let min_free = MinFree::from_mib(setting);
            assert_eq!(min_free.of(disk * MIB), expected * MIB, "{setting:?}");
            let expected = expected * MIB;
            assert!(!min_free.is_undercut(disk * MIB, expected, 0));
            if let Some(less) = expected.checked_sub(1) {
                assert!(min_free.is_undercut(disk * MIB, less, 0));
                assert!(!min_free.is_undercut(disk * MIB, less, 1));
            }
        }
    }

    #[test]
    fn sizes_are_rounded_down_to_a_tenth() {
        for (bytes, expected) in [
            (0, "0 bytes"),
            (1_023, "1023 bytes"),
            (1_024, "1 KiB"),
            (1_048_575, "1023.9 KiB"),
            (1_572_864, "1.5 MiB"),
            (67_108_864, "64 MiB"),
            (u64::MAX, "17179869183.9 GiB"),
        ] {
            assert_eq!(Size(bytes).to_string(), expected);
        }
    }
}
