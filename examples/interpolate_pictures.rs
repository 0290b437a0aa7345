//! The way from one picture to another through a model's codes:
//! `cargo run --release --example interpolate_pictures [RUN [A.png B.png]]`.
//!
//! RUN is `runs/vae-digits` unless given; a small model is trained there first where there is none.
//! Without A and B, it goes between the first two images that the run held out. Writes `way.png` into
//! RUN.

use std::path::Path;
use std::process::ExitCode;

use diabolo::models::Kind;
use diabolo::plot;
use diabolo::prelude::*;
use diabolo::run::{self, TrainArgs};

/// Goes between two pictures, or the first two images that the run held out.
pub fn interpolate(run: &Path, ends: Option<[&Path; 2]>) -> Result<()> {
    if !run.exists() {
        run::run(&TrainArgs { out: Some(run.into()), ..TrainArgs::default() }, Kind::Vae)?;
    }
    let mut trained = Trained::load(run, &DeviceChoice::Auto)?;
    let ends = match ends {
        Some(ends) => Pictures::read(&ends.map(Into::into), trained.config().intake())?.images,
        None => trained.held_out(2)?,
    };
    let way = trained.interpolate(&ends, 12, None)?;
    let file = run.join("way.png");
    plot::save_png(&file, &plot::strips(&[way])?)?;
    println!("written to {}", file.display());
    Ok(())
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let run = arguments.first().map_or("runs/vae-digits", String::as_str);
    let ends = match &arguments[..] {
        [_, a, b, ..] => Some([Path::new(a), Path::new(b)]),
        _ => None,
    };
    run::exit_code(interpolate(Path::new(run), ends))
}
