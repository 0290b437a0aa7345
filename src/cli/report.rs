//! `diabolo report`: a run as one page.

use std::path::{Path, PathBuf};

use super::outputs::{Output, files_of_run};
use crate::error::{Error, Result};
use crate::gpu::DeviceChoice;
use crate::run::say;
use crate::tasks::report::html_beside;
use crate::tasks::{PageOptions, Trained};

/// The options of `diabolo report`.
#[derive(Clone, Debug, clap::Args)]
pub struct ReportArgs {
    /// The folder of a run
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// The page to write, - for standard output [default: report.html in the run folder]
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Write the model as a page that runs in the browser beside the report, which links it
    #[arg(long)]
    page: bool,
}

/// Writes a run's page.
///
/// # Errors
/// When there is no run, one of its files is damaged, or the page cannot be written.
pub fn report(args: &ReportArgs) -> Result<()> {
    let out = args.out.clone().unwrap_or_else(|| args.run.join("report.html"));
    let out = Output::prepare(&out, &files_of_run(&args.run))?;
    let linked = if args.page { Some(write_model(&args.run, &out)?) } else { None };
    let page = html_beside(&args.run, linked.as_deref())?;
    out.write(|file| file.write_all(page.as_bytes()))?;
    say(format_args!("written to {out}"));
    Ok(())
}

/// Writes the model's page beside the report; its name.
fn write_model(run: &Path, report: &Output) -> Result<String> {
    let path = report.path().ok_or_else(|| {
        Error::option("--page", "has no place beside standard output; name a file with --out")
    })?;
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let name = format!("{stem}-model.html");
    let out = Output::prepare(&path.with_file_name(&name), &files_of_run(run))?;
    let page = Trained::load(run, &DeviceChoice::Cpu)?.page(&PageOptions::default())?;
    out.write(|file| file.write_all(page.as_bytes()))?;
    say(format_args!("the model is in {out}"));
    Ok(name)
}
