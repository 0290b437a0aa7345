//! `diabolo reconstruct`: what a model makes of pictures.

use std::path::PathBuf;

use super::model::ModelArgs;
use super::outputs::{begin, check_apart, save_all};
use crate::error::{Result, counted};
use crate::evaluate::psnr;
use crate::run::say;
use crate::tasks::Pictures;
use crate::tasks::files::{Input, Outputs, paths};

/// Pictures that are held at once.
const CHUNK: usize = 256;

/// The options of `diabolo reconstruct`.
#[derive(Clone, Debug, clap::Args)]
pub struct ReconstructArgs {
    /// Pictures, or folders of them; they are brought to the model's size
    #[arg(value_name = "IN", required = true)]
    inputs: Vec<PathBuf>,
    /// The folder for the reconstructions, each a PNG named after its picture, in sub-folders as the
    /// pictures are
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    model: ModelArgs,
    /// The label of the pictures, for a model that is told labels
    #[arg(long, value_name = "N")]
    label: Option<u32>,
    /// Write over pictures that are read, where --out asks for that
    #[arg(long)]
    overwrite: bool,
}

/// Writes what the model makes of each picture, and prints how near it comes.
///
/// # Errors
/// When a picture cannot be read, a label is missing or has no effect, the device fails, or the
/// folder cannot be written.
pub fn reconstruct(args: &ReconstructArgs) -> Result<()> {
    check_apart(&args.inputs, &args.out, args.overwrite)?;
    let inputs = Input::pictures(&args.inputs, Some(&args.out))?;
    let paths = paths(&inputs);
    let mut trained = args.model.load()?;
    let labels = trained.labels(args.label, paths.len())?;
    let outputs = Outputs::place(&inputs, &args.out, &[String::new()], "png");
    begin(&outputs, &inputs, &[], args.overwrite)?;
    let shape = trained.model().images();
    let mut inference = trained.inference();
    let mut sum = 0.0;
    for (number, part) in paths.chunks(CHUNK).enumerate() {
        let first = number * CHUNK;
        let pictures = Pictures::read(part, shape)?;
        let labels = labels.as_ref().map(|labels| &labels[first..][..part.len()]);
        let made = inference.reconstruct(&pictures.images, labels)?;
        sum += psnr(&pictures.images, &made)?.min(BEST) * part.len() as f64;
        save_all(&made, shape, &outputs, first)?;
    }
    let (mean, count) = (sum / paths.len() as f64, counted(paths.len(), "picture"));
    say(format_args!("{count} written to {}, {mean:.2} dB", args.out.display()));
    Ok(())
}

/// Decibels that stand for no difference at all.
const BEST: f64 = 100.0;
