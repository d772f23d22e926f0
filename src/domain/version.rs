//! Versions of records (each an `ETag`), and preconditions on them.

use serde::{Deserialize, Serialize};
use std::fmt;

use crate::error::Error;

/// A random number, replaced by each change of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version(i64);

impl Version {
    pub const fn from_stored(number: i64) -> Self {
        Self(number)
    }

    /// Parses the form of [`fmt::Display`].
    pub fn parse(text: &str) -> Option<Self> {
        let is_hex = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        u64::from_str_radix(text, 16)
            .ok()
            .filter(|_| is_hex)
            .map(|number| Self(number.cast_signed()))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Versions {
    /// `*`: any version of a record that exists.
    Any,
    These(Vec<Version>),
}

impl Versions {
    fn have(&self, current: Version) -> bool {
        match self {
            Self::Any => true,
            Self::These(versions) => versions.contains(&current),
        }
    }
}

/// The preconditions of a write (RFC 9110 section 13.1). None by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Precondition {
    /// `If-Match`: the record exists in one of these versions.
    pub is: Option<Versions>,
    /// `If-None-Match`: the record does not exist, or is in none of these versions.
    pub is_not: Option<Versions>,
}

impl Precondition {
    /// The record exists in this version.
    pub fn is(version: Version) -> Self {
        Self { is: Some(Versions::These(vec![version])), is_not: None }
    }

    /// [`Error::PreconditionFailed`] if it does not hold. `current` is `None` if the record does
    /// not exist.
    pub fn check(&self, current: Option<Version>) -> Result<(), Error> {
        let has = |versions: &Versions| current.is_some_and(|current| versions.have(current));
        if self.is.as_ref().is_none_or(has) && !self.is_not.as_ref().is_some_and(has) {
            Ok(())
        } else {
            Err(Error::PreconditionFailed)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_reads_back_and_nothing_else_is_one() {
        for number in [0, 1, i64::MAX, i64::MIN, -1] {
            let version = Version::from_stored(number);
            assert_eq!(Version::parse(&version.to_string()), Some(version));
        }
        for text in ["", "1", "000000000000000g", "+00000000000000a", "0000000000000000a", "*"] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_precondition_holds_of_the_version_that_is_there_at_this_moment() {
        let version = Version::from_stored;
        let these =
            |numbers: &[i64]| Some(Versions::These(numbers.iter().copied().map(version).collect()));
        let holds = |is: &Option<Versions>, is_not: &Option<Versions>, current: Option<i64>| {
            Precondition { is: is.clone(), is_not: is_not.clone() }
                .check(current.map(version))
                .is_ok()
        };
        for current in [None, Some(1)] {
            assert!(holds(&None, &None, current));
        }
        assert!(holds(&these(&[2, 1]), &None, Some(1)));
        assert!(!holds(&these(&[2, 3]), &None, Some(1)));
        assert!(!holds(&these(&[1]), &None, None));
        assert!(!holds(&these(&[]), &None, Some(1)));
        assert!(holds(&Some(Versions::Any), &None, Some(1)));
        assert!(!holds(&Some(Versions::Any), &None, None));
        assert!(!holds(&None, &Some(Versions::Any), Some(1)));
        assert!(holds(&None, &Some(Versions::Any), None));
        assert!(!holds(&None, &these(&[1]), Some(1)));
        assert!(holds(&None, &these(&[2]), Some(1)));
        assert!(!holds(&these(&[1]), &these(&[1]), Some(1)));
    }
}
