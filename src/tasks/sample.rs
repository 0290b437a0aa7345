//! New images from the model of a run folder.

use super::trained::Trained;
use crate::error::{Error, Result};
use crate::rng::Seed;
use crate::tensor::Tensor;

impl Trained {
    /// `count` new images, `[count, channels, height, width]` in [0, 1]. Codes lie `temperature` times
    /// as far from their mean as was learned: 1 draws what training saw, below 1 what is more typical.
    /// A model that is told labels takes one for each image.
    ///
    /// # Errors
    /// When the temperature is below 0, no number or, for a vqvae model without a prior, not 1, labels are
    /// missing, images whose codes new ones take after cannot be read, or the device fails.
    pub fn sample(
        &mut self,
        count: usize,
        temperature: f32,
        labels: Option<&[u32]>,
        seed: Seed,
    ) -> Result<Tensor> {
        check_temperature(temperature)?;
        let mut sampler = self.sampler()?.at_temperature(temperature)?;
        sampler.draw(&mut self.inference(), count, labels, seed)
    }
}

/// Refuses what is no temperature.
///
/// # Errors
/// When it is below 0, or no number.
pub(crate) fn check_temperature(temperature: f32) -> Result<()> {
    if temperature.is_finite() && temperature >= 0.0 {
        return Ok(());
    }
    Err(Error::option("--temperature", format!("is {temperature}; it must be 0 or more")))
}
