//! Pictures as codes, and as what a trained model makes of the codes:
//! `cargo run --release --example encode_folder [RUN [FOLDER]]`.
//!
//! RUN is `runs/conv-digits` unless given, which `cargo run --release --example train_conv_ae` leaves.
//! Without FOLDER, it takes images that the run held out. Writes `encoded.png` into RUN: pictures
//! above what the decoder makes of their codes.

use std::path::Path;
use std::process::ExitCode;

use diabolo::prelude::*;
use diabolo::train::{self, pictures};

fn encode() -> Result<()> {
    let mut arguments = std::env::args().skip(1);
    let run = arguments.next().unwrap_or("runs/conv-digits".into());
    if !Path::new(&run).is_dir() {
        let what = "is no run; make it first: cargo run --release --example train_conv_ae";
        return Err(Error::file(run, what));
    }
    let mut trained = Trained::load(Path::new(&run), &DeviceChoice::Auto)?;
    let images = match arguments.next() {
        Some(folder) => Pictures::read(&[folder.into()], trained.model().images())?.images,
        None => {
            let dataset = trained.dataset()?;
            train::tensor(&dataset, &dataset.test, 0..dataset.test.count.min(20))?.0
        }
    };
    let mut inference = trained.inference();
    let codes = inference.encode(&images, None)?;
    let made = inference.decode(&codes.values, None)?;
    println!("{} codes of {} numbers; the first: {:.3?}", codes.count(), codes.width, codes.row(0));
    let file = Path::new(&run).join("encoded.png");
    pictures::save_png(&file, &pictures::reconstructions(&images, &made)?)?;
    println!("written to {}", file.display());
    Ok(())
}

fn main() -> ExitCode {
    train::exit_code(encode())
}
