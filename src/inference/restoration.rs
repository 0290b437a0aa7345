//! Corrupted images of a dataset, and what a model makes of them.

use std::ops::Range;

use super::codes::Restored;
use super::images::{targets, tensor};
use super::runner::Inference;
use crate::data::{Dataset, Images};
use crate::error::Result;
use crate::ops::Corruption;
use crate::tensor::Tensor;

impl Inference<'_> {
    /// The images of a part of a dataset under `noise`, what the model makes of them, and what they should
    /// be. In pairs, they are corrupted already. `None` where nothing corrupts them, or pixels are missing.
    ///
    /// # Errors
    /// As [`Inference::restore`].
    pub fn restore_dataset(
        &mut self,
        dataset: &Dataset,
        images: &Images,
        part: Range<usize>,
        noise: Option<Corruption>,
    ) -> Result<Option<(Restored, Tensor)>> {
        if dataset.masked || (noise.is_none() && !dataset.paired) {
            return Ok(None);
        }
        let first = part.start;
        let labels = images.labels.as_ref().map(|labels| &labels[part.clone()]);
        let (given, _) = tensor(dataset, images, part.clone())?;
        let restored = match noise {
            Some(noise) => self.restore(&given, labels, noise, first)?,
            None => Restored { restored: self.reconstruct(&given, labels)?, corrupted: given },
        };
        Ok(Some((restored, targets(dataset, images, part)?)))
    }
}
