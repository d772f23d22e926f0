//! Attempts in flight, and the table that counts them.
//!
//! Each limit lets a burst of attempts through at once, and then one per interval. An attempt
//! counts from before any work is done for it, and is given back if it turns out to be right: only
//! failures count. Until then it is in flight. An attempt that the limit would refuse only because
//! of attempts in flight waits until one of them is decided. So right passwords at the same moment
//! are not refused, and still no more passwords are verified than may be wrong.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, Semaphore};
use tokio::time::timeout;

use crate::clock::Clock;
use crate::domain::{Network, UserId};
use crate::error::Error;

/// How many buckets are kept, in some megabytes. Past it, those are forgotten that are closest to
/// having their whole burst back.
const MAX_BUCKETS: usize = 65_536;

/// How many attempts may wait for others to be decided, and for how long: longer than the full
/// queue of the hashing threads takes.
const MAX_WAITING: usize = 1_024;
const MAX_WAIT: Duration = Duration::from_secs(10);

/// What is limited, and for whom.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limit {
    AttemptsOnAccountFrom(AccountHash, Network),
    AttemptsFrom(Network),
    AttemptsOnAccount(AccountHash),
    RegistrationsFrom(Network),
    WritesBy(UserId),
    LogLinesAbout(Network),
}

/// An account, or a name that no account has, in 64 bits that nobody can choose.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct AccountHash(u64);

/// How many attempts pass at once, and how long it takes until one more does.
pub struct Allowance {
    burst: u32,
    interval: Duration,
}

impl Limit {
    const fn allowance(self) -> Allowance {
        let (burst, seconds) = match self {
            // A person who has forgotten which password it was.
            Self::AttemptsOnAccountFrom(..) => (10, 60),
            // An office on a Monday, but nobody who tries a list.
            Self::AttemptsFrom(_) => (50, 10),
            // From addresses that the account is not known at: what many machines may guess.
            Self::AttemptsOnAccount(_) => (100, 60),
            // A class that registers together.
            Self::RegistrationsFrom(_) => (60, 120),
            // A script that works through something, but nobody who fills the disk.
            Self::WritesBy(_) => (300, 1),
            Self::LogLinesAbout(_) => (10, 10),
        };
        Allowance { burst, interval: Duration::from_secs(seconds) }
    }
}

/// An attempt in flight. It counts as a failure unless it is said to be something else.
#[must_use]
pub struct Attempt<'a> {
    table: Option<&'a Table>,
    limits: Vec<Limit>,
    outcome: Outcome,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Failed,
    Succeeded,
    NotJudged,
}

impl Attempt<'_> {
    pub const fn unlimited() -> Self {
        Self { table: None, limits: Vec::new(), outcome: Outcome::NotJudged }
    }

    /// Gives the attempt back: nobody looked at it.
    pub fn release(mut self) {
        self.outcome = Outcome::NotJudged;
    }

    /// Gives the attempt back, and forgives earlier failures on this account from this network.
    pub fn succeed(mut self) {
        self.outcome = Outcome::Succeeded;
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if let Some(table) = self.table {
            table.settle(&self.limits, self.outcome);
        }
    }
}

/// The state of one limit by the Generic Cell Rate Algorithm, in its form as virtual scheduling
/// (ITU-T I.371, annex A).
#[derive(Clone, Copy, Default)]
struct Bucket {
    /// The "theoretical arrival time": the later, the fewer attempts are left.
    arrival: Duration,
    /// How many of the attempts that it counts are undecided.
    in_flight: u32,
}

impl Bucket {
    fn wait(self, Allowance { burst, interval }: Allowance, now: Duration) -> Duration {
        let tolerance = interval * burst.saturating_sub(1);
        self.arrival.saturating_sub(tolerance).saturating_sub(now)
    }

    fn count(&mut self, Allowance { interval, .. }: Allowance, now: Duration) {
        self.arrival = self.arrival.max(now) + interval;
    }

    fn give_back(&mut self, Allowance { interval, .. }: Allowance, attempts: u32) {
        self.arrival = self.arrival.saturating_sub(interval * attempts);
    }
}

pub struct Table {
    clock: Clock,
    hasher: RandomState,
    buckets: Mutex<HashMap<Limit, Bucket>>,
    settled: Notify,
    waiting: Semaphore,
    max_wait: Duration,
}

impl Table {
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            hasher: RandomState::new(),
            buckets: Mutex::default(),
            settled: Notify::new(),
            waiting: Semaphore::new(MAX_WAITING),
            max_wait: MAX_WAIT,
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Limit, Bucket>> {
        // A panic cannot leave a bucket half written.
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn hash_account(&self, account: impl Hash) -> AccountHash {
        AccountHash(self.hasher.hash_one(account))
    }

    /// Counts what is never given back.
    pub fn count(&self, limit: Limit) -> Result<(), Error> {
        // Nothing under such a limit is ever in flight.
        self.try_acquire(&[limit], 0).unwrap_or(Err(Error::Busy))
    }

    /// Acquires an attempt under all of the limits, or none. [`Error::RateLimited`] after too many
    /// failures; [`Error::Busy`] where the attempts in flight are not decided in time.
    pub async fn acquire(&self, limits: Vec<Limit>) -> Result<Attempt<'_>, Error> {
        let acquired = match self.try_acquire(&limits, 1) {
            Some(decision) => decision,
            None => self.wait_and_acquire(&limits).await,
        };
        acquired.map(|()| Attempt { table: Some(self), limits, outcome: Outcome::Failed })
    }

    async fn wait_and_acquire(&self, limits: &[Limit]) -> Result<(), Error> {
        let _waiting = self.waiting.try_acquire().map_err(|_| Error::Busy)?;
        let retry = async {
            loop {
                // Listens before it tries, so that no decision is missed.
                let settled = self.settled.notified();
                if let Some(decision) = self.try_acquire(limits, 1) {
                    return decision;
                }
                settled.await;
            }
        };
        timeout(self.max_wait, retry).await.unwrap_or(Err(Error::Busy))
    }

    /// Counts an attempt under all of the limits, or none. `None` where that depends on whether the
    /// attempts in flight fail.
    fn try_acquire(&self, limits: &[Limit], in_flight: u32) -> Option<Result<(), Error>> {
        let now = self.clock.elapsed();
        let mut buckets = self.lock();
        let (mut wait, mut least_wait) = (Duration::ZERO, Duration::ZERO);
        for limit in limits {
            let mut bucket = buckets.get(limit).copied().unwrap_or_default();
            wait = wait.max(bucket.wait(limit.allowance(), now));
            bucket.give_back(limit.allowance(), bucket.in_flight);
            least_wait = least_wait.max(bucket.wait(limit.allowance(), now));
        }
        if !least_wait.is_zero() {
            let retry_after = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            return Some(Err(Error::RateLimited { retry_after }));
        }
        if !wait.is_zero() {
            return None;
        }
        if buckets.len() + limits.len() > MAX_BUCKETS {
            forget_half(&mut buckets);
        }
        for limit in limits {
            let bucket = buckets.entry(*limit).or_default();
            bucket.count(limit.allowance(), now);
            bucket.in_flight += in_flight;
        }
        Some(Ok(()))
    }

    /// Decides an attempt in flight, and lets those who wait for that try again.
    fn settle(&self, limits: &[Limit], outcome: Outcome) {
        let now = self.clock.elapsed();
        let mut buckets = self.lock();
        for limit in limits {
            let Some(bucket) = buckets.get_mut(limit) else { continue };
            bucket.in_flight = bucket.in_flight.saturating_sub(1);
            match (outcome, limit) {
                (Outcome::Failed, _) => {}
                (Outcome::Succeeded, Limit::AttemptsOnAccountFrom(..)) => {
                    // What the others in flight have acquired stays theirs.
                    bucket.arrival = now + limit.allowance().interval * bucket.in_flight;
                }
                (Outcome::Succeeded | Outcome::NotJudged, _) => {
                    bucket.give_back(limit.allowance(), 1);
                }
            }
        }
        drop(buckets);
        self.settled.notify_waiters();
    }
}

/// Forgets the buckets that have the most attempts left, and none in flight.
fn forget_half(buckets: &mut HashMap<Limit, Bucket>) {
    let mut arrivals: Vec<Duration> = buckets.values().map(|bucket| bucket.arrival).collect();
    let middle = arrivals.len() / 2;
    let (_, &mut median, _) = arrivals.select_nth_unstable(middle);
    let mut to_forget = middle;
    buckets.retain(|_, bucket| {
        let forget = bucket.in_flight == 0 && bucket.arrival <= median && to_forget > 0;
        to_forget -= usize::from(forget);
        !forget
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    fn table() -> Table {
        Table::new(Clock::fixed(Timestamp::from_seconds(1_000_000)))
    }

    fn account(n: u64) -> Limit {
        Limit::AttemptsOnAccount(AccountHash(n))
    }

    fn from(n: u32) -> Limit {
        Limit::AttemptsFrom(Network::of(std::net::Ipv4Addr::from(n).into()))
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(future)
    }

    /// What an attempt that need not wait for long is answered.
    fn soon(attempt: impl Future<Output = Result<(), Error>>) -> Result<(), Error> {
        block_on(async { timeout(Duration::from_secs(5), attempt).await }).expect("it waits")
    }

    /// Acquires attempts until one has to wait or is refused.
    fn acquire_all<'a>(table: &'a Table, limits: &[Limit]) -> Vec<Attempt<'a>> {
        let acquire = || {
            table.try_acquire(limits, 1)?.ok()?;
            Some(Attempt { table: Some(table), limits: limits.to_vec(), outcome: Outcome::Failed })
        };
        std::iter::from_fn(acquire).collect()
    }

    #[test]
    fn an_attempt_waits_for_one_in_flight_and_passes_if_that_was_right() {
        let table = table();
        let mut in_flight = acquire_all(&table, &[from(1)]);
        assert_eq!(in_flight.len(), 50);
        assert!(table.try_acquire(&[from(1)], 1).is_none());
        let one = in_flight.pop().unwrap();
        let (next, ()) =
            block_on(async { tokio::join!(table.acquire(vec![from(1)]), async { one.succeed() }) });
        next.unwrap().release();
    }

    #[test]
    fn an_attempt_waits_for_those_in_flight_and_is_refused_if_all_of_them_failed() {
        let table = table();
        let in_flight = acquire_all(&table, &[from(1)]);
        let (next, ()) = block_on(async {
            tokio::join!(table.acquire(vec![from(1)]), async { drop(in_flight) })
        });
        assert!(matches!(next, Err(Error::RateLimited { retry_after: 10 })));
    }

    #[test]
    fn an_attempt_that_waits_holds_nothing_that_others_need() {
        let table = table();
        let in_flight = acquire_all(&table, &[from(1)]);
        for _ in 0..1_000 {
            assert!(table.try_acquire(&[account(7), from(1)], 1).is_none());
        }
        assert_eq!(acquire_all(&table, &[account(7)]).len(), 100);
        drop(in_flight);
    }

    #[test]
    fn success_forgives_failures_but_not_the_attempts_in_flight() {
        let table = table();
        let limit =
            Limit::AttemptsOnAccountFrom(AccountHash(1), Network::of([192, 0, 2, 1].into()));
        let mut in_flight = acquire_all(&table, &[limit]);
        assert_eq!(in_flight.len(), 10);
        in_flight.truncate(5);
        in_flight.pop().unwrap().succeed();
        // Four are in flight, the five failures are forgiven.
        assert_eq!(acquire_all(&table, &[limit]).len(), 6);
    }

    #[test]
    fn only_so_many_may_wait_and_the_others_are_told_that_it_is_busy() {
        let table = table();
        let in_flight = acquire_all(&table, &[from(1)]);
        let _waiting = table.waiting.try_acquire_many(u32::try_from(MAX_WAITING).unwrap()).unwrap();
        let refused = soon(table.wait_and_acquire(&[from(1)]));
        assert!(matches!(refused, Err(Error::Busy)));
        drop(in_flight);
    }

    #[test]
    fn nobody_waits_for_ever() {
        let table = Table { max_wait: Duration::from_millis(10), ..table() };
        let in_flight = acquire_all(&table, &[from(1)]);
        let refused = soon(table.wait_and_acquire(&[from(1)]));
        assert!(matches!(refused, Err(Error::Busy)));
        drop(in_flight);
    }

    #[test]
    fn memory_is_bounded_and_whoever_has_failed_most_is_remembered() {
        let table = table();
        for _ in 0..20 {
            table.count(account(7)).unwrap();
        }
        let in_flight = block_on(table.acquire(vec![account(8)])).unwrap();
        for n in 0..3 * MAX_BUCKETS as u64 {
            table.count(account(n + 100)).unwrap();
        }
        assert!(table.lock().len() <= MAX_BUCKETS);
        assert_eq!(acquire_all(&table, &[account(7)]).len(), 80);
        assert_eq!(table.lock()[&account(8)].in_flight, 1);
        in_flight.release();
    }
}
