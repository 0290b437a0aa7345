//! What a trained model makes of pictures, and how near it comes:
//! `cargo run --release --example reconstruct_pictures [RUN [FOLDER]]`.
//!
//! RUN is `runs/conv-digits` unless given; a small model is trained there first where there is none.
//! Without FOLDER, it takes images that the run held out. Writes `reconstructed.png` into RUN:
//! pictures above what the model makes of them.

use std::path::Path;
use std::process::ExitCode;

use diabolo::evaluate::psnr;
use diabolo::models::Kind;
use diabolo::plot;
use diabolo::prelude::*;
use diabolo::run::{self, TrainArgs};

/// Reconstructs the pictures in `folder`, or images that the run held out.
pub fn reconstruct(run: &Path, folder: Option<&Path>) -> Result<()> {
    if !run.exists() {
        run::run(&TrainArgs { out: Some(run.into()), ..TrainArgs::default() }, Kind::Conv)?;
    }
    let mut trained = Trained::load(run, &DeviceChoice::Auto)?;
    let images = match folder {
        Some(folder) => Pictures::read(&[folder.into()], trained.config().intake())?.images,
        None => trained.held_out(20)?,
    };
    let made = trained.inference().reconstruct(&images, None)?;
    println!("{} pictures come back at {:.2} dB", images.shape()[0], psnr(&images, &made)?);
    let file = run.join("reconstructed.png");
    plot::save_png(&file, &plot::reconstructions(&images, &made)?)?;
    println!("written to {}", file.display());
    Ok(())
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let run = arguments.next().unwrap_or("runs/conv-digits".into());
    let folder = arguments.next();
    run::exit_code(reconstruct(Path::new(&run), folder.as_deref().map(Path::new)))
}
