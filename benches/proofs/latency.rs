//! How long the reads of a client take who has nothing to do with a load.

use std::fmt;
use std::time::{Duration, Instant};

use crate::Run;
use crate::connection::{Connection, request};

/// The promise: a load makes the 99th percentile at most that many times as long.
const MAX_RATIO: f64 = 2.0;

/// How long the reads of one percentile take.
const WINDOW: Duration = Duration::from_millis(500);

/// Where the promise does not seem to hold, there are up to that many times as many turns: something
/// else may have taken the machine meanwhile, which a service that breaks the promise does not need.
const PATIENCE: usize = 3;

/// A client that reads by key over one connection.
pub struct Reader {
    url: String,
    request: Vec<u8>,
}

impl Reader {
    pub fn new(url: &str, token: &str) -> Self {
        Self { url: url.to_owned(), request: request("GET", "/auth/user", token, &[]) }
    }

    /// Reads for some time, with a millisecond between two reads. Each must be answered.
    fn read_for(&self, time: Duration) -> Windows {
        let mut connection = Connection::open(&self.url).expect("a connection");
        let (mut windows, started) = (Windows::default(), Instant::now());
        while started.elapsed() < time {
            let (mut times, began) = (Vec::new(), Instant::now());
            while began.elapsed() < WINDOW {
                let asked = Instant::now();
                // Where connections run out, one that waits may be closed: a client tries once more.
                let answer = connection.exchange(&self.request).or_else(|_| {
                    connection = Connection::open(&self.url)?;
                    connection.exchange(&self.request)
                });
                let answer = answer.expect("an answer");
                times.push(asked.elapsed());
                assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
                std::thread::sleep(Duration::from_millis(1));
            }
            windows.0.push(times);
        }
        windows
    }
}

/// How long reads took, window by window.
#[derive(Default)]
struct Windows(Vec<Vec<Duration>>);

impl Windows {
    /// The median of the windows' 99th percentiles. What holds up the machine now and then moves the
    /// percentile of all reads, but not this; what a load does to the service, it does in each window.
    fn p99(&self) -> f64 {
        let mut each: Vec<_> = self.0.iter().map(|times| permille(times, 990)).collect();
        each.sort_unstable_by(f64::total_cmp);
        each[each.len() / 2]
    }
}

/// The time in milliseconds that this many of a thousand did not exceed.
fn permille(times: &[Duration], share: usize) -> f64 {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    sorted[sorted.len() * share / 1_000].as_secs_f64() * 1e3
}

impl fmt::Display for Windows {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.0.concat();
        let [p50, p99, p999] = [500, 990, 999].map(|share| permille(&all, share));
        write!(
            to,
            "p99 {:.2} ms (of all {} reads: p50 {p50:.2}, p99 {p99:.2}, p99.9 {p999:.2})",
            self.p99(),
            all.len()
        )
    }
}

/// Reads by turns without a load and with it.
pub struct Compared {
    reader: Reader,
    alone: Windows,
    loaded: Windows,
    turns: usize,
    taken: usize,
    judges_time: bool,
}

impl Compared {
    pub fn new(run: &Run, reader: Reader, turns: usize) -> Self {
        let (alone, loaded) = Default::default();
        let judges_time = run.judges_time();
        Self { reader, alone, loaded, turns, taken: 0, judges_time }
    }

    /// Reads without the load. Returns `false` if there were enough turns.
    pub fn next(&mut self, time: Duration) -> bool {
        let is_enough = self.taken >= self.turns;
        if is_enough && (self.holds() || self.taken >= PATIENCE * self.turns) {
            return false;
        }
        self.taken += 1;
        self.alone.0.extend(self.reader.read_for(time).0);
        true
    }

    /// Reads while the load runs.
    pub fn under_load(&mut self, time: Duration) {
        self.loaded.0.extend(self.reader.read_for(time).0);
    }

    pub fn holds(&self) -> bool {
        !self.judges_time || self.loaded.p99() < MAX_RATIO * self.alone.p99()
    }

    fn ratio(&self) -> f64 {
        self.loaded.p99() / self.alone.p99()
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { alone, loaded, taken, .. } = self;
        let ratio = self.ratio();
        write!(
            to,
            "{taken} turns; reads by key alone: {alone}; meanwhile: {loaded}; ratio {ratio:.2}"
        )
    }
}
