//! What is counted while the service runs. Counting is an atomic addition: there is no lock where
//! requests are served.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

/// Those of this process.
pub static METRICS: Metrics = Metrics::new();

/// In seconds: from a read by key to what a client gives up on.
pub const SECONDS: [f64; BUCKETS] =
    [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];

/// In writes, up to the most that one commit takes.
pub const WRITES: [f64; BUCKETS] =
    [1.0, 2.0, 4.0, 8.0, 12.0, 16.0, 24.0, 32.0, 48.0, 64.0, 96.0, 128.0, 256.0];

const BUCKETS: usize = 13;

/// Why somebody was not let in, as the log says it.
pub const REFUSALS: [&str; 6] =
    ["wrong_password", "unknown_account", "pending", "disabled", "wrong_code", "throttled"];

pub struct Metrics {
    pub sign_ins: Counter,
    refusals: [Counter; REFUSALS.len()],
    pub queued_writes: Gauge,
    pub batch_sizes: Histogram,
    pub commits: Histogram,
    pub checkpoints: Histogram,
    pub lists_read: Gauge,
    pub queued_hashes: Gauge,
    pub listeners: Gauge,
}

impl Metrics {
    const fn new() -> Self {
        Self {
            sign_ins: Counter::new(),
            refusals: [const { Counter::new() }; REFUSALS.len()],
            queued_writes: Gauge::new(),
            batch_sizes: Histogram::new(&WRITES),
            commits: Histogram::new(&SECONDS),
            checkpoints: Histogram::new(&SECONDS),
            lists_read: Gauge::new(),
            queued_hashes: Gauge::new(),
            listeners: Gauge::new(),
        }
    }

    /// Counts a refusal for one of the reasons that the log has.
    pub fn count_refusal(&self, reason: &str) {
        if let Some(place) = REFUSALS.iter().position(|known| *known == reason) {
            self.refusals[place].add();
        }
    }

    pub fn refusals(&self) -> impl Iterator<Item = (&'static str, u64)> {
        REFUSALS.into_iter().zip(self.refusals.iter().map(Counter::get))
    }
}

#[derive(Default)]
pub struct Counter(AtomicU64);

impl Counter {
    pub const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

pub struct Gauge(AtomicI64);

impl Gauge {
    const fn new() -> Self {
        Self(AtomicI64::new(0))
    }

    /// One more, until what is returned is dropped.
    pub fn enter(&'static self) -> Inside {
        self.0.fetch_add(1, Ordering::Relaxed);
        Inside(self)
    }

    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One of those that a gauge counts.
pub struct Inside(&'static Gauge);

impl Drop for Inside {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

pub struct Histogram {
    bounds: &'static [f64; BUCKETS],
    /// How many were in each bucket, and above all of them.
    buckets: [AtomicU64; BUCKETS + 1],
    /// In millionths.
    sum: AtomicU64,
}

impl Histogram {
    pub const fn new(bounds: &'static [f64; BUCKETS]) -> Self {
        let buckets = [const { AtomicU64::new(0) }; BUCKETS + 1];
        Self { bounds, buckets, sum: AtomicU64::new(0) }
    }

    pub fn observe_time(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.observe(took.as_secs_f64(), micros);
    }

    pub fn observe_count(&self, count: usize) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.observe(count.into(), u64::from(count) * 1_000_000);
    }

    fn observe(&self, value: f64, millionths: u64) {
        let place = self.bounds.iter().position(|bound| value <= *bound).unwrap_or(BUCKETS);
        self.buckets[place].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(millionths, Ordering::Relaxed);
    }

    /// The sum and the number of all, and each bound with the number of its bucket.
    pub fn get(&self) -> (f64, u64, Vec<(f64, u64)>) {
        let bounds = self.bounds.iter().copied().chain([f64::INFINITY]);
        let counts = self.buckets.iter().map(|count| count.load(Ordering::Relaxed));
        let buckets: Vec<_> = bounds.zip(counts).collect();
        let count = buckets.iter().map(|(_, count)| count).sum();
        // Exact for as long as any service runs.
        #[allow(clippy::cast_precision_loss)]
        let sum = self.sum.load(Ordering::Relaxed) as f64 / 1e6;
        (sum, count, buckets)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_each_value_in_the_first_bucket_that_holds_it() {
        let histogram = Histogram::new(&SECONDS);
        for millis in [0, 1, 2, 10_000, 10_001] {
            histogram.observe_time(Duration::from_millis(millis));
        }
        let (sum, count, buckets) = histogram.get();
        assert_eq!((sum, count), (20.004, 5));
        let counts: Vec<_> = buckets.iter().map(|(_, count)| *count).collect();
        assert_eq!(counts, [1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1]);
    }

    #[test]
    fn a_gauge_counts_what_is_inside() {
        static GAUGE: Gauge = Gauge::new();
        let inside = [GAUGE.enter(), GAUGE.enter()];
        assert_eq!(GAUGE.get(), 2);
        drop(inside);
        assert_eq!(GAUGE.get(), 0);
    }
}
