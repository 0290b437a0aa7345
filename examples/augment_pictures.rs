//! Near variants of pictures, to enlarge a set of them:
//! `cargo run --release --example augment_pictures [RUN [FOLDER]]`.
//!
//! RUN is `runs/vae-digits` unless given; a small model is trained there first where there is none.
//! Without FOLDER, it takes images that the run held out. Writes `variants.png` into RUN: pictures in
//! the first row, and variants of each below it.

use std::path::Path;
use std::process::ExitCode;

use diabolo::models::Kind;
use diabolo::plot;
use diabolo::prelude::*;
use diabolo::run::{self, TrainArgs};

/// Draws variants of the pictures in `folder`, or of images that the run held out.
pub fn augment(run: &Path, folder: Option<&Path>) -> Result<()> {
    if !run.exists() {
        run::run(&TrainArgs { out: Some(run.into()), ..TrainArgs::default() }, Kind::Vae)?;
    }
    let mut trained = Trained::load(run, &DeviceChoice::Auto)?;
    let images = match folder {
        Some(folder) => Pictures::read(&[folder.into()], trained.config().intake())?.images,
        None => trained.held_out(20)?,
    };
    let variants = trained.augment(&images, 5, 0.5, None, Seed(0))?;
    let file = run.join("variants.png");
    let rows: Vec<&Tensor> = std::iter::once(&images).chain(&variants).collect();
    plot::save_png(&file, &plot::compare(&rows)?)?;
    println!("{} variants of each picture written to {}", variants.len(), file.display());
    Ok(())
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let run = arguments.next().unwrap_or("runs/vae-digits".into());
    let folder = arguments.next();
    run::exit_code(augment(Path::new(&run), folder.as_deref().map(Path::new)))
}
