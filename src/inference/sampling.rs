//! New images from a model: codes that no image had, decoded.

use std::collections::HashMap;

use rand::RngExt;

use super::codes::Codes;
use super::distribution::CodeDistribution;
use super::known::KnownCodes;
use super::latent::standard_normal;
use super::place_sampler::PlaceSampler;
use super::runner::Inference;
use crate::error::{Error, Result};
use crate::graph::State;
use crate::models::{Model, Variant, VqVae};
use crate::rng::{Philox, Seed, stream};
use crate::tensor::Tensor;

/// The name of stored numbers of codes.
const INDICES: &str = "indices";

/// The places of VQ-VAE's codes, each of which has a code of the codebook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Places {
    /// How many there are.
    pub count: usize,
    /// Numbers of one.
    width: usize,
    /// Whether the numbers of a place lie apart, as in a map.
    is_map: bool,
}

impl Places {
    /// Those of `model`, whose variant is `vqvae`.
    pub fn new(model: &Model, vqvae: &VqVae) -> Self {
        let count = model.network.latent() / vqvae.code_dim;
        Self { count, width: vqvae.code_dim, is_map: model.network.code_shape().len() > 1 }
    }

    /// Gives one place of `code` what `donor` has there.
    pub fn take(&self, place: usize, donor: &[f32], code: &mut [f32]) {
        for number in 0..self.width {
            let at = match self.is_map {
                true => number * self.count + place,
                false => place * self.width + number,
            };
            code[at] = donor[at];
        }
    }
}

/// Where new codes come from.
pub enum Sampler {
    /// The prior of variational models: standard normal numbers.
    Prior {
        /// Numbers of a code.
        width: usize,
        /// Their standard deviation.
        temperature: f32,
    },
    /// For VQ-VAE, without a prior that was trained: at each place of the code, what another image has
    /// there. Places are drawn apart from each other, since nothing here models how they go together.
    Places(Places, Codes),
    /// For VQ-VAE: each place given those before it.
    Learned(Box<PlaceSampler>),
    /// For all others: a distribution fitted to real codes as they are before the encoder's last step,
    /// which is then taken: so as many units are at 0 as in real codes.
    Fitted(CodeDistribution, Box<Model>),
}

impl Sampler {
    /// The sampler of `model`, given codes of real images, which [`Inference::known_codes`] finds.
    pub fn new(model: &Model, known: KnownCodes) -> Self {
        match &model.variant {
            _ if model.is_variational() => {
                Self::Prior { width: model.network.latent(), temperature: 1.0 }
            }
            Variant::Vqvae(vqvae) => Self::Places(Places::new(model, vqvae), known.train),
            _ => {
                let KnownCodes { train, held_out } = known;
                let fit = CodeDistribution::new(&train.values, &held_out.values, train.width);
                Self::Fitted(fit, Box::new(model.clone()))
            }
        }
    }

    /// What is needed to draw the same codes again without images, as named tensors; nothing for models
    /// with a prior.
    ///
    /// # Errors
    /// Never, unless codes are wider than can be.
    pub fn tensors(&self) -> Result<Vec<(&'static str, Tensor)>> {
        match self {
            Self::Fitted(fit, _) => fit.tensors(),
            Self::Places(places, Codes { indices: Some(indices), .. }) => {
                let numbers: Vec<f32> = indices.iter().map(|index| *index as f32).collect();
                let count = numbers.len() / places.count.max(1);
                Ok(vec![(INDICES, Tensor::new([count, places.count], numbers)?)])
            }
            _ => Ok(vec![]),
        }
    }

    /// The sampler of `model`, which is in the state `state`, that [`Sampler::tensors`] were of; `None` if
    /// they are of none.
    pub fn from_tensors(
        model: &Model,
        state: &State,
        tensors: &HashMap<String, Tensor>,
    ) -> Option<Self> {
        let latent = model.network.latent();
        let Variant::Vqvae(vqvae) = &model.variant else {
            let fit = CodeDistribution::from_tensors(latent, tensors)?;
            return Some(Self::Fitted(fit, Box::new(model.clone())));
        };
        let places = Places::new(model, vqvae);
        let numbers = tensors.get(INDICES)?;
        let fits =
            matches!(numbers.shape()[..], [count, wide] if count > 0 && wide == places.count);
        let indices: Vec<u32> = numbers.data().iter().map(|number| *number as u32).collect();
        let values = fits.then(|| model.look_up(state, &indices))?.ok()?;
        let codes = Codes { width: latent, values, indices: Some(indices), ..Codes::default() };
        Some(Self::Places(places, codes))
    }

    /// The same with codes `temperature` times as far from the mean, in standard deviations: from that of
    /// their component, where there are several; or, of a prior of places, with logits divided by it.
    ///
    /// # Errors
    /// When `temperature` is not 1 and places are mixed from those of real images.
    pub fn at_temperature(self, temperature: f32) -> Result<Self> {
        match self {
            Self::Prior { width, .. } => Ok(Self::Prior { width, temperature }),
            Self::Fitted(fit, model) => Ok(Self::Fitted(fit.at_temperature(temperature), model)),
            Self::Learned(places) => {
                Ok(Self::Learned(Box::new(places.at_temperature(temperature))))
            }
            Self::Places(..) if temperature != 1.0 => {
                let what = "has no effect on a vqvae model without a prior, whose samples mix codes \
                            of real images; `diabolo prior RUN` trains one";
                Err(Error::option("--temperature", what))
            }
            Self::Places(..) => Ok(self),
        }
    }

    /// `count` codes, row by row.
    ///
    /// # Errors
    /// When the device of a prior of places fails.
    pub fn codes(&mut self, count: usize, seed: Seed) -> Result<Vec<f32>> {
        match self {
            Self::Prior { width, temperature } => {
                let mut codes = standard_normal(count * *width, seed);
                codes.iter_mut().for_each(|number| *number *= *temperature);
                Ok(codes)
            }
            Self::Fitted(fit, model) => {
                let mut codes = fit.draw(count, seed);
                model.activate(&mut codes);
                Ok(codes)
            }
            Self::Learned(places) => places.codes(count, seed),
            Self::Places(places, codes) => {
                let mut random = Philox::new(seed, stream::SAMPLES);
                let mut drawn = vec![0.0; count * codes.width];
                for code in drawn.chunks_mut(codes.width) {
                    for place in 0..places.count {
                        let donor = codes.row(random.random_range(0..codes.count()));
                        places.take(place, donor, code);
                    }
                }
                Ok(drawn)
            }
        }
    }

    /// `count` new images in [0, 1], of these labels where the model is told labels.
    ///
    /// # Errors
    /// When labels are missing, or the device fails.
    pub fn draw(
        &mut self,
        inference: &mut Inference,
        count: usize,
        labels: Option<&[u32]>,
        seed: Seed,
    ) -> Result<Tensor> {
        inference.decode(&self.codes(count, seed)?, labels)
    }

    /// What a user should know of how these samples are drawn.
    pub fn remark(&self) -> Option<&'static str> {
        match self {
            Self::Places(..) => Some(
                "this vqvae model has no prior, so each place of a sample comes from some training \
                 image, apart from all others; `diabolo prior RUN` (or `train --prior`) trains one",
            ),
            _ => None,
        }
    }
}
