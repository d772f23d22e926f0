//! The threads that hash passwords.
//!
//! Argon2 is slow and needs memory by design. On the threads that serve requests, or on an
//! unbounded pool, a flood of logins would take both from all other requests. So there are as many
//! threads as cores, each on its own core at idle priority, each with its own memory, which it keeps
//! for a while, behind a bounded queue.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash as Phc, Salt};
use argon2::{Algorithm, Argon2, Params, Version};
use argon2_rust::params::{Memory, TagLen};
use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use tokio::sync::oneshot;

#[cfg(target_os = "linux")]
use super::idle_priority;
use crate::domain::PasswordHash;
use crate::error::Error;
use crate::telemetry::METRICS;

/// How many jobs may wait for each thread: under three seconds of work at 20 ms for a hash. (To
/// judge an adversarial new password takes up to 100 ms.)
const QUEUE_PER_THREAD: usize = 128;

/// How long a thread without a job keeps its memory. To get it anew costs as much as two hashes.
const KEEPS_MEMORY: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 5 });

/// The cost of a hash. Argon2id with one lane.
#[derive(Clone, Copy, Debug)]
pub struct Argon2Settings {
    pub memory_kib: u32,
    pub passes: u32,
}

/// Each hashing thread takes this much.
const MAX_MEMORY_KIB: u32 = 1024 * 1024;

/// With more, a login would take minutes.
const MAX_PASSES: u32 = 100;

impl Argon2Settings {
    /// The error says why this cost is not allowed: by Argon2, or because it is too high.
    pub fn check(self) -> Result<(), String> {
        if self.memory_kib > MAX_MEMORY_KIB {
            return Err(format!(
                "more than {MAX_MEMORY_KIB} KiB of memory for each core is too much"
            ));
        }
        if self.passes > MAX_PASSES {
            return Err(format!("more than {MAX_PASSES} passes are too many"));
        }
        self.params().map(drop).map_err(|cause| cause.to_string())
    }

    fn params(self) -> argon2::Result<Params> {
        Params::new(self.memory_kib, self.passes, 1, None)
    }
}

type HashingJob = Box<dyn FnOnce(&mut Worker) + Send>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HashingMode {
    /// On threads of idle priority.
    Background { threads: usize },
    /// On one thread of normal priority, for a command that serves no requests.
    Foreground,
}

/// A handle to the hashing threads. They end when it is dropped.
pub struct Hasher {
    queue: Sender<HashingJob>,
}

impl Hasher {
    /// Fails if Argon2 does not allow the cost, or no thread can be started.
    pub fn start(settings: Argon2Settings, hashing: HashingMode) -> Result<Self, Error> {
        let (threads, gives_way) = match hashing {
            HashingMode::Background { threads } => (threads.max(1), true),
            HashingMode::Foreground => (1, false),
        };
        let params =
            settings.params().map_err(|cause| Error::internal("the Argon2 settings", cause))?;
        check_instructions()?;
        let (queue, jobs) = bounded(threads * QUEUE_PER_THREAD);
        for n in 0..threads {
            let jobs = jobs.clone();
            let mut worker = Worker::new(params.clone())?;
            std::thread::Builder::new()
                .name(format!("widgetd-hash-{n}"))
                .spawn(move || {
                    #[cfg(target_os = "linux")]
                    if gives_way {
                        idle_priority::give_way(n, threads);
                    }
                    #[cfg(not(target_os = "linux"))]
                    let _ = gives_way;
                    worker.work(&jobs);
                })
                .map_err(|cause| Error::internal("cannot start a hashing thread", cause))?;
        }
        Ok(Self { queue })
    }

    /// Queues a job and waits for its result. [`Error::Busy`] if the queue is full.
    pub async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Worker) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let queued = METRICS.queued_hashes.enter();
        let job = Box::new(move |worker: &mut Worker| {
            let _queued = queued;
            // Skips the work if the caller is gone.
            if !reply.is_closed() {
                let _ = reply.send(job(worker));
            }
        });
        self.queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(_) => Error::Busy,
            TrySendError::Disconnected(_) => {
                Error::internal("the hashing threads", "they have ended")
            }
        })?;
        answer.await.map_err(|_| Error::internal("a hashing thread", "it panicked"))
    }
}

pub struct Worker {
    params: Params,
    /// Has the memory.
    argon2: argon2_rust::Hasher,
    /// Checked instead of an unknown account's hash, so that the answer takes the same time.
    decoy: PasswordHash,
    /// Memory times passes of all hashes so far, in KiB.
    #[cfg(test)]
    work: u64,
}

impl Worker {
    fn new(params: Params) -> Result<Self, Error> {
        // No known password has this hash: its output is random.
        let decoy = phc(
            &params,
            Salt::generate(),
            Output::new(Salt::generate().as_ref()).map_err(failed)?,
        )?;
        let argon2 = variant(&params, Version::default(), Params::DEFAULT_OUTPUT_LEN)?.hasher();
        Ok(Self {
            params,
            argon2,
            decoy,
            #[cfg(test)]
            work: 0,
        })
    }

    fn work(&mut self, jobs: &Receiver<HashingJob>) {
        loop {
            let job = match jobs.recv_timeout(KEEPS_MEMORY) {
                Ok(job) => job,
                Err(RecvTimeoutError::Timeout) => {
                    self.argon2.clear();
                    give_back_what_is_free();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            // A panicking job drops its reply, which its caller sees as an error. The next hash
            // overwrites the memory.
            if catch_unwind(AssertUnwindSafe(|| job(self))).is_err() {
                log::error!("a job on a hashing thread panicked");
            }
        }
    }

    pub fn hash(&mut self, password: &[u8]) -> Result<PasswordHash, Error> {
        let salt = Salt::generate();
        let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
        let params = self.params.clone();
        self.fill(&params, Version::default(), password, salt.as_ref(), &mut output)?;
        phc(&params, salt, Output::new(&output).map_err(failed)?)
    }

    /// Whether the password has that hash. A wrong password takes the same work without a hash, and
    /// with a hash of cheaper settings.
    pub fn verify(&mut self, password: &[u8], hash: Option<&PasswordHash>) -> Result<bool, Error> {
        let stored = Phc::new(hash.unwrap_or(&self.decoy).as_str()).map_err(failed)?;
        let (Some(salt), Some(expected)) = (stored.salt, stored.hash) else {
            return Err(failed("a stored hash has no salt or output"));
        };
        if Algorithm::try_from(stored.algorithm.as_str()).map_err(failed)? != Algorithm::Argon2id {
            return Err(failed("a stored hash is not Argon2id"));
        }
        let version =
            stored.version.map_or(Ok(Version::default()), Version::try_from).map_err(failed)?;
        let params = Params::try_from(&stored).map_err(failed)?;
        let mut output = vec![0; expected.len()];
        self.fill(&params, version, password, salt.as_ref(), &mut output)?;
        // `Output` compares in constant time.
        let matches = Output::new(&output).map_err(failed)? == expected && hash.is_some();
        if !matches && let Some(rest) = self.work_missing_from(&params) {
            self.fill(&rest, version, password, salt.as_ref(), &mut output)?;
        }
        Ok(matches)
    }

    /// The difference in work between a cheaper hash and the present settings. Argon2's work is its
    /// memory times its passes.
    fn work_missing_from(&self, params: &Params) -> Option<Params> {
        let work = |params: &Params| u64::from(params.m_cost()) * u64::from(params.t_cost());
        let missing =
            work(&self.params).checked_sub(work(params)).filter(|missing| *missing > 0)?;
        let memory = u32::try_from(missing / u64::from(self.params.t_cost())).ok()?;
        Params::new(memory.max(Params::MIN_M_COST), self.params.t_cost(), 1, None).ok()
    }

    /// Whether a hash is cheaper than the present settings.
    pub fn is_outdated(&self, hash: &PasswordHash) -> bool {
        Phc::new(hash.as_str()).ok().and_then(|stored| Params::try_from(&stored).ok()).is_none_or(
            |stored| {
                stored.m_cost() < self.params.m_cost() || stored.t_cost() < self.params.t_cost()
            },
        )
    }

    fn fill(
        &mut self,
        params: &Params,
        version: Version,
        password: &[u8],
        salt: &[u8],
        output: &mut [u8],
    ) -> Result<(), Error> {
        #[cfg(test)]
        {
            self.work += u64::from(params.m_cost()) * u64::from(params.t_cost());
        }
        if self.argon2.reserved_blocks() < self.params.block_count() {
            self.take_memory()?;
        }
        self.argon2.set_argon2(variant(params, version, output.len())?);
        self.argon2.hash_into_with_ad(password, salt, &[], params.data(), output).map_err(failed)
    }

    /// Takes the memory of the settings, and touches all of it. New memory costs more than the hash, and
    /// a cheaper hash would touch less of it: the time would tell which accounts have one.
    fn take_memory(&mut self) -> Result<(), Error> {
        let once = Params::new(self.params.m_cost(), 1, 1, None).map_err(failed)?;
        let mut output = [0; Params::DEFAULT_OUTPUT_LEN];
        self.argon2.set_argon2(variant(&once, Version::default(), output.len())?);
        self.argon2.hash_into(b"", &[0; 16], &mut output).map_err(failed)
    }
}

/// Which instructions hash is chosen by the processor, and no test runs on every processor. So one
/// small hash is compared with that of another implementation.
fn check_instructions() -> Result<(), Error> {
    let params = Params::new(1024, 1, 1, None).map_err(failed)?;
    let (password, salt) = (b"the same".as_slice(), b"in both ways".as_slice());
    let [mut fast, mut plain] = [[0; Params::DEFAULT_OUTPUT_LEN]; 2];
    Worker::new(params.clone())?.fill(&params, Version::default(), password, salt, &mut fast)?;
    Argon2::new(Algorithm::Argon2id, Version::default(), params)
        .hash_password_into(password, salt, &mut plain)
        .map_err(failed)?;
    if fast == plain {
        return Ok(());
    }
    let instructions = argon2_rust::detected_backend();
    Err(failed(format!("this processor's instructions ({instructions:?}) give another hash")))
}

/// Argon2id at this cost, in the terms of the crate that hashes.
fn variant(
    params: &Params,
    version: Version,
    output_len: usize,
) -> Result<argon2_rust::Argon2, Error> {
    let settings = argon2_rust::Params::builder()
        .memory(Memory::kib(params.m_cost().into()))
        .passes(params.t_cost())
        .lanes(params.p_cost())
        .tag_len(TagLen::bytes(output_len as u64))
        .build()
        .map_err(failed)?;
    let version = match version {
        Version::V0x10 => argon2_rust::Version::V0x10,
        Version::V0x13 => argon2_rust::Version::V0x13,
    };
    Ok(argon2_rust::Argon2::new(argon2_rust::Algorithm::Argon2id, version, settings))
}

/// The allocator keeps what all threads have freed for a second, and returns it to the system when it
/// next begins a page of its own. In a service that has nothing to do, that is here.
fn give_back_what_is_free() {
    drop(std::hint::black_box(Vec::<u8>::with_capacity(4 * 1024 * 1024)));
}

fn phc(params: &Params, salt: Salt, hash: Output) -> Result<PasswordHash, Error> {
    let phc = Phc {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::default().into()),
        params: ParamsString::try_from(params).map_err(failed)?,
        salt: Some(salt),
        hash: Some(hash),
    };
    Ok(PasswordHash::from_stored(phc.to_string()))
}

fn failed(cause: impl std::fmt::Display) -> Error {
    Error::internal("hashing a password", cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn worker(memory_kib: u32, passes: u32) -> Worker {
        Worker::new(Params::new(memory_kib, passes, 1, None).unwrap()).unwrap()
    }

    #[test]
    fn a_hash_is_a_phc_string_with_the_settings_in_it() {
        let hash = worker(64, 2).hash(b"secret").unwrap();
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=64,t=2,p=1$"), "{}", hash.as_str());
    }

    #[test]
    fn only_the_same_password_matches_its_hash() {
        let mut worker = worker(64, 1);
        let hash = worker.hash(b"secret").unwrap();
        assert!(worker.verify(b"secret", Some(&hash)).unwrap());
        assert!(!worker.verify(b"Secret", Some(&hash)).unwrap());
        assert_ne!(hash, worker.hash(b"secret").unwrap(), "each hash has its own salt");
    }

    #[test]
    fn no_password_matches_an_unknown_account() {
        assert!(!worker(64, 1).verify(b"secret", None).unwrap());
    }

    #[test]
    fn memory_that_was_used_before_changes_nothing() {
        let mut used = worker(64, 1);
        let hash = used.hash(b"secret").unwrap();
        used.hash(b"another").unwrap();
        assert!(used.verify(b"secret", Some(&hash)).unwrap());
        assert!(worker(64, 1).verify(b"secret", Some(&hash)).unwrap());
    }

    #[test]
    fn a_hash_of_other_settings_is_verified_and_outdated_when_cheaper() {
        let cheap = worker(64, 1).hash(b"secret").unwrap();
        let costly = worker(256, 2).hash(b"secret").unwrap();
        let mut now = worker(128, 1);
        assert!(now.verify(b"secret", Some(&cheap)).unwrap());
        assert!(now.verify(b"secret", Some(&costly)).unwrap());
        assert!(now.is_outdated(&cheap));
        assert!(!now.is_outdated(&costly));
    }

    #[test]
    fn a_wrong_password_takes_the_same_work_with_any_hash_and_none() {
        let mut now = worker(128, 4);
        let mut work = |hash: Option<&PasswordHash>| {
            let before = now.work;
            assert!(!now.verify(b"wrong", hash).unwrap());
            now.work - before
        };
        let hash = |memory_kib, passes| worker(memory_kib, passes).hash(b"secret").unwrap();
        assert_eq!(work(None), 512);
        for (memory_kib, passes) in [(128, 4), (64, 4), (64, 1), (128, 2), (32, 16)] {
            assert_eq!(work(Some(&hash(memory_kib, passes))), 512, "m={memory_kib} t={passes}");
        }
    }

    #[test]
    fn all_costs_versions_and_lengths_give_the_hash_of_the_other_implementation() {
        let mut worker = worker(64, 1);
        let texts = [
            "",
            "secret",
            "a longer one, of more than a block of the hash that it begins with, \
            which is 128 bytes, and after which there is one more",
        ];
        for (memory_kib, passes, lanes) in
            [(8, 1, 1), (9, 3, 1), (64, 1, 2), (67, 2, 3), (256, 1, 1), (1000, 4, 4), (4096, 2, 1)]
        {
            for version in [Version::V0x10, Version::V0x13] {
                for (text, output_len) in texts.into_iter().zip([4, 32, 100]) {
                    let params = Params::new(memory_kib, passes, lanes, None).unwrap();
                    let [mut ours, mut theirs] = [vec![0; output_len], vec![0; output_len]];
                    let salt = b"salt and pepper";
                    worker.fill(&params, version, text.as_bytes(), salt, &mut ours).unwrap();
                    Argon2::new(Algorithm::Argon2id, version, params)
                        .hash_password_into(text.as_bytes(), salt, &mut theirs)
                        .unwrap();
                    assert_eq!(ours, theirs, "m={memory_kib} t={passes} p={lanes} {version:?}");
                }
            }
        }
    }

    #[test]
    fn memory_is_kept_for_the_next_job_and_given_back_when_none_comes() {
        let settings = Argon2Settings { memory_kib: 64, passes: 1 };
        let hasher = Hasher::start(settings, HashingMode::Foreground).unwrap();
        let blocks = |worker: &mut Worker| worker.argon2.reserved_blocks();
        let hash = |worker: &mut Worker| worker.hash(b"secret").map(drop);
        block_on(async {
            let (first, second) = tokio::join!(hasher.run(hash), hasher.run(blocks));
            first.unwrap().unwrap();
            assert_eq!(second.unwrap(), 64);
            std::thread::sleep(2 * KEEPS_MEMORY);
            assert_eq!(hasher.run(blocks).await.unwrap(), 0);
        });
    }

    #[test]
    fn a_cheaper_hash_takes_the_memory_of_the_settings_as_well() {
        let cheap = worker(64, 1).hash(b"secret").unwrap();
        let mut now = worker(256, 1);
        assert!(now.verify(b"secret", Some(&cheap)).unwrap());
        assert_eq!(now.argon2.reserved_blocks(), 256);
    }

    #[test]
    fn a_hash_of_the_reference_implementation_is_verified() {
        let reference = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        let hash = PasswordHash::from_stored(reference.to_owned());
        assert!(worker(64, 1).verify(b"password", Some(&hash)).unwrap());
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    #[test]
    fn a_full_queue_is_busy_and_a_panicking_job_harms_no_other() {
        let hasher =
            Hasher::start(Argon2Settings { memory_kib: 64, passes: 1 }, HashingMode::Foreground)
                .unwrap();
        block_on(async {
            assert!(matches!(
                hasher.run(|_| panic!("on purpose")).await,
                Err::<(), _>(Error::Internal(_))
            ));

            let (open, gate) = std::sync::mpsc::channel::<()>();
            let mut waiting: Vec<_> = Vec::new();
            let mut blocked = Box::pin(hasher.run(move |_| gate.recv().unwrap()));
            assert!(poll_once(&mut blocked).await.is_none());
            let full = loop {
                let mut next = Box::pin(hasher.run(|_| ()));
                match poll_once(&mut next).await {
                    Some(Err(error)) => break error,
                    _ => waiting.push(next),
                }
                assert!(waiting.len() <= QUEUE_PER_THREAD + 1);
            };
            assert!(matches!(full, Error::Busy));
            open.send(()).unwrap();
            blocked.await.unwrap();
            for job in waiting {
                job.await.unwrap();
            }
        });
    }

    async fn poll_once<F: Future + Unpin>(future: &mut F) -> Option<F::Output> {
        std::future::poll_fn(|context| match std::pin::Pin::new(&mut *future).poll(context) {
            std::task::Poll::Ready(output) => std::task::Poll::Ready(Some(output)),
            std::task::Poll::Pending => std::task::Poll::Ready(None),
        })
        .await
    }
}
