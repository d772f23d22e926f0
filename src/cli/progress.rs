//! How far a command is, as a line on the terminal. Nothing is written anywhere else.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::time::Duration;

use crate::clock::Clock;

/// The time between two lines, at least.
pub const INTERVAL: Duration = Duration::from_millis(100);

/// In characters.
const BAR_WIDTH: usize = 30;

pub struct ProgressLine {
    is_shown: bool,
    last: Option<Duration>,
}

impl ProgressLine {
    /// For a command that writes no data to the same terminal.
    pub fn beside_data() -> Self {
        Self { is_shown: stderr().is_terminal() && !stdout().is_terminal(), last: None }
    }

    pub fn new() -> Self {
        Self { is_shown: stderr().is_terminal(), last: None }
    }

    /// `all` is 0 if it is not known.
    pub fn show(&mut self, done: usize, all: usize) {
        let now = Clock::System.elapsed();
        let is_early = self.last.is_some_and(|last| now.saturating_sub(last) < INTERVAL);
        if self.is_shown && !is_early {
            self.last = Some(now);
            // The line before it is not longer.
            let _ = write!(stderr(), "\r{}", line(done, all));
        }
    }
}

/// Clears the line.
impl Drop for ProgressLine {
    fn drop(&mut self) {
        if self.last.is_some() && self.is_shown {
            let _ = write!(stderr(), "\r\u{1b}[K");
        }
    }
}

fn line(done: usize, all: usize) -> String {
    if all == 0 {
        return format!("{done} rows");
    }
    let full = (done.min(all) * BAR_WIDTH) / all;
    let (full, rest) = ("#".repeat(full), ".".repeat(BAR_WIDTH - full));
    format!("[{full}{rest}] {done} of {all} rows")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_says_how_much_is_done() {
        assert_eq!(line(120, 0), "120 rows");
        assert_eq!(line(0, 90), "[..............................] 0 of 90 rows");
        assert_eq!(line(45, 90), "[###############...............] 45 of 90 rows");
        assert_eq!(line(90, 90), "[##############################] 90 of 90 rows");
    }
}
