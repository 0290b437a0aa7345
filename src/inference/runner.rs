//! What a trained model does with images and codes in host memory, batch by batch.

use super::codes::{Codes, Restored};
use super::images::{images_at_once, tensor};
use super::noise_level::noise_level;
use super::plan_cache::PlanCache;
use super::portions::{NUMBERS, Portions};
use super::task::Task;
use crate::data::{Dataset, ImageShape, Images};
use crate::error::{Error, Result};
use crate::graph::{Executor, StateLayout};
use crate::models::{MISSING, Model, Variant};
use crate::ops::Corruption;
use crate::rng::Seed;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The most images of which the likelihood is measured at once.
const LIKELIHOOD_BATCH: usize = 50;

/// A model on the device that holds its state. Its plans end with it.
pub struct Inference<'a> {
    pub(super) executor: &'a mut dyn Executor,
    pub(super) model: &'a Model,
    pub(super) layout: &'a StateLayout,
    /// By task, rows a step, and place among those that run together.
    pub(super) plans: PlanCache<(Task, usize, usize)>,
    /// The deviation of the noise in all images, where it is known, for a model that is told it.
    pub(super) noise_level: Option<f32>,
}

impl Drop for Inference<'_> {
    fn drop(&mut self) {
        self.plans.clear(self.executor);
    }
}

impl<'a> Inference<'a> {
    /// `executor` holds the state of `model`, laid out as `layout`.
    pub fn new(executor: &'a mut dyn Executor, model: &'a Model, layout: &'a StateLayout) -> Self {
        Self { executor, model, layout, plans: PlanCache::new(), noise_level: None }
    }

    /// The same for images whose noise has this standard deviation, for a model that is told it; without
    /// it, each image's is estimated ([`noise_level`]).
    #[must_use]
    pub fn with_noise_level(mut self, level: Option<f32>) -> Self {
        self.noise_level = level;
        self
    }

    /// The model.
    pub fn model(&self) -> &'a Model {
        self.model
    }

    /// The same for `model`, which differs by the size of its images alone and has the same weights.
    pub fn with_model<'b>(&'b mut self, model: &'b Model) -> Inference<'b> {
        Inference::new(self.executor, model, self.layout).with_noise_level(self.noise_level)
    }

    /// The deviation of the noise in `picture`, `[1, channels, height, width]`, as the model is told it:
    /// what is known, else what is estimated; `None` for a model that is told none.
    pub fn noise_level_of(&self, picture: &Tensor) -> Option<f32> {
        let known = || {
            self.noise_level.unwrap_or_else(|| {
                noise_level(picture.data(), picture.shape().get(1..).unwrap_or_default())
            })
        };
        self.model.noise_level.then(known)
    }

    /// The codes of `images`, `[count, channels, height, width]` in [0, 1], NaN where a pixel is
    /// missing, whose labels are needed by a model that is told them.
    ///
    /// # Errors
    /// When the images are not of the model's size, labels are missing, or the device fails.
    pub fn encode(&mut self, images: &Tensor, labels: Option<&[u32]>) -> Result<Codes> {
        self.codes(Task::Encode, images, labels)
    }

    fn codes(&mut self, task: Task, images: &Tensor, labels: Option<&[u32]>) -> Result<Codes> {
        let mut codes = Codes { width: self.model.network.latent(), ..Codes::default() };
        if task == Task::Encode && self.model.is_variational() {
            codes.log_variances = Some(vec![]);
        }
        if task == Task::Encode && self.model.has_hyperprior() {
            codes.log_scales = Some(vec![]);
        }
        if task == Task::Encode && matches!(self.model.variant, Variant::Vqvae(_)) {
            codes.indices = Some(vec![]);
        }
        let images = &without_missing(images, self.model)?;
        self.batches(0, task, ("images", images), labels, |executor, plan| {
            codes.values.extend_from_slice(executor.read_output(plan, "code")?.data());
            if let Some(variances) = &mut codes.log_variances {
                variances.extend_from_slice(executor.read_output(plan, "log_variance")?.data());
            }
            if let Some(scales) = &mut codes.log_scales {
                scales.extend_from_slice(executor.read_output(plan, "log_scale")?.data());
            }
            if let Some(indices) = &mut codes.indices {
                let numbers = executor.read_output(plan, "index")?;
                indices.extend(numbers.data().iter().map(|number| *number as u32));
            }
            Ok(())
        })?;
        Ok(codes)
    }

    /// The same as a classifier should read them; see [`Model::represent`].
    ///
    /// # Errors
    /// As [`Inference::encode`].
    pub fn represent(&mut self, images: &Tensor, labels: Option<&[u32]>) -> Result<Codes> {
        self.codes(Task::Represent, images, labels)
    }

    /// The codes of the images of a part of a dataset, up to `most` of them.
    ///
    /// # Errors
    /// As [`Inference::encode`].
    pub fn encode_dataset(
        &mut self,
        dataset: &Dataset,
        images: &Images,
        most: usize,
    ) -> Result<Codes> {
        self.dataset_codes(Task::Encode, dataset, images, most)
    }

    /// The same as a classifier should read them; see [`Model::represent`].
    ///
    /// # Errors
    /// As [`Inference::encode`].
    pub fn represent_dataset(
        &mut self,
        dataset: &Dataset,
        images: &Images,
        most: usize,
    ) -> Result<Codes> {
        self.dataset_codes(Task::Represent, dataset, images, most)
    }

    pub(super) fn dataset_codes(
        &mut self,
        task: Task,
        dataset: &Dataset,
        images: &Images,
        most: usize,
    ) -> Result<Codes> {
        let mut all = Codes::default();
        let count = images.count.min(most);
        let chunk = images_at_once(dataset);
        for first in (0..count).step_by(chunk) {
            let part = first..(first + chunk).min(count);
            let labels = images.labels.as_ref().map(|labels| &labels[part.clone()]);
            let (pixels, _) = tensor(dataset, images, part)?;
            all.append(self.codes(task, &pixels, labels)?);
        }
        match count {
            0 => Err(Error::Graph("there are no images to encode".into())),
            _ => Ok(all),
        }
    }

    /// The images, in [0, 1], that `codes`, `[count, ...]`, stand for.
    ///
    /// # Errors
    /// When the codes are not of the model's size, labels are missing, or the device fails.
    pub fn decode(&mut self, codes: &[f32], labels: Option<&[u32]>) -> Result<Tensor> {
        let shape = self.model.network.code_shape();
        let count = codes.len() / self.model.network.latent().max(1);
        let codes = Tensor::new(Shape::new([&[count][..], &shape].concat()), codes.to_vec())?;
        self.outputs(Task::Decode, ("code", &codes), labels, ["reconstruction"]).map(|[made]| made)
    }

    /// The reconstructions of `images`, `[count, channels, height, width]` in [0, 1]. Pixels that
    /// are NaN are missing, and come out as the model sees fit.
    ///
    /// # Errors
    /// When the images are not of the model's size, labels are missing, or the device fails.
    pub fn reconstruct(&mut self, images: &Tensor, labels: Option<&[u32]>) -> Result<Tensor> {
        let seen = without_missing(images, self.model)?;
        let outputs = ["reconstruction"];
        self.outputs(Task::Reconstruct, ("images", &seen), labels, outputs).map(|[made]| made)
    }

    /// `images` corrupted by `noise`, and what the model makes of them. The noise is that of the images'
    /// numbers, of which the first is `first`.
    ///
    /// # Errors
    /// As [`Inference::reconstruct`].
    pub fn restore(
        &mut self,
        images: &Tensor,
        labels: Option<&[u32]>,
        noise: Corruption,
        first: usize,
    ) -> Result<Restored> {
        let images = &without_missing(images, self.model)?;
        let outputs = ["corrupted", "reconstruction"];
        let task = Task::Restore(noise);
        let made = self.outputs_from(first as u32, task, ("images", images), labels, outputs)?;
        let [corrupted, restored] = made;
        Ok(Restored { corrupted, restored })
    }

    /// The logarithm of the likelihood of each image in nats, estimated by `samples` weighted samples
    /// of its code, of which no more are held at once than memory allows.
    ///
    /// # Errors
    /// When the model is not variational, or as [`Inference::reconstruct`].
    pub fn log_likelihood(
        &mut self,
        images: &Tensor,
        labels: Option<&[u32]>,
        samples: usize,
    ) -> Result<Vec<f64>> {
        let count = images.shape().first().copied().unwrap_or(0);
        if count == 0 || samples == 0 {
            let what = "a likelihood takes at least one image and one sample";
            return Err(Error::shape("log_likelihood", what, &[images.shape()]));
        }
        let rows = (NUMBERS / self.model.network.widest().max(1)).max(1);
        let batch = LIKELIHOOD_BATCH.min(count).min(rows);
        let most = (rows / batch).max(1);
        let mut sums = vec![(f64::NEG_INFINITY, 0.0); count];
        let mut done = 0;
        while done < samples {
            let part = most.min(samples - done);
            let mut place = 0;
            let (task, input) = (Task::Likelihood(part), ("images", images));
            let portions = Portions::of(batch);
            self.batches_of(portions, done as u32, task, input, labels, |executor, plan| {
                let likelihoods = executor.read_output(plan, "log_likelihood")?;
                for likelihood in likelihoods.data() {
                    add_exp(&mut sums[place], f64::from(*likelihood) + (part as f64).ln());
                    place += 1;
                }
                Ok(())
            })?;
            done += part;
        }
        Ok(sums.iter().map(|(max, sum)| max + sum.ln() - (samples as f64).ln()).collect())
    }

    /// The evidence lower bound of each image in nats, the mean over `draws` draws of its code: of
    /// models with a squared error, up to a constant.
    ///
    /// # Errors
    /// When the model is not variational, or as [`Inference::reconstruct`].
    pub fn evidence_bound(
        &mut self,
        images: &Tensor,
        labels: Option<&[u32]>,
        draws: usize,
    ) -> Result<Vec<f64>> {
        let count = images.shape().first().copied().unwrap_or(0);
        let mut sums = vec![0.0; count];
        for draw in 0..draws {
            let mut sums = sums.iter_mut();
            let input = ("images", images);
            self.batches(draw as u32, Task::Bound, input, labels, |executor, plan| {
                let bounds = executor.read_output(plan, "bound")?;
                for (bound, sum) in bounds.data().iter().zip(sums.by_ref()) {
                    *sum += f64::from(*bound);
                }
                Ok(())
            })?;
        }
        Ok(sums.iter().map(|sum| sum / draws.max(1) as f64).collect())
    }

    /// Runs `task` over all of `input` and joins its outputs.
    fn outputs<const N: usize>(
        &mut self,
        task: Task,
        input: (&str, &Tensor),
        labels: Option<&[u32]>,
        names: [&str; N],
    ) -> Result<[Tensor; N]> {
        self.outputs_from(0, task, input, labels, names)
    }

    /// The same, with random draws that begin with step `first`.
    fn outputs_from<const N: usize>(
        &mut self,
        first: u32,
        task: Task,
        input: (&str, &Tensor),
        labels: Option<&[u32]>,
        names: [&str; N],
    ) -> Result<[Tensor; N]> {
        let mut joined: [Vec<f32>; N] = std::array::from_fn(|_| vec![]);
        self.batches(first, task, input, labels, |executor, plan| {
            for (joined, name) in joined.iter_mut().zip(names) {
                joined.extend_from_slice(executor.read_output(plan, name)?.data());
            }
            Ok(())
        })?;
        let ImageShape { channels, height, width } = self.model.images();
        let shape = Shape::from([input.1.shape()[0], channels, height, width]);
        let mut made: [Tensor; N] = std::array::from_fn(|_| Tensor::zeros([0]));
        for (made, joined) in made.iter_mut().zip(joined) {
            *made = Tensor::new(shape.clone(), joined)?;
        }
        Ok(made)
    }
}

/// The seed of noise that is drawn after training, so that two models are measured under the same.
pub(crate) const DRAWS: Seed = Seed(0x00D1_AB01_0000);

/// Adds `exp(value)` to a sum that is kept as `exp(max) * sum`.
fn add_exp((max, sum): &mut (f64, f64), value: f64) {
    if value > *max {
        *sum = *sum * (*max - value).exp() + 1.0;
        *max = value;
    } else {
        *sum += (value - *max).exp();
    }
}

/// `images` with 0 in all channels of a pixel that is NaN in any.
fn without_missing(images: &Tensor, model: &Model) -> Result<Tensor> {
    let shape = model.images();
    let value = if model.fills { MISSING } else { 0.0 };
    let plane = shape.height * shape.width;
    if images.data().iter().all(|value| !value.is_nan()) || shape.elements() == 0 {
        return Ok(images.clone());
    }
    let mut values = images.data().to_vec();
    for image in values.chunks_mut(shape.elements()) {
        for pixel in 0..plane.min(image.len()) {
            let channels = || (pixel..image.len()).step_by(plane);
            if channels().any(|place| image[place].is_nan()) {
                channels().collect::<Vec<_>>().into_iter().for_each(|place| image[place] = value);
            }
        }
    }
    Tensor::new(images.shape().clone(), values)
}
