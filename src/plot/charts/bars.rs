//! Charts of bars: how much a codebook and the dimensions of a latent code are used.

use image::RgbImage;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::chart::{
    self, Area, BLUE, DrawResult, GRID, LARGEST, ORANGE, Scale, TEXT, font, text_width,
    write_beside,
};
use crate::error::Result;
use crate::plot::colours::NOT_A_NUMBER;

const WIDTH: u32 = 960;
const HEIGHT: u32 = 560;
/// Pixels to the left of the bars, for labels, and where these are long.
const LEFT: u32 = 96;
const WIDE_LEFT: u32 = 150;
const RIGHT: u32 = 30;
/// Pixels above the bars, for a line that says what is shown and for the legend.
const TOP: u32 = 56;
const BOTTOM: u32 = 76;

/// Bars are apart where each has at least so many pixels.
const APART: f64 = 4.0;

/// The least height of a bar that stands for something, in pixels.
const LEAST_HEIGHT: f64 = 3.0;

/// A dimension of a latent code with more nats than this is active: it tells something of the
/// image.
const ACTIVE: f32 = 0.01;

/// What the axis of nats shows at least, so that collapsed dimensions look so.
const LEAST_NATS: f64 = 0.1;

/// The most bars that are labelled one by one.
const MOST_NAMES: usize = 32;

/// How evenly a codebook is used: each code's share of all uses, from the most to the least used,
/// with a line at the share of even use. `counts` are the uses of each code. The caption has the
/// number of codes that are used at all, and their `perplexity`: e to the entropy of the shares in
/// nats, which is the number of codes when all are used alike.
///
/// # Errors
/// When the picture cannot be drawn.
pub fn code_use(counts: &[u64], perplexity: f64) -> Result<RgbImage> {
    let used = counts.iter().filter(|count| **count > 0).count();
    let mut shares = shares(counts);
    shares.sort_by(|a, b| b.total_cmp(a));
    let bars = shares.iter().map(|share| Bar { height: share * 100.0, colour: BLUE });
    let even = 100.0 / counts.len().max(1) as f64;
    let chart = BarChart {
        caption: format!("{used} of {} codes used, perplexity {perplexity:.1}", counts.len()),
        axes: ["codes, from the most to the least used", "share of all uses (%)"],
        least_height: 0.0,
        least_top: 0.0,
        bars: bars.collect(),
        names: None,
        line: Some(even),
        legend: vec![("even use".to_owned(), ORANGE)],
    };
    chart.draw("codebook use")
}

/// The Kullback-Leibler divergence of each latent dimension from its prior, in nats, from the
/// largest to the smallest: active dimensions (above 0.01 nats) and collapsed ones, which tell
/// nothing of the image. Dimensions are numbered from 1. What is not finite is shown as a bar of
/// full height.
///
/// # Errors
/// When the picture cannot be drawn.
pub fn kl_bars(kl: &[f32]) -> Result<RgbImage> {
    let drawable = |nats: f32| f64::from(nats).abs() <= LARGEST;
    let odd = kl.iter().filter(|nats| !drawable(**nats)).count();
    let active = kl.iter().filter(|nats| drawable(**nats) && **nats > ACTIVE).count();
    let finite = || kl.iter().copied().filter(|nats| drawable(*nats)).map(f64::from);
    let (total, largest) = (finite().sum::<f64>(), finite().fold(0.0, f64::max));
    let mut order: Vec<usize> = (0..kl.len()).collect();
    let key = |index: &usize| if drawable(kl[*index]) { kl[*index] } else { f32::INFINITY };
    order.sort_by(|a, b| key(b).total_cmp(&key(a)));
    let [red, green, blue] = NOT_A_NUMBER.0;
    let not_a_number = RGBColor(red, green, blue);
    let bar = |index: &usize| match kl[*index] {
        nats if !drawable(nats) => Bar { height: largest.max(LEAST_NATS), colour: not_a_number },
        nats if nats > ACTIVE => Bar { height: nats.into(), colour: BLUE },
        nats => Bar { height: nats.max(0.0).into(), colour: ORANGE },
    };
    let mut legend = vec![
        (format!("active, above {ACTIVE} nats ({active})"), BLUE),
        (format!("collapsed ({})", kl.len() - active - odd), ORANGE),
    ];
    if odd > 0 {
        legend.push((format!("not finite ({odd})"), not_a_number));
    }
    let total = if total < 1e6 { format!("{total:.2}") } else { format!("{total:.2e}") };
    let names = order.iter().map(|index| (index + 1).to_string()).collect();
    let chart = BarChart {
        caption: format!("{total} nats in {} dimensions", kl.len()),
        axes: ["latent dimensions, from the most to the least used", "KL divergence (nats)"],
        least_height: LEAST_HEIGHT,
        least_top: LEAST_NATS,
        bars: order.iter().map(bar).collect(),
        names: (kl.len() <= MOST_NAMES).then_some(names),
        line: None,
        legend,
    };
    chart.draw("KL by dimension")
}

/// Each count's part of the sum; zeros where that is zero.
fn shares(counts: &[u64]) -> Vec<f64> {
    let total: f64 = counts.iter().map(|count| *count as f64).sum();
    counts.iter().map(|count| *count as f64 / total.max(1.0)).collect()
}

struct Bar {
    height: f64,
    colour: RGBColor,
}

/// Bars side by side on an axis of their ranks, from 1.
struct BarChart<'a> {
    caption: String,
    axes: [&'a str; 2],
    /// Pixels of the lowest bar.
    least_height: f64,
    /// What the axis shows at least.
    least_top: f64,
    bars: Vec<Bar>,
    /// What is written below each bar; else, the rank is written below some.
    names: Option<Vec<String>>,
    /// The height of a line across the chart.
    line: Option<f64>,
    legend: Vec<(String, RGBColor)>,
}

impl BarChart<'_> {
    fn draw(&self, name: &str) -> Result<RgbImage> {
        chart::drawn([WIDTH, HEIGHT], name, |area| {
            let heights = self.bars.iter().map(|bar| bar.height).chain(self.line);
            let highest = heights.fold(self.least_top, f64::max);
            let scale = Scale::new(0.0..if highest > 0.0 { highest * 1.05 } else { 1.0 });
            let left = if scale.is_long() { WIDE_LEFT } else { LEFT };
            self.draw_bars(area, left, &scale)?;
            self.draw_names(area, left)?;
            self.draw_header(area, left)
        })
    }

    fn draw_bars(&self, area: &Area, left: u32, scale: &Scale) -> DrawResult {
        let count = self.bars.len().max(1) as f64;
        let mut chart = ChartBuilder::on(area)
            .margin_left(14)
            .margin_top(TOP)
            .margin_right(RIGHT)
            .margin_bottom(14)
            .x_label_area_size(BOTTOM - 14)
            .y_label_area_size(left - 14)
            .build_cartesian_2d(0.5..count + 0.5, scale.range.clone())?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .light_line_style(TRANSPARENT)
            .bold_line_style(GRID)
            .axis_style(TEXT)
            .x_labels(0)
            .y_labels(8)
            .y_label_formatter(&|number| scale.label(*number))
            .label_style(font(18))
            .axis_desc_style(font(20))
            .x_desc(self.axes[0])
            .y_desc(self.axes[1])
            .draw()?;
        let half = if f64::from(WIDTH - left - RIGHT) / count >= APART { 0.4 } else { 0.5 };
        let pixel = scale.range.end / f64::from(HEIGHT - TOP - BOTTOM);
        for (rank, bar) in (1..).zip(&self.bars) {
            let (start, end) = (f64::from(rank) - half, f64::from(rank) + half);
            let height = bar.height.max(self.least_height * pixel);
            if height > 0.0 {
                let corners = [(start, 0.0), (end, height)];
                chart.plotting_area().draw(&Rectangle::new(corners, bar.colour.filled()))?;
            }
        }
        if let Some(height) = self.line {
            let ends = [(0.5, height), (count + 0.5, height)];
            chart.plotting_area().draw(&PathElement::new(ends, ORANGE.stroke_width(2)))?;
        }
        Ok(())
    }

    /// What the bars are called, below the axis.
    fn draw_names(&self, area: &Area, left: u32) -> DrawResult {
        let count = self.bars.len();
        let step = if self.names.is_some() { 1 } else { label_step(count) };
        let style = font(18).pos(Pos::new(HPos::Center, VPos::Top));
        for rank in (1..=count).filter(|rank| *rank == 1 || rank % step == 0) {
            let part = (rank as f64 - 0.5) / count as f64;
            let x = f64::from(left) + part * f64::from(WIDTH - left - RIGHT);
            let name = self
                .names
                .as_ref()
                .map_or_else(|| rank.to_string(), |names| names[rank - 1].clone());
            area.draw(&Text::new(name, (x as i32, (HEIGHT - BOTTOM + 8) as i32), style.clone()))?;
        }
        Ok(())
    }

    /// The caption on the left, the legend on the right.
    fn draw_header(&self, area: &Area, left: u32) -> DrawResult {
        let y = TOP as i32 / 2;
        write_beside(area, &self.caption, (left as i32, y), 18)?;
        // As thick as what it stands for: a line, or bars.
        let half = if self.line.is_some() { 1 } else { 7 };
        let mut right = (WIDTH - RIGHT) as i32;
        for (name, colour) in self.legend.iter().rev() {
            let left = right - text_width(name, 18) as i32;
            write_beside(area, name, (left, y), 18)?;
            let swatch = [(left - 26, y - half), (left - 10, y + half)];
            area.draw(&Rectangle::new(swatch, colour.filled()))?;
            right = left - 50;
        }
        Ok(())
    }
}

/// Every how many ranks one is labelled: 1, 2 or 5 times a power of ten, for at most 12 labels.
fn label_step(count: usize) -> usize {
    let powers = std::iter::successors(Some(1_usize), |power| power.checked_mul(10));
    let mut steps = powers.flat_map(|power| [1, 2, 5].map(|factor| power.saturating_mul(factor)));
    steps.find(|step| count / step <= 12).unwrap_or(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The colour in the middle of bar `rank` of `count`, this part of the chart's height up.
    fn colour(picture: &RgbImage, [rank, count]: [u32; 2], up: f64) -> RGBColor {
        let x = LEFT + (2 * rank - 1) * (WIDTH - LEFT - RIGHT) / (2 * count);
        let height = f64::from(HEIGHT - TOP - BOTTOM);
        let [red, green, blue] = picture.get_pixel(x, HEIGHT - BOTTOM - (up * height) as u32).0;
        RGBColor(red, green, blue)
    }

    #[test]
    fn shares_of_any_counts_add_up_to_one() {
        for counts in [&[5, 0, 5][..], &[u64::MAX; 3]] {
            assert!((shares(counts).iter().sum::<f64>() - 1.0).abs() < 1e-9);
        }
        assert_eq!(shares(&[0, 0]), [0.0, 0.0]);
    }

    #[test]
    fn codes_stand_from_the_most_to_the_least_used() {
        let picture = code_use(&[0, 10, 40, 0, 0], 1.6).expect("can be drawn");
        assert_eq!(picture.dimensions(), (WIDTH, HEIGHT));
        // Shares of 80 % and 20 % on an axis up to 84 %, with the line of even use at 20 %.
        assert_eq!(colour(&picture, [1, 5], 0.9), BLUE);
        assert_eq!(colour(&picture, [2, 5], 0.2), BLUE);
        assert_eq!(colour(&picture, [2, 5], 0.3), WHITE);
        assert_eq!(colour(&picture, [3, 5], 0.02), WHITE);
        assert_eq!(colour(&picture, [4, 5], 20.0 / 84.0), ORANGE);
    }

    #[test]
    fn active_and_collapsed_dimensions_have_their_colours() {
        let picture = kl_bars(&[0.001, 2.0, 0.0, 4.0]).expect("can be drawn");
        assert_eq!(colour(&picture, [1, 4], 0.9), BLUE);
        assert_eq!(colour(&picture, [2, 4], 0.44), BLUE);
        assert_eq!(colour(&picture, [2, 4], 0.6), WHITE);
        for rank in [3, 4] {
            assert_eq!(colour(&picture, [rank, 4], 0.005), ORANGE);
            assert_eq!(colour(&picture, [rank, 4], 0.03), WHITE);
        }
    }

    #[test]
    fn what_is_not_finite_stands_out() {
        let picture = kl_bars(&[f32::NAN, 1.0, f32::INFINITY]).expect("can be drawn");
        let magenta = RGBColor(255, 0, 255);
        let found = [1, 2, 3].map(|rank| colour(&picture, [rank, 3], 0.5));
        assert_eq!(found, [magenta, magenta, BLUE]);
    }

    #[test]
    fn every_number_of_bars_can_be_drawn() {
        for count in [0, 1, 2, 31, 33, 1000, 70_000] {
            code_use(&vec![3; count], count as f64).expect("can be drawn");
            code_use(&vec![0; count], 0.0).expect("can be drawn");
            kl_bars(&vec![0.0; count]).expect("can be drawn");
            kl_bars(&vec![f32::NAN; count]).expect("can be drawn");
        }
        kl_bars(&[f32::MAX, 1e29, 1e-30, -1.0]).expect("can be drawn");
        assert_eq!([5, 16, 17, 64, 512, 8192].map(label_step), [1, 2, 2, 5, 50, 1000]);
    }
}
