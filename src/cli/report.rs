//! `diabolo report`: a run as one page.

use std::path::PathBuf;

use super::outputs::{Output, files_of_run};
use crate::error::Result;
use crate::run::say;
use crate::tasks::report::html;

/// The options of `diabolo report`.
#[derive(Clone, Debug, clap::Args)]
pub struct ReportArgs {
    /// The folder of a run
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// The page to write, - for standard output [default: report.html in the run folder]
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Writes a run's page.
///
/// # Errors
/// When there is no run, one of its files is damaged, or the page cannot be written.
pub fn report(args: &ReportArgs) -> Result<()> {
    let page = html(&args.run)?;
    let out = args.out.clone().unwrap_or_else(|| args.run.join("report.html"));
    let out = Output::prepare(&out, &files_of_run(&args.run))?;
    out.write(|file| file.write_all(page.as_bytes()))?;
    say(format_args!("written to {out}"));
    Ok(())
}
