//! What the program says, and how it ends.

use std::io::{self, Write};
use std::process::ExitCode;

use crate::error::{Error, Result};

/// The exit code of a program that was interrupted.
pub const INTERRUPTED: u8 = 130;

/// Prints a line of results. A reader that has gone away, such as `head`, is no reason to stop.
pub fn say(line: std::fmt::Arguments) {
    let _ = writeln!(io::stdout(), "{line}");
}

/// Prints a line that is no result, on standard error.
pub fn say_beside(line: std::fmt::Arguments) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Prints the error, if there is one, and says how the program should exit.
pub fn exit_code(result: Result<()>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error @ Error::Interrupted(_)) => {
            let _ = writeln!(io::stderr(), "{error}");
            ExitCode::from(INTERRUPTED)
        }
        Err(error) => {
            let _ = writeln!(io::stderr(), "error: {error}");
            ExitCode::from(if matches!(error, Error::Option { .. }) { 2 } else { 1 })
        }
    }
}
