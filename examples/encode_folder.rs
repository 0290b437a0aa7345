//! Pictures as codes, and as what a trained model makes of the codes:
//! `cargo run --release --example encode_folder [RUN [FOLDER]]`.
//!
//! RUN is `runs/conv-digits` unless given; a small model is trained there first where there is none.
//! Without FOLDER, it takes images that the run held out. Writes `encoded.png` into RUN: pictures
//! above what the decoder makes of their codes.

use std::path::Path;
use std::process::ExitCode;

use diabolo::models::Kind;
use diabolo::plot;
use diabolo::prelude::*;
use diabolo::run::{self, TrainArgs};

/// Encodes the pictures in `folder`, or images that the run held out, and decodes them again.
pub fn encode(run: &Path, folder: Option<&Path>) -> Result<()> {
    if !run.exists() {
        run::run(&TrainArgs { out: Some(run.into()), ..TrainArgs::default() }, Kind::Conv)?;
    }
    let mut trained = Trained::load(run, &DeviceChoice::Auto)?;
    let images = match folder {
        Some(folder) => Pictures::read(&[folder.into()], trained.config().intake())?.images,
        None => trained.held_out(20)?,
    };
    let mut inference = trained.inference();
    let codes = inference.encode(&images, None)?;
    let made = inference.decode(&codes.values, None)?;
    println!("{} codes of {} numbers; the first: {:.3?}", codes.count(), codes.width, codes.row(0));
    let file = run.join("encoded.png");
    plot::save_png(&file, &plot::reconstructions(&images, &made)?)?;
    println!("written to {}", file.display());
    Ok(())
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let run = arguments.next().unwrap_or("runs/conv-digits".into());
    let folder = arguments.next();
    run::exit_code(encode(Path::new(&run), folder.as_deref().map(Path::new)))
}
