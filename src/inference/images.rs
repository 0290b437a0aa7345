//! Images of a dataset, in the host's memory, as numbers.

use crate::arithmetic::byte::number_of_byte;
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

/// The images in [0, 1] of a part of a dataset, `[count, channels, height, width]`, and which of
/// their pixels are seen, `[count, 1, height, width]`, where some are not.
///
/// # Errors
/// Never for a part within the dataset.
pub fn tensor(
    dataset: &Dataset,
    images: &Images,
    part: std::ops::Range<usize>,
) -> Result<(Tensor, Option<Tensor>)> {
    let ImageShape { channels, height, width } = dataset.shape;
    let (stored, own) = (dataset.stored_elements(), dataset.shape.elements());
    let bytes = &images.pixels[part.start * stored..part.end * stored];
    let number = |byte: &u8| number_of_byte(*byte);
    let rows = || bytes.chunks(stored);
    let values = rows().flat_map(|row| &row[..own]).map(number).collect();
    let pixels = Tensor::new([part.len(), channels, height, width], values)?;
    let mut seen = None;
    if dataset.masked {
        let values = rows().flat_map(|row| &row[own..]).map(number).collect();
        seen = Some(Tensor::new([part.len(), 1, height, width], values)?);
    }
    Ok((pixels, seen))
}
