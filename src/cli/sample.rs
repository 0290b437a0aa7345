//! `diabolo sample`: new images from the model of a run folder.

use std::path::{Path, PathBuf};

use super::model::ModelArgs;
use super::numbers::NumberFile;
use super::outputs::{PictureFile, begin, files_of_run, is_folder, make_folder, save_all};
use crate::error::{Error, Result, counted};
use crate::rng::Seed;
use crate::run::say;
use crate::tasks::files::Outputs;
use crate::tasks::sample::check_temperature;
use crate::tasks::{Trained, is_of_numbers};

/// Images side by side.
const COLUMNS: usize = 10;

/// The most images.
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
    /// The picture to write, in the format of its ending, with all images at full size; a folder, as
    /// in samples/, for 0000.png and on; FILE.npy for numbers; - for standard output [default: samples.png
    /// or samples-LABEL.png in the run folder, .npy of a model of numbers]
    #[arg(short, long, value_name = "FILE|DIR/")]
    out: Option<PathBuf>,
    /// Decides which images are drawn
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// Draws new images and writes them as one picture, or each by itself.
///
/// # Errors
/// When there is no finished run, a label is missing or has no effect, the device fails, or the
/// picture cannot be written.
pub fn sample(args: &SampleArgs) -> Result<()> {
    if !(1..=MOST).contains(&args.count) {
        return Err(Error::option("--count", format!("takes 1 to {MOST} images")));
    }
    check_temperature(args.temperature)?;
    let mut trained = args.model.load()?;
    let label = trained.label(args.label.as_deref())?;
    let labels = labels(&trained, label, args.count)?;
    let seed = Seed(args.seed);
    let ending = if trained.check_pixels().is_ok() { "png" } else { "npy" };
    let name = label.map_or("samples".into(), |label| format!("samples-{label}"));
    let name = format!("{name}.{ending}");
    let out = args.out.clone().unwrap_or_else(|| trained.folder().path().join(name));
    let shape = trained.model().images();
    let place = Place::prepare(&out, &trained, args.count)?;
    let mut sampler = trained.sampler()?.at_temperature(args.temperature)?;
    if let Some(remark) = sampler.remark() {
        say(format_args!("note: {remark}"));
    }
    let drawn = sampler.draw(&mut trained.inference(), args.count, labels.as_deref(), seed)?;
    let count = counted(args.count, "image");
    match &place {
        Place::Numbers(file) => return file.write(drawn),
        Place::Sheet(picture) => {
            picture.write_sheet(&drawn, COLUMNS)?;
            say(format_args!("{count} written to {}", picture.file()));
        }
        Place::Singly(outputs) => {
            save_all(&drawn, shape, outputs, 0)?;
            say(format_args!("{count} written to {}", out.display()));
        }
    }
    Ok(())
}

/// Where images go.
enum Place {
    /// All into one picture.
    Sheet(PictureFile),
    /// Each into its own.
    Singly(Outputs),
    /// All into one array.
    Numbers(NumberFile),
}

impl Place {
    fn prepare(out: &Path, trained: &Trained, count: usize) -> Result<Self> {
        if is_of_numbers(out) || trained.check_pixels().is_err() {
            return NumberFile::prepare(out, trained, &[]).map(Self::Numbers);
        }
        if is_folder(out) {
            let outputs = Outputs::counted(out, count);
            begin(&outputs, &[], &[], false)?;
            make_folder(out)?;
            return Ok(Self::Singly(outputs));
        }
        let picture = PictureFile::prepare(out, &files_of_run(trained.folder().path()))?;
        picture.check_sheet(trained.model().images(), count, COLUMNS)?;
        Ok(Self::Sheet(picture))
    }
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
