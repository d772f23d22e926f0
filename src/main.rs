//! The `widgetd` program: reads the command line, runs one command, prints its error.

use std::process::ExitCode;

/// With the system's allocator, nearly a tenth of a request went into it, most of that for Rocket.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    widgetd::cli::run()
}
