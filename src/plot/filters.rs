//! A picture of a first layer's kernels.

use image::{Rgb, RgbImage};

use super::colours::NOT_A_NUMBER;
use super::sheet::{Cell, GAP, Layout, Sheet};
use crate::error::{Error, Result};
use crate::shape::ImageShape;
use crate::tensor::Tensor;

/// The most kernels in a picture.
const MAX_FILTERS: usize = 100;

/// Colours from -1 to 1 at equal distances, blue over white to red (ColorBrewer's RdBu), so that
/// a weight's sign shows.
const DIVERGING: [[u8; 3]; 5] =
    [[5, 48, 97], [67, 147, 195], [247, 247, 247], [214, 96, 77], [103, 0, 31]];

/// The first layer's kernels, up to 100, each with its own largest weight as full colour: blue
/// below zero, white at zero, red above. Weights are those of a convolution,
/// `[out, in, height, width]`, or of a dense layer, `[inputs, outputs]`, whose columns are then
/// shown as images of shape `image`. Kernels of three channels are shown in their colours, with
/// gray at zero; of any other number, the first is shown.
///
/// # Errors
/// When the weights have another rank, or the inputs of a dense layer are not such images.
pub fn filters(weights: &Tensor, image: ImageShape) -> Result<RgbImage> {
    let shape = weights.shape();
    let refuse = |what: String| Err(Error::shape("picture of filters", what, &[shape]));
    // Elements between neighbouring weights of one kernel, and between kernels.
    let (count, kernel, step, stride) = match shape[..] {
        [count, channels, height, width] => {
            let kernel = ImageShape { channels, height, width };
            (count, kernel, 1, kernel.elements())
        }
        [inputs, outputs] if inputs == image.elements() => (outputs, image, outputs, 1),
        [inputs, _] => return refuse(format!("{inputs} inputs are not an image of {image}")),
        _ => return refuse("weights must be [out, in, height, width] or [inputs, outputs]".into()),
    };
    if shape.elements() == 0 {
        return refuse("there are no weights to be shown".into());
    }
    let count = count.min(MAX_FILTERS);
    let columns = even_columns(count);
    let cell = Cell::new(kernel);
    let groups = count.div_ceil(columns);
    let layout = Layout { columns, groups, rows: 1, column_gap: GAP, group_gap: GAP };
    let mut sheet = Sheet::new(cell, layout);
    for index in 0..count {
        let all = weights.data()[index * stride..].iter().step_by(step);
        let mut numbers: Vec<f32> = all.take(kernel.elements()).copied().collect();
        let largest = numbers.iter().fold(0.0_f32, |largest, number| largest.max(number.abs()));
        // From [-largest, largest] to [0, 1]; a kernel of zeros, or of infinities, has no scale.
        let scale = if largest > 0.0 && largest.is_finite() { 0.5 / largest } else { 0.0 };
        numbers.iter_mut().for_each(|number| *number = *number * scale + 0.5);
        let corner = sheet.corner(index % columns, index / columns, 0);
        sheet.draw(corner, |y, x| match cell.shade(&numbers, y, x) {
            NOT_A_NUMBER => NOT_A_NUMBER,
            colours if kernel.channels == 3 => colours,
            Rgb([value, ..]) => diverging(value),
        });
    }
    Ok(sheet.picture)
}

/// How many columns leave the fewest places of a grid empty, without making it more than twice as
/// wide as high.
fn even_columns(count: usize) -> usize {
    let root = (1..=count).find(|root| root * root >= count).unwrap_or(1);
    let empty = |columns: &usize| count.next_multiple_of(*columns) - count;
    (root..=(root * 3 / 2).max(root)).min_by_key(empty).unwrap_or(root)
}

/// The colour of a number: 0 for -1, 255 for 1.
fn diverging(value: u8) -> Rgb<u8> {
    let place = f32::from(value) / 255.0 * (DIVERGING.len() - 1) as f32;
    let below = (place as usize).min(DIVERGING.len() - 2);
    let part = place - below as f32;
    let mix = |low: u8, high: u8| f32::from(low) * (1.0 - part) + f32::from(high) * part;
    let [low, high] = [DIVERGING[below], DIVERGING[below + 1]];
    Rgb([0, 1, 2].map(|channel| mix(low[channel], high[channel]).round() as u8))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGIT: ImageShape = ImageShape { channels: 1, height: 8, width: 8 };

    fn tensor(shape: &[usize], value: impl Fn(usize) -> f32) -> Tensor {
        let elements = shape.iter().product();
        Tensor::new(shape, (0..elements).map(value).collect()).expect("as many as the shape has")
    }

    #[test]
    fn kernels_are_scaled_around_zero() {
        let weights = tensor(&[2, 1, 1, 3], |at| [-2.0, 0.0, 1.0, 0.0, 0.0, 0.0][at]);
        let picture = filters(&weights, DIGIT).expect("can be drawn");
        assert_eq!(picture.dimensions(), (6 + 2 * 54, 6 + 16 + 6));
        let colour = |x: u32| picture.get_pixel(6 + x, 6).0;
        assert_eq!(colour(0), DIVERGING[0]);
        assert!(colour(16).iter().all(|part| *part > 240), "zero is white: {:?}", colour(16));
        let [red, _, blue] = colour(32);
        assert!(red > blue, "above zero is red");
        assert!(colour(54).iter().all(|part| *part > 240), "a kernel of zeros is white");
    }

    #[test]
    fn columns_of_a_dense_layer_are_images() {
        // Output 1 sees the first pixel only, output 0 none.
        let weights = tensor(&[64, 2], |at| if at == 1 { 3.0 } else { 0.0 });
        let picture = filters(&weights, DIGIT).expect("can be drawn");
        assert_eq!(picture.dimensions(), (6 + 2 * 54, 6 + 54));
        assert_eq!(picture.get_pixel(6 + 54, 6).0, DIVERGING[4]);
        assert!(picture.get_pixel(6 + 54 + 6, 6).0.iter().all(|part| *part > 240));
        assert!(picture.get_pixel(6, 6).0.iter().all(|part| *part > 240));
    }

    #[test]
    fn grids_are_even_and_bounded() {
        let expected = [(1, 1), (2, 2), (3, 3), (8, 4), (16, 4), (32, 8), (64, 8), (100, 10)];
        for (count, columns) in expected {
            assert_eq!(even_columns(count), columns, "{count}");
        }
        let weights = tensor(&[64, 5000], |at| at as f32);
        let picture = filters(&weights, DIGIT).expect("can be drawn");
        assert_eq!(picture.dimensions(), (6 + 10 * 54, 6 + 10 * 54));
        let colour = tensor(&[1, 3, 1, 1], |at| [0.0, f32::NAN, f32::INFINITY][at]);
        filters(&colour, DIGIT).expect("odd weights can be drawn");
    }

    #[test]
    fn weights_that_are_no_kernels_are_errors() {
        for shape in [&[2, 64][..], &[0, 1, 8, 8], &[3], &[64, 0]] {
            let drawn = filters(&tensor(shape, |_| 0.0), DIGIT);
            assert!(matches!(drawn, Err(Error::Shape { .. })), "{shape:?}");
        }
    }
}
