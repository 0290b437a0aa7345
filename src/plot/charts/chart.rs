//! What charts have in common: the paper they are drawn on, its font and colours, and how numbers
//! are written beside an axis.

use std::ops::Range;
use std::sync::Once;

use image::RgbImage;
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::register_font;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::error::{Error, Result};

/// The name under which the font is known. It comes with this crate, so that a picture looks the
/// same on every machine.
const FONT: &str = "sans-serif";

pub(super) const TEXT: RGBColor = RGBColor(51, 51, 51);
/// On dark colours.
pub(super) const WHITE_TEXT: RGBColor = RGBColor(255, 255, 255);
pub(super) const GRID: RGBColor = RGBColor(226, 226, 226);

/// Blue and orange, which are told apart by people of any colour vision.
pub(super) const BLUE: RGBColor = RGBColor(31, 119, 180);
pub(super) const ORANGE: RGBColor = RGBColor(217, 95, 2);

/// Numbers beyond this are not drawn, as those that are not finite: an axis could not hold them.
pub(super) const LARGEST: f64 = 1e30;

/// Numbers from here on are labelled by powers of ten.
const LONG_LABEL: f64 = 1e6;

pub(super) type Area<'a> = DrawingArea<BitMapBackend<'a>, Shift>;
pub(super) type Axes = Cartesian2d<RangedCoordf64, RangedCoordf64>;
pub(super) type Chart<'a, 'b> = ChartContext<'a, BitMapBackend<'b>, Axes>;
pub(super) type DrawResult = std::result::Result<(), Box<dyn std::error::Error>>;

/// White paper of this width and height in pixels, drawn on by `draw`; `name` is what an error
/// calls the picture.
///
/// # Errors
/// When the picture cannot be drawn.
pub(super) fn drawn(
    [width, height]: [u32; 2],
    name: &str,
    draw: impl FnOnce(&Area) -> DrawResult,
) -> Result<RgbImage> {
    register();
    let mut pixels = vec![255; width as usize * height as usize * 3];
    let area = BitMapBackend::with_buffer(&mut pixels, (width, height)).into_drawing_area();
    draw(&area).and_then(|()| Ok(area.present()?)).map_err(|error| Error::file(name, error))?;
    drop(area);
    Ok(RgbImage::from_raw(width, height, pixels).expect("the buffer was made for this size"))
}

/// Letters of this size, in the colour of text.
pub(super) fn font(size: u32) -> TextStyle<'static> {
    (FONT, size).into_font().color(&TEXT)
}

/// Writes a text to the right of this place, so that its small letters have it at half their
/// height.
pub(super) fn write_beside(area: &Area, text: &str, (x, y): (i32, i32), size: u32) -> DrawResult {
    let style = font(size).pos(Pos::new(HPos::Left, VPos::Center));
    // Plotters sets this font's letters a little too high.
    let raised = size as i32 / 6;
    area.draw(&Text::new(text, (x, y + raised), style))?;
    Ok(())
}

/// How many pixels wide a text is.
pub(super) fn text_width(text: &str, size: u32) -> u32 {
    register();
    (FONT, size).into_font().box_size(text).map_or(0, |(width, _)| width)
}

fn register() {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        let font = register_font(FONT, FontStyle::Normal, dejavu::sans::regular());
        assert!(font.is_ok(), "the font that comes with this crate is valid");
    });
}

/// The numbers of an axis and how they are written.
#[derive(Clone, Debug)]
pub(super) struct Scale {
    /// What the axis shows.
    pub range: Range<f64>,
    decimals: usize,
}

impl Scale {
    /// An axis over this range, whose labels have the decimals that tell them apart.
    pub(super) fn new(range: Range<f64>) -> Self {
        let step = (range.end - range.start) / 10.0;
        let decimals = (-step.log10()).ceil().clamp(0.0, 9.0) as usize;
        Self { range, decimals }
    }

    /// Whether labels are so long that they need more room.
    pub(super) fn is_long(&self) -> bool {
        self.decimals > 4 || self.range.start.abs().max(self.range.end.abs()) >= LONG_LABEL
    }

    /// A number's label. One very close to zero is zero, but for rounding.
    pub(super) fn label(&self, number: f64) -> String {
        let nothing = (self.range.end - self.range.start) * 1e-6;
        match number.abs() {
            size if size < nothing => "0".to_owned(),
            size if size >= LONG_LABEL => format!("{number:.4e}"),
            _ => format!("{number:.*}", self.decimals),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_numbers_that_differ() {
        let label = |range, number| Scale::new(range).label(number);
        assert_eq!(label(1.0..2.0, 1.25), "1.2");
        assert_eq!(label(0.001..0.002, 0.001_25), "0.0013");
        assert_eq!(label(90.0..210.0, 120.0), "120");
        assert_eq!(label(-1.0..1.0, 1e-17), "0");
        assert_eq!(label(-3e8..0.0, -2.5e8), "-2.5000e8");
        let long =
            [-3e8..0.0, 0.0..3e5, 0.0..1e-3, 0.0..1e-5].map(|range| Scale::new(range).is_long());
        assert_eq!(long, [true, false, false, true]);
    }
}
