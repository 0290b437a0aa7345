//! A trained model as a page, which runs in any browser with WebGPU and trains on there:
//! `cargo run --release --example export_page [RUN]`.
//!
//! RUN is `runs/vae-digits` unless given; a small model is trained there first where there is none.
//! Writes `model.html` into it, with two hundred images to train on; docs/browser.md says what it does.

use std::path::Path;
use std::process::ExitCode;

use diabolo::file::write_atomically;
use diabolo::models::Kind;
use diabolo::prelude::*;
use diabolo::run::{self, TrainArgs};
use diabolo::tasks::PageOptions;

/// Exports the model of a run as a page.
pub fn export(run: &Path) -> Result<()> {
    if !run.exists() {
        run::run(&TrainArgs { out: Some(run.into()), ..TrainArgs::default() }, Kind::Vae)?;
    }
    let mut trained = Trained::load(run, &DeviceChoice::Auto)?;
    let page = trained.page(&PageOptions { data: 200, ..PageOptions::default() })?;
    let file = run.join("model.html");
    write_atomically(&file, |out| out.write_all(page.as_bytes()))?;
    println!("{} bytes written to {}", page.len(), file.display());
    Ok(())
}

fn main() -> ExitCode {
    let run = std::env::args().nth(1).unwrap_or("runs/vae-digits".into());
    run::exit_code(export(Path::new(&run)))
}
