//! The `widgetd` program: reads the command line, runs one command, prints its error.

use std::process::ExitCode;

fn main() -> ExitCode {
    widgetd::cli::run()
}
