//! A setting that may change while the service runs.

use std::fmt;
use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

/// Its clones change together. Reading takes no lock.
pub struct Reloadable<T>(Arc<ArcSwap<T>>);

impl<T> Reloadable<T> {
    pub fn new(value: T) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(value)))
    }

    pub fn get(&self) -> Guard<Arc<T>> {
        self.0.load()
    }

    /// Takes over the value of another one.
    pub fn replace(&self, other: &Self) {
        self.0.store(other.0.load_full());
    }
}

impl<T> Clone for Reloadable<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: fmt::Debug> fmt::Debug for Reloadable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}
