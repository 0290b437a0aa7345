//! Curves by epoch as SVG, in colours that the page's style gives them.

use maud::{Markup, html};

use super::measures::number;

/// The drawing's size, and the room around the axes.
const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 340.0;
const LEFT: f64 = 76.0;
const RIGHT: f64 = 16.0;
const TOP: f64 = 14.0;
const BOTTOM: f64 = 46.0;
/// Labels along each axis, at most.
const LABELS: [f64; 2] = [10.0, 8.0];
/// With more epochs than this, points would hide the line.
const MOST_POINTS: usize = 60;

/// A curve.
pub struct Curve {
    /// What it is called.
    pub name: &'static str,
    /// The class that gives it its colour.
    pub class: &'static str,
    /// Epochs and values; one that is not finite leaves a gap.
    pub points: Vec<(u64, f64)>,
}

/// A range of numbers on an axis, with its labels.
struct Axis {
    low: f64,
    high: f64,
    step: f64,
}

impl Axis {
    /// An axis over `low..high` with labels at round numbers.
    fn new(low: f64, high: f64, labels: f64, least_step: f64) -> Self {
        let rough = ((high - low) / labels).max(least_step);
        let power = 10_f64.powf(rough.log10().floor());
        let factor = [1.0, 2.0, 5.0].into_iter().find(|factor| factor * power >= rough * 0.999);
        Self { low, high, step: factor.unwrap_or(10.0) * power }
    }

    /// Where a number lies, from 0 to 1.
    fn part(&self, value: f64) -> f64 {
        (value - self.low) / (self.high - self.low)
    }

    fn labels(&self) -> Vec<f64> {
        let first = (self.low / self.step).ceil();
        let count = ((self.high / self.step).floor() - first).clamp(0.0, 50.0) as u32;
        (0..=count).map(|index| (first + f64::from(index)) * self.step).collect()
    }

    /// A label with the decimals that tell it from the next.
    fn text(&self, value: f64) -> String {
        if value.abs().max(self.step) >= 1e6 || self.step < 1e-6 {
            return format!("{value:.2e}");
        }
        let decimals = (-self.step.log10().floor()).clamp(0.0, 7.0) as usize;
        // Without the sign of a zero that is not quite one.
        let value = if value.abs() < self.step * 1e-6 { 0.0 } else { value };
        format!("{value:.decimals$}")
    }
}

/// The curves over their epochs; nothing where no number is finite.
pub fn chart(title: &str, curves: &[Curve]) -> Option<Markup> {
    let finite = |value: f64| value.abs() < 1e30;
    let all = || curves.iter().flat_map(|curve| &curve.points).filter(|(_, y)| finite(*y));
    let epochs = || all().map(|(epoch, _)| *epoch as f64);
    let (first, last) = (epochs().reduce(f64::min)?, epochs().reduce(f64::max)?);
    let low = all().map(|(_, y)| *y).reduce(f64::min)?;
    let high = all().map(|(_, y)| *y).reduce(f64::max)?;
    // A constant lies in the middle; the axis must not be finer than its numbers.
    let room = ((high - low) * 0.06).max(low.abs().max(high.abs()) * 1e-3).max(1e-9);
    let across = Axis::new(first - 0.5, last + 0.5, LABELS[0], 1.0);
    let upward = Axis::new(low - room, high + room, LABELS[1], 0.0);
    let x = |epoch: f64| LEFT + across.part(epoch) * (WIDTH - LEFT - RIGHT);
    let y = |value: f64| HEIGHT - BOTTOM - upward.part(value) * (HEIGHT - TOP - BOTTOM);
    let at = |value: f64| format!("{value:.1}");
    Some(html! {
        svg class="chart" viewBox=(format!("0 0 {WIDTH} {HEIGHT}")) role="img"
            aria-label=(title) {
            @for label in upward.labels() {
                line class="grid" x1=(at(LEFT)) x2=(at(WIDTH - RIGHT)) y1=(at(y(label)))
                    y2=(at(y(label))) {}
                text class="label" text-anchor="end" x=(at(LEFT - 8.0)) y=(at(y(label) + 4.0)) {
                    (upward.text(label))
                }
            }
            line class="axis" x1=(at(LEFT)) x2=(at(WIDTH - RIGHT)) y1=(at(HEIGHT - BOTTOM))
                y2=(at(HEIGHT - BOTTOM)) {}
            @for label in across.labels() {
                text class="label" text-anchor="middle" x=(at(x(label)))
                    y=(at(HEIGHT - BOTTOM + 18.0)) { (across.text(label)) }
            }
            text class="label" text-anchor="middle" x=(at((LEFT + WIDTH - RIGHT) / 2.0))
                y=(at(HEIGHT - 6.0)) { "epoch" }
            @for curve in curves {
                g class=(curve.class) {
                    @for run in curve.points.split(|(_, y)| !finite(*y)) {
                        @if run.len() > 1 {
                            polyline points=(path(run, x, y)) {}
                        }
                        @if curve.points.len() <= MOST_POINTS || run.len() == 1 {
                            @for (epoch, value) in run {
                                circle cx=(at(x(*epoch as f64))) cy=(at(y(*value))) r="3" {
                                    title {
                                        (curve.name) ", epoch " (epoch) ": " (number(*value))
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    })
}

fn path(run: &[(u64, f64)], x: impl Fn(f64) -> f64, y: impl Fn(f64) -> f64) -> String {
    let point = |(epoch, value): &(u64, f64)| format!("{:.1},{:.1}", x(*epoch as f64), y(*value));
    run.iter().map(point).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(values: &[f64]) -> Option<String> {
        let points = (1..).zip(values.iter().copied()).collect();
        let curve = Curve { name: "train", class: "train", points };
        chart("loss", &[curve]).map(|markup| markup.into_string())
    }

    #[test]
    fn axes_have_round_labels() {
        let labels = |low, high| {
            let axis = Axis::new(low, high, 6.0, 0.0);
            axis.labels().into_iter().map(|label| axis.text(label)).collect::<Vec<_>>()
        };
        assert_eq!(labels(88.1, 131.0), ["90", "100", "110", "120", "130"]);
        assert_eq!(labels(-0.11, 0.18), ["-0.10", "-0.05", "0.00", "0.05", "0.10", "0.15"]);
        assert_eq!(labels(0.0, 1e7).len(), 6);
        let epochs = Axis::new(0.5, 3.5, 10.0, 1.0);
        assert_eq!(epochs.labels(), [1.0, 2.0, 3.0]);
    }

    #[test]
    fn gaps_split_a_curve_and_every_history_can_be_drawn() {
        let svg = drawn(&[3.0, 2.0, f64::NAN, 1.0]).expect("there are numbers");
        assert_eq!(svg.matches("<polyline").count(), 1);
        assert_eq!(svg.matches("<circle").count(), 3);
        assert!(svg.contains("epoch 4: 1<"), "{svg}");
        for values in
            [&[0.0][..], &[5.0; 4], &[1e29, -1e29, f64::MAX], &[0.0, 5e-324], &[1e-12, 2e-12]]
        {
            let svg = drawn(values).expect("there are numbers");
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{values:?}: {svg}");
        }
        assert!(
            drawn(&vec![0.5; 3000]).expect("there are numbers").matches("<circle").count() == 0
        );
        assert!(drawn(&[f64::NAN]).is_none() && drawn(&[]).is_none());
    }
}
