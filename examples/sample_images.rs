//! New images from a model whose codes are normally distributed:
//! `cargo run --release --example sample_images [RUN]`.
//!
//! RUN is `runs/vae-digits` unless given; a small model is trained there first where there is none,
//! as `cargo run --release --example train_vae` does. Writes `drawn.png` into it.

use std::path::Path;
use std::process::ExitCode;

use diabolo::models::Kind;
use diabolo::plot;
use diabolo::prelude::*;
use diabolo::run::{self, TrainArgs};

/// Draws typical images from the model in the folder `run`.
pub fn sample(run: &Path) -> Result<()> {
    if !run.exists() {
        run::run(&TrainArgs { out: Some(run.into()), ..TrainArgs::default() }, Kind::Vae)?;
    }
    let mut trained = Trained::load(run, &DeviceChoice::Auto)?;
    let images = trained.sample(64, 0.8, None, Seed(0))?;
    let file = run.join("drawn.png");
    plot::save_png(&file, &plot::grid(&images, 8)?)?;
    println!("{} new images written to {}", images.shape()[0], file.display());
    Ok(())
}

fn main() -> ExitCode {
    let run = std::env::args().nth(1).unwrap_or("runs/vae-digits".into());
    run::exit_code(sample(Path::new(&run)))
}
