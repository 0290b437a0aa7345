//! `diabolo reconstruct`: what a model makes of pictures.

use std::path::PathBuf;

use super::model::ModelArgs;
use super::notes;
use super::numbers;
use super::outputs::{begin, check_apart, save_as};
use crate::data::ImageShape;
use crate::error::{Result, counted};
use crate::evaluate::psnr;
use crate::inference::Inference;
use crate::run::say;
use crate::tasks::files::{Input, Outputs, paths};
use crate::tasks::restore::restored;
use crate::tasks::{DeepRaster, LookedOver};
use crate::tensor::Tensor;

/// Pictures that are held at once.
const CHUNK: usize = 256;

/// The options of `diabolo reconstruct`.
#[derive(Clone, Debug, clap::Args)]
pub struct ReconstructArgs {
    /// Pictures, or folders of them, or files of numbers (.npy, .npz); pictures are brought to the model's size, or, by a model of parts
    /// (--patches), done in overlapping parts
    #[arg(value_name = "IN", required = true)]
    inputs: Vec<PathBuf>,
    /// The folder for the reconstructions, each a PNG named after its picture, in sub-folders as the
    /// pictures are; of numbers, one .npy file
    #[arg(short, long, value_name = "DIR|FILE.npy")]
    out: PathBuf,
    #[command(flatten)]
    model: ModelArgs,
    /// The label of the pictures, for a model that is told labels
    #[arg(long, value_name = "NAME|N")]
    label: Option<String>,
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
    let mut trained = args.model.load()?;
    if trained.are_numbers(&args.inputs)? {
        return numbers::reconstruct(&mut trained, &args.inputs, &args.out, args.label.as_deref());
    }
    check_apart(&args.inputs, &args.out, args.overwrite)?;
    let inputs = Input::pictures(&args.inputs, Some(&args.out))?;
    let paths = paths(&inputs);
    let label = trained.label(args.label.as_deref())?;
    let labels = trained.labels(label, paths.len())?;
    let outputs = Outputs::place(&inputs, &args.out, &[String::new()], "png");
    begin(&outputs, &inputs, &[], args.overwrite)?;
    let (shape, intake) = (trained.model().images(), trained.config().intake());
    let by_parts = trained.config().patches.is_some();
    let intake = if by_parts { intake.as_stored() } else { intake.into() };
    let mut pictures = LookedOver::new(&paths, intake)?;
    notes::channels(&paths, trained.model());
    let mut inference = trained.inference();
    let mut sum = 0.0;
    // Whole pictures are held, where they are.
    let chunk = if by_parts { 1 } else { CHUNK };
    for (number, part) in paths.chunks(chunk).enumerate() {
        let first = number * chunk;
        let pictures = pictures.take(first..first + part.len())?;
        let labels = labels.as_ref().map(|labels| &labels[first..][..part.len()]);
        let (made, quality) = match by_parts {
            true => in_parts(&mut inference, shape, &pictures, label)?,
            false => at_once(&mut inference, shape, &pictures, labels)?,
        };
        sum += quality * part.len() as f64;
        for (at, (picture, made)) in (first..).zip(pictures.iter().zip(&made)) {
            save_as(picture, made, &outputs.path(at, 0))?;
        }
    }
    let (mean, count) = (sum / paths.len() as f64, counted(paths.len(), "picture"));
    say(format_args!("{count} written to {}, {mean:.2} dB", args.out.display()));
    Ok(())
}

/// What a model makes of pictures of its size, and their PSNR.
fn at_once(
    inference: &mut Inference,
    shape: ImageShape,
    pictures: &[DeepRaster],
    labels: Option<&[u32]>,
) -> Result<(Vec<Tensor>, f64)> {
    let numbers = pictures.iter().flat_map(|picture| picture.tensor().data()).copied().collect();
    let ImageShape { channels, height, width } = shape;
    let images = Tensor::new([pictures.len(), channels, height, width], numbers)?;
    let made = inference.reconstruct(&images, labels)?;
    let quality = psnr(&images, &made)?.min(BEST);
    let each = made.data().chunks(shape.elements());
    let each = each.map(|image| Tensor::new([1, channels, height, width], image.to_vec()));
    Ok((each.collect::<Result<_>>()?, quality))
}

/// What a model of parts makes of pictures of any size, and the mean of their PSNR.
fn in_parts(
    inference: &mut Inference,
    part: ImageShape,
    pictures: &[DeepRaster],
    label: Option<u32>,
) -> Result<(Vec<Tensor>, f64)> {
    let (mut all, mut sum) = (vec![], 0.0);
    for picture in pictures {
        let made = restored(inference, part, picture.tensor(), label)?;
        sum += psnr(picture.tensor(), &made)?.min(BEST);
        all.push(made);
    }
    Ok((all, sum / pictures.len().max(1) as f64))
}

/// Decibels that stand for no difference at all.
const BEST: f64 = 100.0;
