//! Codes of real images, for new ones to be like.

use std::borrow::Cow;

use super::codes::Codes;
use super::images::{images_at_once, tensor};
use super::runner::Inference;
use super::task::Task;
use crate::data::{Dataset, Images};
use crate::error::Result;
use crate::models::Variant;

/// Images whose codes new ones take after, and held-out ones that say how well those are described.
const TRAIN: usize = 10_000;
const HELD_OUT: usize = 5_000;
/// The most places of codes of a codebook, which a run stores.
const MOST_PLACES: usize = 1 << 22;

/// The codes of some images of a dataset: for plain autoencoders, before the encoder's last step.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KnownCodes {
    /// Of images to train on.
    pub train: Codes,
    /// Of images that are held out.
    pub held_out: Codes,
}

impl Inference<'_> {
    /// What [`Sampler`](super::sampling::Sampler) needs to know of real images: nothing where the model
    /// has a prior, else codes of ten thousand that are spread over all.
    ///
    /// # Errors
    /// When labels are missing, or the device fails.
    pub fn known_codes(&mut self, dataset: &Dataset) -> Result<KnownCodes> {
        if self.model.is_variational() {
            return Ok(KnownCodes::default());
        }
        let is_quantised = matches!(self.model.variant, Variant::Vqvae(_));
        let task = if is_quantised { Task::Encode } else { Task::Linear };
        let places = self.model.places().map_or(1, |map| map.iter().product::<usize>());
        let mut codes =
            |images: &Images, most| self.dataset_codes(task, dataset, &spread(images, most), most);
        let train = codes(&dataset.train, TRAIN.min((MOST_PLACES / places.max(1)).max(1)))?;
        let held_out = match is_quantised {
            true => Codes::default(),
            false => codes(&dataset.test, HELD_OUT)?,
        };
        Ok(KnownCodes { train, held_out })
    }
}

impl Inference<'_> {
    /// The numbers of the codebook's codes that images consist of, `[count, places]`, of VQ-VAE; of other
    /// models none.
    ///
    /// # Errors
    /// When the device fails.
    pub fn place_codes(&mut self, dataset: &Dataset, images: &Images) -> Result<Vec<u32>> {
        let mut all = vec![];
        let chunk = images_at_once(dataset);
        for first in (0..images.count).step_by(chunk) {
            let (pixels, _) = tensor(dataset, images, first..(first + chunk).min(images.count))?;
            all.extend(self.encode(&pixels, None)?.indices.unwrap_or_default());
        }
        Ok(all)
    }
}

/// `most` of the images, or all where they are fewer, spread over all: a folder's are in the order of
/// their classes.
pub(crate) fn spread(images: &Images, most: usize) -> Cow<'_, Images> {
    if images.count <= most {
        return Cow::Borrowed(images);
    }
    let chosen = (0..most).map(|index| (index * images.count / most) as u32);
    Cow::Owned(images.select(&chosen.collect::<Vec<_>>()))
}
