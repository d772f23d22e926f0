//! How many connections the machine can take.

/// The most by default.
const MAX_CONNECTIONS: u64 = 2_048;

/// Descriptors for everything that is not a connection, such as the readers of the database.
const OTHER_DESCRIPTORS: u64 = 128;

/// What a connection needs at most while it waits: buffers of hyper, part of an answer, its task.
const BYTES_PER_CONNECTION: u64 = 64 * 1024;

/// The share of the memory that connections may need.
const SHARE_OF_MEMORY: u64 = 4;

/// Raises the limit of open descriptors as far as it goes. Returns how many connections may be open:
/// `wanted`, or as many as memory allows; not more than there are descriptors for.
pub fn max_connections(wanted: Option<u32>) -> usize {
    let descriptors = raise_descriptor_limit().unwrap_or(u64::MAX);
    // With very few of them, half are for connections.
    let room = descriptors.saturating_sub(OTHER_DESCRIPTORS).max(descriptors / 2);
    let in_memory = memory().map_or(MAX_CONNECTIONS, |bytes| {
        (bytes / SHARE_OF_MEMORY / BYTES_PER_CONNECTION).min(MAX_CONNECTIONS)
    });
    let connections = wanted.map_or(in_memory, u64::from).min(room).max(1);
    usize::try_from(connections).unwrap_or(usize::MAX)
}

/// The limit of open descriptors, after the soft limit is raised to the hard one. `None`: there is
/// no limit, or it is unknown.
#[cfg(unix)]
fn raise_descriptor_limit() -> Option<u64> {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        Err(_) => current,
    }
}

#[cfg(not(unix))]
fn raise_descriptor_limit() -> Option<u64> {
    None
}

/// The machine's memory in bytes, if it can be told.
#[cfg(target_os = "linux")]
fn memory() -> Option<u64> {
    let info = rustix::system::sysinfo();
    info.totalram.checked_mul(u64::from(info.mem_unit))
}

#[cfg(not(target_os = "linux"))]
fn memory() -> Option<u64> {
    None
}
