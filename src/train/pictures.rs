//! Pictures of images side by side, and of a first layer's kernels.
//!
//! Small images are enlarged by a whole number, pixel by pixel, so that nothing is blurred; large
//! ones are reduced by a whole number, so that a picture's size is bounded.

use std::io::Cursor;
use std::path::Path;

use image::{ImageFormat, Rgb, RgbImage};

use super::atomic_file::write_atomically;
use crate::data::ImageShape;
use crate::error::{Error, Result};
use crate::tensor::{Shape, Tensor};

/// Images are enlarged until their longer side has this many pixels, or more.
const SMALLEST_SIDE: usize = 48;

/// Images are reduced until their longer side has at most this many pixels.
const LARGEST_SIDE: usize = 256;

/// The most images side by side.
const COLUMNS: usize = 10;

/// The most groups of rows, one below the other.
const GROUPS: usize = 4;

/// The most kernels in a picture.
const MAX_FILTERS: usize = 100;

/// Pixels between images that belong together.
const THIN_GAP: usize = 2;

/// Pixels between all others, and around the picture.
const GAP: usize = 6;

/// Pixels between groups of rows that belong together.
const WIDE_GAP: usize = 12;

/// The ground: neither black nor white, so that the edges of images show.
const GROUND: Rgb<u8> = Rgb([68, 71, 77]);

/// A number that is not one. No image has this colour by nature.
const NOT_A_NUMBER: Rgb<u8> = Rgb([255, 0, 255]);

/// Colours from -1 to 1 at equal distances, blue over white to red (ColorBrewer's RdBu), so that
/// a weight's sign shows.
const DIVERGING: [[u8; 3]; 5] =
    [[5, 48, 97], [67, 147, 195], [247, 247, 247], [214, 96, 77], [103, 0, 31]];

/// Originals above their reconstructions, up to 40 pairs. Both are
/// `[batch, channels, height, width]` with numbers in `[0, 1]`.
///
/// # Errors
/// When the shapes differ or are not those of images.
pub fn reconstructions(originals: &Tensor, reconstructions: &Tensor) -> Result<RgbImage> {
    compare(&[originals, reconstructions])
}

/// Images above each other, up to 40 columns of them, such as originals, what was spoilt in them,
/// and what was restored. Each tensor is `[batch, channels, height, width]` with numbers in
/// `[0, 1]`. Three channels are colours; of any other number, the first is shown.
///
/// # Errors
/// When there is no tensor, the shapes differ or are not those of images.
pub fn compare(rows: &[&Tensor]) -> Result<RgbImage> {
    let shapes: Vec<&Shape> = rows.iter().map(|row| row.shape()).collect();
    let refuse = |what: &str| Err(Error::shape("picture", what, &shapes));
    let (Some(first), true) = (shapes.first(), shapes.windows(2).all(|pair| pair[0] == pair[1]))
    else {
        return refuse("images to be compared must have one shape");
    };
    let [count, channels, height, width] = first[..] else {
        return refuse("images must be [batch, channels, height, width]");
    };
    if first.elements() == 0 {
        return refuse("there are no images to be shown");
    }
    let columns = count.min(COLUMNS);
    let groups = count.div_ceil(columns).min(GROUPS);
    let cell = Cell::fitting(height, width);
    let mut sheet = Sheet::new(cell, columns, groups, rows.len());
    let image = ImageShape { channels, height, width };
    for index in 0..count.min(columns * groups) {
        for (row, tensor) in rows.iter().enumerate() {
            let numbers = &tensor.data()[index * image.elements()..][..image.elements()];
            let corner = sheet.corner(index % columns, index / columns, row);
            sheet.draw(corner, |y, x| shade(numbers, image, cell, y, x));
        }
    }
    Ok(sheet.picture)
}

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
    let cell = Cell::fitting(kernel.height, kernel.width);
    let mut sheet = Sheet::new(cell, columns, count.div_ceil(columns), 1);
    for index in 0..count {
        let all = weights.data()[index * stride..].iter().step_by(step);
        let mut numbers: Vec<f32> = all.take(kernel.elements()).copied().collect();
        let largest = numbers.iter().fold(0.0_f32, |largest, number| largest.max(number.abs()));
        // From [-largest, largest] to [0, 1]; a kernel of zeros, or of infinities, has no scale.
        let scale = if largest > 0.0 && largest.is_finite() { 0.5 / largest } else { 0.0 };
        numbers.iter_mut().for_each(|number| *number = *number * scale + 0.5);
        let corner = sheet.corner(index % columns, index / columns, 0);
        sheet.draw(corner, |y, x| match shade(&numbers, kernel, cell, y, x) {
            NOT_A_NUMBER => NOT_A_NUMBER,
            colours if kernel.channels == 3 => colours,
            Rgb([value, ..]) => diverging(value),
        });
    }
    Ok(sheet.picture)
}

/// Writes a picture as PNG, in one piece or not at all.
///
/// # Errors
/// When the file cannot be written.
pub fn save_png(path: &Path, picture: &RgbImage) -> Result<()> {
    let mut bytes = Cursor::new(vec![]);
    picture
        .write_to(&mut bytes, ImageFormat::Png)
        .map_err(|error| Error::file(path, format!("cannot be encoded as PNG: {error}")))?;
    write_atomically(path, |out| out.write_all(bytes.get_ref()))
}

/// How many columns leave the fewest places of a grid empty, without making it more than twice as
/// wide as high.
fn even_columns(count: usize) -> usize {
    let root = (1..=count).find(|root| root * root >= count).unwrap_or(1);
    let empty = |columns: &usize| count.next_multiple_of(*columns) - count;
    (root..=(root * 3 / 2).max(root)).min_by_key(empty).unwrap_or(root)
}

/// How an image is brought to its size in a picture.
#[derive(Clone, Copy)]
struct Cell {
    /// Pixels of the picture a pixel of the image takes, along each axis.
    enlarge: usize,
    /// Pixels of the image a pixel of the picture stands for, along each axis.
    reduce: usize,
    height: usize,
    width: usize,
}

impl Cell {
    fn fitting(height: usize, width: usize) -> Self {
        let side = height.max(width);
        let enlarge = if side < SMALLEST_SIDE { SMALLEST_SIDE.div_ceil(side) } else { 1 };
        let reduce = side.div_ceil(LARGEST_SIDE);
        let [height, width] = [height, width].map(|side| (side * enlarge).div_ceil(reduce));
        Self { enlarge, reduce, height, width }
    }
}

/// The colour of an image at a place of its cell: the mean of the pixels it stands for.
fn shade(numbers: &[f32], image: ImageShape, cell: Cell, y: usize, x: usize) -> Rgb<u8> {
    let span = |at: usize, end: usize| {
        let start = at * cell.reduce / cell.enlarge;
        start..(start + cell.reduce).min(end)
    };
    let mean = |channel: usize| {
        let plane = &numbers[channel * image.height * image.width..];
        let (mut sum, mut pixels) = (0.0, 0.0);
        for row in span(y, image.height) {
            for number in &plane[row * image.width..][span(x, image.width)] {
                // Clamped one by one: an outlier must not shine over its neighbours.
                sum += number.clamp(0.0, 1.0);
                pixels += 1.0;
            }
        }
        sum / pixels
    };
    let colours = match image.channels {
        3 => [mean(0), mean(1), mean(2)],
        _ => [mean(0); 3],
    };
    if colours.iter().any(|colour: &f32| colour.is_nan()) {
        return NOT_A_NUMBER;
    }
    Rgb(colours.map(|colour| (colour * 255.0).round() as u8))
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

/// A picture of equal cells: columns, and below each other groups of a few rows.
struct Sheet {
    picture: RgbImage,
    cell: Cell,
    rows: usize,
}

impl Sheet {
    fn new(cell: Cell, columns: usize, groups: usize, rows: usize) -> Self {
        let sheet = Self { picture: RgbImage::new(0, 0), cell, rows };
        let (right, bottom) = sheet.corner(columns, groups, 0);
        let bottom = bottom - sheet.group_gap() + GAP;
        let picture = RgbImage::from_pixel(right as u32, bottom as u32, GROUND);
        Self { picture, ..sheet }
    }

    /// Left and top of a cell.
    fn corner(&self, column: usize, group: usize, row: usize) -> (usize, usize) {
        let rows = self.rows * (self.cell.height + THIN_GAP) - THIN_GAP;
        let group_height = rows + self.group_gap();
        let left = GAP + column * (self.cell.width + GAP);
        (left, GAP + group * group_height + row * (self.cell.height + THIN_GAP))
    }

    /// Pixels below a group.
    fn group_gap(&self) -> usize {
        if self.rows > 1 { WIDE_GAP } else { GAP }
    }

    fn draw(&mut self, (left, top): (usize, usize), colour: impl Fn(usize, usize) -> Rgb<u8>) {
        for y in 0..self.cell.height {
            for x in 0..self.cell.width {
                self.picture.put_pixel((left + x) as u32, (top + y) as u32, colour(y, x));
            }
        }
    }
}

#[cfg(test)]
mod tests;
