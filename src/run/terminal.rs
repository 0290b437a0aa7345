//! What the program says, and how it ends.

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

pub use crate::error::INTERRUPTED;
use crate::error::{Error, Result};

/// Whether standard output is a file's, so that lines of results go to standard error.
static IS_A_FILE: AtomicBool = AtomicBool::new(false);
/// Why standard output could not be written, where it could not.
static LOST: OnceLock<String> = OnceLock::new();

/// Prints a line of results. A reader that has gone away, such as `head`, is no reason to stop; where
/// they are lost otherwise, [`exit_code`] says so in the end.
pub fn say(line: std::fmt::Arguments) {
    match IS_A_FILE.load(Ordering::Relaxed) {
        true => drop(writeln!(io::stderr(), "{line}")),
        false => keep_error(writeln!(io::stdout(), "{line}")),
    }
}

/// Prints a line beside the results, which begins with `note:`.
pub fn note(line: std::fmt::Arguments) {
    let _ = writeln!(io::stderr(), "note: {line}");
}

/// Prints text as it is, as [`say`] does.
pub fn print(text: &[u8]) {
    keep_error(io::stdout().write_all(text).and_then(|()| io::stdout().flush()));
}

/// Has lines of results printed to standard error from now on, since standard output is for a file.
pub fn say_on_standard_error() {
    IS_A_FILE.store(true, Ordering::Relaxed);
}

fn keep_error(printed: io::Result<()>) {
    if let Err(error) = printed
        && error.kind() != io::ErrorKind::BrokenPipe
    {
        LOST.get_or_init(|| error.to_string());
    }
}

/// Prints the error, if there is one, and says how the program should exit: not well, either, where
/// its results could not be printed.
pub fn exit_code(result: Result<()>) -> ExitCode {
    keep_error(io::stdout().flush());
    let result = result.and_then(|()| match LOST.get() {
        None => Ok(()),
        Some(why) => Err(Error::file("standard output", format!("cannot be written: {why}"))),
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            print_error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

/// Prints an error that the program ends with.
pub(crate) fn print_error(error: &Error) {
    let kind = if matches!(error, Error::Interrupted(_)) { "" } else { "error: " };
    let _ = writeln!(io::stderr(), "{kind}{error}");
}
