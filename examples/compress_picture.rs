//! A picture as a file of what a trained model's encoder makes of it, and back:
//! `cargo run --release --example compress_picture [PICTURE [RUN]]`.
//!
//! RUN is `runs/codec` unless given; a small model of 8x8 digits is trained there first where there is
//! none. Its codes must be whole numbers: docs/compress.md has one for photographs. PICTURE is the
//! digits of the README unless given. Writes `compressed.dia` into RUN, and `decompressed.png` from it
//! alone.

use std::path::Path;
use std::process::ExitCode;

use diabolo::file::write_atomically;
use diabolo::models::{Choices, Kind};
use diabolo::prelude::*;
use diabolo::run::{self, TrainArgs};

/// As `diabolo train --variant conv --latent map:8 --quantise 0.25 --out RUN`.
fn learn(run: &Path) -> Result<()> {
    let latent = Some("map:8".parse()?);
    let choices = Choices { latent, quantise: Some(0.25), ..Choices::default() };
    let args = TrainArgs { out: Some(run.into()), choices, ..TrainArgs::default() };
    run::run(&args, Kind::Conv)
}

/// Compresses the picture in the file `picture`, and decompresses it.
pub fn compress(run: &Path, picture: &Path) -> Result<()> {
    if !run.exists() {
        learn(run)?;
    }
    let mut codec = Codec::load(run, &DeviceChoice::Auto)?;
    let mut picture = Raster::read(picture)?;
    if codec.model().images().channels == 1 {
        picture = picture.to_gray();
    }
    let [file, back] = ["compressed.dia", "decompressed.png"].map(|name| run.join(name));
    let bytes = codec.compress(&picture)?;
    write_atomically(&file, |out| out.write_all(&bytes))?;
    codec.decompress(&bytes, &file)?.save(&back)?;
    let pixels = (picture.shape.width * picture.shape.height) as f64;
    let bits = 8.0 * bytes.len() as f64 / pixels;
    println!("{}: {} bytes, {bits:.3} bits a pixel", picture.shape, bytes.len());
    println!("written to {} and {}", file.display(), back.display());
    Ok(())
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let picture = arguments.next().unwrap_or("docs/reconstructions.png".into());
    let run = arguments.next().unwrap_or("runs/codec".into());
    run::exit_code(compress(Path::new(&run), Path::new(&picture)))
}
