//! What decides the numbers of a run, as the run folder's `config.toml` has it.

use std::path::Path;

use super::pairs::{are_pairs, check_pairs};
use super::precision::Precision;
use crate::data::order::check_held_out;
use crate::data::{
    Dataset, Fit, ImageFile, Intake, LoadOptions, Manifest, Missing, Source, StoredRange, Storing,
    missing,
};
use crate::error::{Error, Result};
use crate::evaluate::Subject;
use crate::models::{Model, Schedule};
use crate::nn::{Loss, Output};
use crate::ops::{Corruption, Optimiser};
use crate::rng::Seed;

/// Images a step where there are few.
pub(crate) const SMALL_BATCH: usize = 32;
/// Held-out images whose likelihood is measured.
pub(crate) const LIKELIHOOD_IMAGES: usize = 1000;

/// Everything that decides the numbers of a run, besides the device.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Config {
    /// Where the images come from, as `--data` takes it.
    pub data: String,
    /// Width and height that images are brought to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub size: Option<(usize, usize)>,
    /// How they are brought to it, where they are not just stretched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fit: Option<Fit>,
    /// Width and height of the parts that images are cut into.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub patches: Option<(usize, usize)>,
    /// How large images are when they are cut, beside what they are, where not that alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scales: Vec<f32>,
    /// Whether colour images are turned gray.
    pub gray: bool,
    /// Which of a picture's stored values become black and white, where it is not all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub range: Option<StoredRange>,
    /// Whether pictures that cannot be used are passed over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skip_damaged: bool,
    /// The most images to train on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
    /// The share of a folder's images that is held out, where it is not a tenth.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold_out: Option<f64>,
    /// Where images that are held out come from, as `--test-data` takes it, where not from `data`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_data: Option<String>,
    /// Which pixels nobody sees, as `--missing` takes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<String>,
    /// Passes over the training images.
    pub epochs: u32,
    /// Images a step.
    pub batch: usize,
    /// Shards that a step's images come in, each of as many.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub shards: usize,
    /// Learning rate at the start.
    pub learning_rate: f32,
    /// How it goes on.
    pub schedule: Schedule,
    /// The seed of the run.
    pub seed: u64,
    /// How the numbers of a training step are kept.
    #[serde(default, skip_serializing_if = "Precision::is_f32")]
    pub precision: Precision,
    /// Whether pixels are drawn as 0 or 1 at each step.
    pub binarise: bool,
    /// Weighted samples by which the likelihood is measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nll: Option<usize>,
    /// Held-out images whose likelihood is measured.
    pub nll_images: usize,
    /// What corrupts the images that the encoder sees.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noise: Option<Corruption>,
    /// What corrupts the held-out images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_noise: Option<Corruption>,
    /// How parameters follow their gradients.
    pub optimiser: Optimiser,
    /// The model.
    pub model: Model,
}

impl Config {
    /// The most bytes of text that options are read from; those of a run have a thousand.
    pub const MOST_BYTES: usize = 1 << 16;

    /// A config for `model` on images that come from elsewhere: an epoch of Adam at 0.001.
    pub fn new(model: Model) -> Self {
        Self {
            data: String::new(),
            size: None,
            fit: None,
            patches: None,
            scales: vec![],
            gray: false,
            range: None,
            skip_damaged: false,
            limit: None,
            hold_out: None,
            test_data: None,
            missing: None,
            epochs: 1,
            batch: SMALL_BATCH,
            shards: 1,
            learning_rate: 1e-3,
            schedule: Schedule::Constant,
            seed: 0,
            precision: Precision::F32,
            binarise: false,
            nll: None,
            nll_images: LIKELIHOOD_IMAGES,
            noise: None,
            test_noise: None,
            optimiser: Optimiser::adam(),
            model,
        }
    }

    /// Loads the images that it names; in the parts in which a run remembers them, if it does. What is more than is to
    /// be kept in memory, goes where `storing` says.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn load(&self, known: Option<&Manifest>, storing: &Storing) -> Result<Dataset> {
        let options = LoadOptions {
            size: self.size,
            fit: self.fit,
            patches: self.patches,
            scales: self.scales.clone(),
            gray: self.gray,
            range: self.range,
            skip_damaged: self.skip_damaged,
            limit: self.limit,
            hold_out: self.hold_out,
            seed: Seed(self.seed),
            storing: storing.clone(),
            progress: true,
        };
        let test = self.test_data.as_deref();
        load(&self.data, test, self.missing.as_deref(), &options, known)
    }

    /// How pictures become images for the model, wherever they come from: as those of the run did.
    pub fn intake(&self) -> Intake {
        Intake { shape: self.model.images(), fit: self.fit, range: self.range }
    }

    /// The learning rate at the first step of this epoch, counted from 1, of as many steps.
    pub fn rate_at(&self, epoch: u32, steps: u32) -> f32 {
        let before = |epochs: u32| f64::from(epochs) * f64::from(steps);
        self.learning_rate
            * self.schedule.factor(before(epoch.saturating_sub(1)), before(self.epochs))
    }

    /// Images of one plan: those of a step, or of a shard of one.
    pub(super) fn images_a_plan(&self) -> usize {
        self.batch / self.shards.max(1)
    }

    /// What corrupts the images that the encoder sees, in training or in evaluation.
    pub fn noise(&self, training: bool) -> Option<Corruption> {
        if training { self.noise } else { self.test_noise.or(self.noise) }
    }

    /// What is measured when the run is done.
    pub fn subject(&self) -> Subject<'_> {
        Subject {
            model: &self.model,
            noise: self.noise(false),
            likelihood_samples: self.nll,
            likelihood_images: self.nll_images,
            binarised: self.binarise,
            seed: Seed(self.seed),
        }
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
        self.check_shards()?;
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
        if are_pairs(&self.data) {
            self.check_pairs()?;
        }
        let noise = [self.noise, self.test_noise];
        noise.iter().flatten().try_for_each(Corruption::check)?;
        if self.model.noise_level {
            self.check_told(noise)?;
        }
        if self.model.output == Output::Number {
            noise.iter().flatten().try_for_each(Corruption::check_numbers)?;
        }
        self.model.check()
    }

    /// Refuses shards of other sizes than each other's.
    fn check_shards(&self) -> Result<()> {
        let (shards, batch) = (self.shards, self.batch);
        if shards == 0 {
            return Err(Error::option("--shards", "there must be at least one"));
        }
        if batch.is_multiple_of(shards) {
            return Ok(());
        }
        let fewer = (1..=shards).rev().find(|fewer| batch.is_multiple_of(*fewer)).unwrap_or(1);
        let next = batch.next_multiple_of(shards);
        let what = format!(
            "{shards} are not of one size where --batch is {batch}; give --shards {fewer}, or --batch {next}"
        );
        Err(Error::option("--shards", what))
    }

    /// Refuses noise that has no strength, for a model that is told how strong it is.
    fn check_told(&self, noise: [Option<Corruption>; 2]) -> Result<()> {
        let refuse = |option: &str, noise: &dyn std::fmt::Display| {
            let what = format!(
                "`{noise}` has no strength that this model can be told; give gaussian:0.02-0.2"
            );
            Err(Error::option(option, what))
        };
        let [training, testing] = noise;
        match (training, testing) {
            (None, _) => refuse("--noise", &"none"),
            (Some(noise), _) if noise.deviation().is_none() => refuse("--noise", &noise),
            (_, Some(noise)) if noise.deviation().is_none() => refuse("--test-noise", &noise),
            _ => Ok(()),
        }
    }

    /// Refuses what has no meaning for pairs of pictures.
    ///
    /// # Errors
    /// When the model is no denoising one, or something is to be made of the pictures besides.
    pub(super) fn check_pairs(&self) -> Result<()> {
        let given = [
            ("--noise", self.noise.is_some()),
            ("--test-noise", self.test_noise.is_some()),
            ("--missing", self.missing.is_some()),
            ("--binarise", self.binarise),
        ];
        check_pairs(self.model.kind(), &given)
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
}

/// Loads the images of `data`, with those of `test` held out where there is one, of which `hidden` says which
/// pixels nobody sees.
pub(crate) fn load(
    data: &str,
    test: Option<&str>,
    hidden: Option<&str>,
    options: &LoadOptions,
    known: Option<&Manifest>,
) -> Result<Dataset> {
    let source: Source = data.parse()?;
    let test: Option<Source> = test.map(str::parse).transpose()?;
    let hidden: Option<Missing> = hidden.map(str::parse).transpose()?;
    let dataset = match test {
        Some(test) => with_test(&source, &test, options, known)?,
        None => Dataset::load_known(&source, options, known)?,
    };
    match hidden {
        Some(hidden) => missing::apply(dataset, &hidden, options.seed),
        None => Ok(dataset),
    }
}

/// All images of `source` to train on, and those of `test` held out.
fn with_test(
    source: &Source,
    test: &Source,
    options: &LoadOptions,
    known: Option<&Manifest>,
) -> Result<Dataset> {
    if options.hold_out.is_some() {
        let what = "has no effect beside --test-data, which is what is held out";
        return Err(Error::option("--hold-out", what));
    }
    let is_folder = source.is_of_pictures() || matches!(source, Source::Numbers(_));
    let all = LoadOptions { hold_out: is_folder.then_some(0.0), ..options.clone() };
    let part = |files: &[ImageFile]| {
        known.map(|known| Manifest {
            classes: known.classes.clone(),
            train: files.to_vec(),
            scaling: known.scaling.clone(),
            ..Manifest::default()
        })
    };
    let train = part(known.map_or(&[], |known| &known.train));
    let held_out = part(known.map_or(&[], |known| &known.held_out));
    Dataset::load_known(source, &all, train.as_ref())?.with_test(test, options, held_out.as_ref())
}

fn one() -> usize {
    1
}

fn is_one(number: &usize) -> bool {
    *number == 1
}

/// A whole number that TOML can hold: its numbers are signed.
fn check_whole(option: &str, number: usize) -> Result<()> {
    match i64::try_from(number) {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::option(option, format!("is {number}; it takes up to {}", i64::MAX))),
    }
}

#[cfg(test)]
mod tests;
