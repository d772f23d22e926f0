//! Whether a concurrent history has an order in which each call could have had its answer: one that
//! keeps every call before those that began after its answer (Herlihy and Wing, 1990).
//!
//! The search follows the history in time ("just in time", as Lowe calls it). It keeps all states
//! in which the service may be, each with the calls that have had their effect but no answer yet.
//! At an answer, a state is kept if that call has had its effect, or can have it now, after others
//! that are under way.

use std::collections::HashSet;
use std::fmt::Debug;
use std::hash::Hash;

/// What is observed, as a state machine.
pub trait Model: Clone + Eq + Hash + Debug {
    type Call: Debug;

    /// The state after a call that is answered like this; `None` if it cannot be answered so.
    fn after(&self, call: &Self::Call) -> Option<Self>;
}

/// A call, from before its first byte was sent until after the last byte of its answer.
#[derive(Clone, Debug)]
pub struct Span<C> {
    /// Each makes one call at a time; less than 64.
    pub caller: usize,
    pub begins: u128,
    pub ends: u128,
    pub call: C,
}

/// Checks a history in parts that begin and end while nothing is under way.
pub struct Checker<M> {
    /// Where the service may be.
    possible: HashSet<M>,
}

impl<M: Model> Checker<M> {
    pub fn new(initial: M) -> Self {
        Self { possible: HashSet::from([initial]) }
    }

    /// Fails with the calls up to the first that has no place in any order.
    pub fn check(&mut self, part: &[Span<M::Call>]) -> Result<(), String> {
        let mut events: Vec<_> = part
            .iter()
            .enumerate()
            .flat_map(|(n, span)| [(span.begins, false, n), (span.ends, true, n)])
            .collect();
        // At the same time, beginnings first: such calls may have any order.
        events.sort_unstable();
        let mut under_way = Vec::new();
        let mut configurations: HashSet<(M, u64)> =
            self.possible.drain().map(|state| (state, 0)).collect();
        for (at, ends, n) in events {
            if !ends {
                under_way.push(n);
                continue;
            }
            let next = answered(part, &under_way, n, &configurations);
            if next.is_empty() {
                return Err(explain(part, n, at, &configurations));
            }
            configurations = next;
            under_way.retain(|other| *other != n);
        }
        self.possible = configurations.into_iter().map(|(state, _)| state).collect();
        Ok(())
    }
}

/// The states in which call `n` has had its effect.
fn answered<M: Model>(
    part: &[Span<M::Call>],
    under_way: &[usize],
    n: usize,
    configurations: &HashSet<(M, u64)>,
) -> HashSet<(M, u64)> {
    let bit = |n: usize| 1_u64 << part[n].caller;
    let mut answered = HashSet::new();
    let mut seen = configurations.clone();
    let mut open: Vec<_> = configurations.iter().cloned().collect();
    while let Some((state, done)) = open.pop() {
        if done & bit(n) != 0 {
            answered.insert((state, done & !bit(n)));
            continue;
        }
        for other in under_way.iter().filter(|other| done & bit(**other) == 0) {
            if let Some(after) = state.after(&part[*other].call) {
                let next = (after, done | bit(*other));
                if seen.insert(next.clone()) {
                    open.push(next);
                }
            }
        }
    }
    answered
}

fn explain<M: Model>(
    part: &[Span<M::Call>],
    n: usize,
    at: u128,
    configurations: &HashSet<(M, u64)>,
) -> String {
    let mut earlier: Vec<_> = part.iter().filter(|span| span.begins <= at).collect();
    earlier.sort_by_key(|span| span.begins);
    let from = earlier.len().saturating_sub(40);
    let calls: Vec<_> = earlier[from..].iter().map(|span| format!("{span:?}")).collect();
    let states: Vec<_> = configurations.iter().take(4).map(|c| format!("{c:?}")).collect();
    format!(
        "no order explains {:?}\nstates before it: {}\ncalls until then:\n{}",
        part[n],
        states.join("\n"),
        calls.join("\n")
    )
}
