//! `diabolo explore`: a trained model in the browser.

use std::env;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::export::PageArgs;
use crate::error::{Error, Result};
use crate::graph::Bytes;
use crate::run::say;

/// The options of `diabolo explore`.
#[derive(Clone, Debug, clap::Args)]
pub struct ExploreArgs {
    /// The folder of a finished run
    #[arg(value_name = "RUN")]
    run: PathBuf,
    #[command(flatten)]
    page: PageArgs,
}

/// Writes a model's page to a temporary file, and opens it in the browser.
///
/// # Errors
/// When there is no finished run, the model is of no pictures, or the file cannot be written. Where no browser
/// can be started, that is said, with the file's name.
pub fn explore(args: &ExploreArgs) -> Result<()> {
    let page = args.page.page(&args.run)?;
    let path = write(&page)?;
    let size = Bytes(page.len() as u64);
    match open(&path) {
        true => say(format_args!("a page of {size}, opened: {}", path.display())),
        false => say(format_args!(
            "a page of {size} is in {}; no browser could be started, so open it by hand",
            path.display()
        )),
    }
    Ok(())
}

/// Writes a page to a file that nobody else has named, and that stays.
fn write(page: &str) -> Result<PathBuf> {
    let failed = |error: &dyn std::fmt::Display| {
        let what = format!("cannot hold the page: {error}; use diabolo export --html");
        Error::file(env::temp_dir(), what)
    };
    let file = tempfile::Builder::new().prefix("diabolo-").suffix(".html").tempfile();
    let mut file = file.map_err(|error| failed(&error))?;
    file.write_all(page.as_bytes()).map_err(|error| failed(&error))?;
    let (_, path) = file.keep().map_err(|error| failed(&error))?;
    Ok(path)
}

/// Opens a file in `$BROWSER`, or else as the system does; whether something was started.
fn open(path: &Path) -> bool {
    let browser = env::var_os("BROWSER").filter(|name| !name.is_empty());
    let system = match env::consts::OS {
        "macos" => "open",
        "windows" => "explorer",
        _ => "xdg-open",
    };
    let mut command = Command::new(browser.unwrap_or(system.into()));
    command.arg(path).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().is_ok()
}
