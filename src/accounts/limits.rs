//! How often somebody may try a password, a reset code, or to register.
//!
//! A place is taken before any work is done for an attempt, and given back where it turns out to
//! be right; so it is failures that count. Each limit lets some attempts through at once, and then
//! one every so often (GCRA, as the `governor` crate does it). README.md says the figures and why.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use governor::clock::Clock as GovernorClock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::{Quota, RateLimiter};

use crate::clock::Clock;
use crate::domain::{Network, Role, UserId};
use crate::error::Error;

/// How many may try at once, and after how many seconds there is room for one more.
type Allowance = (u32, u64);

/// One account from one address: a person who has forgotten which password it was.
const PER_ACCOUNT_AND_NETWORK: Allowance = (10, 60);

/// One address, whatever the account: an office on a Monday, but nobody who tries a list.
const PER_NETWORK: Allowance = (50, 10);

/// One account from addresses it is not known at: what many machines together may guess.
const PER_ACCOUNT: Allowance = (100, 60);

/// New accounts from one address: a class that registers together.
const REGISTRATIONS_PER_NETWORK: Allowance = (60, 120);

/// What one account that is not an administrator's may write, logins among it: a script that works
/// through something, but nobody who fills the disk.
const WRITES_PER_ACCOUNT: Allowance = (300, 1);

/// Lines in the log about attempts that were not looked at, from one address.
const LINES_PER_NETWORK: Allowance = (10, 10);

/// How many keys each limit remembers: a few megabytes. Past it, it forgets those that are
/// closest to having all their places back.
const REMEMBERED: usize = 65_536;

/// Whom an attempt is for, in 64 bits that nobody can choose.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Subject(u64);

/// The limits of one process. Without any where they are switched off.
pub struct Limits(Option<All>);

struct All {
    subjects: RandomState,
    per_account_and_network: Limit<(Subject, Network)>,
    per_network: Limit<Network>,
    per_account: Limit<Subject>,
    registrations: Limit<Network>,
    writes: Limit<UserId>,
    lines: Limit<Network>,
}

impl Limits {
    /// Limits that go by `clock`, or none.
    pub fn new(are_on: bool, clock: &Clock) -> Self {
        Self(are_on.then(|| All {
            subjects: RandomState::new(),
            per_account_and_network: Limit::new(PER_ACCOUNT_AND_NETWORK, clock),
            per_network: Limit::new(PER_NETWORK, clock),
            per_account: Limit::new(PER_ACCOUNT, clock),
            registrations: Limit::new(REGISTRATIONS_PER_NETWORK, clock),
            writes: Limit::new(WRITES_PER_ACCOUNT, clock),
            lines: Limit::new(LINES_PER_NETWORK, clock),
        }))
    }

    /// Takes the places of an attempt on an account, which `subject` names (its id, or the name that
    /// no account has). Where somebody logged in to it from there before, guesses from elsewhere do
    /// not count against them. [`Error::RateLimited`] where there is no place.
    pub fn take_attempt(
        &self,
        subject: impl Hash,
        network: Network,
        is_known: bool,
    ) -> Result<Attempt<'_>, Error> {
        let Some(all) = &self.0 else { return Ok(Attempt(None)) };
        let subject = Subject(all.subjects.hash_one(subject));
        all.per_account_and_network.take((subject, network))?;
        all.per_network
            .take(network)
            .inspect_err(|_| all.per_account_and_network.give_back((subject, network)))?;
        if !is_known {
            all.per_account.take(subject).inspect_err(|_| {
                all.per_account_and_network.give_back((subject, network));
                all.per_network.give_back(network);
            })?;
        }
        Ok(Attempt(Some(Taken { all, subject, network, is_known })))
    }

    /// Takes the place of an attempt that names no account. [`Error::RateLimited`] where there is none.
    pub fn take_anonymous_attempt(&self, network: Network) -> Result<(), Error> {
        self.0.as_ref().map_or(Ok(()), |all| all.per_network.take(network))
    }

    /// Gives it back: the attempt was right.
    pub fn forgive_anonymous_attempt(&self, network: Network) {
        if let Some(all) = &self.0 {
            all.per_network.give_back(network);
        }
    }

    /// Takes the place of a registration. [`Error::RateLimited`] where there is none.
    pub fn take_registration(&self, network: Network) -> Result<(), Error> {
        self.0.as_ref().map_or(Ok(()), |all| all.registrations.take(network))
    }

    /// Gives it back: nothing was tried.
    pub fn forgive_registration(&self, network: Network) {
        if let Some(all) = &self.0 {
            all.registrations.give_back(network);
        }
    }

    /// Takes the place of a write, or a login, of an account. [`Error::RateLimited`] where there is none.
    pub fn take_write(&self, user: UserId, role: Role) -> Result<(), Error> {
        self.0.as_ref().filter(|_| !role.is_admin()).map_or(Ok(()), |all| all.writes.take(user))
    }

    /// Whether the log may tell once more of an attempt that was not looked at.
    pub fn may_log(&self, network: Network) -> bool {
        self.0.as_ref().is_none_or(|all| all.lines.take(network).is_ok())
    }
}

/// The places that an attempt has taken.
pub struct Attempt<'a>(Option<Taken<'a>>);

struct Taken<'a> {
    all: &'a All,
    subject: Subject,
    network: Network,
    is_known: bool,
}

impl Attempt<'_> {
    /// The attempt was not made after all: its places are free again.
    pub fn not_made(self) {
        let Some(Taken { all, subject, network, is_known }) = self.0 else { return };
        all.per_account_and_network.give_back((subject, network));
        all.per_network.give_back(network);
        if !is_known {
            all.per_account.give_back(subject);
        }
    }

    /// The attempt was right: its places are free again, and the failures before it forgiven to
    /// whoever made them on this account from this address.
    pub fn succeeded(self) {
        if let Some(Taken { all, subject, network, .. }) = &self.0 {
            all.per_account_and_network.forget((*subject, *network));
        }
        self.not_made();
    }
}

/// One limit: what `governor` decides, and the table in which it keeps what it has decided.
struct Limit<K: Clone + Eq + Hash> {
    limiter: RateLimiter<K, Table<K>, Ticks, NoOpMiddleware<Duration>>,
    table: Table<K>,
    interval: Nanos,
}

impl<K: Clone + Eq + Hash> Limit<K> {
    fn new((burst, seconds): Allowance, clock: &Clock) -> Self {
        let interval = Duration::from_secs(seconds);
        let burst = NonZeroU32::new(burst).unwrap_or(NonZeroU32::MIN);
        // Fails for an interval of zero alone.
        let quota =
            Quota::with_period(interval).unwrap_or(Quota::per_second(burst)).allow_burst(burst);
        let table = Table::default();
        Self {
            limiter: RateLimiter::new(quota, table.clone(), Ticks(clock.clone())),
            table,
            interval: interval.into(),
        }
    }

    fn take(&self, key: K) -> Result<(), Error> {
        self.limiter.check_key(&key).map_err(|refusal| {
            let wait = refusal.wait_time_from(self.limiter.clock().now());
            let whole_seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            Error::RateLimited { retry_after: whole_seconds.max(1) }
        })
    }

    /// Undoes a [`Self::take`].
    fn give_back(&self, key: K) {
        if let Some(arrival) = self.table.lock().get_mut(&key) {
            *arrival = arrival.saturating_sub(self.interval);
        }
    }

    fn forget(&self, key: K) {
        self.table.lock().remove(&key);
    }
}

/// For each key, the "theoretical arrival time" of GCRA: the later, the fewer places are left.
struct Table<K>(Arc<Mutex<HashMap<K, Nanos>>>);

impl<K> Default for Table<K> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<K> Clone for Table<K> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<K> Table<K> {
    fn lock(&self) -> MutexGuard<'_, HashMap<K, Nanos>> {
        // A panic cannot leave an entry half written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Clone + Eq + Hash> StateStore for Table<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut table = self.lock();
        let (outcome, arrival) = decide(table.get(key).copied())?;
        if table.len() >= REMEMBERED && !table.contains_key(key) {
            forget_half(&mut table);
        }
        table.insert(key.clone(), arrival);
        Ok(outcome)
    }
}

/// Forgets the keys that have the most places left.
fn forget_half<K>(table: &mut HashMap<K, Nanos>) {
    let mut arrivals: Vec<Nanos> = table.values().copied().collect();
    let middle = arrivals.len() / 2;
    let (_, median, _) = arrivals.select_nth_unstable(middle);
    let median = *median;
    let mut to_forget = middle;
    table.retain(|_, arrival| {
        let forget = *arrival <= median && to_forget > 0;
        to_forget -= usize::from(forget);
        !forget
    });
}

/// Our clock, for `governor`.
#[derive(Clone)]
struct Ticks(Clock);

impl GovernorClock for Ticks {
    type Instant = Duration;

    fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;

    fn network(n: u32) -> Network {
        Network::of(std::net::Ipv4Addr::from(n).into())
    }

    fn subject() -> (Clock, Limits) {
        let clock = Clock::fixed(Timestamp::from_seconds(1_000_000));
        let limits = Limits::new(true, &clock);
        (clock, limits)
    }

    /// How many of `attempts` failing ones are let through.
    fn let_through(attempts: u32, mut take: impl FnMut(u32) -> bool) -> u32 {
        (0..attempts).map(|n| u32::from(take(n))).sum()
    }

    #[test]
    fn guesses_on_one_account_from_one_address_end_and_go_on_slowly() {
        let (clock, limits) = subject();
        let guess = |_| limits.take_attempt("ann", network(1), false).is_ok();
        assert_eq!(let_through(10_000, guess), 10);
        clock.advance(Duration::from_secs(59));
        assert_eq!(let_through(10, guess), 0);
        clock.advance(Duration::from_secs(1));
        assert_eq!(let_through(10, guess), 1);
        // Another account, and the same one from another address, have places of their own.
        assert!(limits.take_attempt("bob", network(1), false).is_ok());
        assert!(limits.take_attempt("ann", network(2), false).is_ok());
    }

    #[test]
    fn who_has_to_wait_is_told_how_long() {
        let (clock, limits) = subject();
        let refusal = || loop {
            if let Err(error) = limits.take_attempt("ann", network(1), false) {
                break error.to_string();
            }
        };
        assert_eq!(refusal(), "Too many attempts. Please try again in 60 seconds.");
        clock.advance(Duration::from_millis(30_500));
        assert_eq!(refusal(), "Too many attempts. Please try again in 30 seconds.");
    }

    #[test]
    fn a_success_forgives_the_failures_before_it_and_takes_no_place() {
        let (_, limits) = subject();
        for _ in 0..1_000 {
            for _ in 0..9 {
                if limits.take_attempt("ann", network(1), true).is_err() {
                    // The address has its own count, which successes do not wipe out.
                    return;
                }
            }
            limits.take_attempt("ann", network(1), true).unwrap().succeeded();
        }
        panic!("an address may fail for ever");
    }

    #[test]
    fn successes_alone_are_never_in_the_way() {
        let (_, limits) = subject();
        for _ in 0..1_000 {
            limits.take_attempt("ann", network(1), false).unwrap().succeeded();
        }
    }

    #[test]
    fn one_address_may_not_try_many_accounts_either() {
        let (_, limits) = subject();
        assert_eq!(let_through(1_000, |n| limits.take_attempt(n, network(1), false).is_ok()), 50);
        assert!(limits.take_attempt(0, network(2), false).is_ok());
    }

    #[test]
    fn many_addresses_may_not_try_one_account_but_its_owner_gets_in_where_it_is_known() {
        let (_, limits) = subject();
        assert_eq!(
            let_through(1_000, |n| limits.take_attempt("ann", network(n), false).is_ok()),
            100
        );
        assert!(limits.take_attempt("ann", network(5_000), false).is_err());
        assert!(limits.take_attempt("ann", network(5_000), true).is_ok());
    }

    #[test]
    fn what_one_limit_refuses_takes_no_place_of_another() {
        let (clock, limits) = subject();
        let guess_ann = |_| limits.take_attempt("ann", network(1), false).is_ok();
        assert_eq!(let_through(10_000, guess_ann), 10);
        let others = let_through(1_000, |n| limits.take_attempt(n, network(1), false).is_ok());
        assert_eq!(others, 40);
        // The address is full now; what it tries all the same costs the accounts nothing.
        assert_eq!(
            let_through(1_000, |_| limits.take_attempt("bob", network(1), false).is_ok()),
            0
        );
        clock.advance(Duration::from_secs(1_000));
        assert_eq!(
            let_through(1_000, |_| limits.take_attempt("bob", network(1), false).is_ok()),
            10
        );
    }

    #[test]
    fn registrations_have_a_limit_of_their_own() {
        let (_, limits) = subject();
        assert_eq!(let_through(100, |_| limits.take_registration(network(1)).is_ok()), 60);
        assert!(limits.take_attempt("ann", network(1), false).is_ok());
    }

    #[test]
    fn what_was_not_made_takes_no_place_and_forgives_nothing() {
        let (_, limits) = subject();
        assert_eq!(let_through(5, |_| limits.take_attempt("ann", network(1), false).is_ok()), 5);
        for _ in 0..1_000 {
            limits.take_attempt("ann", network(1), false).unwrap().not_made();
            limits.take_registration(network(1)).unwrap();
            limits.forgive_registration(network(1));
        }
        assert_eq!(let_through(100, |_| limits.take_attempt("ann", network(1), false).is_ok()), 5);
    }

    #[test]
    fn an_account_writes_as_a_script_does_and_an_administrator_as_much_as_they_want() {
        let (clock, limits) = subject();
        let user = UserId::generate();
        let write = |role| let_through(10_000, |_| limits.take_write(user, role).is_ok());
        assert_eq!(write(Role::Employee), 300);
        clock.advance(Duration::from_secs(10));
        assert_eq!(write(Role::Manager), 10);
        assert_eq!(write(Role::Admin), 10_000);
    }

    #[test]
    fn the_log_is_not_filled_with_attempts_that_nobody_looked_at() {
        let (clock, limits) = subject();
        assert_eq!(let_through(10_000, |_| limits.may_log(network(1))), 10);
        clock.advance(Duration::from_secs(10));
        assert_eq!(let_through(10_000, |_| limits.may_log(network(1))), 1);
    }

    #[test]
    fn without_limits_everything_is_let_through() {
        let limits = Limits::new(false, &Clock::System);
        assert_eq!(
            let_through(1_000, |_| limits.take_attempt("ann", network(1), false).is_ok()),
            1_000
        );
        assert_eq!(let_through(1_000, |_| limits.take_registration(network(1)).is_ok()), 1_000);
    }

    #[test]
    fn memory_is_bounded_and_whoever_has_failed_most_is_remembered() {
        let (_, limits) = subject();
        let all = limits.0.as_ref().unwrap();
        assert_eq!(let_through(20, |_| all.per_account.take(Subject(7)).is_ok()), 20);
        for n in 0..3 * REMEMBERED as u64 {
            all.per_account.take(Subject(n + 100)).unwrap();
        }
        assert!(all.per_account.table.lock().len() <= REMEMBERED);
        assert_eq!(let_through(1_000, |_| all.per_account.take(Subject(7)).is_ok()), 80);
    }
}
