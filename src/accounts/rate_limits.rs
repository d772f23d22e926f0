//! The rate limits of passwords, codes, registrations, writes and lists. docs/operations.md has the
//! figures and the reasons for them.

use std::hash::Hash;

use super::attempts::{Attempt, Limit, RateLimits};
use crate::domain::{Network, Role, UserId};
use crate::error::Error;

impl RateLimits {
    /// Acquires an attempt on an account: its id, or a name that no account has. If the account
    /// knows the network, failures from other networks do not count. [`Error::RateLimited`] after
    /// too many failures; [`Error::Busy`] if the attempts in flight are not settled in time.
    pub async fn acquire_attempt(
        &self,
        account: impl Hash,
        network: Network,
        is_known: bool,
    ) -> Result<Attempt<'_>, Error> {
        let account = self.hash_account(account);
        let mut limits =
            vec![Limit::AttemptsOnAccountFrom(account, network), Limit::AttemptsFrom(network)];
        if !is_known {
            limits.push(Limit::AttemptsOnAccount(account));
        }
        self.acquire(limits).await
    }

    /// Acquires an attempt with a code, which names no account. Fails as [`Self::acquire_attempt`].
    pub async fn acquire_code_attempt(&self, network: Network) -> Result<Attempt<'_>, Error> {
        self.acquire(vec![Limit::AttemptsFrom(network)]).await
    }

    /// Acquires a registration, which counts also if it succeeds. Fails as [`Self::acquire_attempt`].
    pub async fn acquire_registration(&self, network: Network) -> Result<Attempt<'_>, Error> {
        self.acquire(vec![Limit::RegistrationsFrom(network)]).await
    }

    /// Counts a write or a login. Administrators have no limit.
    pub fn count_write(&self, user: UserId, role: Role) -> Result<(), Error> {
        if role.is_admin() { Ok(()) } else { self.count(Limit::WritesBy(user)) }
    }

    /// Counts the reading of a filtered or sorted list, which costs the same whoever asks for it.
    pub fn count_list(&self, user: UserId) -> Result<(), Error> {
        self.count(Limit::ListsReadBy(user))
    }

    /// Counts a log line about a refused attempt; `false`: do not write it.
    pub fn may_log(&self, network: Network) -> bool {
        self.count(Limit::LogLinesAbout(network)).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;

    use super::*;
    use crate::clock::Clock;
    use crate::domain::{Reloadable, Timestamp};

    fn network(n: u32) -> Network {
        Network::of(Ipv4Addr::from(n).into())
    }

    fn limits() -> (Clock, RateLimits) {
        let clock = Clock::fixed(Timestamp::from_seconds(1_000_000));
        let limits = RateLimits::new(Reloadable::new(true), clock.clone());
        (clock, limits)
    }

    /// The output of a future that does not wait.
    fn now<F: Future>(future: F) -> F::Output {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => output,
            Poll::Pending => panic!("it waits"),
        }
    }

    fn attempt(
        limits: &RateLimits,
        account: impl Hash,
        from: u32,
        is_known: bool,
    ) -> Result<Attempt<'_>, Error> {
        now(limits.acquire_attempt(account, network(from), is_known))
    }

    /// A wrong guess from an unknown network. `true` if it was checked.
    fn guess(limits: &RateLimits, account: impl Hash, from: u32) -> bool {
        attempt(limits, account, from, false).is_ok()
    }

    fn register(limits: &RateLimits) -> bool {
        now(limits.acquire_registration(network(1))).is_ok()
    }

    /// How many of `times` attempts pass.
    fn passed(times: u32, mut attempt: impl FnMut(u32) -> bool) -> u32 {
        (0..times).map(|n| u32::from(attempt(n))).sum()
    }

    #[test]
    fn rate_limit_on_one_account_from_one_network_lets_10_failures_pass_and_one_a_minute() {
        let (clock, limits) = limits();
        assert_eq!(passed(10_000, |_| guess(&limits, "ann", 1)), 10);
        clock.advance(Duration::from_secs(59));
        assert_eq!(passed(10, |_| guess(&limits, "ann", 1)), 0);
        clock.advance(Duration::from_secs(1));
        assert_eq!(passed(10, |_| guess(&limits, "ann", 1)), 1);
        // Other accounts and other networks are counted separately.
        assert!(guess(&limits, "bob", 1));
        assert!(guess(&limits, "ann", 2));
    }

    #[test]
    fn retry_after_says_how_long_to_wait() {
        let (clock, limits) = limits();
        let refusal = || loop {
            if let Err(error) = attempt(&limits, "ann", 1, false) {
                break error.to_string();
            }
        };
        assert_eq!(refusal(), "Too many attempts. Please try again in 60 seconds.");
        clock.advance(Duration::from_millis(30_500));
        assert_eq!(refusal(), "Too many attempts. Please try again in 30 seconds.");
    }

    #[test]
    fn success_forgives_failures_on_the_account_but_not_those_of_the_network() {
        let (_, limits) = limits();
        for _ in 0..1_000 {
            for _ in 0..9 {
                if attempt(&limits, "ann", 1, true).is_err() {
                    return;
                }
            }
            attempt(&limits, "ann", 1, true).unwrap().succeed();
        }
        panic!("a network may fail without limit");
    }

    #[test]
    fn successes_alone_are_never_refused() {
        let (_, limits) = limits();
        for _ in 0..1_000 {
            attempt(&limits, "ann", 1, false).unwrap().succeed();
        }
    }

    #[test]
    fn rate_limit_of_a_network_counts_guesses_on_many_accounts_and_codes() {
        let (_, limits) = limits();
        assert_eq!(passed(25, |n| guess(&limits, n, 1)), 25);
        let code = |_| now(limits.acquire_code_attempt(network(1))).is_ok();
        assert_eq!(passed(1_000, code), 25);
        assert!(!guess(&limits, "ann", 1));
        assert!(guess(&limits, "ann", 2));
    }

    #[test]
    fn rate_limit_of_an_account_counts_guesses_from_all_networks_it_does_not_know() {
        let (_, limits) = limits();
        assert_eq!(passed(1_000, |n| guess(&limits, "ann", n)), 100);
        assert!(!guess(&limits, "ann", 5_000));
        assert!(attempt(&limits, "ann", 5_000, true).is_ok());
    }

    #[test]
    fn what_one_limit_refuses_does_not_count_for_another() {
        let (clock, limits) = limits();
        assert_eq!(passed(10_000, |_| guess(&limits, "ann", 1)), 10);
        assert_eq!(passed(1_000, |n| guess(&limits, n, 1)), 40);
        // The network is refused now; its further attempts do not count for the accounts.
        assert_eq!(passed(1_000, |_| guess(&limits, "bob", 1)), 0);
        clock.advance(Duration::from_secs(1_000));
        assert_eq!(passed(1_000, |_| guess(&limits, "bob", 1)), 10);
    }

    #[test]
    fn registrations_have_a_limit_of_their_own() {
        let (_, limits) = limits();
        assert_eq!(passed(100, |_| register(&limits)), 60);
        assert!(guess(&limits, "ann", 1));
    }

    #[test]
    fn a_released_attempt_does_not_count_and_forgives_nothing() {
        let (_, limits) = limits();
        assert_eq!(passed(5, |_| guess(&limits, "ann", 1)), 5);
        for _ in 0..1_000 {
            attempt(&limits, "ann", 1, false).unwrap().release();
            now(limits.acquire_registration(network(1))).unwrap().release();
        }
        assert_eq!(passed(100, |_| guess(&limits, "ann", 1)), 5);
    }

    #[test]
    fn writes_are_limited_per_user_and_not_for_administrators() {
        let (clock, limits) = limits();
        let user = UserId::generate();
        let write = |role| passed(10_000, |_| limits.count_write(user, role).is_ok());
        assert_eq!(write(Role::Employee), 300);
        clock.advance(Duration::from_secs(10));
        assert_eq!(write(Role::Manager), 10);
        assert_eq!(write(Role::Admin), 10_000);
    }

    #[test]
    fn lists_are_limited_per_user() {
        let (clock, limits) = limits();
        let (ann, bob) = (UserId::generate(), UserId::generate());
        let list = |user| passed(10_000, |_| limits.count_list(user).is_ok());
        assert_eq!(list(ann), 300);
        clock.advance(Duration::from_secs(1));
        assert_eq!((list(ann), list(bob)), (10, 300));
    }

    #[test]
    fn lines_of_the_log_about_refused_attempts_are_limited() {
        let (clock, limits) = limits();
        assert_eq!(passed(10_000, |_| limits.may_log(network(1))), 10);
        clock.advance(Duration::from_secs(10));
        assert_eq!(passed(10_000, |_| limits.may_log(network(1))), 1);
    }

    #[test]
    fn without_rate_limits_everything_passes() {
        let limits = RateLimits::new(Reloadable::new(false), Clock::System);
        assert_eq!(passed(1_000, |_| guess(&limits, "ann", 1)), 1_000);
        assert_eq!(passed(1_000, |_| register(&limits)), 1_000);
    }
}
