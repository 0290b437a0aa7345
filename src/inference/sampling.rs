//! New images from a model: codes that no image had, decoded.

use rand::RngExt;

use super::codes::Codes;
use super::latent::{NormalFit, standard_normal};
use super::runner::Inference;
use crate::error::{Error, Result};
use crate::models::{Model, Variant, VqVae};
use crate::rng::{Philox, Seed, stream};
use crate::tensor::Tensor;

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
pub enum Sampler<'a> {
    /// The prior of variational models: standard normal numbers.
    Prior {
        /// Numbers of a code.
        width: usize,
        /// Their standard deviation.
        temperature: f32,
    },
    /// For VQ-VAE: at each place of the code, what another image has there. Places are drawn apart
    /// from each other, since nothing here models how they go together.
    Places(Places, &'a Codes),
    /// For all others: a normal distribution with the mean and covariance of real codes (Ghosh et
    /// al., "From variational to deterministic autoencoders", 2020), rectified as those are.
    Normal(NormalFit, &'a Model),
}

impl<'a> Sampler<'a> {
    /// The sampler of `model`, given codes of real images.
    pub fn new(model: &'a Model, codes: &'a Codes) -> Self {
        match &model.variant {
            _ if model.is_variational() => {
                Self::Prior { width: model.network.latent(), temperature: 1.0 }
            }
            Variant::Vqvae(vqvae) => Self::Places(Places::new(model, vqvae), codes),
            _ => Self::Normal(NormalFit::new(&codes.values, codes.width), model),
        }
    }

    /// The same with codes `temperature` times as far from the mean, in standard deviations.
    ///
    /// # Errors
    /// When `temperature` is not 1 and codes are not drawn from a normal distribution.
    pub fn at_temperature(self, temperature: f32) -> Result<Self> {
        match self {
            Self::Prior { width, .. } => Ok(Self::Prior { width, temperature }),
            Self::Normal(fit, model) => Ok(Self::Normal(fit.scaled(temperature), model)),
            Self::Places(..) if temperature != 1.0 => {
                let what = "has no effect on a vqvae model, whose samples mix codes of real images";
                Err(Error::option("--temperature", what))
            }
            Self::Places(..) => Ok(self),
        }
    }

    /// `count` codes, row by row.
    pub fn codes(&self, count: usize, seed: Seed) -> Vec<f32> {
        match self {
            Self::Prior { width, temperature } => {
                let mut codes = standard_normal(count * width, seed);
                codes.iter_mut().for_each(|number| *number *= temperature);
                codes
            }
            Self::Normal(fit, model) => {
                let mut codes = fit.draw(count, seed);
                model.rectify(&mut codes);
                codes
            }
            Self::Places(places, codes) => {
                let mut random = Philox::new(seed, stream::SAMPLES);
                let mut drawn = vec![0.0; count * codes.width];
                for code in drawn.chunks_mut(codes.width) {
                    for place in 0..places.count {
                        let donor = codes.row(random.random_range(0..codes.count()));
                        places.take(place, donor, code);
                    }
                }
                drawn
            }
        }
    }

    /// `count` new images in [0, 1], of these labels where the model is told labels.
    ///
    /// # Errors
    /// When labels are missing, or the device fails.
    pub fn draw(
        &self,
        inference: &mut Inference,
        count: usize,
        labels: Option<&[u32]>,
        seed: Seed,
    ) -> Result<Tensor> {
        inference.decode(&self.codes(count, seed), labels)
    }
}
