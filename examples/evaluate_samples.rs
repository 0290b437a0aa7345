//! Measures the samples of a model that draws codes from a prior of places:
//! `cargo run --release --example evaluate_samples [RUN]`.
//!
//! RUN is `runs/vqvae-digits` unless given; a small model is trained there first where there is none, and
//! a prior of its places where it has none.

use std::path::Path;
use std::process::ExitCode;

use diabolo::models::Kind;
use diabolo::prelude::*;
use diabolo::run::{self, TrainArgs};
use diabolo::train::PriorTraining;

/// Prints how samples of the model in the folder `run` compare with images that were held out.
pub fn evaluate(run: &Path) -> Result<()> {
    if !run.exists() {
        run::run(&TrainArgs { out: Some(run.into()), ..TrainArgs::default() }, Kind::Vqvae)?;
    }
    let mut trained = Trained::load(run, &DeviceChoice::Auto)?;
    if trained.model().places().is_some() && trained.prior()?.is_none() {
        let nats = trained.train_prior(&PriorTraining::default(), &mut |_, _| {})?;
        println!(
            "{:.3} nats a place, {:.3} where places are independent",
            nats.prior, nats.independent
        );
    }
    let measures = trained.measure_samples(5000, Seed(0))?;
    println!(
        "Frechet distance {:.3}, of training images {:.3}",
        measures.frechet, measures.frechet_train
    );
    println!(
        "precision {:.3}, recall {:.3}",
        measures.coverage.precision, measures.coverage.recall
    );
    Ok(())
}

fn main() -> ExitCode {
    let run = std::env::args().nth(1).unwrap_or("runs/vqvae-digits".into());
    run::exit_code(evaluate(Path::new(&run)))
}
