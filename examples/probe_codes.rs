//! What a model's codes tell of classes, by a linear classifier that learns from them:
//! `cargo run --release --example probe_codes [RUN]`.
//!
//! RUN is `runs/conv-digits` unless given; a small model is trained there first where there is none.
//! Codes of a folder of one's own go through `diabolo::tasks::probe::linear_probe`.

use std::path::Path;
use std::process::ExitCode;

use diabolo::models::Kind;
use diabolo::prelude::*;
use diabolo::run::{self, TrainArgs};

/// Probes the codes of the run's own images.
pub fn probe(run: &Path) -> Result<()> {
    if !run.exists() {
        run::run(&TrainArgs { out: Some(run.into()), ..TrainArgs::default() }, Kind::Conv)?;
    }
    let mut trained = Trained::load(run, &DeviceChoice::Auto)?;
    let found = trained.probe(Seed(0))?;
    println!("{}", found.class_table());
    println!("accuracy {:.4}", found.accuracy());
    Ok(())
}

fn main() -> ExitCode {
    let run = std::env::args().nth(1).unwrap_or("runs/conv-digits".into());
    run::exit_code(probe(Path::new(&run)))
}
