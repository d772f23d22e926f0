//! How often somebody may try a password or a code, register, or write.
//! README.md has the figures and the reasons for them.

use std::hash::Hash;

use super::attempts::{Attempt, Limit, Table};
use crate::clock::Clock;
use crate::domain::{Network, Role, UserId};
use crate::error::Error;

/// The rate limits of one process. They can be switched off.
pub struct RateLimits(Option<Table>);

impl RateLimits {
    pub fn new(are_on: bool, clock: &Clock) -> Self {
        Self(are_on.then(|| Table::new(clock.clone())))
    }

    /// Acquires an attempt on an account: its id, or the name that no account has. Where the
    /// account is known at the network, guesses from elsewhere do not count against it.
    /// [`Error::RateLimited`] after too many failures; [`Error::Busy`] where the attempts in
    /// flight are not decided in time.
    pub async fn acquire_attempt(
        &self,
        account: impl Hash,
        network: Network,
        is_known: bool,
    ) -> Result<Attempt<'_>, Error> {
        let Some(table) = &self.0 else { return Ok(Attempt::unlimited()) };
        let account = table.hash_account(account);
        let mut limits =
            vec![Limit::AttemptsOnAccountFrom(account, network), Limit::AttemptsFrom(network)];
        if !is_known {
            limits.push(Limit::AttemptsOnAccount(account));
        }
        table.acquire(limits).await
    }

    /// Acquires an attempt that names no account, but a code. Fails as [`Self::acquire_attempt`].
    pub async fn acquire_code_attempt(&self, network: Network) -> Result<Attempt<'_>, Error> {
        let Some(table) = &self.0 else { return Ok(Attempt::unlimited()) };
        table.acquire(vec![Limit::AttemptsFrom(network)]).await
    }

    /// Acquires a registration, right or wrong. Fails as [`Self::acquire_attempt`].
    pub async fn acquire_registration(&self, network: Network) -> Result<Attempt<'_>, Error> {
        let Some(table) = &self.0 else { return Ok(Attempt::unlimited()) };
        table.acquire(vec![Limit::RegistrationsFrom(network)]).await
    }

    /// Counts a write, or a login, of somebody who is not an administrator.
    pub fn count_write(&self, user: UserId, role: Role) -> Result<(), Error> {
        let table = self.0.as_ref().filter(|_| !role.is_admin());
        table.map_or(Ok(()), |table| table.count(Limit::WritesBy(user)))
    }

    /// Counts a line in the log about an attempt that was refused unseen; false: do not write it.
    pub fn may_log(&self, network: Network) -> bool {
        self.0.as_ref().is_none_or(|table| table.count(Limit::LogLinesAbout(network)).is_ok())
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};
    use std::time::Duration;

    use super::*;
    use crate::domain::Timestamp;

    fn network(n: u32) -> Network {
        Network::of(Ipv4Addr::from(n).into())
    }

    fn limits() -> (Clock, RateLimits) {
        let clock = Clock::fixed(Timestamp::from_seconds(1_000_000));
        let limits = RateLimits::new(true, &clock);
        (clock, limits)
    }

    /// What a future answers that has nothing to wait for.
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

    /// A guess from an unknown address, which is wrong. Whether it was verified.
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
        // Another account, and the same one from another network, are counted for themselves.
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
        panic!("an address may fail for ever");
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
    fn rate_limit_of_an_account_counts_guesses_from_everywhere_but_where_it_is_known() {
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
        // The network is refused now; what it tries all the same costs the accounts nothing.
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
    fn lines_of_the_log_about_refused_attempts_are_limited() {
        let (clock, limits) = limits();
        assert_eq!(passed(10_000, |_| limits.may_log(network(1))), 10);
        clock.advance(Duration::from_secs(10));
        assert_eq!(passed(10_000, |_| limits.may_log(network(1))), 1);
    }

    #[test]
    fn without_rate_limits_everything_passes() {
        let limits = RateLimits::new(false, &Clock::System);
        assert_eq!(passed(1_000, |_| guess(&limits, "ann", 1)), 1_000);
        assert_eq!(passed(1_000, |_| register(&limits)), 1_000);
    }
}
