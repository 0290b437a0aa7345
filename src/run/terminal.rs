//! What the program says, and how it ends.

use std::io::{self, Write};
use std::process::ExitCode;

use super::interruption::INTERRUPTED;
use crate::error::{Error, Result};

/// Logs warnings to standard error, or what the `RUST_LOG` variable asks for; `--verbose` asks for
/// more. Drivers that fail to load are no news on their own: an adapter that is missed is an error
/// of its own.
pub fn start_logging() {
    const FILTER: &str = "info,wgpu=warn,wgpu_hal=off,wgpu_core=error,naga=warn";
    let filter = env_logger::Env::default().default_filter_or(FILTER);
    env_logger::Builder::from_env(filter).init();
    if std::env::var_os("RUST_LOG").is_none() {
        log::set_max_level(log::LevelFilter::Warn);
    }
}

/// Prints a line of results. A reader that has gone away, such as `head`, is no reason to stop.
pub fn say(line: std::fmt::Arguments) {
    let _ = writeln!(io::stdout(), "{line}");
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
