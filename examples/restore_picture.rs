//! Noise taken out of a picture of any size by a model of small ones:
//! `cargo run --release --example restore_picture [PICTURE [RUN]]`.
//!
//! RUN is `runs/restoring` unless given; a small model is trained there first where there is none, on
//! patches of four photographs under noise of any strength. PICTURE is a photograph that it never saw,
//! unless given. Writes `corrupted.png` and `uncorrupted.png` into RUN.

use std::path::Path;
use std::process::ExitCode;

use diabolo::models::{Choices, Kind};
use diabolo::prelude::*;
use diabolo::run::{self, TrainArgs};
use diabolo::tasks::restore::{Quality, corrupt};

/// As `diabolo train --variant denoising --residual --noise gaussian:0.05-0.25 --arch conv:32 ..`.
fn learn(run: &Path) -> Result<()> {
    let choices = Choices {
        residual: Some(true),
        noise: Some("gaussian:0.05-0.25".parse()?),
        arch: Some("conv:32".parse()?),
        ..Choices::default()
    };
    let args = TrainArgs {
        data: "images:tests/photographs/seen".into(),
        patches: Some("24x24".into()),
        gray: true,
        batch: Some(16),
        epochs: Some(40),
        out: Some(run.into()),
        choices,
        ..TrainArgs::default()
    };
    run::run(&args, Kind::Denoising)
}

/// Corrupts the picture in the file `picture`, restores it, and compares.
pub fn restore(run: &Path, picture: &Path) -> Result<()> {
    if !run.exists() {
        learn(run)?;
    }
    let mut trained = Trained::load(run, &DeviceChoice::Auto)?;
    let picture = match trained.model().images().channels {
        1 => Raster::read(picture)?.to_gray(),
        _ => Raster::read(picture)?.to_colour(),
    };
    let clean = picture.to_tensor();
    let corrupted = corrupt(&clean, "gaussian:0.15".parse()?, Seed(0), 0)?;
    let restored = trained.restore(&corrupted, None)?;
    println!("corrupted:   {}", Quality::of(&corrupted, &clean)?);
    println!("restored: {}", Quality::of(&restored, &clean)?);
    for (name, image) in [("corrupted.png", corrupted), ("uncorrupted.png", restored)] {
        Raster::of_numbers(image.data(), picture.shape).save(&run.join(name))?;
    }
    println!("written to {}", run.display());
    Ok(())
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let picture = arguments.next().unwrap_or("tests/photographs/unseen/camera.png".into());
    let run = arguments.next().unwrap_or("runs/restoring".into());
    run::exit_code(restore(Path::new(&run), Path::new(&picture)))
}
