//! A watch over a training that goes wrong without its loss being no number: from the first epochs on,
//! not once it is over.

use std::collections::BTreeSet;

use super::report::EpochReport;
use super::trainer::Trainer;
use crate::data::Dataset;
use crate::error::Result;
use crate::evaluate::{Finding, Trouble, mean_image_mse, trouble};
use crate::inference::{Codes, targets, tensor};
use crate::models::{Model, Variant};

/// Images are looked at twice by a pass forward, where training takes three passes' time: of so many
/// trained on, one, which is about 2% of an epoch's time; within limits.
const TRAINED_EACH: usize = 32;
const FEWEST_IMAGES: usize = 64;
const MOST_IMAGES: usize = 512;
/// Numbers of images that are looked at.
const MOST_NUMBERS: usize = 1 << 22;

/// A training so young may still make the mean image, and use few codes.
const FIRST_STEPS: u32 = 200;
/// A variational one may longer, and in the first quarter of its epochs: posteriors often lie near the
/// prior for a while before they part from it.
const FIRST_STEPS_OF_POSTERIORS: u32 = 500;
const FIRST_PART_OF_POSTERIORS: u32 = 4;
/// Error that falls by less than this part from one epoch to the next rests where it is.
const REST: f64 = 0.01;
/// So does a divergence that rises by less than this part, and by less than so many nats.
const REST_OF_KL: f64 = 0.02;

/// Looks at codes and reconstructions of a few held-out images after epochs, and says what is wrong,
/// each [kind of trouble](Trouble) once. It draws nothing and changes no bit of the training.
///
/// ```
/// use diabolo::cpu::CpuExecutor;
/// use diabolo::data::{Dataset, LoadOptions, Source};
/// use diabolo::models::{Choices, Kind};
/// use diabolo::train::{CollapseWatch, Config, Trainer};
///
/// let options = LoadOptions { limit: Some(256), ..LoadOptions::default() };
/// let dataset = Dataset::load(&Source::Digits, &options)?;
/// let (model, recipe) = Kind::Dense.build(dataset.shape, 0, &Choices::default(), false)?;
/// let config = Config { learning_rate: recipe.learning_rate, ..Config::new(model) };
/// let mut device = CpuExecutor::new();
/// let mut trainer = Trainer::new(&mut device, &config, &dataset)?;
/// let mut watch = CollapseWatch::new(&dataset);
/// let report = trainer.epoch_of_training(&mut ())?;
/// for finding in watch.look(&mut trainer, &report)? {
///     println!("epoch {}: {finding}", report.epoch);
/// }
/// # Ok::<(), diabolo::error::Error>(())
/// ```
pub struct CollapseWatch<'a> {
    dataset: &'a Dataset,
    /// The mean image's error, once it was asked for.
    mean_mse: Option<f64>,
    /// Where the model was an epoch before.
    before: Option<Progress>,
    /// Whether codes have been looked at.
    has_looked: bool,
    said: BTreeSet<Trouble>,
}

impl<'a> CollapseWatch<'a> {
    /// A watch over a training on this dataset.
    pub fn new(dataset: &'a Dataset) -> Self {
        let (mean_mse, before, has_looked) = (None, None, false);
        Self { dataset, mean_mse, before, has_looked, said: BTreeSet::new() }
    }

    /// Whether this kind of trouble was found before.
    pub fn has_said(&self, trouble: Trouble) -> bool {
        self.said.contains(&trouble)
    }

    /// What is wrong after an epoch, and was not found before. Codes are looked at after the first
    /// four epochs, then ever more seldom, and after the last.
    ///
    /// # Errors
    /// When the device fails.
    pub fn look(&mut self, trainer: &mut Trainer, report: &EpochReport) -> Result<Vec<Finding>> {
        let config = trainer.config();
        let is_young = match config.model.is_variational() {
            true => {
                trainer.step() < FIRST_STEPS_OF_POSTERIORS
                    || report.epoch <= config.epochs / FIRST_PART_OF_POSTERIORS
            }
            false => trainer.step() < FIRST_STEPS,
        };
        let now = Progress { mse: report.test.get("mse"), kl: report.test.get("kl") };
        let before = self.before.replace(now);
        let mut found = vec![];
        if !self.dataset.masked && !is_young && before.is_some_and(|before| now.mse_rests(before)) {
            found.extend(trouble::of_errors(
                &config.model,
                now.mse,
                self.mean_mse(config.binarise)?,
            ));
        }
        if !self.has_looked || is_due(report.epoch) || report.epoch == config.epochs {
            self.has_looked = true;
            let (codes, stuck) = look_at_images(self.dataset, trainer)?;
            found.extend(stuck);
            if is_past_warm_up(&config.model, report.epoch) {
                found.extend(trouble::of_codes(&config.model, &codes));
            }
        }
        let kl_rests = before.is_some_and(|before| now.kl_rests(before));
        found.retain(|finding| match finding.trouble {
            Trouble::Posterior => kl_rests && !is_young,
            Trouble::Codebook => !is_young,
            _ => true,
        });
        found.retain(|finding| self.said.insert(finding.trouble));
        Ok(found)
    }

    fn mean_mse(&mut self, binarised: bool) -> Result<f64> {
        match self.mean_mse {
            Some(known) => Ok(known),
            None => Ok(*self.mean_mse.insert(mean_image_mse(self.dataset, binarised)?)),
        }
    }
}

/// How far a model is, by all held-out images.
#[derive(Clone, Copy)]
struct Progress {
    mse: f64,
    /// Not a number where codes have none.
    kl: f64,
}

impl Progress {
    fn mse_rests(self, before: Self) -> bool {
        self.mse >= (1.0 - REST) * before.mse
    }

    fn kl_rests(self, before: Self) -> bool {
        self.kl <= (1.0 + REST_OF_KL) * before.kl + REST_OF_KL
    }
}

/// Whether codes are looked at after this epoch: 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, ...
fn is_due(epoch: u32) -> bool {
    epoch.is_power_of_two() || (epoch.is_multiple_of(3) && (epoch / 3).is_power_of_two())
}

/// Whether a model is trained by its full objective by now.
fn is_past_warm_up(model: &Model, epoch: u32) -> bool {
    let warm_up = match &model.variant {
        Variant::Vae(vae) | Variant::Cvae(vae) => vae.warmup,
        Variant::Sparse(sparse) => sparse.warmup,
        _ => 0,
    };
    epoch > warm_up
}

/// The codes of some held-out images, evenly spread, and whether pixels of their reconstructions are
/// stuck.
fn look_at_images(dataset: &Dataset, trainer: &mut Trainer) -> Result<(Codes, Option<Finding>)> {
    let by_time = (dataset.train.count / TRAINED_EACH).clamp(FEWEST_IMAGES, MOST_IMAGES);
    let by_size = (MOST_NUMBERS / dataset.shape.elements().max(1)).max(1);
    let count = by_time.min(by_size).min(dataset.test.count);
    if count == 0 {
        return Ok((Codes::default(), None));
    }
    let indices = (0..count).map(|index| (index * dataset.test.count / count) as u32);
    let chosen = dataset.test.select(&indices.collect::<Vec<_>>());
    let (images, _) = tensor(dataset, &chosen, 0..count)?;
    let mut inference = trainer.inference();
    let codes = inference.encode(&images, chosen.labels.as_deref())?;
    // Where pixels are missing it is not known how they should be, and other numbers have no bounds.
    if dataset.masked || dataset.scaling.is_some() {
        return Ok((codes, None));
    }
    let made = inference.reconstruct(&images, chosen.labels.as_deref())?;
    let wanted = targets(dataset, &chosen, 0..count)?;
    Ok((codes, trouble::of_reconstructions(&wanted, &made)))
}

#[cfg(test)]
mod tests;
