//! How unlike what a model was trained on pictures are:
//! `cargo run --release --example anomaly_scores [RUN [FOLDER]]`.
//!
//! RUN is `runs/conv-digits` unless given, which `cargo run --release --example train_conv_ae` leaves;
//! the images that it held out say which score is still usual. Without FOLDER, it judges those images
//! with dark and light exchanged. `diabolo anomaly` does more: docs/anomaly.md.

use std::path::Path;
use std::process::ExitCode;

use diabolo::prelude::*;
use diabolo::tasks::anomaly::{Score, threshold};
use diabolo::train;

/// The share of normal pictures that may be flagged.
const FALSE_POSITIVES: f64 = 0.05;

fn judge() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let run = arguments.next().unwrap_or("runs/conv-digits".into());
    if !Path::new(&run).is_dir() {
        let what = "is no run; make it first: cargo run --release --example train_conv_ae";
        return Err(Error::file(run, what));
    }
    let mut trained = Trained::load(Path::new(&run), &DeviceChoice::Auto)?;
    let dataset = trained.dataset()?;
    let (normal, _) = train::tensor(&dataset, &dataset.test, 0..dataset.test.count.min(1000))?;
    let judged = match arguments.next() {
        Some(folder) => Pictures::read(&[folder.into()], trained.model().images())?.images,
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
    train::exit_code(judge())
}
