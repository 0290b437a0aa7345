//! A linear classifier that learns from codes, and predicts others.

use super::scores::Confusion;
use crate::error::{Error, Result};
use crate::evaluate::{Classifier, Examples};
use crate::gpu::{self, DeviceChoice};
use crate::rng::Seed;
use crate::tasks::trained::Trained;

/// Numbers of codes that are kept in memory at the most.
pub(crate) const MOST_NUMBERS: usize = 1 << 28;

/// Codes with their classes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Labelled {
    /// Numbers of a code.
    pub width: usize,
    /// One after the other.
    pub codes: Vec<f32>,
    /// The class of each.
    pub labels: Vec<u32>,
}

impl Labelled {
    /// The same for a classifier.
    pub fn examples(&self) -> Examples<'_> {
        Examples { features: &self.codes, width: self.width, labels: &self.labels }
    }
}

impl Trained {
    /// What codes of the run's images tell of their classes: a linear classifier learns from those that
    /// the model was trained on, and predicts those that were held out.
    ///
    /// # Errors
    /// When the images cannot be read or have no classes, or the device fails.
    pub fn probe(&mut self, seed: Seed) -> Result<Confusion> {
        let (learned, judged, names) = from_run(self)?;
        linear_probe(self.device(), [learned.examples(), judged.examples()], names, seed)
    }
}

/// What a linear classifier, on a device of its own, predicts of the second examples once it has
/// learned from the first; `names` are those of the classes.
///
/// # Errors
/// When features or labels do not fit, or the device fails.
pub fn linear_probe(
    device: &DeviceChoice,
    [learned, judged]: [Examples; 2],
    names: Vec<String>,
    seed: Seed,
) -> Result<Confusion> {
    let mut opened = gpu::open(device)?;
    let executor = opened.executor.as_mut();
    let classifier = Classifier { seed, ..Classifier::probe() };
    let classifier = classifier.train(executor, &learned, names.len())?;
    let predicted = classifier.predict(executor, judged.features, judged.width)?;
    if predicted.len() != judged.labels.len() {
        let what = format!("are {} for {} codes to predict", judged.labels.len(), predicted.len());
        return Err(Error::option("labels", what));
    }
    Ok(Confusion::count(judged.labels, &predicted, names))
}

/// The codes of the run's own images, of those it was trained on and of those held out, and the names of
/// the classes.
///
/// # Errors
/// When the images cannot be read or have no classes, or the device fails.
pub(crate) fn from_run(trained: &mut Trained) -> Result<(Labelled, Labelled, Vec<String>)> {
    let dataset = trained.dataset()?;
    let (Some(train), Some(test), true) =
        (&dataset.train.labels, &dataset.test.labels, dataset.classes.len() > 1)
    else {
        let what = "is needed, and --test: the images of this run have no classes";
        return Err(Error::option("--train", what));
    };
    let most = (MOST_NUMBERS / trained.model().network.latent().max(1)).max(1);
    let mut inference = trained.inference();
    let mut labelled = |images, labels: &[u32]| {
        let codes = inference.represent_dataset(&dataset, images, most)?;
        let labels = labels[..codes.count()].to_vec();
        Ok(Labelled { width: codes.width, codes: codes.values, labels })
    };
    let (train, test) = (labelled(&dataset.train, train)?, labelled(&dataset.test, test)?);
    Ok((train, test, dataset.classes))
}
