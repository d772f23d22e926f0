//! Whether the system's clock can be believed: what is old is deleted by it.

use std::time::Duration;

use super::Timestamp;

/// A wrong clock is off by more than this. Summer time and leap seconds do not change UTC.
const JUMP: Duration = Duration::from_hours(24);

/// Compares the wall clock with the monotonic one.
pub struct SteadyTime {
    last: Timestamp,
    elapsed: Duration,
    /// Since when there was no jump, by the monotonic clock.
    steady_since: Option<Duration>,
}

impl SteadyTime {
    /// After a jump, the clock must go on for this long as time passes.
    pub const STEADY: Duration = Duration::from_hours(1);

    /// `last` is the moment of the last event, and `before` that of the last one before it that is more
    /// than [`Self::STEADY`] from it: what happened since may have been after a jump.
    pub fn begin(
        [last, before]: [Option<Timestamp>; 2],
        now: Timestamp,
        elapsed: Duration,
    ) -> Self {
        let is_near = |a: Option<Timestamp>, b| a.is_none_or(|a| distance(a, b) <= JUMP);
        let is_steady = is_near(last, now) && is_near(before, last.unwrap_or(now));
        Self { last: now, elapsed, steady_since: (!is_steady).then_some(elapsed) }
    }

    /// How far the clock has jumped since the last time, if it has.
    pub fn jump(&mut self, now: Timestamp, elapsed: Duration) -> Option<Duration> {
        let passed = elapsed.saturating_sub(self.elapsed);
        let expected = i64::try_from(passed.as_secs()).unwrap_or(i64::MAX);
        let jump = distance(self.last.plus_seconds(expected), now);
        (self.last, self.elapsed) = (now, elapsed);
        if jump <= JUMP {
            return None;
        }
        self.steady_since = Some(elapsed);
        Some(jump)
    }

    /// Whether what is old may be deleted.
    pub fn is_steady(&self) -> bool {
        self.steady_since.is_none_or(|since| self.elapsed.saturating_sub(since) >= Self::STEADY)
    }
}

fn distance(a: Timestamp, b: Timestamp) -> Duration {
    Duration::from_millis(a.as_millis().abs_diff(b.as_millis()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_hours(1);
    const NOON: Timestamp = Timestamp::from_seconds(1_798_718_400);

    fn later(hours: i64) -> Timestamp {
        NOON.plus_seconds(3_600 * hours)
    }

    #[test]
    fn a_jump_of_more_than_a_day_is_noticed_and_an_hour_must_pass() {
        for hours in [24 * 365 * 10, 26, -30] {
            let mut time = SteadyTime::begin([Some(NOON), None], NOON, HOUR);
            assert!(time.is_steady());
            assert_eq!(time.jump(later(1), 2 * HOUR), None);
            assert!(time.jump(later(2 + hours), 3 * HOUR).is_some(), "{hours}");
            assert!(!time.is_steady());
            assert_eq!(time.jump(later(2 + hours), 3 * HOUR + HOUR / 2), None);
            assert!(!time.is_steady());
            assert_eq!(time.jump(later(3 + hours), 4 * HOUR), None);
            assert!(time.is_steady(), "{hours}");
        }
    }

    #[test]
    fn at_the_start_the_last_events_say_whether_the_clock_may_have_jumped() {
        for (events, is_steady) in [
            ([None, None], true),
            ([Some(later(-23)), None], true),
            ([Some(later(-25)), None], false),
            ([Some(later(25)), None], false),
            ([Some(later(-2)), Some(later(-25))], true),
            ([Some(later(-2)), Some(later(-27))], false),
        ] {
            let mut time = SteadyTime::begin(events, NOON, HOUR);
            assert_eq!(time.is_steady(), is_steady, "{events:?}");
            assert_eq!(time.jump(later(1), 2 * HOUR), None);
            assert!(time.is_steady());
        }
    }
}
