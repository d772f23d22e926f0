//! Standard error, without waiting for who reads it.
//!
//! Lines go into a buffer, which one thread writes. If nobody reads, or the reader is slow, the
//! buffer fills and further lines are counted and dropped: no request waits for the log. If standard
//! error is closed, they are lost, and the service goes on.

use std::io::Write;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use crate::error::Error;

/// How much waits to be written: about two seconds of lines at twenty thousand requests a second.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// How long lines are collected, so that the thread wakes a few times a second, not for each line.
const PACE: Duration = Duration::from_millis(20);

/// How long the end of the process waits for the reader.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

/// That of this process, once it serves. Commands write at once.
static OUTPUT: OnceLock<Output> = OnceLock::new();

/// Begins to write from a thread.
pub fn start() -> Result<(), Error> {
    let output = Output::start(std::io::stderr())?;
    // It is started once.
    let _ = OUTPUT.set(output);
    Ok(())
}

/// Writes a line, which ends with a line break, as soon as the reader allows.
pub fn write(line: &[u8]) {
    match OUTPUT.get() {
        Some(output) => output.write(line),
        // It may be closed.
        None => drop(std::io::stderr().write_all(line)),
    }
}

/// Waits until everything is written, but not long. What follows is written at once or not at all.
pub fn flush() {
    if let Some(output) = OUTPUT.get() {
        output.flush(FLUSH_TIMEOUT);
    }
}

struct Output(Arc<Shared>);

#[derive(Default)]
struct Shared {
    buffer: Mutex<Buffer>,
    /// There is something to write.
    filled: Condvar,
    /// Everything is written.
    emptied: Condvar,
}

#[derive(Default)]
struct Buffer {
    bytes: Vec<u8>,
    dropped: u64,
    is_writing: bool,
    is_urgent: bool,
}

impl Output {
    fn start(to: impl Write + Send + 'static) -> Result<Self, Error> {
        let shared = Arc::<Shared>::default();
        let writer = Arc::clone(&shared);
        std::thread::Builder::new()
            .name("widgetd-log".to_owned())
            .spawn(move || writer.write_to(to))
            .map_err(|cause| Error::internal("cannot start the thread of the log", cause))?;
        Ok(Self(shared))
    }

    fn write(&self, line: &[u8]) {
        let mut buffer = self.0.lock();
        if buffer.bytes.len() + line.len() > MAX_BYTES {
            buffer.dropped += 1;
            return;
        }
        let was_empty = buffer.bytes.is_empty();
        buffer.bytes.extend_from_slice(line);
        drop(buffer);
        if was_empty {
            self.0.filled.notify_all();
        }
    }

    fn flush(&self, most: Duration) {
        let mut buffer = self.0.lock();
        buffer.is_urgent = true;
        self.0.filled.notify_all();
        let is_busy = |buffer: &mut Buffer| buffer.is_writing || !buffer.bytes.is_empty();
        drop(self.0.emptied.wait_timeout_while(buffer, most, is_busy));
    }
}

impl Shared {
    /// Nothing panics while it holds the lock.
    fn lock(&self) -> MutexGuard<'_, Buffer> {
        self.buffer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_to(&self, mut to: impl Write) {
        let mut bytes = Vec::new();
        loop {
            let dropped = self.take(&mut bytes);
            if dropped > 0 {
                let left_out = "lines of the log were left out: what reads it is too slow";
                // Writing to a vector cannot fail.
                let _ = writeln!(bytes, "{dropped} {left_out}");
            }
            // It may be closed; then the lines are lost.
            let _ = to.write_all(&bytes).and_then(|()| to.flush());
            bytes.clear();
            let mut buffer = self.lock();
            buffer.is_writing = false;
            if buffer.bytes.is_empty() {
                self.emptied.notify_all();
            }
        }
    }

    /// Waits for lines and takes them. Returns how many were dropped.
    fn take(&self, bytes: &mut Vec<u8>) -> u64 {
        let is_idle = |buffer: &mut Buffer| buffer.bytes.is_empty();
        let buffer = self.filled.wait_while(self.lock(), is_idle);
        let buffer = buffer.unwrap_or_else(PoisonError::into_inner);
        let collects = |buffer: &mut Buffer| !buffer.is_urgent;
        let collected = self.filled.wait_timeout_while(buffer, PACE, collects);
        let (mut buffer, _) = collected.unwrap_or_else(PoisonError::into_inner);
        std::mem::swap(&mut buffer.bytes, bytes);
        buffer.is_writing = true;
        std::mem::take(&mut buffer.dropped)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::mpsc::{Receiver, Sender, channel};

    use super::*;

    /// Says that it writes, and waits until it may.
    struct Gate(Sender<Vec<u8>>, Receiver<()>);

    impl Write for Gate {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.send(bytes.to_vec()).unwrap();
            self.1.recv().unwrap();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Closed;

    impl Write for Closed {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::BrokenPipe.into())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_does_not_read_stops_nobody_and_lines_are_dropped_and_counted() {
        let (written, writes) = channel();
        let (open, gate) = channel();
        let output = Output::start(Gate(written, gate)).unwrap();
        output.write(b"first\n");
        assert_eq!(writes.recv().unwrap(), b"first\n");
        let line = [b'x'; 1024];
        for _ in 0..MAX_BYTES / line.len() + 7 {
            output.write(&line);
        }
        // The end of the process does not wait for it either.
        output.flush(Duration::from_millis(1));
        open.send(()).unwrap();
        let rest = String::from_utf8(writes.recv().unwrap()).unwrap();
        let (lines, said) = rest.split_at(MAX_BYTES);
        assert!(lines.bytes().all(|byte| byte == b'x'));
        assert_eq!(said, "7 lines of the log were left out: what reads it is too slow\n");
        open.send(()).unwrap();
    }

    #[test]
    fn a_closed_output_loses_lines_and_nothing_else() {
        let output = Output::start(Closed).unwrap();
        for _ in 0..3 {
            output.write(b"lost\n");
            output.flush(Duration::from_mins(1));
            assert!(output.0.lock().bytes.is_empty());
        }
    }
}
