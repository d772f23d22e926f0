//! Keeps a failure that repeats from filling the log.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use log::Level;

use crate::clock::Clock;

/// The shortest time between two lines about the same failure.
const INTERVAL: Duration = Duration::from_secs(10);

/// How many failures are told apart. With more, the limit begins anew.
const MAX_FAILURES: usize = 64;

/// Admits one line about each failure in ten seconds.
#[derive(Default)]
pub struct LogLimit(Mutex<HashMap<String, Admitted>>);

struct Admitted {
    at: Duration,
    left_out: u64,
}

/// How many lines were left out before the one that ends with this.
#[derive(Debug, PartialEq, Eq)]
pub struct LeftOut(u64);

impl LogLimit {
    /// Logs a failure of the service, unless there was a line about it just now.
    pub fn log(&self, level: Level, failure: &str) {
        if let Some(left_out) = self.admit(failure) {
            log::log!(level, "{failure}{left_out}");
        }
    }

    /// `None` leaves a line about this failure out.
    pub fn admit(&self, failure: &str) -> Option<LeftOut> {
        self.admit_at(failure, Clock::System.elapsed())
    }

    fn admit_at(&self, failure: &str, now: Duration) -> Option<LeftOut> {
        // Nothing panics while it holds the lock.
        let mut failures = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(last) = failures.get_mut(failure) {
            if now.saturating_sub(last.at) < INTERVAL {
                last.left_out += 1;
                return None;
            }
            let left_out = LeftOut(last.left_out);
            *last = Admitted { at: now, left_out: 0 };
            return Some(left_out);
        }
        if failures.len() >= MAX_FAILURES {
            failures.clear();
        }
        failures.insert(failure.to_owned(), Admitted { at: now, left_out: 0 });
        Some(LeftOut(0))
    }
}

impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => Ok(()),
            count => write!(f, " ({count} more lines like this were left out)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_that_repeats_is_one_line_in_ten_seconds_with_a_count() {
        let limit = LogLimit::default();
        let admit = |failure, second| {
            limit.admit_at(failure, Duration::from_secs(second)).map(|left| left.to_string())
        };
        assert_eq!(admit("full", 5).as_deref(), Some(""));
        assert_eq!(admit("full", 6), None);
        assert_eq!(admit("lost", 7).as_deref(), Some(""));
        assert_eq!(admit("full", 14), None);
        assert_eq!(admit("full", 15).as_deref(), Some(" (2 more lines like this were left out)"));
        assert_eq!(admit("full", 25).as_deref(), Some(""));
    }

    #[test]
    fn failures_that_differ_each_time_take_little_memory() {
        let limit = LogLimit::default();
        for n in 0..1_000 {
            assert!(limit.admit_at(&n.to_string(), Duration::ZERO).is_some());
        }
        assert!(limit.0.lock().unwrap().len() <= MAX_FAILURES);
    }
}
