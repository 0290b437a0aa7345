//! Pictures of images: below each other, in a grid, or in strips.

use image::RgbImage;

use super::sheet::{Cell, GAP, Layout, Sheet, THIN_GAP, WIDE_GAP};
use crate::error::{Error, Result};
use crate::shape::ImageShape;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The most images side by side where rows are compared.
const COLUMNS: usize = 10;

/// The most groups of compared rows, one below the other.
const GROUPS: usize = 4;

/// Originals above their reconstructions, up to 40 pairs. Both are
/// `[batch, channels, height, width]` with numbers in `[0, 1]`.
///
/// # Errors
/// When the shapes differ or are not those of images.
pub fn reconstructions(originals: &Tensor, reconstructions: &Tensor) -> Result<RgbImage> {
    compare(&[originals, reconstructions])
}

/// Images above each other, up to 40 columns of them, such as originals, what was corrupted in them,
/// and what was restored. Each tensor is `[batch, channels, height, width]` with numbers in
/// `[0, 1]`. Three channels are colours; of any other number, the first is shown.
///
/// # Errors
/// When there is no tensor, the shapes differ or are not those of images.
pub fn compare(rows: &[&Tensor]) -> Result<RgbImage> {
    let (count, image) = common_shape(rows)?;
    let columns = count.min(COLUMNS);
    let groups = count.div_ceil(columns).min(GROUPS);
    let group_gap = if rows.len() > 1 { WIDE_GAP } else { GAP };
    let layout = Layout { columns, groups, rows: rows.len(), column_gap: GAP, group_gap };
    let mut sheet = Sheet::new(Cell::new(image), layout);
    for index in 0..count.min(columns * groups) {
        for (row, tensor) in rows.iter().enumerate() {
            let corner = sheet.corner(index % columns, index / columns, row);
            sheet.draw_image(corner, numbers(tensor, image, index));
        }
    }
    Ok(sheet.picture)
}

/// All images, row by row, with thin lines between them: samples, or what a grid of codes decodes
/// to. `images` is `[count, channels, height, width]` with numbers in `[0, 1]`. The more images
/// there are, the smaller is each.
///
/// # Errors
/// When there are no columns, or no images.
pub fn grid(images: &Tensor, columns: usize) -> Result<RgbImage> {
    let (count, image) = common_shape(&[images])?;
    if columns == 0 {
        let what = "a grid needs at least one column";
        return Err(Error::shape("picture", what, &[images.shape()]));
    }
    let columns = columns.min(count);
    let groups = count.div_ceil(columns);
    let layout = Layout { columns, groups, rows: 1, column_gap: THIN_GAP, group_gap: THIN_GAP };
    let mut sheet = Sheet::new(Cell::one_of(image, columns, groups), layout);
    for index in 0..count {
        let corner = sheet.corner(index % columns, index / columns, 0);
        sheet.draw_image(corner, numbers(images, image, index));
    }
    Ok(sheet.picture)
}

/// One strip of images a tensor, below each other, such as the steps from one image to another.
/// Each is `[count, channels, height, width]` with numbers in `[0, 1]`, and all have one shape.
///
/// # Errors
/// When there is no tensor, the shapes differ or are not those of images.
pub fn strips(rows: &[Tensor]) -> Result<RgbImage> {
    let (columns, image) = common_shape(&rows.iter().collect::<Vec<_>>())?;
    let groups = rows.len();
    let layout = Layout { columns, groups, rows: 1, column_gap: THIN_GAP, group_gap: GAP };
    let mut sheet = Sheet::new(Cell::one_of(image, columns, groups), layout);
    for (group, row) in rows.iter().enumerate() {
        for column in 0..columns {
            let corner = sheet.corner(column, group, 0);
            sheet.draw_image(corner, numbers(row, image, column));
        }
    }
    Ok(sheet.picture)
}

/// How many images each tensor has, and their shape.
fn common_shape(tensors: &[&Tensor]) -> Result<(usize, ImageShape)> {
    let shapes: Vec<&Shape> = tensors.iter().map(|tensor| tensor.shape()).collect();
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
    Ok((count, ImageShape { channels, height, width }))
}

/// The numbers of one image.
fn numbers(images: &Tensor, image: ImageShape, index: usize) -> &[f32] {
    &images.data()[index * image.elements()..][..image.elements()]
}
