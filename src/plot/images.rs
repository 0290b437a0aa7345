//! Pictures of images: below each other, in a grid, or in strips.

use image::RgbImage;

use super::sheet::{Cell, GAP, Layout, Sheet, THIN_GAP, WIDE_GAP};
use crate::error::{Error, Result, counted};
use crate::shape::ImageShape;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The most images side by side where rows are compared.
const COLUMNS: usize = 10;

/// The most bytes of a picture's pixels.
const MOST_BYTES: usize = 1 << 31;

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

/// Standardised numbers as pixels in [0, 1]: three deviations below the mean are black, as many above
/// it white.
pub fn standardised(mut numbers: Tensor) -> Tensor {
    let pixel = |number: &mut f32| *number = (0.5 + *number / 6.0).clamp(0.0, 1.0);
    numbers.data_mut().iter_mut().for_each(pixel);
    numbers
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
/// there are, the smaller is each; [`sheet`] has them at their own size.
///
/// # Errors
/// When there are no columns, or no images.
pub fn grid(images: &Tensor, columns: usize) -> Result<RgbImage> {
    rows(images, columns, Cell::one_of)
}

/// As [`grid`], with no image smaller than it is; few small ones are enlarged.
///
/// # Errors
/// When there are no columns, no images, or too many for one picture.
pub fn sheet(images: &Tensor, columns: usize) -> Result<RgbImage> {
    let (count, image) = common_shape(&[images])?;
    sheet_size(image, count, columns)?;
    rows(images, columns, Cell::whole)
}

/// The width and height of the [`sheet`] of so many images.
///
/// # Errors
/// When there are no columns, or the picture would have more than 2 GiB of pixels.
pub fn sheet_size(image: ImageShape, count: usize, columns: usize) -> Result<(usize, usize)> {
    let layout = row_layout(columns, count)?;
    let (width, height) = Sheet::size_of(Cell::whole(image, layout.columns, layout.groups), layout);
    match width.checked_mul(height).and_then(|pixels| pixels.checked_mul(3)) {
        Some(bytes) if bytes <= MOST_BYTES => Ok((width, height)),
        _ => {
            let what =
                format!("{} of {image} are too many for one picture", counted(count, "image"));
            Err(Error::Memory(what))
        }
    }
}

/// Images in rows of so many, each in a cell that is made for them.
fn rows(
    images: &Tensor,
    columns: usize,
    cell: fn(ImageShape, usize, usize) -> Cell,
) -> Result<RgbImage> {
    let (count, image) = common_shape(&[images])?;
    let layout = row_layout(columns, count)?;
    let mut sheet = Sheet::new(cell(image, layout.columns, layout.groups), layout);
    for index in 0..count {
        let corner = sheet.corner(index % layout.columns, index / layout.columns, 0);
        sheet.draw_image(corner, numbers(images, image, index));
    }
    Ok(sheet.picture)
}

fn row_layout(columns: usize, count: usize) -> Result<Layout> {
    if columns == 0 {
        return Err(Error::shape("picture", "a grid needs at least one column", &[]));
    }
    let columns = columns.min(count.max(1));
    let groups = count.div_ceil(columns);
    Ok(Layout { columns, groups, rows: 1, column_gap: THIN_GAP, group_gap: THIN_GAP })
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
