//! New images from the model of a run folder.

use std::path::PathBuf;

use super::checkpoint;
use super::inference::{Codes, Inference};
use super::options::Config;
use super::pictures;
use super::plans::layout;
use super::run::say;
use super::run_folder::{RunFile, RunFolder};
use super::sampling::Sampler;
use crate::error::{Error, Result};
use crate::gpu::{self, DeviceChoice};
use crate::rng::Seed;

/// Images side by side.
const COLUMNS: usize = 10;
/// The most images in one picture.
const MOST: usize = 10_000;

/// Real codes that new ones take after.
const LOOKED_AT: usize = 2000;

/// The options of `diabolo sample`.
#[derive(Clone, Debug, clap::Args)]
pub struct SampleArgs {
    /// The folder of a finished run
    #[arg(value_name = "RUN")]
    run: PathBuf,
    /// The label that images are to have, for a model that is told labels
    #[arg(long, value_name = "N")]
    label: Option<u32>,
    /// How many images
    #[arg(short = 'n', long, default_value_t = 64)]
    count: usize,
    /// The picture to write [default: samples.png or samples-LABEL.png in the run folder]
    #[arg(short, long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Decides which images are drawn
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// auto, cpu, gpu, the number of an adapter, or part of its name
    #[arg(long, default_value = "auto")]
    device: String,
}

/// Draws new images and writes them as one picture.
///
/// # Errors
/// When there is no finished run, a label is missing or has no effect, or the device fails.
pub fn sample(args: &SampleArgs) -> Result<()> {
    let choice: DeviceChoice = args.device.parse()?;
    if !(1..=MOST).contains(&args.count) {
        return Err(Error::option("--count", format!("takes 1 to {MOST} images")));
    }
    let folder = RunFolder::open(&args.run)?;
    let path = folder.file(RunFile::Model);
    let config = Config::from_toml(&checkpoint::read_header(&path)?.config, &path)?;
    let labels = labels(args, &config)?;
    let layout = layout(&config.model)?;
    let state = checkpoint::load(&path, &layout)?.state;
    let mut opened = gpu::open(&choice)?;
    opened.executor.set_state(&state)?;
    let mut inference = Inference::new(opened.executor.as_mut(), &config.model, &layout);
    // A prior needs no images; other models take after the codes of real ones.
    let codes = match config.model.is_variational() {
        true => Codes::default(),
        false => {
            let dataset = config.load()?;
            if dataset.shape != config.model.images() {
                let what = format!("`{}` has changed since the training", config.data);
                return Err(Error::file(folder.path(), what));
            }
            inference.encode_dataset(&dataset, &dataset.test, LOOKED_AT)?
        }
    };
    let sampler = Sampler::new(&config.model, &codes);
    let drawn = sampler.draw(&mut inference, args.count, labels.as_deref(), Seed(args.seed))?;
    let picture = pictures::grid(&drawn, COLUMNS.min(args.count))?;
    let name = args.label.map_or("samples.png".into(), |label| format!("samples-{label}.png"));
    let out = args.out.clone().unwrap_or_else(|| folder.path().join(name));
    pictures::save_png(&out, &picture)?;
    say(format_args!("{} images written to {}", args.count, out.display()));
    Ok(())
}

/// A label for each image; all of them in turn where none was asked for.
fn labels(args: &SampleArgs, config: &Config) -> Result<Option<Vec<u32>>> {
    let classes = config.model.network.classes as u32;
    match args.label {
        Some(_) if classes == 0 => {
            let what =
                format!("has no effect on a {} model, which knows no labels", config.model.name());
            Err(Error::option("--label", what))
        }
        Some(label) if label >= classes => Err(Error::option(
            "--label",
            format!("is {label}; the model knows 0 to {}", classes - 1),
        )),
        Some(label) => Ok(Some(vec![label; args.count])),
        None if classes > 0 => {
            Ok(Some((0..args.count as u32).map(|index| index % classes).collect()))
        }
        None => Ok(None),
    }
}
