//! Pictures from a file of codes that NumPy, too, reads and writes:
//! `cargo run --release --example decode_codes [RUN [CODES.npy]]`.
//!
//! RUN is `runs/conv-digits` unless given; a small model is trained there first where there is none.
//! Without CODES.npy, codes of images that the run held out are written to `codes.npy` in RUN first.
//! Writes `decoded.png` there.

use std::path::Path;
use std::process::ExitCode;

use diabolo::file::npy;
use diabolo::models::Kind;
use diabolo::plot;
use diabolo::prelude::*;
use diabolo::run::{self, TrainArgs};

/// Decodes the codes in `file`, or those of images that the run held out.
pub fn decode(run: &Path, file: Option<&Path>) -> Result<()> {
    if !run.exists() {
        run::run(&TrainArgs { out: Some(run.into()), ..TrainArgs::default() }, Kind::Conv)?;
    }
    let mut trained = Trained::load(run, &DeviceChoice::Auto)?;
    let own = run.join("codes.npy");
    if file.is_none() {
        let dataset = trained.dataset()?;
        let codes = trained.inference().encode_dataset(&dataset, &dataset.test, 20)?;
        npy::write(&own, &Tensor::new([codes.count(), codes.width], codes.values)?)?;
    }
    let codes = npy::read(file.unwrap_or(&own))?;
    let made = trained.inference().decode(codes.data(), None)?;
    let picture = run.join("decoded.png");
    plot::save_png(&picture, &plot::grid(&made, 10)?)?;
    println!("codes of shape {} written to {}", codes.shape(), picture.display());
    Ok(())
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let run = arguments.next().unwrap_or("runs/conv-digits".into());
    let codes = arguments.next();
    run::exit_code(decode(Path::new(&run), codes.as_deref().map(Path::new)))
}
