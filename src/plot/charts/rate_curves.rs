//! What pictures cost and how near they come, as a picture.

use std::ops::Range;

use image::RgbImage;
use plotters::prelude::*;

use super::chart::{self, Area, BLUE, DrawResult, GRID, LARGEST, ORANGE, Scale, font};
use crate::error::Result;

/// Bits a pixel, and the peak signal-to-noise ratio in decibels.
pub type Point = (f64, f64);

/// One way to store pictures.
#[derive(Clone, Debug, PartialEq)]
pub struct Curve {
    /// Its name.
    pub name: String,
    /// In the order in which they are connected.
    pub points: Vec<Point>,
}

const WIDTH: u32 = 960;
const HEIGHT: u32 = 600;
/// Room on each side of the outermost points, as a share of what lies between them.
const ROOM: f64 = 0.06;

/// Draws decibels over bits a pixel, the first two curves in colours of their own. Points that are no
/// numbers are left out.
///
/// # Errors
/// When the picture cannot be drawn.
pub fn rate_curves(curves: &[Curve]) -> Result<RgbImage> {
    chart::drawn([WIDTH, HEIGHT], "rate-distortion.png", |area| draw(area, curves))
}

fn draw(area: &Area, curves: &[Curve]) -> DrawResult {
    let all = || curves.iter().flat_map(|curve| drawable(&curve.points));
    let rates = Scale::new(range(all().map(|point| point.0)));
    let decibels = Scale::new(range(all().map(|point| point.1)));
    let mut chart = ChartBuilder::on(area)
        .margin(20)
        .margin_right(30)
        .x_label_area_size(56)
        .y_label_area_size(92)
        .build_cartesian_2d(rates.range.clone(), decibels.range.clone())?;
    chart
        .configure_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(chart::TEXT)
        .x_labels(10)
        .y_labels(8)
        .x_label_formatter(&|rate| rates.label(*rate))
        .y_label_formatter(&|level| decibels.label(*level))
        .label_style(font(18))
        .axis_desc_style(font(20))
        .x_desc("bits per pixel")
        .y_desc("PSNR (dB)")
        .draw()?;
    for (curve, colour) in
        curves.iter().zip([BLUE, ORANGE].into_iter().chain([BLACK, MAGENTA, CYAN, RED]).cycle())
    {
        let points: Vec<Point> = drawable(&curve.points).collect();
        let swatch =
            move |(x, y)| PathElement::new([(x, y - 4), (x + 24, y - 4)], colour.stroke_width(3));
        chart
            .draw_series(LineSeries::new(points.iter().copied(), colour.stroke_width(2)))?
            .label(curve.name.as_str())
            .legend(swatch);
        let marks = points.iter().map(|point| Circle::new(*point, 5, colour.filled()));
        chart.draw_series(marks)?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .margin(14)
        .legend_area_size(34)
        .background_style(WHITE.mix(0.85))
        .border_style(GRID)
        .label_font(font(18))
        .draw()?;
    Ok(())
}

fn drawable(points: &[Point]) -> impl Iterator<Item = Point> + '_ {
    points.iter().copied().filter(|(rate, level)| rate.abs() <= LARGEST && level.abs() <= LARGEST)
}

fn range(numbers: impl Iterator<Item = f64>) -> Range<f64> {
    let ends = |(low, high): (f64, f64), number: f64| (low.min(number), high.max(number));
    let (low, high) = numbers.fold((f64::INFINITY, f64::NEG_INFINITY), ends);
    if low > high {
        return 0.0..1.0;
    }
    let room = ROOM * (high - low).max(1e-3 * low.abs().max(high.abs())).max(1e-6);
    low - room..high + room
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_points_can_be_drawn() {
        let cases: [&[Point]; 4] = [
            &[(0.1, 20.0), (0.5, 26.0), (1.5, 33.0)],
            &[(0.2, 30.0)],
            &[(f64::NAN, 1.0), (1.0, f64::INFINITY)],
            &[],
        ];
        for (points, seen) in cases.into_iter().zip([true, true, false, false]) {
            let curve = Curve { name: "learned".into(), points: points.to_vec() };
            let picture = rate_curves(&[curve]).expect("can be drawn");
            assert_eq!(picture.dimensions(), (WIDTH, HEIGHT));
            let [x, y] = [WIDTH / 2, HEIGHT / 2];
            let inner = |at: &(u32, u32, &image::Rgb<u8>)| at.0 < x && at.1 < y;
            let blue = [BLUE.0, BLUE.1, BLUE.2];
            let found = picture.enumerate_pixels().filter(inner).any(|(.., p)| p.0 == blue);
            assert!(!seen || points.len() == 1 || found, "{points:?}");
        }
    }
}
