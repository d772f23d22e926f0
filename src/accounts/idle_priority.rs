//! Idle priority for threads. Only on Linux, where each thread has its own priority; elsewhere this
//! would slow down the whole process.

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id, thread_schedule_policy,
};

/// Also applies if the policy may not be changed.
const NICENESS: i32 = 19;

/// Makes this thread, the `n`th of `threads`, run only while its core is idle.
///
/// Niceness alone is not enough: a serving thread that wakes up preempts a nicer thread after a
/// while, and an idle one at once.
pub fn give_way(n: usize, threads: usize) {
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    // This sets the policy and then the niceness, to 0, which fails if the process has a higher
    // one.
    if let Err(cause) =
        set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle)
        && !matches!(thread_schedule_policy(), Ok(policy) if policy == idle)
    {
        log::warn!("a hashing thread has a low priority instead of the lowest: {cause}");
    }
    if let Err(cause) = rustix::process::nice(NICENESS) {
        log::warn!("cannot lower the priority of a hashing thread: {cause}");
    }
    if let Err(cause) = pin_to_core(n, threads) {
        log::warn!("cannot keep a hashing thread on one core: {cause}");
    }
}

/// Keeps each thread on its own core, if there are as many cores. (Measured: if threads may move, a
/// read sometimes waits for milliseconds.)
fn pin_to_core(n: usize, threads: usize) -> rustix::io::Result<()> {
    let allowed = sched_getaffinity(None)?;
    let mut cores = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core));
    // Fewer threads (a container's share of a big machine) would crowd the first cores.
    if cores.clone().count() != threads {
        return Ok(());
    }
    let Some(core) = cores.nth(n) else { return Ok(()) };
    let mut own = CpuSet::new();
    own.set(core);
    sched_setaffinity(None, &own)
}
