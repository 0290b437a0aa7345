//! How unlike what a model was trained on pictures are:
//! `cargo run --release --example anomaly_scores [RUN [FOLDER]]`.
//!
//! RUN is `runs/conv-digits` unless given; a small model is trained there first where there is none.
//! The images that it held out say which score is still usual. Without FOLDER, it judges those images
//! with dark and light exchanged. `diabolo anomaly` does more: docs/anomaly.md.

use std::path::Path;
use std::process::ExitCode;

use diabolo::models::Kind;
use diabolo::prelude::*;
use diabolo::run::{self, TrainArgs};
use diabolo::tasks::anomaly::{Score, threshold};

/// The share of normal pictures that may be flagged.
const FALSE_POSITIVES: f64 = 0.05;

/// Judges the pictures in `folder`, or images with dark and light exchanged.
pub fn judge(run: &Path, folder: Option<&Path>) -> Result<()> {
    if !run.exists() {
        run::run(&TrainArgs { out: Some(run.into()), ..TrainArgs::default() }, Kind::Conv)?;
    }
    let mut trained = Trained::load(run, &DeviceChoice::Auto)?;
    let normal = trained.held_out(1000)?;
    let judged = match folder {
        Some(folder) => Pictures::read(&[folder.into()], trained.config().intake())?.images,
        None => {
            let exchanged = normal.data().iter().map(|pixel| 1.0 - pixel).collect();
            Tensor::new(normal.shape().clone(), exchanged)?
        }
    };
    let mut inference = trained.inference();
    let mut scores = |images: &Tensor| {
        let made = inference.reconstruct(images, None)?;
        Score::Mse.of(&mut inference, images, &made, 0)
    };
    let (usual, found) = (scores(&normal)?, scores(&judged)?);
    let limit = threshold(&usual, FALSE_POSITIVES).unwrap_or(f64::INFINITY);
    let flagged = found.iter().filter(|score| **score > limit).count();
    println!("{flagged} of {} pictures score above {limit:.5} (MSE per pixel)", found.len());
    Ok(())
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let run = arguments.next().unwrap_or("runs/conv-digits".into());
    let folder = arguments.next();
    run::exit_code(judge(Path::new(&run), folder.as_deref().map(Path::new)))
}
