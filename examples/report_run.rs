//! A run as one HTML page: `cargo run --release --example report_run [RUN]`.
//!
//! RUN is `runs/conv-digits` unless given; a small model is trained there first where there is none.
//! Writes `report.html` into it.

use std::path::Path;
use std::process::ExitCode;

use diabolo::file::write_atomically;
use diabolo::models::Kind;
use diabolo::prelude::*;
use diabolo::run::{self, TrainArgs};
use diabolo::tasks;

/// Writes the page of a run.
pub fn report(run: &Path) -> Result<()> {
    if !run.exists() {
        run::run(&TrainArgs { out: Some(run.into()), ..TrainArgs::default() }, Kind::Conv)?;
    }
    let page = tasks::report::html(run)?;
    let file = run.join("report.html");
    write_atomically(&file, |out| out.write_all(page.as_bytes()))?;
    println!("{} bytes written to {}", page.len(), file.display());
    Ok(())
}

fn main() -> ExitCode {
    let run = std::env::args().nth(1).unwrap_or("runs/conv-digits".into());
    run::exit_code(report(Path::new(&run)))
}
