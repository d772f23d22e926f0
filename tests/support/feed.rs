//! Commands that read their input.

use std::io::Write;
use std::process::{Command, Output, Stdio};

/// Runs a command to its end with this input, all of which it need not read.
pub fn feed(command: &mut Command, input: &str) -> std::io::Result<Output> {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn()?;
    if let Some(mut stdin) = child.stdin.take() {
        // A command that does not read its input has closed the pipe.
        let _ = stdin.write_all(input.as_bytes());
    }
    child.wait_with_output()
}
