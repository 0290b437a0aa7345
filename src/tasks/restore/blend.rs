//! Overlapping parts of a picture, put together again.

use super::areas::Area;
use crate::data::ImageShape;
use crate::tensor::Tensor;

/// The weights along a side of a part.
fn hill(size: usize) -> Vec<f32> {
    let sine = |at: usize| (std::f32::consts::PI * (at as f32 + 0.5) / size as f32).sin();
    (0..size).map(|at| sine(at).powi(2)).collect()
}

/// Parts of a picture that overlap, added up under weights that fall along a squared sine to each part's edges.
pub struct Blend {
    whole: ImageShape,
    part: ImageShape,
    /// Weights of a part's rows, and of its columns.
    hills: [Vec<f32>; 2],
    sums: Vec<f32>,
    /// The weights at each pixel.
    totals: Vec<f32>,
}

impl Blend {
    /// No parts yet of a picture of shape `whole`, in which those are of shape `part`.
    pub fn new(whole: ImageShape, part: ImageShape) -> Self {
        let (hills, plane) = ([hill(part.height), hill(part.width)], whole.height * whole.width);
        Self { whole, part, hills, sums: vec![0.0; whole.elements()], totals: vec![0.0; plane] }
    }

    /// Adds what was made of the part of this area, `[channels, height, width]`. What lies beyond the picture is
    /// left out.
    pub fn add(&mut self, made: &[f32], Area { left, top, .. }: Area) {
        let Self { whole, part, hills: [down, across], sums, totals } = self;
        for (row, down) in down.iter().enumerate().take(whole.height.saturating_sub(top)) {
            for (column, across) in across.iter().enumerate().take(whole.width.saturating_sub(left))
            {
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

    /// The picture, `[1, channels, height, width]`, or none while a pixel is in no part.
    pub fn mean(self) -> Option<Tensor> {
        let Self { whole: ImageShape { channels, height, width }, mut sums, totals, .. } = self;
        if totals.contains(&0.0) {
            return None;
        }
        for plane in sums.chunks_mut((height * width).max(1)) {
            plane.iter_mut().zip(&totals).for_each(|(sum, total)| *sum /= total);
        }
        Tensor::new([1, channels, height, width], sums).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::super::areas::{areas, cut};
    use super::*;

    #[test]
    fn parts_cover_a_picture_and_blend_to_what_they_were_cut_from() {
        for (height, width) in [(1, 1), (5, 40), (8, 8), (9, 23), (64, 31)] {
            let whole = ImageShape { channels: 3, height, width };
            let part = ImageShape { channels: 3, height: 8, width: 8 };
            let picture: Vec<f32> = (0..whole.elements()).map(|at| (at % 97) as f32).collect();
            let mut blend = Blend::new(whole, part);
            for area in areas(whole, part) {
                let mut numbers = vec![];
                cut(&picture, whole, part, area, &mut numbers);
                blend.add(&numbers, area);
            }
            let blended = blend.mean().expect("no pixel is left out");
            for (at, number) in picture.iter().enumerate() {
                let found = blended.data()[at];
                assert!((found - number).abs() < 1e-3, "{height}x{width} {at}: {found} {number}");
            }
        }
    }

    #[test]
    fn a_pixel_in_no_part_is_noticed() {
        let whole = ImageShape { channels: 1, height: 8, width: 12 };
        let part = ImageShape { channels: 1, height: 8, width: 8 };
        let mut blend = Blend::new(whole, part);
        blend.add(&[0.5; 64], Area { left: 0, top: 0, width: 8, height: 8 });
        assert!(blend.mean().is_none());
    }

    #[test]
    fn weights_of_overlapping_parts_add_up_to_the_same_everywhere() {
        let weights = hill(32);
        for at in 0..16 {
            assert!((weights[at] + weights[at + 16] - 1.0).abs() < 1e-6);
        }
    }
}
