//! The `widgetd` program: reads the command line, runs one command, prints its error.

use std::process::ExitCode;

/// A request makes some two hundred small allocations, most of them Rocket's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    widgetd::cli::run()
}
