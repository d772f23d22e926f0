//! Random choices that a seed repeats, and the order of lists.

use std::cmp::Reverse;

pub struct Random(pub u64);

impl Random {
    pub fn below(&mut self, limit: usize) -> usize {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % limit
    }

    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())].clone()
    }
}

/// Sorts what is in the order of creation, by which equal ones are ordered.
pub fn sort<'a, T, K: Ord>(items: &mut [&'a T], descending: bool, key: impl Fn(&'a T) -> K) {
    if descending {
        items.reverse();
        items.sort_by_key(|item| Reverse(key(item)));
    } else {
        items.sort_by_key(|item| key(item));
    }
}
