//! New images from the model of a run folder.

use std::path::PathBuf;

use super::trained::{ModelArgs, Trained};
use crate::error::{Error, Result};
use crate::rng::Seed;
use crate::train::{Sampler, pictures, say};

/// Images side by side.
const COLUMNS: usize = 10;
/// The most images in one picture.
const MOST: usize = 10_000;

/// The options of `diabolo sample`.
#[derive(Clone, Debug, clap::Args)]
pub struct SampleArgs {
    #[command(flatten)]
    model: ModelArgs,
    /// The label that images are to have, for a model that is told labels
    #[arg(long, value_name = "N")]
    label: Option<u32>,
    /// How many images
    #[arg(short = 'n', long, default_value_t = 64)]
    count: usize,
    /// How far samples lie from the mean code, in standard deviations of what was learned: below 1
    /// they are more typical and less various
    #[arg(long, value_name = "T", default_value_t = 1.0, allow_negative_numbers = true)]
    temperature: f32,
    /// The picture to write [default: samples.png or samples-LABEL.png in the run folder]
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Decides which images are drawn
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// Draws new images and writes them as one picture.
///
/// # Errors
/// When there is no finished run, a label is missing or has no effect, or the device fails.
pub fn sample(args: &SampleArgs) -> Result<()> {
    if !(1..=MOST).contains(&args.count) {
        return Err(Error::option("--count", format!("takes 1 to {MOST} images")));
    }
    if !(args.temperature.is_finite() && args.temperature >= 0.0) {
        let what = format!("is {}; it must be 0 or more", args.temperature);
        return Err(Error::option("--temperature", what));
    }
    let mut trained = args.model.load()?;
    let labels = labels(&trained, args.label, args.count)?;
    let codes = trained.known_codes()?;
    let model = trained.model().clone();
    let sampler = Sampler::new(&model, &codes).at_temperature(args.temperature)?;
    let drawn =
        sampler.draw(&mut trained.inference(), args.count, labels.as_deref(), Seed(args.seed))?;
    let picture = pictures::grid(&drawn, COLUMNS.min(args.count))?;
    let name = args.label.map_or("samples.png".into(), |label| format!("samples-{label}.png"));
    let out = args.out.clone().unwrap_or_else(|| trained.folder().path().join(name));
    pictures::save_png(&out, &picture)?;
    say(format_args!("{} images written to {}", args.count, out.display()));
    Ok(())
}

/// A label for each image; all of them in turn where none was asked for.
fn labels(trained: &Trained, label: Option<u32>, count: usize) -> Result<Option<Vec<u32>>> {
    match trained.model().network.classes as u32 {
        classes if classes > 0 && label.is_none() => {
            Ok(Some((0..count as u32).map(|index| index % classes).collect()))
        }
        _ => trained.labels(label, count),
    }
}
