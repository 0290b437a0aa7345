//! A picture as a file of what a trained model's encoder makes of it, and back:
//! `cargo run --release --example compress_picture [PICTURE [RUN]]`.
//!
//! RUN is `runs/codec` unless given, whose codes must be whole numbers:
//! `cargo run --release --example train_conv_ae -- --latent map:8 --quantise 0.25 --out runs/codec`
//! makes one, of 8x8 digits; docs/compress.md has one for photographs. PICTURE is the digits of the
//! README unless given. Writes `compressed.dia` into RUN, and `decompressed.png` from it alone.

use std::path::Path;
use std::process::ExitCode;

use diabolo::prelude::*;
use diabolo::train::{exit_code, write_atomically};

const TRAINING: &str = "cargo run --release --example train_conv_ae -- --latent map:8 \
                        --quantise 0.25 --out runs/codec";

fn compress() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let picture = arguments.next().unwrap_or("docs/reconstructions.png".into());
    let run = arguments.next().unwrap_or("runs/codec".into());
    if !Path::new(&run).is_dir() {
        return Err(Error::file(run, format!("is no run; make it first: {TRAINING}")));
    }
    let mut codec = Codec::load(Path::new(&run), &DeviceChoice::Auto)?;
    let mut picture = Raster::read(Path::new(&picture))?;
    if codec.model().images().channels == 1 {
        picture = picture.to_gray();
    }
    let [file, back] =
        ["compressed.dia", "decompressed.png"].map(|name| Path::new(&run).join(name));
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
    exit_code(compress())
}
