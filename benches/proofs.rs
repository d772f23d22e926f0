//! Proofs: what README promises, tried on a service whose machine, clock and clients fail.
//!
//! ```sh
//! cargo bench --bench proofs -- --short
//! cargo bench --bench proofs -- --only "power cut" --seed 42
//! ```
//!
//! Each proof prints what it did, how often, and its seed, which repeats its choices. One that does
//! not hold says why, and the command fails in the end. `docs/proofs.md` has the figures of whole
//! runs. The service is the one built with the proofs, or the absolute path in `TEST_BINARY`.
//!
//! Some proofs stand between the service and the C library (`proofs/shim.c`), so they need Linux and
//! a C compiler.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    missing_docs,
    reason = "a proof fails by panicking"
)]

#[path = "proofs/access_page.rs"]
mod access_page;
#[path = "proofs/account_model.rs"]
mod account_model;
#[path = "proofs/authority.rs"]
mod authority;
#[path = "proofs/authority_scene.rs"]
mod authority_scene;
#[path = "proofs/clock.rs"]
mod clock;
#[path = "proofs/commands.rs"]
mod commands;
#[path = "proofs/connection.rs"]
mod connection;
#[path = "../tests/support/databases.rs"]
mod databases;
#[path = "proofs/disk.rs"]
mod disk;
#[path = "proofs/disk_full.rs"]
mod disk_full;
#[path = "proofs/faults.rs"]
mod faults;
#[path = "../tests/support/feed.rs"]
mod feed;
#[path = "proofs/forged.rs"]
mod forged;
#[path = "proofs/forged_tokens.rs"]
mod forged_tokens;
#[path = "proofs/fuzz.rs"]
mod fuzz;
#[path = "proofs/guessing.rs"]
mod guessing;
#[path = "proofs/hashing_flood.rs"]
mod hashing_flood;
#[path = "proofs/heavy_readers.rs"]
mod heavy_readers;
#[path = "proofs/history.rs"]
mod history;
#[path = "proofs/history_calls.rs"]
mod history_calls;
#[path = "proofs/history_self_check.rs"]
mod history_self_check;
#[path = "proofs/inputs.rs"]
mod inputs;
#[path = "proofs/kill.rs"]
mod kill;
#[path = "proofs/latency.rs"]
mod latency;
#[path = "proofs/ledger.rs"]
mod ledger;
#[path = "proofs/linearizability.rs"]
mod linearizability;
#[path = "proofs/load.rs"]
mod load;
#[path = "proofs/overload.rs"]
mod overload;
#[path = "proofs/power_cut.rs"]
mod power_cut;
#[allow(dead_code, reason = "the tests need more of it")]
#[path = "../tests/support/program.rs"]
mod program;
#[allow(dead_code, reason = "the tests need more of it")]
#[path = "../tests/support/random.rs"]
mod random;
#[path = "proofs/restore_cut.rs"]
mod restore_cut;
#[path = "proofs/routes.rs"]
mod routes;
#[path = "proofs/schemathesis.rs"]
mod schemathesis;
#[path = "proofs/shim.rs"]
mod shim;
#[path = "proofs/sigterm.rs"]
mod sigterm;
#[path = "proofs/slow_clients.rs"]
mod slow_clients;
#[path = "proofs/soak.rs"]
mod soak;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;

use crate::random::Random;

/// A proof's name, the promise, and how to try it: it returns what it did, or panics with what it
/// found.
type Proof = (&'static str, &'static str, fn(&Run) -> String);

const PROOFS: &[Proof] = &[
    ("power cut", "no acknowledged write is missing, no transaction is half", power_cut::prove),
    ("power cut of a restore", "the old database or the restored one, whole", restore_cut::prove),
    (
        "failing calls",
        "no false success; it says so, and goes on when the fault ends",
        faults::prove,
    ),
    (
        "disk full",
        "nothing acknowledged is missing, writes go on without a start",
        disk_full::prove,
    ),
    ("clock", "no session lives too long, nothing is purged too early", clock::prove),
    ("kill", "kill -9 amid 64 writers loses no acknowledged write", kill::prove),
    (
        "history",
        "every answer fits one order of events; an authority that has ended is not accepted",
        history::prove,
    ),
    ("forged", "no forged or mangled token, cookie or API key is accepted", forged::prove),
    ("sigterm", "SIGTERM under load leaves no accepted request unanswered", sigterm::prove),
    (
        "commands",
        "upgrade, restore, import and backup, killed anywhere, leave one whole database",
        commands::prove,
    ),
    (
        "authority",
        "each route answers each kind of caller as docs/access.md says, also amid a change",
        authority::prove,
    ),
    (
        "slow clients",
        "10,000 slow or greedy clients do not slow down others, nor fill the memory",
        slow_clients::prove,
    ),
    (
        "heavy readers",
        "64 users who read as much as they may do not slow down others, nor fill the memory",
        heavy_readers::prove,
    ),
    (
        "overload",
        "under 10 times its capacity, the service still answers what it can",
        overload::prove,
    ),
    (
        "hashing flood",
        "500 connections that log in do not slow down others, nor fill the memory",
        hashing_flood::prove,
    ),
    ("guessing", "an answer does not tell whether there is an account or a code", guessing::prove),
    (
        "fuzz",
        "no input leads to an internal error, a hang, a cut answer or a broken database",
        fuzz::prove,
    ),
    (
        "schemathesis",
        "every answer is as the OpenAPI document says, for each role",
        schemathesis::prove,
    ),
    (
        "soak",
        "in hours of everything that users do, neither memory nor descriptors grow",
        soak::prove,
    ),
];

/// The loads that run in a process of their own.
const LOADS: &[(&str, load::Generate)] = &[
    ("slow clients", slow_clients::generate),
    ("heavy readers", heavy_readers::generate),
    ("hashing flood", hashing_flood::generate),
    ("overload", overload::generate),
    ("soak", soak::generate),
];

#[derive(Parser)]
#[command(about = "Tries what README promises on machines that break")]
struct Arguments {
    /// Try less: all proofs within 10 minutes
    #[arg(long)]
    short: bool,
    /// Repeat the choices of a run
    #[arg(long)]
    seed: Option<u64>,
    /// Only the proofs whose name contains this
    #[arg(long, default_value = "")]
    only: String,
    /// Cargo passes it
    #[arg(long, hide = true)]
    bench: bool,
    /// Be a load, with the settings on standard input
    #[arg(long, hide = true)]
    load: Option<String>,
}

/// How much a proof tries, and what it chooses by.
pub struct Run {
    pub is_short: bool,
    pub seed: u64,
}

impl Run {
    /// Whether times decide. A short run may share the machine with anything else, a whole one does not.
    pub fn judges_time(&self) -> bool {
        !self.is_short
    }

    /// How often to try something.
    pub fn times(&self, full: usize, short: usize) -> usize {
        if self.is_short { short } else { full }
    }

    /// Choices for one part of a proof.
    pub fn random(&self, part: usize) -> Random {
        let mut random = Random(self.seed ^ (part as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        random.below(2);
        random
    }
}

/// A place whose service limits neither how often a client may ask nor how long anything may take:
/// on a busy machine that decides nothing.
pub fn without_limits() -> program::Place {
    let mut place = program::Place::new();
    for (name, value) in [
        ("WIDGETD_THROTTLE", "false"),
        ("WIDGETD_KEEP_ALIVE", "3600"),
        ("WIDGETD_READ_TIMEOUT_SECONDS", "3600"),
        ("WIDGETD_ACCESS_TOKEN_SECONDS", "86400"),
        ("WIDGETD_SHUTDOWN", "{grace=50, mercy=1}"),
    ] {
        place.set(name, value);
    }
    place
}

/// A thread that panics may leave others that wait for it: this must not hold up the whole of CI.
const MOST_OF_A_SHORT_RUN: Duration = Duration::from_mins(10);

/// Ends this process unless a proof is done by then.
fn end_after(time: Duration, is_done: Arc<AtomicBool>) {
    std::thread::spawn(move || {
        std::thread::sleep(time);
        if !is_done.load(Ordering::Relaxed) {
            eprintln!("DOES NOT HOLD: it does not end within {} minutes", time.as_secs() / 60);
            std::process::exit(1);
        }
    });
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if let Some(name) = &arguments.load {
        let (_, generate) = LOADS.iter().find(|(load, _)| load == name).expect("a load");
        load::generate(*generate);
        return ExitCode::SUCCESS;
    }
    let seed = arguments.seed.unwrap_or_else(|| getrandom::u32().expect("a seed").into());
    let run = Run { is_short: arguments.short, seed };
    let chosen: Vec<_> =
        PROOFS.iter().filter(|(name, ..)| name.contains(&arguments.only)).collect();
    if chosen.is_empty() {
        eprintln!("no proof has a name with {:?} in it", arguments.only);
        return ExitCode::from(2);
    }
    println!("{}, seed {seed}", *program::BINARY);
    let mut failed = Vec::new();
    for (name, promise, try_it) in chosen {
        println!("\n{name}: {promise}");
        let started = Instant::now();
        let is_done = Arc::new(AtomicBool::new(false));
        if run.is_short {
            end_after(MOST_OF_A_SHORT_RUN, Arc::clone(&is_done));
        }
        // The panic's message is on stderr by then.
        let outcome = catch_unwind(AssertUnwindSafe(|| try_it(&run)));
        is_done.store(true, Ordering::Relaxed);
        let seconds = started.elapsed().as_secs();
        if let Ok(done) = outcome {
            println!("{done}\nholds ({seconds} s, seed {seed})");
        } else {
            println!("DOES NOT HOLD ({seconds} s, seed {seed})");
            failed.push(*name);
        }
    }
    if failed.is_empty() {
        return ExitCode::SUCCESS;
    }
    eprintln!("\nDo not hold: {}", failed.join(", "));
    ExitCode::FAILURE
}
