//! A map of codes with two numbers each, coloured by class.

use std::collections::BTreeSet;
use std::ops::Range;

use image::RgbImage;
use plotters::prelude::*;

use super::chart::{
    self, Area, DrawResult, GRID, LARGEST, Scale, TEXT, font, text_width, write_beside,
};
use crate::error::{Error, Result};
use crate::plot::colours::NOT_A_NUMBER;
use crate::shape::Shape;

/// Ten colours in an order that was chosen by computation so that people of any colour vision tell
/// them apart (Petroff: "Accessible color sequences for data visualization", 2021,
/// arXiv:2107.02270).
const PALETTE: [RGBColor; 10] = [
    RGBColor(63, 144, 218),
    RGBColor(255, 169, 14),
    RGBColor(189, 31, 1),
    RGBColor(148, 164, 162),
    RGBColor(131, 45, 182),
    RGBColor(169, 107, 89),
    RGBColor(231, 99, 0),
    RGBColor(185, 172, 112),
    RGBColor(113, 117, 129),
    RGBColor(146, 218, 221),
];

/// The map itself is a square of this side.
const SIDE: u32 = 780;
/// Pixels above it, for a line that says what is shown.
const TOP: u32 = 46;
const RIGHT: u32 = 24;
/// Pixels to its right where half of a long label may stand there.
const WIDE_RIGHT: u32 = 60;
/// Pixels below it, for labels.
const BOTTOM: u32 = 74;

/// The part of the codes beyond either end of an axis, as a few outliers would press all others
/// into one spot.
const BEYOND: f64 = 0.005;

/// A line of the legend.
const LEGEND_LINE: i32 = 26;
/// The most classes in the legend.
const MOST_CLASSES: usize = 28;
/// The most characters of a class's name.
const LONGEST_NAME: usize = 18;

/// Codes as points of the plane, coloured by class, with a legend; of one colour without labels.
/// `labels` are indices into `classes`; one without a class is shown as a number. Beyond ten
/// classes, colours repeat. `axes` are the names of the first and the second number.
///
/// Each axis covers its middle 99 % of the codes with a little room around; codes outside are left
/// out, and counted in the line above the map. Codes that are not finite are counted in the
/// legend. The axes have scales of their own.
///
/// # Errors
/// When there are not as many labels as points, or the picture cannot be drawn.
pub fn code_map(
    points: &[[f32; 2]],
    labels: Option<&[u32]>,
    classes: &[String],
    axes: [&str; 2],
) -> Result<RgbImage> {
    if let Some(labels) = labels
        && labels.len() != points.len()
    {
        let shapes = [Shape::from([points.len(), 2]), Shape::from([labels.len()])];
        let what = "there must be one label for each code";
        return Err(Error::shape("map of codes", what, &[&shapes[0], &shapes[1]]));
    }
    let scales = [0, 1].map(|axis| Scale::new(middle(points, axis)));
    let frame = Frame { left: if scales[1].is_long() { 144 } else { 96 }, scales };
    let odd = points.iter().filter(|point| !point.iter().all(|number| number.is_finite())).count();
    let mut legend = labels.map_or(vec![], |labels| legend(labels, classes));
    if odd > 0 {
        let [red, green, blue] = NOT_A_NUMBER.0;
        let colour = Some(RGBColor(red, green, blue));
        legend.push(Entry { name: format!("{odd} not finite"), colour });
    }
    let widest = legend.iter().map(|entry| text_width(&entry.name, 18)).max();
    let right = if frame.scales[0].is_long() { WIDE_RIGHT } else { RIGHT };
    let legend_left = frame.left + SIDE + right;
    let right = right + widest.map_or(0, |width| width + 46);
    let size = [frame.left + SIDE + right, TOP + SIDE + BOTTOM];
    chart::drawn(size, "map of codes", |area| {
        let places: Vec<_> = points.iter().map(|point| frame.place(point)).collect();
        let shown = places.iter().flatten().count();
        let caption = caption(points.len(), points.len() - shown - odd);
        write_beside(area, &caption, (frame.left as i32, 24), 18)?;
        frame.draw(area, right, axes)?;
        let (radius, opacity) = dot(shown);
        for (index, place) in places.iter().enumerate() {
            if let Some(place) = place {
                let colour = colour(labels.map_or(0, |labels| labels[index]));
                draw_dot(area, *place, radius, colour.mix(opacity))?;
            }
        }
        draw_legend(area, &legend, legend_left as i32)
    })
}

/// The square of the map and what it shows.
struct Frame {
    /// Pixels to its left, for labels.
    left: u32,
    scales: [Scale; 2],
}

impl Frame {
    fn draw(&self, area: &Area, right: u32, axes: [&str; 2]) -> DrawResult {
        let [x, y] = &self.scales;
        let mut chart = ChartBuilder::on(area)
            .margin_left(12)
            .margin_top(TOP)
            .margin_right(right)
            .margin_bottom(14)
            .x_label_area_size(BOTTOM - 14)
            .y_label_area_size(self.left - 12)
            .build_cartesian_2d(x.range.clone(), y.range.clone())?;
        chart
            .configure_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .axis_style(TEXT)
            .x_labels(if x.is_long() { 6 } else { 8 })
            .y_labels(8)
            .x_label_formatter(&|number| x.label(*number))
            .y_label_formatter(&|number| y.label(*number))
            .label_style(font(18))
            .axis_desc_style(font(20))
            .x_desc(axes[0])
            .y_desc(axes[1])
            .draw()?;
        Ok(())
    }

    /// The pixel, in parts, at which a code is shown, if it lies on the map.
    fn place(&self, point: &[f32; 2]) -> Option<[f64; 2]> {
        let part = |axis: usize| {
            let (range, at) = (&self.scales[axis].range, f64::from(point[axis]));
            let part = (at - range.start) / (range.end - range.start);
            range.contains(&at).then_some(part * f64::from(SIDE))
        };
        let (x, y) = (part(0)?, part(1)?);
        Some([f64::from(self.left) + x, f64::from(TOP + SIDE) - y])
    }
}

/// What an axis shows: the numbers between two percentiles, with some room around.
fn middle(points: &[[f32; 2]], axis: usize) -> Range<f64> {
    let numbers = points.iter().map(|point| f64::from(point[axis]));
    let mut sorted: Vec<f64> = numbers.filter(|number| number.abs() <= LARGEST).collect();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return -1.0..1.0 };
    // Rounded outwards: of few codes, none is left out.
    let beyond = (BEYOND * last as f64) as usize;
    let (low, high) = (sorted[beyond], sorted[last - beyond]);
    let largest = low.abs().max(high.abs());
    if high - low <= (largest * 1e-6).max(1e-9) {
        let room = (largest * 1e-3).max(0.5);
        return low - room..high + room;
    }
    let room = (high - low) * 0.04;
    low - room..high + room
}

fn caption(count: usize, outside: usize) -> String {
    let codes = if count == 1 { "code" } else { "codes" };
    match outside {
        0 => format!("{count} {codes}"),
        _ => format!("{count} {codes}, {outside} outside of the map"),
    }
}

/// Radius in pixels and opacity of a code: the more there are, the less room each has.
fn dot(shown: usize) -> (f64, f64) {
    match shown {
        0..=600 => (5.0, 0.8),
        601..=3000 => (4.0, 0.7),
        3001..=15_000 => (3.0, 0.6),
        15_001..=40_000 => (2.0, 0.5),
        _ => (1.5, 0.3),
    }
}

/// A disc with a smooth edge, which those of plotters do not have where they are small.
fn draw_dot(area: &Area, [x, y]: [f64; 2], radius: f64, colour: RGBAColor) -> DrawResult {
    let span = |centre: f64| (centre - radius - 1.0) as i32..=(centre + radius + 1.0) as i32;
    for row in span(y) {
        for column in span(x) {
            let distance = (f64::from(column) + 0.5 - x).hypot(f64::from(row) + 0.5 - y);
            let covered = (radius + 0.5 - distance).clamp(0.0, 1.0);
            if covered > 0.0 {
                area.draw_pixel((column, row), &colour.mix(covered))?;
            }
        }
    }
    Ok(())
}

/// A line of the legend.
struct Entry {
    name: String,
    /// None where the line stands for more classes than there is room for.
    colour: Option<RGBColor>,
}

fn colour(label: u32) -> RGBColor {
    PALETTE[label as usize % PALETTE.len()]
}

/// The classes that occur.
fn legend(labels: &[u32], classes: &[String]) -> Vec<Entry> {
    let present: BTreeSet<u32> = labels.iter().copied().collect();
    let shown = if present.len() > MOST_CLASSES { MOST_CLASSES - 1 } else { present.len() };
    let entry = |label: &u32| {
        let name = classes.get(*label as usize).cloned().unwrap_or_else(|| label.to_string());
        Entry { name: shortened(&name), colour: Some(colour(*label)) }
    };
    let mut entries: Vec<Entry> = present.iter().take(shown).map(entry).collect();
    if present.len() > shown {
        entries.push(Entry { name: format!("and {} more", present.len() - shown), colour: None });
    }
    entries
}

/// Names that are too long lose their middle, as their ends are what tells them apart.
fn shortened(name: &str) -> String {
    let length = name.chars().count();
    if length <= LONGEST_NAME {
        return name.to_owned();
    }
    let (first, last) = (LONGEST_NAME / 2, LONGEST_NAME - LONGEST_NAME / 2 - 1);
    let end = name.chars().skip(length - last);
    name.chars().take(first).chain(['…']).chain(end).collect()
}

fn draw_legend(area: &Area, entries: &[Entry], left: i32) -> DrawResult {
    for (line, entry) in entries.iter().enumerate() {
        let y = TOP as i32 + LEGEND_LINE / 2 + line as i32 * LEGEND_LINE;
        if let Some(colour) = entry.colour {
            draw_dot(area, [f64::from(left + 8), f64::from(y)], 7.0, colour.to_rgba())?;
        }
        write_beside(area, &entry.name, (left + 24, y), 18)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const AXES: [&str; 2] = ["z1", "z2"];

    /// Whether the legend has a colour.
    fn has(picture: &RgbImage, RGBColor(red, green, blue): RGBColor) -> bool {
        let mut pixels = picture.enumerate_pixels();
        pixels.any(|(x, _, pixel)| x > 96 + SIDE && pixel.0 == [red, green, blue])
    }

    /// The pixel at a place on the map, in parts of its side from the lower left corner.
    fn at(picture: &RgbImage, x: f64, y: f64) -> [u8; 3] {
        let part = |part: f64| (part * f64::from(SIDE)) as u32;
        picture.get_pixel(96 + part(x), TOP + SIDE - part(y)).0
    }

    /// But for a line of the grid behind, and rounding.
    fn close(found: [u8; 3], expected: [f64; 3]) -> bool {
        found.iter().zip(&expected).all(|(a, b)| (f64::from(*a) - b).abs() < 8.0)
    }

    #[test]
    fn codes_lie_at_their_places_in_the_colour_of_their_class() {
        let points = [[-1.1, 11.3], [1.1, 11.3], [1.1, 31.3], [0.25, 17.0]];
        let classes = ["cat", "dog", "owl"].map(str::to_owned);
        let picture = code_map(&points, Some(&[0, 2, 2, 0]), &classes, AXES).expect("drawn");
        assert_eq!(picture.height(), 900);
        assert!(picture.width() > 900, "there is a legend");
        // 4 % of room on both sides: the outermost codes lie at 0.04 / 1.08 from the edge.
        let edge = 0.04 / 1.08;
        let (_, opacity) = dot(4);
        let mixed = |RGBColor(red, green, blue): RGBColor| {
            [red, green, blue].map(|part| 255.0 + (f64::from(part) - 255.0) * opacity)
        };
        let expected = [
            (edge, edge, mixed(PALETTE[0])),
            (1.0 - edge, edge, mixed(PALETTE[2])),
            (1.0 - edge, 1.0 - edge, mixed(PALETTE[2])),
            (edge, 1.0 - edge, [255.0; 3]),
        ];
        for (x, y, expected) in expected {
            let found = at(&picture, x, y);
            assert!(close(found, expected), "{x} {y}: {found:?} {expected:?}");
        }
        let shown = [0, 1, 2].map(|class| has(&picture, PALETTE[class]));
        assert_eq!(shown, [true, false, true], "classes that occur");
    }

    #[test]
    fn without_labels_there_is_one_colour_and_no_legend() {
        let picture = code_map(&[[0.0, 0.0]; 40], None, &[], AXES).expect("drawn");
        assert_eq!(picture.dimensions(), (900, 900));
        // Codes upon each other add up to the full colour.
        let RGBColor(red, green, blue) = PALETTE[0];
        assert!(close(at(&picture, 0.5, 0.5), [red, green, blue].map(f64::from)));
    }

    #[test]
    fn outliers_do_not_stretch_the_map() {
        let mut points: Vec<[f32; 2]> = (0..999).map(|index| [index as f32, 0.5]).collect();
        points.push([1e9, 0.5]);
        let range = middle(&points, 0);
        assert!(range.start > -50.0 && range.end < 1050.0, "{range:?}");
        let few = middle(&points[..20], 0);
        assert!(few.start < 0.0 && few.end > 19.0, "{few:?}");
        assert_eq!(middle(&points, 1), 0.0..1.0, "without spread");
        assert_eq!(caption(1000, 3), "1000 codes, 3 outside of the map");
    }

    #[test]
    fn every_kind_of_code_can_be_drawn() {
        let odd = [[f32::NAN, 0.0], [f32::INFINITY, 1.0], [f32::MAX, f32::MIN], [1e-40, 1e-20]];
        let picture = code_map(&odd, None, &[], AXES).expect("drawn");
        assert!(has(&picture, RGBColor(255, 0, 255)), "told in the legend");
        for points in [vec![], vec![[0.0; 2]], vec![[3e7, -2e-7], [4e7, 2e-7]]] {
            code_map(&points, None, &[], AXES).expect("drawn");
        }
        let labels: Vec<u32> = (0..100).map(|index| index * 40_000_000).collect();
        code_map(&[[1.0; 2]; 100], Some(&labels), &[], ["", ""]).expect("drawn");
        let error = code_map(&odd, Some(&[1]), &[], AXES).expect_err("labels are missing");
        assert!(error.to_string().contains("one label for each code"), "{error}");
    }

    #[test]
    fn long_legends_and_names_are_cut() {
        let labels: Vec<u32> = (0..100).collect();
        let entries = legend(&labels, &["a name of many letters".to_owned()]);
        assert_eq!(entries.len(), MOST_CLASSES);
        let names = [0, 1, MOST_CLASSES - 1].map(|line| entries[line].name.as_str());
        assert_eq!(names, ["a name of… letters", "1", "and 73 more"]);
    }
}
