//! What `diabolo check` takes and does.

use std::path::PathBuf;
use std::time::Instant;

use clap::Args;

use super::bench::{rates, timing};
use super::outcome::{Adapter, Outcome, Report};
use super::page::page;
use super::suite::Suite;
use crate::bench::{BenchDevice, progress};
use crate::cpu::CpuExecutor;
use crate::error::{Error, Result};
use crate::file::write_whole;
use crate::graph::Bytes;
use crate::run::say;

/// What `diabolo check` takes.
#[derive(Clone, Debug, Args)]
pub struct CheckArgs {
    /// gpu, the number of an adapter, or part of its name
    #[arg(long, default_value = "gpu", conflicts_with = "html")]
    device: String,
    /// Only parts, checks and workloads whose names begin so; parts are kernels, self-test, steps and bench
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    only: Vec<String>,
    /// Write what came of it as JSON, for an issue on a tracker
    #[arg(long, value_name = "FILE", conflicts_with = "html")]
    json: Option<PathBuf>,
    /// Check nothing here, and write a page that checks the GPU of any browser that opens it
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

/// Checks an adapter, or writes the page that does.
///
/// # Errors
/// When an option is wrong, there is no such adapter, a check fails, or a file cannot be written.
pub fn check(args: &CheckArgs) -> Result<()> {
    let suite = Suite::of(&args.only)?;
    if let Some(path) = &args.html {
        let page = page(&suite)?;
        write_whole(path, |out| out.write_all(page.as_bytes()))?;
        let size = Bytes(page.len() as u64);
        say(format_args!("a page of {size} that checks a browser's GPU: {}", path.display()));
        return Ok(());
    }
    let device = device(&args.device)?;
    let report = run(&suite, &device)?;
    say(format_args!("{}{}", report.times(), report.verdict()));
    if let Some(path) = &args.json {
        let json = serde_json::to_string_pretty(&report)
            .map_err(|error| Error::Graph(format!("the report has no JSON: {error}")))?;
        write_whole(path, |out| out.write_all(json.as_bytes()))?;
    }
    let wrong = || Error::Device("the adapter computes wrong numbers, see above".into());
    report.passed.then_some(()).ok_or_else(wrong)
}

fn device(name: &str) -> Result<BenchDevice> {
    let mut found = BenchDevice::chosen(name)?;
    match found.pop() {
        Some(device) if found.is_empty() && device.is_adapter() => Ok(device),
        _ => {
            let what = "is to be one adapter, which is compared with the processor; \
                        `diabolo adapters` lists them";
            Err(Error::option("--device", what))
        }
    }
}

/// Checks all of it, a line each.
fn run(suite: &Suite, device: &BenchDevice) -> Result<Report> {
    let begin = Instant::now();
    let adapter = device.summary().map(Adapter::from);
    let adapter = adapter.ok_or_else(|| Error::Device(format!("{} is gone", device.name())))?;
    say(format_args!("{} on {} ({})", Report::head(), adapter.name, adapter.backend));
    let bar = progress(suite.cases.len() + suite.timed.len());
    let mut checks = vec![];
    {
        let mut executor = device.open_adapter()?;
        let mut processor = CpuExecutor::new();
        for case in &suite.cases {
            bar.set_message(case.name.clone());
            let outcome = Outcome::of(case, &mut executor, &mut processor)?;
            bar.suspend(|| say(format_args!("{}", outcome.line())));
            checks.push(outcome);
            bar.inc(1);
        }
    }
    let (mut ceilings, mut timings) = (None, vec![]);
    if !suite.timed.is_empty() {
        bar.set_message("ceilings");
        let (measured, found) = rates(device)?;
        ceilings = Some(found);
        for workload in &suite.timed {
            bar.set_message(workload.name.clone());
            timings.push(timing(workload, device, &measured)?);
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(Report {
        format: Report::FORMAT,
        version: env!("CARGO_PKG_VERSION"),
        adapter,
        passed: checks.iter().all(|check| check.passed),
        seconds: begin.elapsed().as_secs_f64(),
        checks,
        ceilings,
        timings,
    })
}
