//! `diabolo prior`: a prior of the places of a vqvae model's codes, for a finished run.

use std::path::PathBuf;

use crate::error::Result;
use crate::file::check_writable;
use crate::rng::Seed;
use crate::run::{RunFile, StoringArgs, say};
use crate::tasks::Trained;
use crate::train::PriorTraining;

/// The options of `diabolo prior`.
#[derive(Clone, Debug, clap::Args)]
pub struct PriorArgs {
    /// The folder of a finished run of a vqvae model
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// Passes over the training images
    #[arg(long, value_name = "N", default_value_t = PriorTraining::default().epochs)]
    epochs: u32,
    /// Learning rate of the first step; it falls to 0
    #[arg(long, value_name = "RATE", default_value_t = PriorTraining::default().learning_rate)]
    lr: f32,
    /// Decides first parameters and the order of images
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// auto, cpu, gpu, the number of an adapter, or part of its name
    #[arg(long, default_value = "auto")]
    device: String,
    /// Where the run's images go
    #[command(flatten)]
    storing: StoringArgs,
}

/// Trains a prior, says how well it describes held-out images, and stores it in the run folder.
///
/// # Errors
/// When there is no finished run of a vqvae model, its images cannot be read, the device fails, or the
/// run folder cannot be written.
pub fn prior(args: &PriorArgs) -> Result<()> {
    let trained = Trained::load(&args.run, &args.device.parse()?)?;
    let mut trained = trained.with_storing(args.storing.storing());
    check_writable(&trained.folder().file(RunFile::Prior))?;
    let training =
        PriorTraining { epochs: args.epochs, learning_rate: args.lr, seed: Seed(args.seed) };
    let nats = trained.train_prior(&training, &mut |epoch, nats| {
        say(format_args!("epoch {epoch}: {nats:.4} nats a place held out"));
    })?;
    say(format_args!(
        "held out: {:.4} nats a place under the prior, {:.4} where places are independent",
        nats.prior, nats.independent
    ));
    say(format_args!("written to {}", trained.folder().file(RunFile::Prior).display()));
    Ok(())
}
