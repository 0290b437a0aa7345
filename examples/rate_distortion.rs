//! What pictures cost as files of a learned codec and as JPEG, and how near they come back:
//! `cargo run --release --example rate_distortion [PICTURE [RUN]]`.
//!
//! RUN is `runs/codec` unless given; a small model of 8x8 digits is trained there first where there is
//! none, as for `compress_picture`. PICTURE is the digits of the README unless given.

use std::path::Path;
use std::process::ExitCode;

use diabolo::models::{Choices, Kind};
use diabolo::prelude::*;
use diabolo::run::{self, TrainArgs};
use diabolo::tasks::Rival;

/// As `diabolo train --variant conv --latent map:8 --quantise 0.25 --out RUN`.
fn learn(run: &Path) -> Result<()> {
    let latent = Some("map:8".parse()?);
    let choices = Choices { latent, quantise: Some(0.25), ..Choices::default() };
    let args = TrainArgs { out: Some(run.into()), choices, ..TrainArgs::default() };
    run::run(&args, Kind::Conv)
}

/// Compares the codec that the run's model is with JPEG on a picture.
pub fn compare(run: &Path, picture: &Path) -> Result<()> {
    if !run.exists() {
        learn(run)?;
    }
    let mut codec = Codec::load(run, &DeviceChoice::Auto)?;
    let mut picture = Raster::read(picture)?;
    if codec.model().images().channels == 1 {
        picture = picture.to_gray();
    }
    let pictures = [picture];
    let learned = codec.measure(&pictures)?;
    println!("learned: {:.3} bits a pixel, {:.2} dB", learned.bits_per_pixel, learned.psnr);
    for quality in [10, 30, 50, 70, 90] {
        let jpeg = Rival::Jpeg.measure(&pictures, quality)?;
        println!("JPEG {quality}: {:.3} bits a pixel, {:.2} dB", jpeg.bits_per_pixel, jpeg.psnr);
    }
    Ok(())
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let picture = arguments.next().unwrap_or("docs/reconstructions.png".into());
    let run = arguments.next().unwrap_or("runs/codec".into());
    run::exit_code(compare(Path::new(&run), Path::new(&picture)))
}
