//! `diabolo reconstruct`: what a model makes of pictures.

use std::path::PathBuf;

use super::model::ModelArgs;
use super::outputs::make_folder;
use crate::error::Result;
use crate::evaluate::psnr;
use crate::run::say;
use crate::tasks::{Pictures, Raster, inputs};

/// Pictures that are held at once.
const CHUNK: usize = 256;

/// The options of `diabolo reconstruct`.
#[derive(Clone, Debug, clap::Args)]
pub struct ReconstructArgs {
    /// Pictures, or folders of them; they are brought to the model's size
    #[arg(value_name = "IN", required = true)]
    inputs: Vec<PathBuf>,
    /// The folder for the reconstructions, each a PNG named after its picture
    #[arg(short, long, value_name = "DIR")]
    out: PathBuf,
    #[command(flatten)]
    model: ModelArgs,
    /// The label of the pictures, for a model that is told labels
    #[arg(long, value_name = "N")]
    label: Option<u32>,
}

/// Writes what the model makes of each picture, and prints how near it comes.
///
/// # Errors
/// When a picture cannot be read, a label is missing or has no effect, the device fails, or the
/// folder cannot be written.
pub fn reconstruct(args: &ReconstructArgs) -> Result<()> {
    let paths = inputs::find(&args.inputs)?;
    let names = inputs::names(&paths);
    let mut trained = args.model.load()?;
    let labels = trained.labels(args.label, paths.len())?;
    make_folder(&args.out)?;
    let (shape, intake) = (trained.model().images(), trained.config().intake());
    let mut inference = trained.inference();
    let mut sum = 0.0;
    for (number, part) in paths.chunks(CHUNK).enumerate() {
        let first = number * CHUNK;
        let pictures = Pictures::read(part, intake)?;
        let labels = labels.as_ref().map(|labels| &labels[first..][..part.len()]);
        let made = inference.reconstruct(&pictures.images, labels)?;
        sum += psnr(&pictures.images, &made)?.min(BEST) * part.len() as f64;
        for (image, name) in made.data().chunks(shape.elements()).zip(&names[first..]) {
            let path = args.out.join(format!("{name}.png"));
            Raster::of_numbers(image, shape).save(&path)?;
        }
    }
    let count = paths.len();
    let mean = sum / count as f64;
    say(format_args!("{count} pictures written to {}, {mean:.2} dB", args.out.display()));
    Ok(())
}

/// Decibels that stand for no difference at all.
const BEST: f64 = 100.0;
