//! Sheets of small pictures in rows and columns.
//!
//! Small images are enlarged by a whole number, pixel by pixel, so that nothing is blurred; large
//! ones are reduced by a whole number where a picture's size is to be bounded.

use image::{Rgb, RgbImage};

use super::colours::NOT_A_NUMBER;
use crate::shape::ImageShape;

/// Images are enlarged until their longer side has this many pixels, or more.
const SMALLEST_SIDE: usize = 48;

/// Images are reduced until their longer side has at most this many pixels.
const LARGEST_SIDE: usize = 256;

/// Where many images are shown, they are reduced until the picture has about this width and height
/// at most.
const WIDEST: usize = 2048;
const HIGHEST: usize = 8192;

/// Pixels between images that belong together.
pub(super) const THIN_GAP: usize = 2;

/// Pixels between all others, and around the picture.
pub(super) const GAP: usize = 6;

/// Pixels between groups of rows that belong together.
pub(super) const WIDE_GAP: usize = 12;

/// The ground: neither black nor white, so that the edges of images show.
pub(super) const GROUND: Rgb<u8> = Rgb([68, 71, 77]);

/// How images are brought to their size in a picture.
#[derive(Clone, Copy)]
pub(super) struct Cell {
    image: ImageShape,
    /// Pixels of the picture a pixel of the image takes, along each axis.
    enlarge: usize,
    /// Pixels of the image a pixel of the picture stands for, along each axis.
    reduce: usize,
    height: usize,
    width: usize,
}

impl Cell {
    /// A cell for images of this shape.
    pub(super) fn new(image: ImageShape) -> Self {
        Self::within(image, LARGEST_SIDE)
    }

    /// A cell of which so many have room beside and below each other.
    pub(super) fn one_of(image: ImageShape, columns: usize, rows: usize) -> Self {
        let room = (WIDEST / columns.max(1)).min(HIGHEST / rows.max(1));
        Self::within(image, room.clamp(1, LARGEST_SIDE))
    }

    /// The same, never smaller than the image.
    pub(super) fn whole(image: ImageShape, columns: usize, rows: usize) -> Self {
        let Self { enlarge, .. } = Self::one_of(image, columns, rows);
        let (height, width) = (image.height * enlarge, image.width * enlarge);
        Self { image, enlarge, reduce: 1, height, width }
    }

    fn within(image: ImageShape, largest: usize) -> Self {
        let side = image.height.max(image.width);
        let enlarge = SMALLEST_SIDE.min(largest).div_ceil(side);
        let reduce = side.div_ceil(largest);
        let [height, width] =
            [image.height, image.width].map(|side| (side * enlarge).div_ceil(reduce));
        Self { image, enlarge, reduce, height, width }
    }

    /// The colour at a place of the cell: the mean of the pixels it stands for. Three channels are
    /// colours; of any other number, the first is shown.
    pub(super) fn shade(&self, numbers: &[f32], y: usize, x: usize) -> Rgb<u8> {
        let mean = |channel| self.mean(numbers, channel, y, x);
        let colours = match self.image.channels {
            3 => [mean(0), mean(1), mean(2)],
            _ => [mean(0); 3],
        };
        if colours.iter().any(|colour: &f32| colour.is_nan()) {
            return NOT_A_NUMBER;
        }
        Rgb(colours.map(|colour| (colour * 255.0).round() as u8))
    }

    fn mean(&self, numbers: &[f32], channel: usize, y: usize, x: usize) -> f32 {
        let ImageShape { height, width, .. } = self.image;
        let span = |at: usize, end: usize| {
            let start = at * self.reduce / self.enlarge;
            start..(start + self.reduce).min(end)
        };
        let plane = &numbers[channel * height * width..];
        let (mut sum, mut pixels) = (0.0, 0.0);
        for row in span(y, height) {
            for number in &plane[row * width..][span(x, width)] {
                // Clamped one by one: an outlier must not shine over its neighbours.
                sum += number.clamp(0.0, 1.0);
                pixels += 1.0;
            }
        }
        sum / pixels
    }
}

/// The places of a sheet: columns, and below each other groups of rows.
#[derive(Clone, Copy)]
pub(super) struct Layout {
    pub columns: usize,
    pub groups: usize,
    /// Rows of a group.
    pub rows: usize,
    /// Pixels between columns.
    pub column_gap: usize,
    /// Pixels between groups; the rows of a group are [`THIN_GAP`] apart.
    pub group_gap: usize,
}

/// A picture of equal cells.
pub(super) struct Sheet {
    pub picture: RgbImage,
    cell: Cell,
    layout: Layout,
}

impl Sheet {
    /// An empty sheet. There must be at least one column, one group and one row.
    pub(super) fn new(cell: Cell, layout: Layout) -> Self {
        let sheet = Self { picture: RgbImage::new(0, 0), cell, layout };
        let (width, height) = sheet.size();
        Self { picture: RgbImage::from_pixel(width as u32, height as u32, GROUND), ..sheet }
    }

    /// The width and height that a sheet has.
    pub(super) fn size_of(cell: Cell, layout: Layout) -> (usize, usize) {
        Self { picture: RgbImage::new(0, 0), cell, layout }.size()
    }

    fn size(&self) -> (usize, usize) {
        let Layout { columns, groups, column_gap, group_gap, .. } = self.layout;
        let (right, bottom) = self.corner(columns, groups, 0);
        (right - column_gap + GAP, bottom - group_gap + GAP)
    }

    /// Left and top of a cell.
    pub(super) fn corner(&self, column: usize, group: usize, row: usize) -> (usize, usize) {
        let Layout { rows, column_gap, group_gap, .. } = self.layout;
        let step = self.cell.height + THIN_GAP;
        let group_height = rows * step - THIN_GAP + group_gap;
        (GAP + column * (self.cell.width + column_gap), GAP + group * group_height + row * step)
    }

    /// Fills the cell at this corner with the colours of its places `(y, x)`.
    pub(super) fn draw(
        &mut self,
        (left, top): (usize, usize),
        colour: impl Fn(usize, usize) -> Rgb<u8>,
    ) {
        for y in 0..self.cell.height {
            for x in 0..self.cell.width {
                self.picture.put_pixel((left + x) as u32, (top + y) as u32, colour(y, x));
            }
        }
    }

    /// Fills the cell at this corner with an image, `[channels, height, width]`.
    pub(super) fn draw_image(&mut self, corner: (usize, usize), numbers: &[f32]) {
        let cell = self.cell;
        self.draw(corner, |y, x| cell.shade(numbers, y, x));
    }
}
