//! What a user can choose, as command-line options and as the run folder's `config.toml`.

use std::path::{Path, PathBuf};

use crate::data::{Dataset, LoadOptions, Source};
use crate::error::{Error, Result};
use crate::models::{Model, Recipe};
use crate::nn::Loss;
use crate::ops::Optimiser;
use crate::rng::Seed;

/// Below this many training images, batches are small by default, so that an epoch has steps enough.
const FEW_IMAGES: usize = 10_000;
const SMALL_BATCH: usize = 32;

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
    /// Turn colour images gray
    #[arg(long)]
    pub gray: bool,
    /// Train on this many images only
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Passes over the training images [default: 20 on the digits, else 10]
    #[arg(long, value_name = "N")]
    pub epochs: Option<u32>,
    /// Images a step [default: the model's, or 32 below 10000 training images]
    #[arg(long, value_name = "N")]
    pub batch: Option<usize>,
    /// Learning rate of Adam [default: the model's, 0.001 or 0.002]
    #[arg(long, value_name = "RATE")]
    pub lr: Option<f32>,
    /// What is made small: mse (mean squared error per pixel) or bce (cross-entropy, nats per image)
    #[arg(long, value_enum, default_value_t = Loss::Mse)]
    pub loss: Loss,
    /// Decides first weights, the order of images, noise, and which images are held out
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// auto, cpu, gpu, the number of an adapter, or part of its name
    #[arg(long, default_value = "auto")]
    pub device: String,
    /// Folder for pictures, numbers and the model [default: runs/MODEL-DATA]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Measure each operation and print a table at the end
    #[arg(long)]
    pub profile: bool,
    /// Go on from the model in the run folder
    #[arg(long)]
    pub resume: bool,
}

/// Everything that decides the numbers of a run, besides the device.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Config {
    /// Where the images come from, as `--data` takes it.
    pub data: String,
    /// Width and height that images are brought to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<(usize, usize)>,
    /// Whether colour images are turned gray.
    pub gray: bool,
    /// The most images to train on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// Passes over the training images.
    pub epochs: u32,
    /// Images a step.
    pub batch: usize,
    /// Learning rate.
    pub learning_rate: f32,
    /// What is made small.
    pub loss: Loss,
    /// The seed of the run.
    pub seed: u64,
    /// How parameters follow their gradients.
    pub optimiser: Optimiser,
    /// The model.
    pub model: Model,
}

impl TrainArgs {
    /// Loads the images.
    ///
    /// # Errors
    /// When `--data`, `--size` or `--seed` make no sense, or the images cannot be read.
    pub fn load(&self) -> Result<Dataset> {
        let source: Source = self.data.parse()?;
        Dataset::load(
            &source,
            &LoadOptions {
                size: self.size.as_deref().map(parse_size).transpose()?,
                gray: self.gray,
                limit: self.limit,
                seed: self.seed()?,
                progress: true,
            },
        )
    }

    /// The options put together for `model` on `dataset`.
    ///
    /// # Errors
    /// When a number is out of its range.
    pub fn config(&self, dataset: &Dataset, model: Model, recipe: Recipe) -> Result<Config> {
        let is_digits = self.data == Source::default().to_string();
        let small = dataset.train.count < FEW_IMAGES;
        let config = Config {
            data: self.data.clone(),
            size: self.size.as_deref().map(parse_size).transpose()?,
            gray: self.gray,
            limit: self.limit,
            epochs: self.epochs.unwrap_or(if is_digits { 20 } else { 10 }),
            batch: self.batch.unwrap_or(if small { SMALL_BATCH } else { recipe.batch }),
            learning_rate: self.lr.unwrap_or(recipe.learning_rate),
            loss: self.loss,
            seed: self.seed()?.0,
            optimiser: Optimiser::adam(),
            model,
        };
        config.check()?;
        Ok(config)
    }

    fn seed(&self) -> Result<Seed> {
        // TOML's whole numbers are signed.
        if i64::try_from(self.seed).is_err() {
            return Err(Error::option("--seed", format!("takes 0 to {}", i64::MAX)));
        }
        Ok(Seed(self.seed))
    }
}

impl Config {
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
        Ok(())
    }

    /// The options as `config.toml` holds them.
    ///
    /// # Errors
    /// Never for options that passed [`Config::check`].
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string(self).map_err(|error| Error::option("options", error.to_string()))
    }

    /// Reads options back; `path` is where they came from.
    ///
    /// # Errors
    /// When the text is not what [`Config::to_toml`] writes.
    pub fn from_toml(text: &str, path: &Path) -> Result<Self> {
        toml::from_str(text).map_err(|error| {
            Error::file(path, format!("holds options that cannot be read: {error}"))
        })
    }

    /// Whether a run under `other` may go on from one under this: all but the length agree.
    pub fn continues(&self, other: &Config) -> bool {
        *self == Config { epochs: self.epochs, ..other.clone() }
    }
}

fn parse_size(text: &str) -> Result<(usize, usize)> {
    let parts = text.split_once(['x', 'X']);
    let size = parts.and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
    match size {
        Some((width, height)) if width > 0 && height > 0 => Ok((width, height)),
        _ => Err(Error::option("--size", format!("`{text}` is not width x height, such as 64x48"))),
    }
}
