//! Which parts of a model's size cover a picture, and cutting them out.

use crate::data::ImageShape;
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// Numbers of parts that are at work at once.
const NUMBERS: usize = 1 << 22;
/// The most parts at once.
const MOST_PARTS: usize = 256;

/// A part of a picture, in its pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// Pixels to the left of it.
    pub left: usize,
    /// Pixels above it.
    pub top: usize,
    /// How many pixels it has in a row: no more than the picture.
    pub width: usize,
    /// How many rows.
    pub height: usize,
}

/// Hands all parts of `picture`, `[1, channels, height, width]`, to `take`: of the size of `part`, they overlap by
/// half, and come row by row. Pictures smaller than a part are continued by their edges. `take` gets some parts at
/// once, `[count, channels, height, width]`, and which areas they are of; those beyond fill up a count alone.
///
/// # Errors
/// When the picture has other channels than `part`, or `take` fails.
pub fn in_parts(
    part: ImageShape,
    picture: &Tensor,
    mut take: impl FnMut(&Tensor, &[Area]) -> Result<()>,
) -> Result<()> {
    let whole = shape_of(part, picture)?;
    let areas = areas(whole, part);
    let at_once = (NUMBERS / part.elements().max(1)).clamp(1, MOST_PARTS);
    for areas in areas.chunks(at_once) {
        // Parts are filled up to few different counts, each of which has a plan of its own.
        let count = areas.len().next_power_of_two().min(at_once);
        let filled = areas.iter().chain(std::iter::repeat(&areas[0])).take(count);
        let mut parts = Vec::with_capacity(count * part.elements());
        filled.for_each(|area| cut(picture.data(), whole, part, *area, &mut parts));
        let parts = Tensor::new([count, part.channels, part.height, part.width], parts)?;
        take(&parts, areas)?;
    }
    Ok(())
}

/// The shape of a picture that has the channels of `part`.
pub(super) fn shape_of(part: ImageShape, picture: &Tensor) -> Result<ImageShape> {
    match picture.shape()[..] {
        [1, channels, height, width] if channels == part.channels => {
            Ok(ImageShape { channels, height, width })
        }
        _ => {
            let what = format!("takes one picture of {} channels", part.channels);
            Err(Error::shape("in_parts", what, &[picture.shape()]))
        }
    }
}

/// The parts that cover a picture, row by row.
pub(super) fn areas(whole: ImageShape, part: ImageShape) -> Vec<Area> {
    let (width, height) = (part.width.min(whole.width), part.height.min(whole.height));
    let columns = starts(whole.width, part.width);
    let rows = starts(whole.height, part.height).into_iter();
    let row = |top| columns.iter().map(move |left| Area { left: *left, top, width, height });
    rows.flat_map(row).collect()
}

/// Where parts of `size` begin along a side: at every half of a part, and at the end.
fn starts(side: usize, size: usize) -> Vec<usize> {
    let last = side.saturating_sub(size);
    let mut starts: Vec<usize> = (0..last).step_by((size / 2).max(1)).collect();
    starts.push(last);
    starts
}

pub(super) fn cut(
    picture: &[f32],
    whole: ImageShape,
    part: ImageShape,
    Area { left, top, .. }: Area,
    to: &mut Vec<f32>,
) {
    for plane in picture.chunks(whole.height * whole.width) {
        for row in top..top + part.height {
            let row = &plane[row.min(whole.height - 1) * whole.width..][..whole.width];
            to.extend((left..left + part.width).map(|column| row[column.min(whole.width - 1)]));
        }
    }
}
