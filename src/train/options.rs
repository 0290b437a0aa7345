//! What a user can choose, as command-line options and as the run folder's `config.toml`.

use std::path::{Path, PathBuf};

use super::saving::SavingArgs;
use crate::data::order::check_held_out;
use crate::data::{Dataset, LoadOptions, Missing, Source, missing};
use crate::error::{Error, Result};
use crate::models::{Choices, Kind, Model, Recipe, Schedule};
use crate::nn::Loss;
use crate::ops::{Corruption, Optimiser};
use crate::rng::Seed;

/// Below this many training images, batches are small by default, so that an epoch has steps enough.
const FEW_IMAGES: usize = 10_000;
const SMALL_BATCH: usize = 32;
/// Epochs on the embedded digits, of which an epoch takes a moment.
const DIGITS_EPOCHS: u32 = 20;
/// Held-out images whose likelihood is measured.
const LIKELIHOOD_IMAGES: usize = 1000;

/// The options of every training example.
#[derive(Clone, Debug, clap::Parser)]
#[command(version, about)]
pub struct TrainArgs {
    /// Images: digits (embedded), mnist, mnist:DIR, images:DIR, sprites or sprites:COUNT
    #[arg(long, default_value = "digits")]
    pub data: String,
    /// Bring images to this size, such as 64x48 (width x height)
    #[arg(long, value_name = "WxH")]
    pub size: Option<String>,
    /// Cut images of any size into parts of this size, such as 32x32, at random places
    #[arg(long, value_name = "WxH")]
    pub patches: Option<String>,
    /// Turn colour images gray
    #[arg(long)]
    pub gray: bool,
    /// Train on this many images only
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// The share of a folder's images to hold out [default: 0.1]
    #[arg(long, value_name = "SHARE")]
    pub hold_out: Option<f64>,
    /// Passes over the training images [default: 20 on the digits, else the model's, 10]
    #[arg(long, value_name = "N")]
    pub epochs: Option<u32>,
    /// Images a step [default: the model's, or 32 below 10000 training images]
    #[arg(long, value_name = "N")]
    pub batch: Option<usize>,
    /// Learning rate of Adam [default: the model's, 0.001 or 0.002]
    #[arg(long, value_name = "RATE")]
    pub lr: Option<f32>,
    /// How the learning rate goes over the run [default: the model's]
    #[arg(long, value_enum)]
    pub schedule: Option<Schedule>,
    /// Decides first weights, the order of images, noise, and which images are held out
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// auto, cpu, gpu, the number of an adapter, or part of its name
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// Folder for pictures, numbers and the model [default: runs/MODEL-DATA]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Write what each epoch measures as a TensorBoard event file, too
    #[arg(long)]
    pub tensorboard: bool,
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
    /// Options about checkpoints
    #[command(flatten, next_help_heading = "Checkpoints")]
    pub saving: SavingArgs,
    /// Options of the model
    #[command(flatten, next_help_heading = "Model")]
    pub choices: Choices,
}

/// Everything that decides the numbers of a run, besides the device.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Config {
    /// Where the images come from, as `--data` takes it.
    pub data: String,
    /// Width and height that images are brought to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<(usize, usize)>,
    /// Width and height of the parts that images are cut into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patches: Option<(usize, usize)>,
    /// Whether colour images are turned gray.
    pub gray: bool,
    /// The most images to train on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// The share of a folder's images that is held out, where it is not a tenth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_out: Option<f64>,
    /// Which pixels nobody sees, as `--missing` takes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
    /// Passes over the training images.
    pub epochs: u32,
    /// Images a step.
    pub batch: usize,
    /// Learning rate at the start.
    pub learning_rate: f32,
    /// How it goes on.
    pub schedule: Schedule,
    /// The seed of the run.
    pub seed: u64,
    /// Whether pixels are drawn as 0 or 1 at each step.
    pub binarise: bool,
    /// Weighted samples by which the likelihood is measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nll: Option<usize>,
    /// Held-out images whose likelihood is measured.
    pub nll_images: usize,
    /// What spoils the images that the encoder sees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise: Option<Corruption>,
    /// What spoils the held-out images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_noise: Option<Corruption>,
    /// How parameters follow their gradients.
    pub optimiser: Optimiser,
    /// The model.
    pub model: Model,
}

impl Default for TrainArgs {
    /// What a command line without options means.
    fn default() -> Self {
        <Self as clap::Parser>::try_parse_from(["train"]).expect("no option has to be given")
    }
}

impl TrainArgs {
    /// Loads the images.
    ///
    /// # Errors
    /// When `--data`, `--size`, `--missing` or `--seed` make no sense, or the images cannot be read.
    pub fn load(&self) -> Result<Dataset> {
        if let Some(config) = &self.settled {
            return config.load();
        }
        let missing = self.choices.missing.as_ref().map(ToString::to_string);
        load(
            &self.data,
            missing.as_deref(),
            &LoadOptions {
                size: self.size()?,
                patches: self.patches()?,
                gray: self.gray,
                limit: self.limit,
                hold_out: self.hold_out,
                seed: self.seed()?,
                progress: !self.quiet,
            },
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
        let given = with_short_warmup(given, kind, is_mnist, epochs)?;
        let classes = dataset.classes.len();
        let (model, recipe) = kind.build(dataset.shape, classes, &given, is_mnist)?;
        let small = dataset.train.count < FEW_IMAGES;
        let choices = recipe.choices;
        if choices.nll_images.is_some() && choices.nll.is_none() {
            return Err(Error::option("--nll-images", "has no effect without --nll"));
        }
        let config = Config {
            data: self.data.clone(),
            size: self.size()?,
            patches: self.patches()?,
            gray: self.gray,
            limit: self.limit,
            hold_out: self.hold_out,
            missing: choices.missing.as_ref().map(ToString::to_string),
            epochs,
            batch: self.batch.unwrap_or(if small { SMALL_BATCH } else { recipe.batch }),
            learning_rate: self.lr.unwrap_or(recipe.learning_rate),
            schedule: self.schedule.unwrap_or(recipe.schedule),
            seed: self.seed()?.0,
            binarise: choices.binarise.unwrap_or(false),
            nll: choices.nll,
            nll_images: choices.nll_images.unwrap_or(LIKELIHOOD_IMAGES),
            noise: choices.noise,
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

fn load(data: &str, hidden: Option<&str>, options: &LoadOptions) -> Result<Dataset> {
    let source: Source = data.parse()?;
    let hidden: Option<Missing> = hidden.map(str::parse).transpose()?;
    let dataset = Dataset::load(&source, options)?;
    match hidden {
        Some(hidden) => missing::apply(dataset, &hidden, options.seed),
        None => Ok(dataset),
    }
}

/// A whole number that TOML can hold: its numbers are signed.
fn check_whole(option: &str, number: usize) -> Result<()> {
    match i64::try_from(number) {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::option(option, format!("is {number}; it takes up to {}", i64::MAX))),
    }
}

impl Config {
    /// The most bytes of text that options are read from; those of a run have a thousand.
    pub const MOST_BYTES: usize = 1 << 16;

    /// A config for `model` on images that come from elsewhere: an epoch of Adam at 0.001.
    pub fn new(model: Model) -> Self {
        Self {
            data: String::new(),
            size: None,
            patches: None,
            gray: false,
            limit: None,
            hold_out: None,
            missing: None,
            epochs: 1,
            batch: SMALL_BATCH,
            learning_rate: 1e-3,
            schedule: Schedule::Constant,
            seed: 0,
            binarise: false,
            nll: None,
            nll_images: LIKELIHOOD_IMAGES,
            noise: None,
            test_noise: None,
            optimiser: Optimiser::adam(),
            model,
        }
    }

    /// Loads the images that it names.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn load(&self) -> Result<Dataset> {
        let options = LoadOptions {
            size: self.size,
            patches: self.patches,
            gray: self.gray,
            limit: self.limit,
            hold_out: self.hold_out,
            seed: Seed(self.seed),
            progress: true,
        };
        load(&self.data, self.missing.as_deref(), &options)
    }

    /// The learning rate at the first step of this epoch, counted from 1.
    pub fn rate_at(&self, epoch: u32) -> f32 {
        let share = f64::from(epoch.saturating_sub(1)) / f64::from(self.epochs);
        self.learning_rate * self.schedule.factor(share)
    }

    /// What spoils the images that the encoder sees, in training or in evaluation.
    pub fn noise(&self, training: bool) -> Option<Corruption> {
        if training { self.noise } else { self.test_noise.or(self.noise) }
    }

    /// Refuses numbers that cannot train.
    ///
    /// # Errors
    /// When there is such a number; the error names its option.
    pub fn check(&self) -> Result<()> {
        if self.batch == 0 {
            return Err(Error::option("--batch", "a step needs at least one image"));
        }
        if self.batch > 1 << 20 {
            return Err(Error::option("--batch", "takes at most 1048576 images"));
        }
        if self.epochs == 0 {
            return Err(Error::option("--epochs", "there must be at least one"));
        }
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            let what =
                format!("is {}; it must be a number above 0, such as 0.001", self.learning_rate);
            return Err(Error::option("--lr", what));
        }
        if self.binarise && self.model.loss != Loss::Bce {
            let what = "makes pixels 0 or 1, which a Bernoulli decoder is for; give --loss bce";
            return Err(Error::option("--binarise", what));
        }
        if self.nll.is_some() && self.model.loss == Loss::Mse {
            let what = "needs a likelihood: --loss bce or gaussian";
            return Err(Error::option("--nll", what));
        }
        if self.nll.is_some_and(|samples| !(1..=1 << 20).contains(&samples)) {
            return Err(Error::option("--nll", "takes 1 to 1048576 samples"));
        }
        if self.nll.is_some() && self.missing.is_some() {
            let what = "has no meaning where pixels are missing; leave --missing out";
            return Err(Error::option("--nll", what));
        }
        if self.nll_images == 0 {
            return Err(Error::option("--nll-images", "there must be at least one"));
        }
        check_whole("--nll-images", self.nll_images)?;
        check_whole("--limit", self.limit.unwrap_or(0))?;
        self.hold_out.map_or(Ok(()), check_held_out)?;
        let (width, height) = self.size.unwrap_or((0, 0));
        check_whole("--size", width.max(height))?;
        self.optimiser.check()?;
        [self.noise, self.test_noise].iter().flatten().try_for_each(Corruption::check)?;
        self.model.check()
    }

    /// The options as `config.toml` holds them.
    ///
    /// # Errors
    /// Never for options that passed [`Config::check`].
    pub fn to_toml(&self) -> Result<String> {
        let text = toml::to_string(self)
            .map_err(|error| Error::option("options", format!("cannot be stored: {error}")))?;
        match text.len() > Self::MOST_BYTES {
            true => Err(Error::option("--data", "has too long a name; move the images")),
            false => Ok(text),
        }
    }

    /// Reads options back; `path` is where they came from.
    ///
    /// # Errors
    /// When the text is not what [`Config::to_toml`] writes, has more than [`Config::MOST_BYTES`], or
    /// holds options that [`Config::check`] refuses.
    pub fn from_toml(text: &str, path: &Path) -> Result<Self> {
        let refuse = |what: &dyn std::fmt::Display| {
            let what = format!("holds options that cannot be read: {what}; use another copy");
            Error::file(path, what)
        };
        if text.len() > Self::MOST_BYTES {
            return Err(refuse(&format!("they have {} bytes", text.len())));
        }
        let config: Self = toml::from_str(text).map_err(|error| refuse(&error.message()))?;
        config.check().map_err(|error| refuse(&error))?;
        Ok(config)
    }

    /// Whether a run under `self` may go on from one under `other`: all agree but what is measured
    /// afterwards, and the length, and that too where the learning rate depends on it.
    pub fn continues(&self, other: &Config) -> bool {
        let epochs = match self.schedule {
            Schedule::Constant => self.epochs,
            Schedule::Cosine => other.epochs,
        };
        let Config { nll, nll_images, test_noise, .. } = *self;
        *self == Config { epochs, nll, nll_images, test_noise, ..other.clone() }
    }
}

fn parse_size(option: &str, text: &str) -> Result<(usize, usize)> {
    let parts = text.split_once(['x', 'X']);
    let size = parts.and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    match size {
        Some((width, height)) if width > 0 && height > 0 => Ok((width, height)),
        _ => Err(Error::option(option, format!("`{text}` is not width x height, such as 64x48"))),
    }
}

#[cfg(test)]
mod tests;
