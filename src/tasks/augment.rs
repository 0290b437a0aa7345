//! Near variants of pictures, to enlarge a set of them.

use rand::RngExt;

use super::trained::Trained;
use crate::error::{Error, Result};
use crate::inference::{Codes, PlaceSampler, Places, latent};
use crate::models::{Model, Variant};
use crate::rng::{Philox, Seed, stream};
use crate::tensor::Tensor;

impl Trained {
    /// `count` near variants of each of `images`, `[images, channels, height, width]` in [0, 1]: as
    /// many tensors of that shape. `strength` says how far codes of variants lie from the image's: in
    /// standard deviations of what its code may be (variational models) or of the images' codes; for
    /// vqvae, it is the share of places that are drawn anew, by its prior or from the other images. A model that is told labels takes one for each
    /// image. The same seed draws what `diabolo augment` draws.
    ///
    /// # Errors
    /// When the strength is below 0 or no number, images are not of the model's size or, for a vqvae
    /// model without a prior, fewer than two, labels are missing, or the device fails.
    pub fn augment(
        &mut self,
        images: &Tensor,
        count: usize,
        strength: f32,
        labels: Option<&[u32]>,
        seed: Seed,
    ) -> Result<Vec<Tensor>> {
        check_strength(strength)?;
        let model = self.model().clone();
        let sampler = self.place_sampler()?;
        let mut inference = self.inference();
        let codes = inference.encode(images, labels)?;
        let mut spread = Spread::new(&model, &codes, sampler)?;
        let mut random = Philox::new(seed, stream::VARIANTS);
        let variant = |_| {
            let mut drawn = spread.draw(&codes, strength, &mut random)?;
            model.rectify(&mut drawn);
            inference.decode(&drawn, labels)
        };
        (0..count).map(variant).collect()
    }
}

/// Refuses what is no distance.
///
/// # Errors
/// When it is below 0, or no number.
pub(crate) fn check_strength(strength: f32) -> Result<()> {
    match strength.is_finite() && strength >= 0.0 {
        true => Ok(()),
        false => Err(Error::option("--strength", format!("is {strength}, not 0 or more"))),
    }
}

/// How codes of variants differ from those of their pictures.
pub(crate) enum Spread {
    /// By normal numbers of these deviations: one a number of each code.
    Normal(Vec<f32>),
    /// By places taken from other codes.
    Places(Places),
    /// By places that a prior draws anew, each given those before it.
    Learned(Box<PlaceSampler>),
}

impl Spread {
    /// What `codes`, which `model` made, vary by; `sampler` is that of a vqvae model with a prior.
    ///
    /// # Errors
    /// When a vqvae model without a prior has fewer than two to mix.
    pub fn new(model: &Model, codes: &Codes, sampler: Option<PlaceSampler>) -> Result<Self> {
        if let Some(sampler) = sampler {
            return Ok(Self::Learned(Box::new(sampler)));
        }
        if let Variant::Vqvae(vqvae) = &model.variant {
            if codes.count() < 2 {
                let what = "a vqvae model without a prior mixes pictures, so it takes at least two of \
                            them; `diabolo prior RUN` trains one";
                return Err(Error::option("DIR", what));
            }
            return Ok(Self::Places(Places::new(model, vqvae)));
        }
        if let Some(variances) = &codes.log_variances {
            return Ok(Self::Normal(variances.iter().map(|v| (0.5 * v).exp()).collect()));
        }
        let deviations = (0..codes.width).map(|number| deviation(codes, number));
        Ok(Self::Normal(deviations.collect::<Vec<f32>>().repeat(codes.count())))
    }

    /// Codes of variants, one a code, this far away.
    ///
    /// # Errors
    /// When the device of a prior fails.
    pub fn draw(&mut self, codes: &Codes, strength: f32, random: &mut Philox) -> Result<Vec<f32>> {
        let mut drawn = codes.values.clone();
        match self {
            Self::Normal(deviations) => {
                let normals = latent::standard_normal(drawn.len(), Seed(random.random()));
                for ((number, deviation), normal) in
                    drawn.iter_mut().zip(deviations.iter()).zip(normals)
                {
                    *number += strength * *deviation * normal;
                }
            }
            Self::Learned(sampler) => {
                let indices = codes.indices.as_deref().unwrap_or_default();
                let chosen: Vec<bool> =
                    indices.iter().map(|_| random.random::<f32>() < strength).collect();
                drawn = sampler.redrawn(indices, &chosen, Seed(random.random()))?;
            }
            Self::Places(places) => {
                for code in drawn.chunks_mut(codes.width) {
                    for place in 0..places.count {
                        if random.random::<f32>() < strength {
                            let donor = codes.row(random.random_range(0..codes.count()));
                            places.take(place, donor, code);
                        }
                    }
                }
            }
        }
        Ok(drawn)
    }
}

/// The standard deviation of one number over all codes.
fn deviation(codes: &Codes, number: usize) -> f32 {
    let values = || (0..codes.count()).map(|row| f64::from(codes.row(row)[number]));
    let count = codes.count().max(1) as f64;
    let mean = values().sum::<f64>() / count;
    (values().map(|value| (value - mean).powi(2)).sum::<f64>() / count).sqrt() as f32
}
