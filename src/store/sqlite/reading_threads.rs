//! The threads that read lists.
//!
//! Tokio's blocking threads would do, but for short reads that follow each other, as those of an
//! export do: where the cores are busy, Tokio often starts another thread for the next one, because
//! the last one is not back yet. (Measured after eight exports of a million rows, on two busy cores:
//! 33 MB and 15 threads in the process, instead of 93 MB and 95.)

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use crate::error::Error;

/// How much lower the priority of these threads is.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

type Job = Box<dyn FnOnce() + Send>;

/// They have ended when this is dropped, after what was queued.
pub struct ReadingThreads {
    /// `None` when they end.
    queue: Option<Sender<Job>>,
    threads: Vec<JoinHandle<()>>,
}

impl ReadingThreads {
    pub fn start(count: u32) -> Result<Self, Error> {
        let (queue, jobs) = channel();
        let jobs = Arc::new(Mutex::new(jobs));
        let start = |_| {
            let jobs = Arc::clone(&jobs);
            std::thread::Builder::new()
                .name("widgetd-reader".to_owned())
                .spawn(move || run(&jobs))
                .map_err(|cause| Error::internal("cannot start a reading thread", cause))
        };
        let threads = (0..count).map(start).collect::<Result<_, _>>()?;
        Ok(Self { queue: Some(queue), threads })
    }

    /// Runs a job, and waits for its result. It is run also if nobody waits any more.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let job = move || {
            // Fails if nobody waits.
            let _ = reply.send(job());
        };
        let failed = |cause| Error::internal("a reading thread failed", cause);
        let queue = self.queue.as_ref().ok_or_else(|| failed("they end"))?;
        queue.send(Box::new(job)).map_err(|_| failed("there is none"))?;
        answer.await.map_err(|_| failed("it panicked"))
    }
}

impl Drop for ReadingThreads {
    /// Each closes its connection, so that the last one of the process folds the log into the
    /// database.
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            // It catches the panics of its jobs.
            let _ = thread.join();
        }
    }
}

fn run(jobs: &Mutex<Receiver<Job>>) {
    lower_priority();
    loop {
        // Whoever has the lock takes the next job.
        let job = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(job) = job else { return };
        // Unwind safe: a job shares nothing with the next one. Who waits for it learns that it failed.
        let _ = catch_unwind(AssertUnwindSafe(job));
    }
}

/// Makes this thread give way to those that serve requests. Only on Linux, where each thread has its
/// own priority.
fn lower_priority() {
    #[cfg(target_os = "linux")]
    if let Err(cause) = rustix::process::nice(NICENESS) {
        log::warn!("cannot lower the priority of a reading thread: {cause}");
    }
}

#[cfg(test)]
mod tests {
    use std::thread::current;

    use super::*;

    #[tokio::test]
    async fn many_jobs_share_a_few_threads_also_after_a_panic() {
        let threads = ReadingThreads::start(2).unwrap();
        let mut ids = std::collections::HashSet::new();
        for n in 0..100 {
            if n % 10 == 0 {
                let failed = threads.run(|| panic!("on purpose")).await;
                assert!(matches!(failed, Err::<(), _>(Error::Internal(_))));
            }
            ids.insert(threads.run(|| current().id()).await.unwrap());
        }
        assert!(ids.len() <= 2 && !ids.contains(&current().id()), "{ids:?}");
    }
}
