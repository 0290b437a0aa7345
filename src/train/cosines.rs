//! Blocks of images along cosines, which is where the linear path of a codec begins.
//!
//! Principal components keep more of the images that they come from in as many numbers. But of components that vary
//! alike they are any mixture, in which edges of all directions meet; cosines keep them apart, so that more of a
//! block's numbers are 0 and fewer bits tell the others, and they suit photographs that were not seen as well.

use std::f32::consts::PI;

use crate::arithmetic::product::{Operand, Threads, product};
use crate::data::ImageShape;
use crate::evaluate::Principal;

/// Blocks, evenly spread, whose variances are measured.
const BLOCKS: usize = 1 << 16;

/// The cosines along which `blocks` of this shape vary most (Ahmed, Natarajan and Rao, "Discrete cosine transform",
/// 1974), of each of their colours' principal components: orthonormal directions, as many as asked for or as there are
/// numbers in a block.
pub(super) fn cosines(blocks: &[f32], shape: ImageShape, components: usize) -> Principal {
    let ImageShape { channels, height, width } = shape;
    let elements = shape.elements();
    let count = blocks.len() / elements.max(1);
    let each = count.div_ceil(BLOCKS).max(1);
    let blocks: Vec<f32> = blocks.chunks_exact(elements).step_by(each).flatten().copied().collect();
    let axes = colours(&blocks, shape);
    let (down, across) = (waves(height), waves(width));
    let mut directions = Vec::with_capacity(elements * elements);
    for axis in axes.chunks(channels) {
        for down in down.chunks(height) {
            for across in across.chunks(width) {
                for (colour, down) in axis.iter().flat_map(|c| down.iter().map(move |d| (c, d))) {
                    directions.extend(across.iter().map(|across| colour * down * across));
                }
            }
        }
    }
    let mean = Principal::of(&blocks, elements, 0).mean;
    let variances = variances(&blocks, &mean, &directions);
    let mut order: Vec<usize> = (0..variances.len()).collect();
    order.sort_by(|a, b| variances[*b].total_cmp(&variances[*a]));
    order.truncate(components);
    let chosen = |index: &usize| &directions[index * elements..][..elements];
    Principal {
        mean,
        directions: order.iter().flat_map(chosen).copied().collect(),
        variances: order.iter().map(|index| variances[*index]).collect(),
        width: elements,
    }
}

/// The principal components of a pixel's channels, `[channels, channels]`: of all of them, also where there is one
/// pixel.
fn colours(blocks: &[f32], shape: ImageShape) -> Vec<f32> {
    let (channels, plane) = (shape.channels, shape.height * shape.width);
    let mut pixels = Vec::with_capacity(blocks.len());
    for block in blocks.chunks_exact(shape.elements()) {
        for pixel in 0..plane {
            pixels.extend((0..channels).map(|channel| block[channel * plane + pixel]));
        }
    }
    let found = Principal::of(&pixels, channels, channels);
    if found.components() == channels {
        return found.directions;
    }
    (0..channels * channels).map(|at| f32::from(u8::from(at % (channels + 1) == 0))).collect()
}

/// Orthonormal cosines of so many places, row by row, the slowest first.
fn waves(places: usize) -> Vec<f32> {
    let wave = |row: usize, place: usize| {
        let size = if row == 0 { 1.0 } else { 2.0 };
        let angle = PI * row as f32 * (place as f32 + 0.5) / places as f32;
        (size / places as f32).sqrt() * angle.cos()
    };
    (0..places).flat_map(|row| (0..places).map(move |place| wave(row, place))).collect()
}

/// The variance of rows along each direction.
fn variances(rows: &[f32], mean: &[f32], directions: &[f32]) -> Vec<f32> {
    let width = mean.len();
    let (count, many) = (rows.len() / width.max(1), directions.len() / width.max(1));
    let mut sums = vec![0.0_f64; many];
    let mut along = vec![];
    for rows in rows.chunks(width * 1024) {
        let centred: Vec<f32> =
            rows.chunks(width).flat_map(|row| row.iter().zip(mean).map(|(x, m)| x - m)).collect();
        let some = rows.len() / width;
        along.resize(some * many, 0.0);
        let (left, right) = (Operand::rows(&centred, width), Operand::columns(directions, width));
        product(&mut along, [some, width, many], left, right, Threads::Many, |_, _| ());
        for row in along.chunks(many) {
            sums.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x).powi(2));
        }
    }
    sums.into_iter().map(|sum| (sum / count.max(1) as f64) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directions_are_orthonormal_and_sorted_by_what_they_keep() {
        let shape = ImageShape { channels: 3, height: 4, width: 2 };
        let elements = shape.elements();
        // Slow changes of one colour, and a little of all else.
        let pixel = |at: usize| {
            let (block, place) = (at / elements, at % elements);
            let (channel, row) = (place / 8, place % 8 / 2);
            let slope = (block % 7) as f32 * row as f32 * [1.0, 0.5, 0.2][channel];
            slope + (at * 31 % 17) as f32 * 0.01
        };
        let blocks: Vec<f32> = (0..200 * elements).map(pixel).collect();
        let found = cosines(&blocks, shape, elements + 5);
        assert_eq!(found.components(), elements);
        assert!(found.variances.is_sorted_by(|a, b| a >= b));
        for (a, one) in found.directions.chunks(elements).enumerate() {
            for (b, other) in found.directions.chunks(elements).enumerate() {
                let dot: f32 = one.iter().zip(other).map(|(x, y)| x * y).sum();
                assert!((dot - f32::from(u8::from(a == b))).abs() < 1e-5, "{a} {b}: {dot}");
            }
        }
        let [all, pca] =
            [found.error(&blocks, 3), Principal::of(&blocks, elements, 3).error(&blocks, 3)];
        assert!(found.error(&blocks, elements) < 1e-9 && pca <= all && all < 0.01, "{all} {pca}");
        // Of one pixel, and of none, there is nothing to be known.
        let one = ImageShape { channels: 3, height: 1, width: 1 };
        assert_eq!(cosines(&[0.1, 0.2, 0.3], one, 2).variances, [0.0; 2]);
        assert_eq!(cosines(&[], one, 2).components(), 2);
    }
}
