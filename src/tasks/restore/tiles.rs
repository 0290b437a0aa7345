//! A picture in overlapping parts of a model's size, and together again.

use crate::data::ImageShape;
use crate::error::{Error, Result};
use crate::tasks::Trained;
use crate::tensor::Tensor;

/// Numbers of parts that are at work at once.
const NUMBERS: usize = 1 << 22;

/// What the model makes of `picture`, `[1, channels, height, width]` in [0, 1] and NaN where pixels
/// are missing: parts of the model's size overlap by half, and are added up under weights that fall
/// along a squared sine to each part's edges. Pictures smaller than a part are continued by their
/// edges.
///
/// # Errors
/// When the picture has other channels than the model's, a label is missing, or the device fails.
pub fn restored(trained: &mut Trained, picture: &Tensor, label: Option<u32>) -> Result<Tensor> {
    let part = trained.model().images();
    let [1, channels, height, width] = picture.shape()[..] else {
        return Err(Error::shape("restored", "takes one picture", &[picture.shape()]));
    };
    if channels != part.channels {
        let what = format!("takes a picture of {} channels", part.channels);
        return Err(Error::shape("restored", what, &[picture.shape()]));
    }
    let whole = ImageShape { channels, height, width };
    let rows = starts(height, part.height);
    let columns = starts(width, part.width);
    let places: Vec<(usize, usize)> =
        rows.iter().flat_map(|row| columns.iter().map(|column| (*row, *column))).collect();
    let weights = [hill(part.height), hill(part.width)];
    let mut sums = vec![0.0_f32; whole.elements()];
    let mut totals = vec![0.0_f32; height * width];
    let at_once = (NUMBERS / part.elements().max(1)).max(1);
    for places in places.chunks(at_once) {
        let labels = trained.labels(label, places.len())?;
        let mut parts = Vec::with_capacity(places.len() * part.elements());
        places.iter().for_each(|place| cut(picture.data(), whole, part, *place, &mut parts));
        let shape = [places.len(), channels, part.height, part.width];
        let parts = Tensor::new(shape, parts)?;
        let made = trained.inference().reconstruct(&parts, labels.as_deref())?;
        for (made, place) in made.data().chunks(part.elements()).zip(places) {
            add(made, part, &weights, *place, whole, &mut sums, &mut totals);
        }
    }
    for plane in sums.chunks_mut(height * width) {
        plane.iter_mut().zip(&totals).for_each(|(sum, total)| *sum /= total);
    }
    Tensor::new([1, channels, height, width], sums)
}

/// Takes over the pixels of `original` that are `seen`.
pub(super) fn keep(made: &mut Tensor, original: &Tensor, seen: &[bool]) {
    let planes = made.data_mut().chunks_mut(seen.len()).zip(original.data().chunks(seen.len()));
    for (made, original) in planes {
        for ((made, original), seen) in made.iter_mut().zip(original).zip(seen) {
            if *seen {
                *made = *original;
            }
        }
    }
}

/// Where parts of `size` begin along a side: at every half of a part, and at the end.
fn starts(side: usize, size: usize) -> Vec<usize> {
    let last = side.saturating_sub(size);
    let mut starts: Vec<usize> = (0..last).step_by((size / 2).max(1)).collect();
    starts.push(last);
    starts
}

/// The weights along a side of a part.
fn hill(size: usize) -> Vec<f32> {
    let sine = |at: usize| (std::f32::consts::PI * (at as f32 + 0.5) / size as f32).sin();
    (0..size).map(|at| sine(at).powi(2)).collect()
}

fn cut(
    picture: &[f32],
    whole: ImageShape,
    part: ImageShape,
    (top, left): (usize, usize),
    to: &mut Vec<f32>,
) {
    for plane in picture.chunks(whole.height * whole.width) {
        for row in top..top + part.height {
            let row = &plane[row.min(whole.height - 1) * whole.width..][..whole.width];
            to.extend((left..left + part.width).map(|column| row[column.min(whole.width - 1)]));
        }
    }
}

fn add(
    made: &[f32],
    part: ImageShape,
    [down, across]: &[Vec<f32>; 2],
    (top, left): (usize, usize),
    whole: ImageShape,
    sums: &mut [f32],
    totals: &mut [f32],
) {
    let plane = whole.height * whole.width;
    for (row, down) in down.iter().enumerate().take(whole.height - top) {
        for (column, across) in across.iter().enumerate().take(whole.width - left) {
            let weight = down * across;
            let at = (top + row) * whole.width + left + column;
            totals[at] += weight;
            for channel in 0..part.channels {
                let from = (channel * part.height + row) * part.width + column;
                sums[channel * plane + at] += weight * made[from];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_a_picture_and_blend_to_what_they_were_cut_from() {
        for (height, width) in [(1, 1), (5, 40), (8, 8), (9, 23), (64, 31)] {
            let whole = ImageShape { channels: 3, height, width };
            let part = ImageShape { channels: 3, height: 8, width: 8 };
            let picture: Vec<f32> = (0..whole.elements()).map(|at| (at % 97) as f32).collect();
            let mut sums = vec![0.0; whole.elements()];
            let mut totals = vec![0.0; height * width];
            let weights = [hill(8), hill(8)];
            for top in starts(height, 8) {
                for left in starts(width, 8) {
                    let mut numbers = vec![];
                    cut(&picture, whole, part, (top, left), &mut numbers);
                    add(&numbers, part, &weights, (top, left), whole, &mut sums, &mut totals);
                }
            }
            for (at, number) in picture.iter().enumerate() {
                let found = sums[at] / totals[at % (height * width)];
                assert!((found - number).abs() < 1e-3, "{height}x{width} {at}: {found} {number}");
            }
        }
    }

    #[test]
    fn weights_of_overlapping_parts_add_up_to_the_same_everywhere() {
        let weights = hill(32);
        for at in 0..16 {
            assert!((weights[at] + weights[at + 16] - 1.0).abs() < 1e-6);
        }
    }
}
