//! Where in a picture the reconstruction fails: smoothed squared errors as colours over the picture.

use image::{Rgb, RgbImage, imageops};

use crate::data::ImageShape;

/// The smoothing's standard deviation is this part of a picture's shorter side: 4 pixels of 224, as
/// is usual in the literature (Defard et al., "PaDiM", 2021),
const DEVIATION: f64 = 4.0 / 224.0;
/// and at least this many pixels.
const LEAST_DEVIATION: f64 = 0.7;
/// Pictures are enlarged by a whole number until their longer side has this many pixels.
const SIDE: usize = 256;
/// Pixels between the picture and its heat map.
const GAP: u32 = 6;
/// How much of the picture the strongest colour hides.
const OPACITY: f64 = 0.8;

/// Colours of "inferno" (N. Smith and S. van der Walt, 2015) at equal steps: they grow lighter
/// evenly, and are told apart by people of any colour vision.
const COLOURS: [[f64; 3]; 9] = [
    [0.0, 0.0, 4.0],
    [31.0, 12.0, 72.0],
    [85.0, 15.0, 109.0],
    [136.0, 34.0, 106.0],
    [186.0, 54.0, 85.0],
    [227.0, 89.0, 51.0],
    [249.0, 140.0, 10.0],
    [249.0, 201.0, 50.0],
    [252.0, 255.0, 164.0],
];

/// The squared error of each pixel, `[height, width]`, averaged over channels and smoothed by a
/// Gaussian that is cut off at three deviations; pixels beyond an edge are those on it. `image` and
/// `made` are `[channels, height, width]`.
pub fn error_map(image: &[f32], made: &[f32], shape: ImageShape) -> Vec<f64> {
    error_map_by(image, made, shape, shape.height.min(shape.width))
}

/// The same where it is another `side` that the smoothing follows: that of the parts in which a model
/// sees a picture.
pub fn error_map_by(image: &[f32], made: &[f32], shape: ImageShape, side: usize) -> Vec<f64> {
    let ImageShape { channels, height, width } = shape;
    let plane = height * width;
    let mut errors = vec![0.0; plane];
    for (index, (a, b)) in image.iter().zip(made).enumerate() {
        errors[index % plane] += (f64::from(*a) - f64::from(*b)).powi(2) / channels as f64;
    }
    let deviation = (DEVIATION * side as f64).max(LEAST_DEVIATION);
    let weights = gaussian(deviation);
    let across = smooth(&errors, &weights, |at, offset| {
        let (y, x) = (at / width, at % width);
        y * width + neighbour(x, offset, width)
    });
    smooth(&across, &weights, |at, offset| {
        let (y, x) = (at / width, at % width);
        neighbour(y, offset, height) * width + x
    })
}

/// Weights of sum 1 at the distances from -3 to 3 deviations.
fn gaussian(deviation: f64) -> Vec<f64> {
    let radius = (3.0 * deviation).ceil() as i32;
    let weight = |distance: i32| (-0.5 * (f64::from(distance) / deviation).powi(2)).exp();
    let weights: Vec<f64> = (-radius..=radius).map(weight).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / sum).collect()
}

/// The place `offset` away along an axis, or the nearest one that there is.
fn neighbour(at: usize, offset: isize, length: usize) -> usize {
    at.saturating_add_signed(offset).min(length - 1)
}

fn smooth(values: &[f64], weights: &[f64], place: impl Fn(usize, isize) -> usize) -> Vec<f64> {
    let radius = (weights.len() / 2) as isize;
    let sum = |at| {
        let near = (-radius..=radius).zip(weights);
        near.map(|(offset, weight)| weight * values[place(at, offset)]).sum()
    };
    (0..values.len()).map(sum).collect()
}

/// The picture, `[channels, height, width]`, and beside it its `errors` over it, half of the colours
/// being used up at `middle`.
pub fn overlay(image: &[f32], errors: &[f64], shape: ImageShape, middle: f64) -> RgbImage {
    let (width, height) = (shape.width as u32, shape.height as u32);
    let plain = RgbImage::from_fn(width, height, |x, y| pixel(image, shape, x, y));
    let heat = RgbImage::from_fn(width, height, |x, y| {
        let error = errors[y as usize * shape.width + x as usize];
        let part = if middle > 0.0 { (error / (2.0 * middle)).clamp(0.0, 1.0) } else { 0.0 };
        blend(pixel(image, shape, x, y), colour(part), OPACITY * part.sqrt())
    });
    let factor = SIDE.div_ceil(shape.width.max(shape.height)).max(1) as u32;
    let (wide, high) = (width * factor, height * factor);
    let mut both = RgbImage::from_pixel(2 * wide + GAP, high, Rgb([255; 3]));
    for (picture, left) in [(plain, 0), (heat, wide + GAP)] {
        // Pixel by pixel, so that nothing is blurred that is not so.
        let large = imageops::resize(&picture, wide, high, imageops::FilterType::Nearest);
        imageops::replace(&mut both, &large, left.into(), 0);
    }
    both
}

fn pixel(image: &[f32], shape: ImageShape, x: u32, y: u32) -> Rgb<u8> {
    let plane = shape.height * shape.width;
    let at = y as usize * shape.width + x as usize;
    let channel = |channel: usize| {
        let channel = if shape.channels == 3 { channel } else { 0 };
        (image[channel * plane + at].clamp(0.0, 1.0) * 255.0).round() as u8
    };
    Rgb([channel(0), channel(1), channel(2)])
}

/// The colour of a part from 0 to 1.
fn colour(part: f64) -> Rgb<u8> {
    let place = part * (COLOURS.len() - 1) as f64;
    let lower = (place as usize).min(COLOURS.len() - 2);
    let share = place - lower as f64;
    let mix = |channel: usize| {
        let (low, high) = (COLOURS[lower][channel], COLOURS[lower + 1][channel]);
        (low + share * (high - low)).round() as u8
    };
    Rgb([mix(0), mix(1), mix(2)])
}

fn blend(below: Rgb<u8>, above: Rgb<u8>, opacity: f64) -> Rgb<u8> {
    let mix = |channel: usize| {
        let (below, above) = (f64::from(below[channel]), f64::from(above[channel]));
        (below + opacity * (above - below)).round() as u8
    };
    Rgb([mix(0), mix(1), mix(2)])
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPE: ImageShape = ImageShape { channels: 3, height: 9, width: 12 };

    /// A black image, and what differs from it by 1 in this pixel of all channels.
    fn images(y: usize, x: usize) -> (Vec<f32>, Vec<f32>) {
        let black = vec![0.0; SHAPE.elements()];
        let mut made = black.clone();
        (0..3).for_each(|channel| made[(channel * 9 + y) * 12 + x] = 1.0);
        (black, made)
    }

    #[test]
    fn an_error_is_spread_around_its_place_and_none_is_lost() {
        let (image, made) = images(4, 6);
        let errors = error_map(&image, &made, SHAPE);
        assert!((errors.iter().sum::<f64>() - 1.0).abs() < 1e-12);
        let greatest = errors.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
        assert_eq!(greatest.map(|(at, _)| at), Some(4 * 12 + 6));
        assert!((errors[3 * 12 + 6] - errors[5 * 12 + 6]).abs() < 1e-12);
        assert!((errors[4 * 12 + 5] - errors[5 * 12 + 6]).abs() < 1e-12);
        assert_eq!(errors[0], 0.0);
        let (image, made) = images(0, 11);
        let corner = error_map(&image, &made, SHAPE);
        assert!(corner[11] > errors[4 * 12 + 6], "an edge goes on beyond itself");
    }

    #[test]
    fn colours_lie_where_errors_do() {
        let (image, made) = images(4, 6);
        let errors = error_map(&image, &made, SHAPE);
        let picture = overlay(&image, &errors, SHAPE, errors[4 * 12 + 6] / 2.0);
        let factor = 22;
        assert_eq!(picture.dimensions(), (2 * 12 * factor + GAP, 9 * factor));
        let right = 12 * factor + GAP;
        let at = |x: u32, y: u32| picture.get_pixel(right + x * factor + 1, y * factor + 1).0;
        assert!(at(6, 4)[0] > 150, "{:?}", at(6, 4));
        assert_eq!(at(0, 0), [0, 0, 0]);
        assert_eq!(picture.get_pixel(6 * factor, 4 * factor).0, [0, 0, 0], "the picture itself");
        overlay(&image, &[0.0; 108], SHAPE, 0.0);
        overlay(&image, &[f64::NAN; 108], SHAPE, 1.0);
    }

    #[test]
    fn colours_begin_and_end_as_inferno_does() {
        assert_eq!(colour(0.0).0, [0, 0, 4]);
        assert_eq!(colour(0.5).0, [186, 54, 85]);
        assert_eq!(colour(1.0).0, [252, 255, 164]);
        assert_eq!(colour(f64::NAN).0[0], 0);
    }
}
