//! What is measured once a model is trained: on the codes of all held-out images, and by models
//! that are trained on top of it.

use std::collections::BTreeMap;

use super::classifier::Classifier;
use super::code_statistics::{divergences, perplexity, uses, variances};
use super::drawn::Drawn;
use super::evaluation::{Evaluation, decibels};
use super::examples::Examples;
use super::restoration::{median3x3, squared_distance};
use super::trouble::{self, DEAD_ACTIVATION, Finding};
use super::yardstick::Yardstick;
use crate::data::{Dataset, Images};
use crate::error::Result;
use crate::gpu::{self, DeviceChoice};
use crate::inference::{Codes, Inference, Sampler, images_at_once, tensor};
use crate::models::{Model, Variant};
use crate::ops::Corruption;
use crate::rng::Seed;

/// Above this many numbers in all, codes of fewer images are looked at.
const MOST_NUMBERS: usize = 1 << 27;
/// A unit is active if its mean varies by more than this over images (Burda et al., 2016).
const ACTIVE_VARIANCE: f64 = 0.01;
/// Samples that are judged in all.
const JUDGED: usize = 1000;

/// What is measured, and how.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The finished model.
    pub model: &'a Model,
    /// What corrupts the held-out images.
    pub noise: Option<Corruption>,
    /// Weighted samples by which the likelihood is measured, if it is.
    pub likelihood_samples: Option<usize>,
    /// Held-out images whose likelihood is measured.
    pub likelihood_images: usize,
    /// Whether the model was trained on pixels drawn as 0 or 1.
    pub binarised: bool,
    /// The seed of codes that are drawn.
    pub seed: Seed,
}

/// A finished model's numbers.
#[derive(Clone, Debug, Default)]
pub struct Assessment {
    /// By name, as `metrics.json` has them under `test`.
    pub test: BTreeMap<String, f64>,
    /// The divergence of each dimension of a variational code in nats, over the held-out images.
    pub divergences: Vec<f32>,
    /// How often each code of a codebook is used by the held-out images.
    pub uses: Vec<u64>,
    /// What a user should know.
    pub warnings: Vec<Finding>,
    /// The codes of the held-out images.
    pub codes: Codes,
    /// What the best linear code of the same length comes to, unless pixels are missing.
    pub yardstick: Option<Yardstick>,
}

impl Assessment {
    /// Measures a model, whose evaluation gave `test`.
    ///
    /// # Errors
    /// When the device fails.
    pub fn new(
        subject: &Subject,
        dataset: &Dataset,
        inference: &mut Inference,
        test: &Evaluation,
        choice: &DeviceChoice,
    ) -> Result<Self> {
        let mut this = Self { test: test.0.clone(), ..Self::default() };
        this.test.remove("loss");
        if dataset.scaling.is_none() {
            this.test.insert("psnr".into(), decibels(test.get("mse")));
        }
        this.hold_against_linear(subject, dataset)?;
        let most = most_codes(subject.model.network.latent());
        this.codes = inference.encode_dataset(dataset, &dataset.test, most)?;
        this.look_at_codes(subject.model);
        this.probe(dataset, inference, choice)?;
        this.restore(subject, dataset, inference)?;
        this.likelihood(subject, dataset, inference)?;
        this.judge(subject, dataset, inference, choice)?;
        Ok(this)
    }

    fn note(&mut self, name: &str, value: f64) {
        self.test.insert(name.into(), value);
    }

    /// What a linear code of the same length comes to, and whether it is better.
    fn hold_against_linear(&mut self, subject: &Subject, dataset: &Dataset) -> Result<()> {
        self.yardstick = Yardstick::new(subject.model, dataset, subject.binarised)?;
        let Some(yardstick) = self.yardstick.clone() else { return Ok(()) };
        self.note("pca_mse", yardstick.pca_mse);
        self.note("mean_mse", yardstick.mean_mse);
        let mse = self.test.get("mse").copied().unwrap_or(f64::NAN);
        if dataset.scaling.is_some() {
            self.note("explained", 1.0 - mse / yardstick.mean_mse);
        }
        if let Some(found) = trouble::of_errors(subject.model, mse, yardstick.mean_mse) {
            self.warnings.push(found);
            return Ok(());
        }
        // A model that is asked for something else as well has another aim.
        let is_plain = matches!(subject.model.variant, Variant::Dense | Variant::Conv)
            && subject.model.quantiser.is_none()
            && subject.noise.is_none();
        if is_plain && yardstick.pca_mse > 0.0 {
            self.warnings.extend(trouble::of_linear(mse, &yardstick));
        }
        Ok(())
    }

    /// The value of a measure, for a person.
    pub fn value(&self, name: &str) -> String {
        let value = self.test.get(name).copied().unwrap_or(f64::NAN);
        match &self.yardstick {
            Some(yardstick) if name == "mse" => format!("{value:.5} ({yardstick})"),
            _ => format!("{value:.5}"),
        }
    }

    fn look_at_codes(&mut self, model: &Model) {
        if let Some(log_variances) = &self.codes.log_variances {
            self.divergences = divergences(&self.codes, log_variances);
            let active = variances(&self.codes).iter().filter(|v| **v > ACTIVE_VARIANCE).count();
            // One code varies by nothing.
            if self.codes.count() > 1 {
                self.note("active_units", active as f64);
            }
            self.warnings.extend(trouble::of_active(active, &self.codes));
        } else if let (Some(indices), Variant::Vqvae(vqvae)) = (&self.codes.indices, &model.variant)
        {
            let uses = uses(indices, vqvae.codes);
            self.note("perplexity", perplexity(&uses));
            self.note("used_codes", uses.iter().filter(|count| **count > 0).count() as f64);
            self.uses = uses;
        } else {
            self.activations();
        }
    }

    fn activations(&mut self) {
        let count = self.codes.values.len().max(1) as f64;
        let sum: f64 = self.codes.values.iter().map(|value| f64::from(value.abs())).sum();
        let zeros = self.codes.values.iter().filter(|value| **value == 0.0).count();
        let mut greatest = vec![0.0_f32; self.codes.width];
        for row in self.codes.values.chunks(self.codes.width.max(1)) {
            greatest.iter_mut().zip(row).for_each(|(most, value)| *most = most.max(value.abs()));
        }
        let dead = greatest.iter().filter(|most| **most <= DEAD_ACTIVATION).count();
        self.note("mean_activation", sum / count);
        self.note("zeros", zeros as f64 / count);
        self.note("dead_units", dead as f64);
    }

    /// The accuracy of a linear classifier on the codes, where there are labels.
    fn probe(
        &mut self,
        dataset: &Dataset,
        inference: &mut Inference,
        choice: &DeviceChoice,
    ) -> Result<()> {
        let (Some(train), Some(test)) = (&dataset.train.labels, &dataset.test.labels) else {
            return Ok(());
        };
        if dataset.classes.len() < 2 {
            return Ok(());
        }
        let width = self.codes.width;
        let most = most_codes(width);
        let codes = inference.represent_dataset(dataset, &dataset.train, most)?;
        let held_out = inference.represent_dataset(dataset, &dataset.test, most)?;
        let labels = &train[..codes.count()];
        let mut opened = gpu::open(choice)?;
        let executor = opened.executor.as_mut();
        let learned = Examples { features: &codes.values, width, labels };
        let probe = Classifier::probe().train(executor, &learned, dataset.classes.len())?;
        let test = &test[..held_out.count()];
        let held_out = Examples { features: &held_out.values, width, labels: test };
        let accuracy = probe.accuracy(executor, &held_out)?;
        self.note("probe_accuracy", accuracy);
        Ok(())
    }

    /// How much noise goes, of pixels beside a median filter.
    fn restore(
        &mut self,
        subject: &Subject,
        dataset: &Dataset,
        inference: &mut Inference,
    ) -> Result<()> {
        let mut sums = [0.0; 3];
        let chunk = images_at_once(dataset);
        for first in (0..dataset.test.count).step_by(chunk) {
            let part = first..(first + chunk).min(dataset.test.count);
            let made = inference.restore_dataset(dataset, &dataset.test, part, subject.noise)?;
            let Some((made, clean)) = made else { return Ok(()) };
            sums[0] += squared_distance(&clean, &made.corrupted);
            sums[1] += squared_distance(&clean, &made.restored);
            if dataset.scaling.is_none() {
                sums[2] += squared_distance(&clean, &median3x3(&made.corrupted));
            }
        }
        let elements = (dataset.test.count * dataset.shape.elements()) as f64;
        let [corrupted, restored, median] = sums.map(|sum| sum / elements);
        if dataset.scaling.is_some() {
            self.note("corrupted_mse", corrupted);
            self.note("restored_mse", restored);
            return Ok(());
        }
        self.note("corrupted_psnr", decibels(corrupted));
        self.note("median_psnr", decibels(median));
        self.note("restored_psnr", decibels(restored));
        Ok(())
    }

    fn likelihood(
        &mut self,
        subject: &Subject,
        dataset: &Dataset,
        inference: &mut Inference,
    ) -> Result<()> {
        let Some(samples) = subject.likelihood_samples else { return Ok(()) };
        let part = 0..subject.likelihood_images.min(dataset.test.count);
        let labels = dataset.test.labels.as_ref().map(|labels| &labels[part.clone()]);
        let (mut images, _) = tensor(dataset, &dataset.test, part)?;
        Drawn::new(subject.binarised).draw(images.data_mut());
        let likelihoods = inference.log_likelihood(&images, labels, samples)?;
        let mean = likelihoods.iter().sum::<f64>() / likelihoods.len() as f64;
        self.note("nll", -mean);
        Ok(())
    }

    /// For a model that is told labels: how often a classifier that was trained on real images
    /// names the label that was asked for.
    fn judge(
        &mut self,
        subject: &Subject,
        dataset: &Dataset,
        inference: &mut Inference,
        choice: &DeviceChoice,
    ) -> Result<()> {
        if !subject.model.is_conditional() || dataset.masked {
            return Ok(());
        }
        let classes = dataset.classes.len();
        let width = dataset.shape.elements();
        let images =
            |images: &Images| tensor(dataset, images, 0..images.count.min(most_codes(width)));
        let labels = |images: &Images| images.labels.clone().unwrap_or_default();
        let (train, _) = images(&dataset.train)?;
        let (test, _) = images(&dataset.test)?;
        let mut opened = gpu::open(choice)?;
        let executor = opened.executor.as_mut();
        let (known, held_out) = (labels(&dataset.train), labels(&dataset.test));
        let known = &known[..train.shape()[0]];
        let learned = Examples { features: train.data(), width, labels: known };
        let judge = Classifier::dense().train(executor, &learned, classes)?;
        let held_out = &held_out[..test.shape()[0]];
        let real = Examples { features: test.data(), width, labels: held_out };
        let accuracy = judge.accuracy(executor, &real)?;
        self.note("classifier_accuracy", accuracy);
        let asked: Vec<u32> = (0..JUDGED).map(|index| (index % classes) as u32).collect();
        let known = inference.known_codes(dataset)?;
        let mut sampler = Sampler::new(subject.model, known);
        let drawn = sampler.draw(inference, JUDGED, Some(&asked), subject.seed)?;
        let drawn = Examples { features: drawn.data(), width, labels: &asked };
        let agreement = judge.accuracy(executor, &drawn)?;
        self.note("label_agreement", agreement);
        Ok(())
    }
}

/// How many codes of this width are looked at.
fn most_codes(width: usize) -> usize {
    (MOST_NUMBERS / width.max(1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn codes(values: &[f32]) -> Codes {
        Codes { width: 2, values: values.to_vec(), ..Codes::default() }
    }

    #[test]
    fn zeros_and_dead_units_are_counted() {
        let mut assessment =
            Assessment { codes: codes(&[0.5, 0.0, 0.0, 0.0]), ..Assessment::default() };
        assessment.activations();
        let test = |name: &str| assessment.test[name];
        assert_eq!(
            (test("mean_activation"), test("zeros"), test("dead_units")),
            (0.125, 0.75, 1.0)
        );
    }
}
