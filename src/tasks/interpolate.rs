//! The way from one picture to another through a model's codes.

use super::trained::Trained;
use crate::error::{Error, Result};
use crate::inference::latent;
use crate::tensor::Tensor;

/// The most pictures of one way.
const MOST: usize = 1000;

impl Trained {
    /// The way from the first of two images to the second, `[2, channels, height, width]`, through
    /// their codes: `steps` images from 2 on, with both ends as the model makes them. It goes along a
    /// sphere where codes are normally distributed (variational models), else straight.
    ///
    /// # Errors
    /// When there are not two images of the model's size, or fewer than 2 or more than 1000 steps, the
    /// label is missing or has no effect, or the device fails.
    pub fn interpolate(
        &mut self,
        ends: &Tensor,
        steps: usize,
        label: Option<u32>,
    ) -> Result<Tensor> {
        check_steps(steps)?;
        if ends.shape().first() != Some(&2) {
            let what = "takes two images, [2, channels, height, width]";
            return Err(Error::shape("interpolate", what, &[ends.shape()]));
        }
        let labels = self.labels(label, steps)?;
        let is_variational = self.model().is_variational();
        let between = if is_variational { latent::spherical } else { latent::linear };
        let mut inference = self.inference();
        let codes = inference.encode(ends, labels.as_ref().map(|labels| &labels[..2]))?;
        let share = |step: usize| step as f32 / (steps - 1) as f32;
        let way: Vec<f32> =
            (0..steps).flat_map(|step| between(codes.row(0), codes.row(1), share(step))).collect();
        inference.decode(&way, labels.as_deref())
    }
}

/// Refuses what is no way.
///
/// # Errors
/// When there are fewer than two pictures, or too many.
pub(crate) fn check_steps(steps: usize) -> Result<()> {
    match (2..=MOST).contains(&steps) {
        true => Ok(()),
        false => Err(Error::option("--steps", format!("takes 2 to {MOST} pictures"))),
    }
}
