//! The algorithm of the rate limits, and attempts in flight.
//!
//! Each limit allows a burst of attempts at once, and then one per interval. An attempt counts
//! before it is checked, and is given back if it succeeds: only failures count. Until then it is in
//! flight. If a limit would refuse an attempt only because of attempts in flight, it waits until
//! one of them is settled. So correct passwords at the same moment are not refused, and still no
//! more passwords are checked than may be wrong.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio::time::timeout;

use crate::clock::Clock;
use crate::domain::{Network, Reloadable, UserId};
use crate::error::Error;

/// How many limits are tracked, in a few megabytes. Above it, those are dropped that have their
/// whole burst back soonest.
const MAX_TRACKED_LIMITS: usize = 65_536;

/// How many attempts may wait for others to be settled, and for how long: longer than a full queue
/// of the hashing threads takes.
const MAX_WAITING: usize = 1_024;
const MAX_WAIT: Duration = Duration::from_secs(10);

/// What is limited, and its subject. An account is a keyed hash of its id, or of a name that no
/// account has.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    AttemptsOnAccountFrom(u64, Network),
    AttemptsFrom(Network),
    AttemptsOnAccount(u64),
    RegistrationsFrom(Network),
    WritesBy(UserId),
    ListsReadBy(UserId),
    LogLinesAbout(Network),
}

impl Limit {
    /// How many attempts pass at once, and the time until one more passes.
    const fn allowance(self) -> (u32, Duration) {
        let (burst, seconds) = match self {
            // A person who tries out which of their passwords it was.
            Self::AttemptsOnAccountFrom(..) => (10, 60),
            // An office on a Monday morning, but not a list of passwords.
            Self::AttemptsFrom(_) => (50, 10),
            // From networks unknown to the account: guesses by many machines.
            Self::AttemptsOnAccount(_) => (100, 60),
            // A school class that registers together.
            Self::RegistrationsFrom(_) => (60, 120),
            // A script with many changes, but not one that fills the disk.
            Self::WritesBy(_) => (300, 1),
            // People who filter and sort, but not a script that searches without end.
            Self::ListsReadBy(_) => return (300, Duration::from_millis(100)),
            Self::LogLinesAbout(_) => (10, 10),
        };
        (burst, Duration::from_secs(seconds))
    }
}

/// An attempt in flight. If it is dropped, it counts as a failure.
#[must_use]
pub struct Attempt<'a> {
    counted_by: &'a RateLimits,
    limits: Vec<Limit>,
    outcome: Outcome,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Failed,
    Succeeded,
    NotChecked,
}

impl Attempt<'_> {
    /// Gives the attempt back: it was not checked.
    pub fn release(mut self) {
        self.outcome = Outcome::NotChecked;
    }

    /// Gives the attempt back, and forgives earlier failures on this account from this network.
    pub fn succeed(mut self) {
        self.outcome = Outcome::Succeeded;
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        self.counted_by.settle(&self.limits, self.outcome);
    }
}

/// The state of one limit by the Generic Cell Rate Algorithm, in its form as virtual scheduling
/// (ITU-T I.371, annex A).
#[derive(Clone, Copy, Default)]
struct Usage {
    /// The "theoretical arrival time": the later, the fewer attempts are left.
    arrival: Duration,
    /// How many of the counted attempts are not settled.
    in_flight: u32,
}

impl Usage {
    fn wait(self, limit: Limit, now: Duration) -> Duration {
        let (burst, interval) = limit.allowance();
        let tolerance = interval * burst.saturating_sub(1);
        self.arrival.saturating_sub(tolerance).saturating_sub(now)
    }

    fn count(&mut self, limit: Limit, now: Duration) {
        self.arrival = self.arrival.max(now) + limit.allowance().1;
    }

    fn give_back(&mut self, limit: Limit, attempts: u32) {
        self.arrival = self.arrival.saturating_sub(limit.allowance().1 * attempts);
    }
}

/// The rate limits of one process. They can be switched off.
pub struct RateLimits {
    are_on: Reloadable<bool>,
    clock: Clock,
    hasher: RandomState,
    usages: Mutex<HashMap<Limit, Usage>>,
    settled: Notify,
    waiting: Semaphore,
    max_wait: Duration,
}

impl RateLimits {
    pub fn new(are_on: Reloadable<bool>, clock: Clock) -> Self {
        Self {
            are_on,
            clock,
            hasher: RandomState::new(),
            usages: Mutex::default(),
            settled: Notify::new(),
            waiting: Semaphore::new(MAX_WAITING),
            max_wait: MAX_WAIT,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Limit, Usage>> {
        // A panic cannot leave a half-written entry.
        self.usages.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn hash_account(&self, account: impl Hash) -> u64 {
        self.hasher.hash_one(account)
    }

    /// Counts something that is never given back.
    pub(super) fn count(&self, limit: Limit) -> Result<(), Error> {
        // Such a limit has no attempts in flight.
        self.try_acquire(&[limit], 0).unwrap_or(Err(Error::Busy))
    }

    /// Acquires an attempt under all of the limits, or none. [`Error::RateLimited`] after too many
    /// failures; [`Error::Busy`] if the attempts in flight are not settled in time.
    pub(super) async fn acquire(&self, limits: Vec<Limit>) -> Result<Attempt<'_>, Error> {
        let acquired = match self.try_acquire(&limits, 1) {
            Some(decision) => decision,
            None => self.wait_and_acquire(&limits).await,
        };
        acquired.map(|()| Attempt { counted_by: self, limits, outcome: Outcome::Failed })
    }

    async fn wait_and_acquire(&self, limits: &[Limit]) -> Result<(), Error> {
        let _waiting = self.waiting.try_acquire().map_err(|_| Error::Busy)?;
        let retry = async {
            loop {
                // Listens before it tries, to miss no notification.
                let settled = self.settled.notified();
                if let Some(decision) = self.try_acquire(limits, 1) {
                    return decision;
                }
                settled.await;
            }
        };
        timeout(self.max_wait, retry).await.unwrap_or(Err(Error::Busy))
    }

    /// Counts an attempt under all of the limits, or none. `None` if the result depends on whether
    /// the attempts in flight fail.
    fn try_acquire(&self, limits: &[Limit], in_flight: u32) -> Option<Result<(), Error>> {
        if !**self.are_on.get() {
            return Some(Ok(()));
        }
        let now = self.clock.elapsed();
        let mut usages = self.lock();
        let (mut wait, mut least_wait) = (Duration::ZERO, Duration::ZERO);
        for &limit in limits {
            let mut usage = usages.get(&limit).copied().unwrap_or_default();
            wait = wait.max(usage.wait(limit, now));
            usage.give_back(limit, usage.in_flight);
            least_wait = least_wait.max(usage.wait(limit, now));
        }
        if !least_wait.is_zero() {
            let retry_after = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            return Some(Err(Error::RateLimited { retry_after }));
        }
        if !wait.is_zero() {
            return None;
        }
        if usages.len() + limits.len() > MAX_TRACKED_LIMITS {
            drop_half(&mut usages);
        }
        for &limit in limits {
            let usage = usages.entry(limit).or_default();
            usage.count(limit, now);
            usage.in_flight += in_flight;
        }
        Some(Ok(()))
    }

    /// Settles an attempt in flight, and lets the waiting ones try again.
    fn settle(&self, limits: &[Limit], outcome: Outcome) {
        let now = self.clock.elapsed();
        let mut usages = self.lock();
        for &limit in limits {
            let Some(usage) = usages.get_mut(&limit) else { continue };
            usage.in_flight = usage.in_flight.saturating_sub(1);
            match (outcome, limit) {
                (Outcome::Failed, _) => {}
                (Outcome::Succeeded, Limit::AttemptsOnAccountFrom(..)) => {
                    // The other attempts in flight stay counted.
                    usage.arrival = now + limit.allowance().1 * usage.in_flight;
                }
                (Outcome::Succeeded | Outcome::NotChecked, _) => usage.give_back(limit, 1),
            }
        }
        drop(usages);
        self.settled.notify_waiters();
    }
}

/// Drops the entries that have their whole burst back soonest, and no attempt in flight.
fn drop_half(usages: &mut HashMap<Limit, Usage>) {
    let mut arrivals: Vec<Duration> = usages.values().map(|usage| usage.arrival).collect();
    let middle = arrivals.len() / 2;
    let (_, &mut median, _) = arrivals.select_nth_unstable(middle);
    let mut to_drop = middle;
    usages.retain(|_, usage| {
        let is_dropped = usage.in_flight == 0 && usage.arrival <= median && to_drop > 0;
        to_drop -= usize::from(is_dropped);
        !is_dropped
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    fn rate_limits() -> RateLimits {
        RateLimits::new(Reloadable::new(true), Clock::fixed(Timestamp::from_seconds(1_000_000)))
    }

    fn account(n: u64) -> Limit {
        Limit::AttemptsOnAccount(n)
    }

    fn from(n: u32) -> Limit {
        Limit::AttemptsFrom(Network::of(std::net::Ipv4Addr::from(n).into()))
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(future)
    }

    /// The result of an attempt that does not wait for long.
    fn soon(attempt: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
        block_on(async { timeout(Duration::from_secs(5), attempt).await }).expect("it waits")
    }

    /// Acquires attempts until one has to wait or is refused.
    fn acquire_all<'a>(rate_limits: &'a RateLimits, limits: &[Limit]) -> Vec<Attempt<'a>> {
        let acquire = || {
            rate_limits.try_acquire(limits, 1)?.ok()?;
            Some(Attempt {
                counted_by: rate_limits,
                limits: limits.to_vec(),
                outcome: Outcome::Failed,
            })
        };
        std::iter::from_fn(acquire).collect()
    }

    #[test]
    fn an_attempt_waits_for_one_in_flight_and_passes_if_that_was_right() {
        let limits = rate_limits();
        let mut in_flight = acquire_all(&limits, &[from(1)]);
        assert_eq!(in_flight.len(), 50);
        assert!(limits.try_acquire(&[from(1)], 1).is_none());
        let one = in_flight.pop().unwrap();
        let (next, ()) = block_on(async {
            tokio::join!(limits.acquire(vec![from(1)]), async { one.succeed() })
        });
        next.unwrap().release();
    }

    #[test]
    fn an_attempt_waits_for_those_in_flight_and_is_refused_if_all_of_them_failed() {
        let limits = rate_limits();
        let in_flight = acquire_all(&limits, &[from(1)]);
        let (next, ()) = block_on(async {
            tokio::join!(limits.acquire(vec![from(1)]), async { drop(in_flight) })
        });
        assert!(matches!(next, Err(Error::RateLimited { retry_after: 10 })));
    }

    #[test]
    fn an_attempt_that_waits_counts_under_no_limit() {
        let limits = rate_limits();
        let in_flight = acquire_all(&limits, &[from(1)]);
        for _ in 0..1_000 {
            assert!(limits.try_acquire(&[account(7), from(1)], 1).is_none());
        }
        assert_eq!(acquire_all(&limits, &[account(7)]).len(), 100);
        drop(in_flight);
    }

    #[test]
    fn success_forgives_failures_but_not_the_attempts_in_flight() {
        let limits = rate_limits();
        let limit = Limit::AttemptsOnAccountFrom(1, Network::of([192, 0, 2, 1].into()));
        let mut in_flight = acquire_all(&limits, &[limit]);
        assert_eq!(in_flight.len(), 10);
        in_flight.truncate(5);
        in_flight.pop().unwrap().succeed();
        // Four are in flight, the five failures are forgiven.
        assert_eq!(acquire_all(&limits, &[limit]).len(), 6);
    }

    #[test]
    fn the_number_of_waiting_attempts_is_bounded_and_the_others_are_busy() {
        let limits = rate_limits();
        let in_flight = acquire_all(&limits, &[from(1)]);
        let _waiting =
            limits.waiting.try_acquire_many(u32::try_from(MAX_WAITING).unwrap()).unwrap();
        let refused = soon(limits.wait_and_acquire(&[from(1)]));
        assert!(matches!(refused, Err(Error::Busy)));
        drop(in_flight);
    }

    #[test]
    fn an_attempt_waits_for_a_bounded_time() {
        let limits = RateLimits { max_wait: Duration::from_millis(10), ..rate_limits() };
        let in_flight = acquire_all(&limits, &[from(1)]);
        let refused = soon(limits.wait_and_acquire(&[from(1)]));
        assert!(matches!(refused, Err(Error::Busy)));
        drop(in_flight);
    }

    #[test]
    fn memory_is_bounded_and_the_limits_with_most_failures_are_kept() {
        let limits = rate_limits();
        for _ in 0..20 {
            limits.count(account(7)).unwrap();
        }
        let in_flight = block_on(limits.acquire(vec![account(8)])).unwrap();
        for n in 0..3 * MAX_TRACKED_LIMITS as u64 {
            limits.count(account(n + 100)).unwrap();
        }
        assert!(limits.lock().len() <= MAX_TRACKED_LIMITS);
        assert_eq!(acquire_all(&limits, &[account(7)]).len(), 80);
        assert_eq!(limits.lock()[&account(8)].in_flight, 1);
        in_flight.release();
    }
}
