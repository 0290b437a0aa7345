//! The options of a training, as the command line has them.

use std::path::PathBuf;

use super::saving::SaveEvery;
use crate::data::{
    Cache, Dataset, Fit, LoadOptions, Manifest, MemorySize, Source, StoredRange, Storing,
};
use crate::error::{Error, Result};
use crate::gpu::DeviceChoices;
use crate::models::{Choices, Kind, Recipe, Schedule};
use crate::nn::Output;
use crate::rng::Seed;
use crate::train::{
    Config, LIKELIHOOD_IMAGES, Precision, SMALL_BATCH, are_pairs, check_pairs, load,
};

/// Below this many training images, batches are small by default, so that an epoch has steps enough.
const FEW_IMAGES: usize = 10_000;
/// Shards of a step where several devices or processes compute.
const SHARDS: usize = 8;
/// Epochs on the embedded digits, of which an epoch takes a moment.
const DIGITS_EPOCHS: u32 = 20;

/// The options of every training example.
#[derive(Clone, Debug, clap::Parser)]
#[command(version, about)]
pub struct TrainArgs {
    /// Images: digits (embedded), mnist, mnist:DIR, images:DIR, pairs:NOISY,CLEAN for denoising, sprites or
    /// sprites:COUNT; or numbers as NumPy has them: npy:FILE or npy:DIR
    #[arg(long, default_value = "digits")]
    pub data: String,
    /// Bring images to this size, such as 64x48 (width x height)
    #[arg(long, value_name = "WxH")]
    pub size: Option<String>,
    /// How images of other proportions are brought to it: by stretching them, cropping what is too
    /// long, or padding what is too short with black [default: stretch]
    #[arg(long, value_enum)]
    pub fit: Option<Fit>,
    /// Cut images of any size into parts of this size, such as 32x32, at random places; a single one
    /// (images:FILE) will do
    #[arg(long, value_name = "WxH")]
    pub patches: Option<String>,
    /// Cut parts out of images made smaller, too, such as 1,0.7,0.5 of their sides
    #[arg(long, value_name = "SCALE,..", value_delimiter = ',')]
    pub scales: Vec<f32>,
    /// Turn colour images gray
    #[arg(long)]
    pub gray: bool,
    /// The stored values that become black and white, such as 0-4095 for 12 bits in a file of 16; the
    /// numbers of npy: that become 0 and 1 [default there: standardised, but for bytes of images]
    #[arg(long, value_name = "LOW-HIGH", allow_hyphen_values = true)]
    pub range: Option<StoredRange>,
    /// Go on without images of a folder that are damaged, too small or of an unknown kind
    #[arg(long)]
    pub skip_damaged: bool,
    /// Train on this many images, or parts of images, only
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// The share of a folder's images to hold out, of each class; 0 trains on all [default: 0.1]
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    pub hold_out: Option<f64>,
    /// Images to hold out instead: all of images:DIR or pairs:NOISY,CLEAN, or the held-out part of another
    /// source
    #[arg(long, value_name = "SOURCE", conflicts_with = "hold_out")]
    pub test_data: Option<String>,
    /// Passes over the training images [default: 20 on the digits, else the model's, 10]
    #[arg(long, value_name = "N")]
    pub epochs: Option<u32>,
    /// Images a step [default: the model's, or 32 below 10000 training images]
    #[arg(long, value_name = "N")]
    pub batch: Option<usize>,
    /// Shards that each step's images come in, of as many images each, which must divide --batch: less memory
    /// for the same step, and work for several devices [default: 8 for several devices or with --mpi, else 1]
    #[arg(long, value_name = "N")]
    pub shards: Option<usize>,
    /// Learning rate of Adam [default: the model's, 0.001 to 0.005]
    #[arg(long, value_name = "RATE")]
    pub lr: Option<f32>,
    /// How the learning rate goes over the run [default: the model's]
    #[arg(long, value_enum)]
    pub schedule: Option<Schedule>,
    /// Decides first weights, the order of images, noise, and which images are held out
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// How the numbers of a training step are kept: f32, or mixed, where what lies between operations is
    /// f16, on GPUs that have it [default: f32]
    #[arg(long, value_enum)]
    pub precision: Option<Precision>,
    /// auto, cpu, gpu, the number of an adapter, or part of its name; several, such as 0,1 or cpu,0, or all,
    /// share the shards of each step
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// Share the shards with the processes that mpirun or srun has started together with this one, on this
    /// machine or others
    #[arg(long)]
    pub mpi: bool,
    /// Folder for pictures, numbers and the model [default: runs/MODEL-DATA, with a number where another
    /// run is]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Write to the folder even where that replaces another run, or files that are no run's
    #[arg(long, conflicts_with = "resume")]
    pub overwrite: bool,
    /// Write what each epoch measures as a TensorBoard event file, too
    #[arg(long)]
    pub tensorboard: bool,
    /// Train a prior of the places of a vqvae model's codes as well, for samples to be drawn from
    #[arg(long)]
    pub prior: bool,
    /// Measure each operation, print a table at the end, and write it to profile.json
    #[arg(long)]
    pub profile: bool,
    /// Options from a TOML file, by their names here, which win over it; or a run's config.toml, to
    /// train that run again
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The options of the run to be trained again.
    #[arg(skip)]
    pub settled: Option<Box<Config>>,
    /// Print results only
    #[arg(short, long, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Log what is going on
    #[arg(short, long)]
    pub verbose: bool,
    /// Where pixels go
    #[command(flatten)]
    pub storing: StoringArgs,
    /// Options about checkpoints
    #[command(flatten, next_help_heading = "Checkpoints")]
    pub saving: SavingArgs,
    /// Options of the model
    #[command(flatten, next_help_heading = "Model")]
    pub choices: Choices,
}

/// Options about pictures that are more than the memory is to hold.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct StoringArgs {
    /// The most bytes of a folder's pixels that are kept in memory, such as 512M or 8G: of more, all lie in the cache
    /// [default: 1G]
    #[arg(long, value_name = "SIZE")]
    pub memory: Option<MemorySize>,
    /// The folder in which decoded pictures are kept that are more than --memory; or none, which decodes them anew
    /// each time [default: the user's cache folder]
    #[arg(long, value_name = "DIR|none")]
    pub cache: Option<Cache>,
}

impl StoringArgs {
    /// What they come to.
    pub fn storing(&self) -> Storing {
        let usual = Storing::default();
        let cache = self.cache.clone().unwrap_or(usual.cache);
        Storing { cache, memory: self.memory.unwrap_or(usual.memory) }
    }
}

/// Options about checkpoints.
#[derive(Clone, Debug, clap::Args)]
pub struct SavingArgs {
    /// Save after so many steps (200) or so much time (90s, 10m, 2h) [default: after each epoch]
    #[arg(long, value_name = "STEPS|TIME")]
    pub save_every: Option<SaveEvery>,
    /// Keep the last N checkpoints in the run folder's `checkpoints`
    #[arg(long, value_name = "N", default_value_t = 2)]
    pub keep: usize,
    /// Go on from the model in the run folder; begin where there is none yet
    #[arg(long)]
    pub resume: bool,
    /// Go on from this checkpoint
    #[arg(long, value_name = "FILE")]
    pub resume_from: Option<PathBuf>,
    /// What to do when the loss is no number: stop, or roll back to the last checkpoint and halve
    /// the learning rate
    #[arg(long, value_enum, default_value = "stop")]
    pub on_nan: OnNan,
}

/// What to do when the loss, or a parameter, is no finite number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum OnNan {
    /// End the run with an error.
    #[default]
    Stop,
    /// Go back to the last checkpoint and halve the learning rate.
    Rollback,
}

impl Default for TrainArgs {
    /// What a command line without options means.
    fn default() -> Self {
        <Self as clap::Parser>::try_parse_from(["train"]).expect("no option has to be given")
    }
}

impl TrainArgs {
    /// Refuses what makes no sense whatever the images are, before they are read.
    ///
    /// # Errors
    /// When an option has no effect on a model of this kind, or the kind cannot learn from the images.
    pub(super) fn check(&self, kind: Kind) -> Result<()> {
        kind.check(&self.choices)?;
        if self.prior && kind != Kind::Vqvae {
            let what = format!("has no effect on a {} model, which has no codebook", kind.name());
            return Err(Error::option("--prior", what));
        }
        let Choices { noise, test_noise, missing, .. } = &self.choices;
        let given = [
            ("--noise", noise.is_some()),
            ("--test-noise", test_noise.is_some()),
            ("--missing", missing.is_some()),
        ];
        if are_pairs(&self.data) { check_pairs(kind, &given) } else { Ok(()) }
    }

    /// Loads the images.
    ///
    /// # Errors
    /// When `--data`, `--size`, `--missing` or `--seed` make no sense, or the images cannot be read.
    pub fn load(&self) -> Result<Dataset> {
        self.load_known(None)
    }

    /// The same, in the parts in which a run remembers pictures, if it does.
    pub(super) fn load_known(&self, known: Option<&Manifest>) -> Result<Dataset> {
        if let Some(config) = &self.settled {
            return config.load(known, &self.storing.storing());
        }
        let missing = self.choices.missing.as_ref().map(ToString::to_string);
        load(
            &self.data,
            self.test_data.as_deref(),
            missing.as_deref(),
            &LoadOptions {
                size: self.size()?,
                fit: self.fit,
                patches: self.patches()?,
                scales: self.scales.clone(),
                gray: self.gray,
                range: self.range,
                skip_damaged: self.skip_damaged,
                limit: self.limit,
                hold_out: self.hold_out,
                seed: self.seed()?,
                storing: self.storing.storing(),
                progress: !self.quiet,
            },
            known,
        )
    }

    /// The options put together for a model of this kind on `dataset`.
    ///
    /// # Errors
    /// When a number is out of its range, options do not go together, or one has no effect.
    pub fn config(&self, dataset: &Dataset, kind: Kind) -> Result<Config> {
        if let Some(config) = &self.settled {
            if dataset.shape != config.model.images() {
                let what = format!("`{}` is no longer as the run had it", config.data);
                return Err(Error::option("--config", what));
            }
            config.check()?;
            return Ok((**config).clone());
        }
        let is_digits = self.data == Source::default().to_string();
        let is_mnist = matches!(self.data.parse()?, Source::Mnist(_));
        let given = &self.choices;
        let Recipe { epochs, .. } = kind.recipe(given, is_mnist);
        let epochs = self.epochs.unwrap_or(if is_digits { DIGITS_EPOCHS } else { epochs });
        let given = with_short_warmup(&kind.suited(given, dataset)?, kind, is_mnist, epochs)?;
        let classes = dataset.classes.len();
        let (mut model, recipe) = kind.build(dataset.shape, classes, &given, is_mnist)?;
        if dataset.scaling.is_some() {
            model.output = Output::Number;
            // Which know no black and white.
            model.fills = false;
            model.knows_holes = false;
        }
        // What corrupts pairs is not known.
        model.noise_level &= !dataset.paired;
        let several = self.mpi || self.device.parse::<DeviceChoices>()?.are_several();
        let small = dataset.train.count < FEW_IMAGES;
        let batch = if small { recipe.batch.min(SMALL_BATCH) } else { recipe.batch };
        let choices = recipe.choices;
        if choices.nll_images.is_some() && choices.nll.is_none() {
            return Err(Error::option("--nll-images", "has no effect without --nll"));
        }
        let config = Config {
            data: self.data.clone(),
            size: self.size()?,
            fit: self.fit,
            patches: self.patches()?,
            scales: self.scales.clone(),
            gray: self.gray,
            range: self.range,
            skip_damaged: self.skip_damaged,
            limit: self.limit,
            hold_out: self.hold_out,
            test_data: self.test_data.clone(),
            missing: choices.missing.as_ref().map(ToString::to_string),
            epochs,
            batch: self.batch.unwrap_or(batch),
            shards: self.shards.unwrap_or(if several { SHARDS } else { 1 }),
            learning_rate: self.lr.unwrap_or(recipe.learning_rate),
            schedule: self.schedule.unwrap_or(recipe.schedule),
            seed: self.seed()?.0,
            precision: self.precision.unwrap_or_default(),
            binarise: choices.binarise.unwrap_or(false),
            nll: choices.nll,
            nll_images: choices.nll_images.unwrap_or(LIKELIHOOD_IMAGES),
            // That of the recipe is none of pairs; one that was given is refused.
            noise: if dataset.paired { given.noise } else { choices.noise },
            test_noise: choices.test_noise,
            ..Config::new(model)
        };
        config.check()?;
        Ok(config)
    }

    fn size(&self) -> Result<Option<(usize, usize)>> {
        self.size.as_deref().map(|text| parse_size("--size", text)).transpose()
    }

    fn patches(&self) -> Result<Option<(usize, usize)>> {
        self.patches.as_deref().map(|text| parse_size("--patches", text)).transpose()
    }

    fn seed(&self) -> Result<Seed> {
        // TOML's whole numbers are signed.
        if i64::try_from(self.seed).is_err() {
            return Err(Error::option("--seed", format!("takes 0 to {}", i64::MAX)));
        }
        Ok(Seed(self.seed))
    }
}

/// The choices with the warm-up of the recipe in the first half of so many epochs.
///
/// # Errors
/// When a warm-up was chosen that would not end.
fn with_short_warmup(given: &Choices, kind: Kind, is_mnist: bool, epochs: u32) -> Result<Choices> {
    if given.warmup.is_some_and(|warmup| warmup > 0 && warmup >= epochs) {
        let what = format!("must end before the training, which has {epochs} epochs");
        return Err(Error::option("--warmup", what));
    }
    let usual = kind.recipe(given, is_mnist).choices.warmup;
    let warmup = usual.map(|usual| usual.min(epochs / 2));
    Ok(Choices { warmup: given.warmup.or(warmup), ..given.clone() })
}

fn parse_size(option: &str, text: &str) -> Result<(usize, usize)> {
    let parts = text.split_once(['x', 'X']);
    let size = parts.and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    match size {
        Some((width, height)) if width > 0 && height > 0 => Ok((width, height)),
        _ => Err(Error::option(option, format!("`{text}` is not width x height, such as 64x48"))),
    }
}
