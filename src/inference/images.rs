//! Images of a dataset, in the host's memory, as numbers.

use std::ops::Range;

use crate::data::{Dataset, ImageShape, Images};
use crate::error::Result;
use crate::tensor::Tensor;

/// Numbers of images that are brought to the host's memory at once.
const HOST_NUMBERS: usize = 1 << 24;
/// Images that are brought there at once, where they are small.
const HOST_IMAGES: usize = 1 << 12;

/// How many images of a dataset are brought to the host's memory at once.
pub(crate) fn images_at_once(dataset: &Dataset) -> usize {
    (HOST_NUMBERS / dataset.stored_elements().max(1)).clamp(1, HOST_IMAGES)
}

/// The images of a part of a dataset, `[count, channels, height, width]`, pixels in [0, 1] or standardised
/// numbers, and which of them are seen, `[count, 1, height, width]`, where some are not. In pairs, these are
/// the pictures that are given; see [`targets`].
///
/// # Errors
/// When pixels that are not in memory cannot be read.
///
/// # Panics
/// For a part beyond the dataset.
pub fn tensor(
    dataset: &Dataset,
    images: &Images,
    part: Range<usize>,
) -> Result<(Tensor, Option<Tensor>)> {
    let own = dataset.shape.elements();
    let pixels = numbers(dataset, images, part.clone(), 0..own, dataset.shape)?;
    let mut seen = None;
    if dataset.masked {
        let mask = ImageShape { channels: 1, ..dataset.shape };
        seen = Some(numbers(dataset, images, part, own..own + mask.elements(), mask)?);
    }
    Ok((pixels, seen))
}

/// What a model should make of those images, `[count, channels, height, width]` in [0, 1]: in pairs, the
/// pictures that the ones that are given should become, else the images themselves.
///
/// # Errors
/// As [`tensor`].
///
/// # Panics
/// For a part beyond the dataset.
pub fn targets(dataset: &Dataset, images: &Images, part: Range<usize>) -> Result<Tensor> {
    numbers(dataset, images, part, dataset.target(), dataset.shape)
}

/// These elements of each image as numbers.
fn numbers(
    dataset: &Dataset,
    images: &Images,
    part: Range<usize>,
    elements: Range<usize>,
    ImageShape { channels, height, width }: ImageShape,
) -> Result<Tensor> {
    let (stored, bytes) = (dataset.stored_bytes(), dataset.element.bytes());
    let own = elements.start * bytes..elements.end * bytes;
    let pixels = images.part(part.clone())?;
    let values = pixels.chunks(stored).flat_map(|row| dataset.numbers(&row[own.clone()])).collect();
    Tensor::new([part.len(), channels, height, width], values)
}
