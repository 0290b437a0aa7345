//! A trained model as ONNX, for other programs to run:
//! `cargo run --release --example export_onnx [RUN]`.
//!
//! RUN is `runs/conv-digits` unless given; a small model is trained there first where there is none.
//! Writes `encoder.onnx`, `decoder.onnx` and `whole.onnx` into it; docs/export.md says what they take
//! and give.

use std::path::Path;
use std::process::ExitCode;

use diabolo::file::write_atomically;
use diabolo::models::Kind;
use diabolo::prelude::*;
use diabolo::run::{self, TrainArgs};
use diabolo::tasks::Part;

/// Exports the encoder, the decoder and both together.
pub fn export(run: &Path) -> Result<()> {
    if !run.exists() {
        run::run(&TrainArgs { out: Some(run.into()), ..TrainArgs::default() }, Kind::Conv)?;
    }
    let mut trained = Trained::load(run, &DeviceChoice::Auto)?;
    for (name, part) in [
        ("encoder.onnx", Part::Encoder),
        ("decoder.onnx", Part::Decoder),
        ("whole.onnx", Part::Whole),
    ] {
        let (bytes, file) = (trained.onnx(part)?, run.join(name));
        write_atomically(&file, |out| out.write_all(&bytes))?;
        println!("{} bytes written to {}", bytes.len(), file.display());
    }
    Ok(())
}

fn main() -> ExitCode {
    let run = std::env::args().nth(1).unwrap_or("runs/conv-digits".into());
    run::exit_code(export(Path::new(&run)))
}
