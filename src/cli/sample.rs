//! `diabolo sample`: new images from the model of a run folder.

use std::path::PathBuf;

use super::model::ModelArgs;
use crate::error::{Error, Result};
use crate::plot;
use crate::rng::Seed;
use crate::run::say;
use crate::tasks::Trained;
use crate::tasks::sample::check_temperature;

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
    #[arg(long, value_name = "NAME|N")]
    label: Option<String>,
    /// How many images
    #[arg(short = 'n', long, default_value_t = 64)]
    count: usize,
    /// How far samples lie from the mean code, in standard deviations of what was learned (or what a
    /// prior of places divides its logits by): below 1 they are more typical and less various
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
    check_temperature(args.temperature)?;
    let mut trained = args.model.load()?;
    let label = trained.label(args.label.as_deref())?;
    let labels = labels(&trained, label, args.count)?;
    let seed = Seed(args.seed);
    let mut sampler = trained.sampler()?.at_temperature(args.temperature)?;
    if let Some(remark) = sampler.remark() {
        say(format_args!("note: {remark}"));
    }
    let drawn = sampler.draw(&mut trained.inference(), args.count, labels.as_deref(), seed)?;
    let picture = plot::grid(&drawn, COLUMNS.min(args.count))?;
    let name = label.map_or("samples.png".into(), |label| format!("samples-{label}.png"));
    let out = args.out.clone().unwrap_or_else(|| trained.folder().path().join(name));
    plot::save_png(&out, &picture)?;
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
