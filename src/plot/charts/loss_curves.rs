//! The loss by epoch, as a picture.

use std::ops::Range;

use image::RgbImage;
use plotters::prelude::*;

use super::chart::{self, Area, BLUE, Chart, DrawResult, GRID, LARGEST, ORANGE, Scale, font};
use crate::error::Result;

const WIDTH: u32 = 960;
const HEIGHT: u32 = 600;

const TRAIN: RGBColor = BLUE;
const TEST: RGBColor = ORANGE;

/// With more epochs than this, points would hide the line.
const MOST_POINTS: usize = 60;

/// The losses of an epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpochLoss {
    /// The epoch's number, from 1.
    pub epoch: u64,
    /// The mean loss in training.
    pub train: f64,
    /// The loss on held-out images.
    pub test: f64,
}

/// Draws train and test loss by epoch. `unit` is what a loss counts, such as `nats per image`.
/// Losses that are not finite leave a gap.
///
/// # Errors
/// When the picture cannot be drawn.
pub fn loss_curves(epochs: &[EpochLoss], unit: &str) -> Result<RgbImage> {
    chart::drawn([WIDTH, HEIGHT], "loss.png", |area| draw(area, epochs, unit))
}

fn draw(area: &Area, epochs: &[EpochLoss], unit: &str) -> DrawResult {
    let curves: [(&str, RGBColor, Vec<Point>); 2] = [
        ("train", TRAIN, points(epochs, |epoch| epoch.train)),
        ("test", TEST, points(epochs, |epoch| epoch.test)),
    ];
    let (first, last) = epoch_range(epochs);
    let losses = curves.iter().flat_map(|(_, _, points)| points).filter_map(|(_, loss)| *loss);
    let scale = Scale::new(loss_range(losses));
    // Long labels need room, and few epochs must not have marks between them.
    let label_width = if scale.is_long() { 140 } else { 92 };
    let labelled = (last - first).saturating_add(2).min(12) as usize;
    // Half an epoch of room on both sides keeps the outer points clear of the frame.
    let mut chart = ChartBuilder::on(area)
        .margin(20)
        .margin_right(30)
        .x_label_area_size(56)
        .y_label_area_size(label_width)
        .build_cartesian_2d(first as f64 - 0.5..last as f64 + 0.5, scale.range.clone())?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(chart::TEXT)
        .x_labels(labelled)
        .y_labels(8)
        .x_label_formatter(&|epoch| whole(*epoch, first, last))
        .y_label_formatter(&|loss| scale.label(*loss))
        .label_style(font(18))
        .axis_desc_style(font(20))
        .x_desc("epoch")
        .y_desc(format!("loss ({unit})"))
        .draw()?;
    for (name, colour, points) in &curves {
        draw_curve(&mut chart, name, *colour, points)?;
    }
    if curves.iter().all(|(_, _, points)| finite_runs(points).is_empty()) {
        let style = font(22);
        area.draw(&Text::new("no finite loss to show", (WIDTH as i32 / 2 - 90, 260), style))?;
    } else {
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .margin(14)
            .legend_area_size(34)
            .background_style(WHITE.mix(0.85))
            .border_style(GRID)
            .label_font(font(18))
            .draw()?;
    }
    Ok(())
}

fn draw_curve(chart: &mut Chart, name: &str, colour: RGBColor, points: &[Point]) -> DrawResult {
    let runs = finite_runs(points);
    for run in &runs {
        chart.draw_series(LineSeries::new(run.iter().copied(), colour.stroke_width(2)))?;
        // A single epoch between two gaps has no line, and is seen by its point alone.
        if points.len() <= MOST_POINTS || run.len() == 1 {
            let marks = run.iter().map(|point| Circle::new(*point, 4, colour.filled()));
            chart.draw_series(marks)?;
        }
    }
    if !runs.is_empty() {
        // The font's letters stand a little above the line that they are set on.
        let swatch =
            move |(x, y)| PathElement::new([(x, y - 4), (x + 24, y - 4)], colour.stroke_width(3));
        let nothing = std::iter::empty::<Circle<(f64, f64), i32>>();
        chart.draw_series(nothing)?.label(name).legend(swatch);
    }
    Ok(())
}

/// An epoch and its loss, where that can be drawn.
type Point = (f64, Option<f64>);

fn points(epochs: &[EpochLoss], loss: impl Fn(&EpochLoss) -> f64) -> Vec<Point> {
    let drawable = |loss: f64| (loss.abs() <= LARGEST).then_some(loss);
    epochs.iter().map(|epoch| (epoch.epoch as f64, drawable(loss(epoch)))).collect()
}

/// The stretches without a gap.
fn finite_runs(points: &[Point]) -> Vec<Vec<(f64, f64)>> {
    points
        .split(|(_, loss)| loss.is_none())
        .filter(|run| !run.is_empty())
        .map(|run| run.iter().filter_map(|(epoch, loss)| Some((*epoch, (*loss)?))).collect())
        .collect()
}

/// The first and the last epoch.
fn epoch_range(epochs: &[EpochLoss]) -> (u64, u64) {
    let numbers = || epochs.iter().map(|epoch| epoch.epoch);
    let first = numbers().min().unwrap_or(1);
    (first, numbers().max().unwrap_or(first))
}

/// The losses the axis shows, with some room above and below.
fn loss_range(losses: impl Iterator<Item = f64>) -> Range<f64> {
    let (low, high) = losses.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), loss| {
        (low.min(loss), high.max(loss))
    });
    if low > high {
        return 0.0..1.0;
    }
    // A constant loss lies in the middle; the axis must not be finer than its numbers.
    let largest = low.abs().max(high.abs());
    let span = (high - low).max(largest * 1e-3).max(1e-9);
    let room = span * 0.06 + (span - (high - low)) / 2.0;
    low - room..high + room
}

/// An epoch's label: only whole epochs that there were have one.
fn whole(epoch: f64, first: u64, last: u64) -> String {
    let nearest = epoch.round();
    let shown = (epoch - nearest).abs() < 1e-6 && (first as f64..=last as f64).contains(&nearest);
    if shown { format!("{nearest}") } else { String::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn epochs(losses: &[(f64, f64)]) -> Vec<EpochLoss> {
        let epoch = |(index, &(train, test)): (usize, &(f64, f64))| EpochLoss {
            epoch: index as u64 + 1,
            train,
            test,
        };
        losses.iter().enumerate().map(epoch).collect()
    }

    fn has(picture: &RgbImage, colour: RGBColor) -> bool {
        picture.pixels().any(|pixel| pixel.0 == [colour.0, colour.1, colour.2])
    }

    #[test]
    fn every_kind_of_history_can_be_drawn() {
        let falling: Vec<_> = (1..=20)
            .map(|epoch| 90.0 + 120.0 / f64::from(epoch))
            .map(|loss| (loss, loss + 3.0))
            .collect();
        let long: Vec<_> = (1..=3000).map(|epoch| (1e-3 / f64::from(epoch), 2e-3)).collect();
        let cases = [
            ("falling", falling, true, true),
            ("single", vec![(101.5, 99.25)], true, true),
            ("constant", vec![(0.25, 0.25); 5], true, true),
            ("zero", vec![(0.0, 0.0); 2], true, true),
            (
                "gaps",
                vec![(3.0, f64::NAN), (f64::INFINITY, f64::NAN), (1.0, f64::NAN)],
                true,
                false,
            ),
            ("huge", vec![(1e29, -1e29), (f64::MAX, f64::MIN), (0.0, 5e-324)], true, true),
            ("close", vec![(1e9, 1e9 + 1e-6), (1e9, 1e9)], true, true),
            ("long", long, true, true),
            ("none", vec![(f64::NAN, f64::NAN)], false, false),
            ("empty", vec![], false, false),
        ];
        for (name, losses, train, test) in cases {
            let picture = loss_curves(&epochs(&losses), "nats per image").expect(name);
            assert_eq!(picture.dimensions(), (WIDTH, HEIGHT));
            // A test curve on top of the train curve leaves nothing of that but the legend.
            assert_eq!([TRAIN, TEST].map(|colour| has(&picture, colour)), [train, test], "{name}");
        }
    }

    #[test]
    fn a_gap_splits_a_curve() {
        let history = epochs(&[(1.0, 0.0), (2.0, 0.0), (f64::NAN, 0.0), (4.0, 0.0)]);
        let runs = finite_runs(&points(&history, |epoch| epoch.train));
        assert_eq!(runs, [vec![(1.0, 1.0), (2.0, 2.0)], vec![(4.0, 4.0)]]);
    }

    #[test]
    fn labels_are_whole_epochs() {
        assert_eq!([whole(2.0, 1, 9), whole(2.5, 1, 9), whole(0.0, 1, 9)], ["2", "", ""]);
    }
}
