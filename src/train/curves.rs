//! The loss by epoch, as a picture.

use std::ops::Range;
use std::sync::Once;

use image::RgbImage;
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::register_font;

use super::metrics_file::EpochMetrics;
use super::run_folder::RunFile;
use crate::error::{Error, Result};

const WIDTH: u32 = 960;
const HEIGHT: u32 = 600;

/// The name under which the font is known. It comes with this crate, so that a picture looks the
/// same on every machine.
const FONT: &str = "sans-serif";

/// Blue and orange, which are told apart by people of any colour vision.
const TRAIN: RGBColor = RGBColor(31, 119, 180);
const TEST: RGBColor = RGBColor(217, 95, 2);
const TEXT: RGBColor = RGBColor(51, 51, 51);
const GRID: RGBColor = RGBColor(226, 226, 226);

/// With more epochs than this, points would hide the line.
const MOST_POINTS: usize = 60;

/// Losses beyond this are not drawn, as those that are not finite: the axis could not hold them.
const LARGEST_LOSS: f64 = 1e30;

/// Losses from here on are labelled by powers of ten.
const LONG_LABEL: f64 = 1e6;

/// Draws train and test loss by epoch. `unit` is what a loss counts, such as `nats per image`.
/// Losses that are not finite leave a gap.
///
/// # Errors
/// When the picture cannot be drawn.
pub fn loss_curves(epochs: &[EpochMetrics], unit: &str) -> Result<RgbImage> {
    static REGISTERED: Once = Once::new();
    REGISTERED.call_once(|| {
        let font = register_font(FONT, FontStyle::Normal, dejavu::sans::regular());
        assert!(font.is_ok(), "the font that comes with this crate is valid");
    });
    let mut pixels = vec![255; (WIDTH * HEIGHT * 3) as usize];
    let area = BitMapBackend::with_buffer(&mut pixels, (WIDTH, HEIGHT)).into_drawing_area();
    draw(&area, epochs, unit).map_err(|error| Error::file(RunFile::Loss.name(), error))?;
    drop(area);
    Ok(RgbImage::from_raw(WIDTH, HEIGHT, pixels).expect("the buffer was made for this size"))
}

type Area<'a> = DrawingArea<BitMapBackend<'a>, Shift>;
type Axes = Cartesian2d<RangedCoordf64, RangedCoordf64>;
type Chart<'a, 'b> = ChartContext<'a, BitMapBackend<'b>, Axes>;
type DrawResult = std::result::Result<(), Box<dyn std::error::Error>>;

fn draw(area: &Area, epochs: &[EpochMetrics], unit: &str) -> DrawResult {
    area.fill(&WHITE)?;
    let curves: [(&str, RGBColor, Vec<Point>); 2] = [
        ("train", TRAIN, points(epochs, |epoch| epoch.train_loss)),
        ("test", TEST, points(epochs, |epoch| epoch.test_loss)),
    ];
    let (first, last) = epoch_range(epochs);
    let losses = curves.iter().flat_map(|(_, _, points)| points).filter_map(|(_, loss)| *loss);
    let range = loss_range(losses);
    let decimals = decimals(&range);
    // Long labels need room, and few epochs must not have marks between them.
    let label_width = if range.start.abs().max(range.end.abs()) < LONG_LABEL { 92 } else { 140 };
    let nothing = (range.end - range.start) * 1e-6;
    let labelled = (last - first).saturating_add(2).min(12) as usize;
    // Half an epoch of room on both sides keeps the outer points clear of the frame.
    let mut chart = ChartBuilder::on(area)
        .margin(20)
        .margin_right(30)
        .x_label_area_size(56)
        .y_label_area_size(label_width)
        .build_cartesian_2d(first as f64 - 0.5..last as f64 + 0.5, range)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(GRID)
        .axis_style(TEXT)
        .x_labels(labelled)
        .y_labels(8)
        .x_label_formatter(&|epoch| whole(*epoch, first, last))
        .y_label_formatter(&|loss| number(*loss, decimals, nothing))
        .label_style((FONT, 18).into_font().color(&TEXT))
        .axis_desc_style((FONT, 20).into_font().color(&TEXT))
        .x_desc("epoch")
        .y_desc(format!("loss ({unit})"))
        .draw()?;
    for (name, colour, points) in &curves {
        draw_curve(&mut chart, name, *colour, points)?;
    }
    if curves.iter().all(|(_, _, points)| finite_runs(points).is_empty()) {
        let style = (FONT, 22).into_font().color(&TEXT);
        area.draw(&Text::new("no finite loss to show", (WIDTH as i32 / 2 - 90, 260), style))?;
    } else {
        chart
            .configure_series_labels()
            .position(SeriesLabelPosition::UpperRight)
            .margin(14)
            .legend_area_size(34)
            .background_style(WHITE.mix(0.85))
            .border_style(GRID)
            .label_font((FONT, 18).into_font().color(&TEXT))
            .draw()?;
    }
    area.present()?;
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

fn points(epochs: &[EpochMetrics], loss: impl Fn(&EpochMetrics) -> f64) -> Vec<Point> {
    let drawable = |loss: f64| (loss.abs() <= LARGEST_LOSS).then_some(loss);
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
fn epoch_range(epochs: &[EpochMetrics]) -> (u64, u64) {
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

/// Decimals that tell the axis's labels apart.
fn decimals(range: &Range<f64>) -> usize {
    let step = (range.end - range.start) / 10.0;
    (-step.log10()).ceil().clamp(0.0, 9.0) as usize
}

/// A loss's label. One closer to zero than `nothing` is zero, but for rounding.
fn number(loss: f64, decimals: usize, nothing: f64) -> String {
    match loss.abs() {
        size if size < nothing => "0".to_owned(),
        size if size >= LONG_LABEL => format!("{loss:.4e}"),
        _ => format!("{loss:.decimals$}"),
    }
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

    fn epochs(losses: &[(f64, f64)]) -> Vec<EpochMetrics> {
        let epoch = |(index, &(train_loss, test_loss)): (usize, &(f64, f64))| EpochMetrics {
            epoch: index as u64 + 1,
            train_loss,
            test_loss,
            seconds: 1.0,
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
        let runs = finite_runs(&points(&history, |epoch| epoch.train_loss));
        assert_eq!(runs, [vec![(1.0, 1.0), (2.0, 2.0)], vec![(4.0, 4.0)]]);
    }

    #[test]
    fn labels_are_whole_epochs_and_losses_that_differ() {
        assert_eq!([whole(2.0, 1, 9), whole(2.5, 1, 9), whole(0.0, 1, 9)], ["2", "", ""]);
        assert_eq!(number(1.25, decimals(&(1.0..2.0)), 1e-6), "1.2");
        assert_eq!(number(0.001_25, decimals(&(0.001..0.002)), 1e-9), "0.0013");
        assert_eq!(number(120.0, decimals(&(90.0..210.0)), 1e-4), "120");
        assert_eq!([number(1e-17, 1, 1e-6), number(-2.5e8, 0, 1.0)], ["0", "-2.5000e8"]);
    }
}
