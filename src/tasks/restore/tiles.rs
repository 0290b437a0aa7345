//! A picture in overlapping parts of a model's size, and together again.

use crate::data::ImageShape;
use crate::error::{Error, Result};
use crate::inference::Inference;
use crate::tasks::trained::Trained;
use crate::tensor::Tensor;

/// Numbers of parts that are at work at once.
const NUMBERS: usize = 1 << 22;
/// The most parts at once.
const MOST_PARTS: usize = 256;

impl Trained {
    /// What the model makes of a picture of any size, `[1, channels, height, width]` in [0, 1] and NaN
    /// where pixels are missing; see [`restored`]. A model that is told labels takes the picture's.
    ///
    /// # Errors
    /// When the picture has other channels than the model, the label is missing or has no effect, or
    /// the device fails.
    pub fn restore(&mut self, picture: &Tensor, label: Option<u32>) -> Result<Tensor> {
        self.labels(label, 1)?;
        let part = self.model().images();
        restored(&mut self.inference(), part, picture, label)
    }
}

/// What a model of images of `part` makes of `picture`, `[1, channels, height, width]` in [0, 1] and
/// NaN where pixels are missing: parts of that size overlap by half, and are added up under weights
/// that fall along a squared sine to each part's edges. Pictures smaller than a part are continued by
/// their edges.
///
/// # Errors
/// When the picture has other channels than `part`, a label is missing, or the device fails.
pub fn restored(
    inference: &mut Inference,
    part: ImageShape,
    picture: &Tensor,
    label: Option<u32>,
) -> Result<Tensor> {
    blended(part, picture, |parts, _| {
        let labels = label.map(|label| vec![label; parts.shape().first().copied().unwrap_or(0)]);
        inference.reconstruct(parts, labels.as_deref())
    })
}

/// What `make` makes of overlapping parts of a picture, put together as [`restored`] does. It is handed
/// some parts at once, `[count, channels, height, width]`, and how many of them are not there to fill
/// up a count alone.
///
/// # Errors
/// When the picture has other channels than `part`, or `make` fails.
pub fn blended(
    part: ImageShape,
    picture: &Tensor,
    mut make: impl FnMut(&Tensor, usize) -> Result<Tensor>,
) -> Result<Tensor> {
    let whole = match picture.shape()[..] {
        [1, channels, height, width] if channels == part.channels => {
            ImageShape { channels, height, width }
        }
        _ => {
            let what = format!("takes one picture of {} channels", part.channels);
            return Err(Error::shape("blended", what, &[picture.shape()]));
        }
    };
    let (rows, columns) = (starts(whole.height, part.height), starts(whole.width, part.width));
    let places: Vec<(usize, usize)> =
        rows.iter().flat_map(|row| columns.iter().map(|column| (*row, *column))).collect();
    let mut sum = Sum::new(whole, part);
    let at_once = (NUMBERS / part.elements().max(1)).clamp(1, MOST_PARTS);
    for places in places.chunks(at_once) {
        // Parts are filled up to few different counts, each of which has a plan of its own.
        let count = places.len().next_power_of_two().min(at_once);
        let filled = places.iter().chain(std::iter::repeat(&places[0])).take(count);
        let mut parts = Vec::with_capacity(count * part.elements());
        filled.for_each(|place| cut(picture.data(), whole, part, *place, &mut parts));
        let parts = Tensor::new([count, part.channels, part.height, part.width], parts)?;
        let made = make(&parts, places.len())?;
        let made = made.data().chunks(part.elements());
        made.zip(places).for_each(|(made, place)| sum.add(made, *place));
    }
    sum.mean()
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

/// Parts of a picture, added up under their weights.
struct Sum {
    whole: ImageShape,
    part: ImageShape,
    /// Weights of a part's rows, and of its columns.
    hills: [Vec<f32>; 2],
    sums: Vec<f32>,
    /// The weights at each pixel.
    totals: Vec<f32>,
}

impl Sum {
    fn new(whole: ImageShape, part: ImageShape) -> Self {
        let (hills, plane) = ([hill(part.height), hill(part.width)], whole.height * whole.width);
        Self { whole, part, hills, sums: vec![0.0; whole.elements()], totals: vec![0.0; plane] }
    }

    fn add(&mut self, made: &[f32], (top, left): (usize, usize)) {
        let Self { whole, part, hills: [down, across], sums, totals } = self;
        for (row, down) in down.iter().enumerate().take(whole.height - top) {
            for (column, across) in across.iter().enumerate().take(whole.width - left) {
                let weight = down * across;
                let at = (top + row) * whole.width + left + column;
                totals[at] += weight;
                for (channel, sums) in sums.chunks_mut(whole.height * whole.width).enumerate() {
                    let from = (channel * part.height + row) * part.width + column;
                    sums[at] += weight * made[from];
                }
            }
        }
    }

    fn mean(self) -> Result<Tensor> {
        let Self { whole: ImageShape { channels, height, width }, mut sums, totals, .. } = self;
        for plane in sums.chunks_mut(height * width) {
            plane.iter_mut().zip(&totals).for_each(|(sum, total)| *sum /= total);
        }
        Tensor::new([1, channels, height, width], sums)
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
            let mut sum = Sum::new(whole, part);
            for top in starts(height, 8) {
                for left in starts(width, 8) {
                    let mut numbers = vec![];
                    cut(&picture, whole, part, (top, left), &mut numbers);
                    sum.add(&numbers, (top, left));
                }
            }
            let blended = sum.mean().expect("of the picture's size");
            for (at, number) in picture.iter().enumerate() {
                let found = blended.data()[at];
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
