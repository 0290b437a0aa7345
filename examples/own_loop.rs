//! A training loop of one's own, next to the trainer's:
//! `cargo run --release --example own_loop [DEVICE [DATA [EPOCHS]]]`.
//!
//! Both train layers of 64, 32, 32 and 64 units with Adam, 256 images a step, at one rate. The loop makes its
//! batches itself and, like the trainer, waits for the device at the end of an epoch, when it wants to know the
//! losses. Printed is how long a step of the last epoch takes of either, and its loss: the trainer shuffles the
//! images, and begins with the mean image.

use std::process::ExitCode;
use std::time::Instant;

use diabolo::models::{Choices, Kind};
use diabolo::nn::Output;
use diabolo::prelude::*;
use diabolo::train::{Config, Trainer};

const BATCH: usize = 256;
const RATE: f32 = 1e-3;

/// A loss, and the seconds of each step of an epoch.
pub type Epoch = (f64, f64);

/// The last of some epochs by the trainer.
fn by_the_trainer(device: &DeviceChoice, images: &Dataset, epochs: usize) -> Result<Epoch> {
    let choices = Choices { activation: Some(Activation::Relu), ..Choices::default() };
    let choices = Kind::Dense.recipe(&choices, false).choices;
    let mut model = Kind::Dense.model(images.shape, 0, &choices)?;
    (model.network.linear, model.network.width) = (false, None);
    model.output = Output::Sigmoid;
    let config = Config { batch: BATCH, learning_rate: RATE, ..Config::new(model) };
    let mut executor = gpu::open(device)?.executor;
    let mut trainer = Trainer::new(executor.as_mut(), &config, images)?;
    let steps = f64::from(trainer.steps_an_epoch());
    let mut last = (f64::NAN, f64::NAN);
    for _ in 0..epochs {
        let report = trainer.epoch_of_training(&mut ())?;
        last = (report.train_loss, report.seconds / steps);
    }
    Ok(last)
}

/// The same by a loop.
fn by_a_loop(device: &DeviceChoice, images: &Dataset, epochs: usize) -> Result<Epoch> {
    let pixels = images.shape.elements();
    let mut graph = Graph::new();
    let x = graph.input("x", [BATCH, pixels]);
    let mut y = x;
    for (layer, units) in [64, 32, 32, 64].into_iter().enumerate() {
        y = nn::dense(&mut graph, &format!("layer{layer}"), y, units, Some(Activation::Relu))?;
    }
    y = nn::dense(&mut graph, "output", y, pixels, Some(Activation::Sigmoid))?;
    let loss = nn::mean_squared_error(&mut graph, y, x)?;
    let mut fit = Minimiser::open(device, &graph, loss)?;
    let mut last = (f64::NAN, f64::NAN);
    for _ in 0..epochs {
        let begin = Instant::now();
        for batch in images.train.pixels.chunks_exact(BATCH * pixels) {
            let batch = Tensor::new([BATCH, pixels], images.numbers(batch))?;
            fit.step(&[("x", &batch)], RATE)?;
        }
        let losses = fit.losses()?;
        let steps = losses.len() as f64;
        let mean = losses.iter().map(|loss| f64::from(*loss)).sum::<f64>() / steps;
        last = (mean, begin.elapsed().as_secs_f64() / steps);
    }
    Ok(last)
}

/// Both, one after the other.
pub fn compare(device: &DeviceChoice, images: &Dataset, epochs: usize) -> Result<[Epoch; 2]> {
    let both = [by_the_trainer(device, images, epochs)?, by_a_loop(device, images, epochs)?];
    for (name, (loss, seconds)) in ["the trainer", "a loop of one's own"].iter().zip(both) {
        println!("{name}: {:.3} ms a step, loss {loss:.5}", seconds * 1e3);
    }
    Ok(both)
}

fn main() -> ExitCode {
    let argument = |number, default: &str| std::env::args().nth(number).unwrap_or(default.into());
    let run = || {
        let (device, data) = (argument(1, "auto").parse()?, argument(2, "digits").parse()?);
        let epochs = argument(3, "20").parse();
        let epochs = epochs.map_err(|_| Error::option("EPOCHS", "takes a number, such as 20"))?;
        let images = Dataset::load(&data, &LoadOptions::default())?;
        compare(&device, &images, epochs).map(drop)
    };
    diabolo::run::exit_code(run())
}
