//! Codes to be decoded: between two codes, on a grid, and drawn at random.

use rand::RngExt;
use rayon::prelude::*;

use crate::error::Result;
use crate::rng::{self, Philox, Seed, stream};
use crate::tensor::Tensor;

/// The code at part `t` of the straight way from `a` to `b`, for `t` in `[0, 1]`.
pub fn linear(a: &[f32], b: &[f32], t: f32) -> Vec<f32> {
    mix(a, b, 1.0 - f64::from(t), f64::from(t))
}

/// The code at part `t` of the way from `a` to `b` along the arc between them (White: "Sampling
/// Generative Networks", 2016, arXiv:1609.04468). Codes of a normal prior lie near a sphere, whose
/// inside the straight way would cross. Where there is no arc, as between codes of one direction or
/// of opposite ones, or from the origin, the way is straight.
pub fn spherical(a: &[f32], b: &[f32], t: f32) -> Vec<f32> {
    let product = |a: &[f32], b: &[f32]| -> f64 {
        a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum()
    };
    let norms = (product(a, a) * product(b, b)).sqrt();
    let angle = (product(a, b) / norms).clamp(-1.0, 1.0).acos();
    let sin = angle.sin();
    // Written so that an angle that is not a number is not taken either.
    if !(norms > 0.0 && sin > LEAST_SINE) {
        return linear(a, b, t);
    }
    let t = f64::from(t);
    mix(a, b, ((1.0 - t) * angle).sin() / sin, (t * angle).sin() / sin)
}

/// Below this sine of the angle between two codes, the arc is straight to rounding, or undefined.
const LEAST_SINE: f64 = 1e-5;

fn mix(a: &[f32], b: &[f32], of_a: f64, of_b: f64) -> Vec<f32> {
    let pairs = a.iter().zip(b);
    pairs.map(|(a, b)| (of_a * f64::from(*a) + of_b * f64::from(*b)) as f32).collect()
}

/// `side * side` codes of two numbers at evenly spaced quantiles of the standard normal
/// distribution, so that each stands for as much of the prior as any other. They are in the order
/// of a picture: row by row, the first number rising to the right, the second falling downwards.
pub fn latent_grid(side: usize) -> Vec<[f32; 2]> {
    let places = (0..side).map(|index| normal_quantile((index as f64 + 0.5) / side as f64) as f32);
    let places: Vec<f32> = places.collect();
    picture_order(&places, &places)
}

/// `side * side` codes of two numbers at even distances from `low` to `high`, both included, in the
/// order of [`latent_grid`]. A side of 1 gives the code in the middle.
pub fn latent_grid_between(low: [f32; 2], high: [f32; 2], side: usize) -> Vec<[f32; 2]> {
    let place = |index: usize, axis: usize| {
        let part = if side > 1 { index as f64 / (side - 1) as f64 } else { 0.5 };
        (f64::from(low[axis]) * (1.0 - part) + f64::from(high[axis]) * part) as f32
    };
    let [xs, ys] =
        [0, 1].map(|axis| (0..side).map(|index| place(index, axis)).collect::<Vec<f32>>());
    picture_order(&xs, &ys)
}

fn picture_order(xs: &[f32], ys: &[f32]) -> Vec<[f32; 2]> {
    ys.iter().rev().flat_map(|y| xs.iter().map(|x| [*x, *y])).collect()
}

/// The number below which a standard normal number lies with this probability, in `(0, 1)`, to
/// about seven digits: algorithm AS 241, PPND7 (Wichura: "The Percentage Points of the Normal
/// Distribution", Applied Statistics 37, 1988).
fn normal_quantile(probability: f64) -> f64 {
    let from_half = probability - 0.5;
    if from_half.abs() <= 0.425 {
        let r = 0.180_625 - from_half * from_half;
        let above = [3.387_132_717_9, 50.434_271_938, 159.291_132_02, 59.109_374_720];
        let below = [1.0, 17.895_169_469, 78.757_757_664, 67.187_563_600];
        return from_half * polynomial(r, &above) / polynomial(r, &below);
    }
    let r = (-probability.min(1.0 - probability).ln()).sqrt();
    let size = if r <= 5.0 {
        let above = [1.423_437_277_7, 2.756_815_390_0, 1.306_728_481_6, 0.170_238_211_03];
        let below = [1.0, 0.737_001_642_50, 0.120_211_329_75];
        polynomial(r - 1.6, &above) / polynomial(r - 1.6, &below)
    } else {
        let above = [6.657_905_115_0, 3.081_226_386_0, 0.428_682_943_37, 0.017_337_203_997];
        let below = [1.0, 0.241_978_942_25, 0.012_258_202_635];
        polynomial(r - 5.0, &above) / polynomial(r - 5.0, &below)
    };
    size.copysign(from_half)
}

/// A polynomial with these coefficients, the constant one first.
fn polynomial(x: f64, coefficients: &[f64]) -> f64 {
    coefficients.iter().rev().fold(0.0, |sum, coefficient| sum * x + coefficient)
}

/// `count` standard normal numbers. A longer sequence begins with the shorter one.
pub fn standard_normal(count: usize, seed: Seed) -> Vec<f32> {
    normals(seed).take(count).collect()
}

fn normals(seed: Seed) -> impl Iterator<Item = f32> {
    let mut words = Philox::new(seed, stream::SAMPLES);
    std::iter::repeat_with(move || rng::normal_pair(words.random(), words.random())).flatten()
}

/// The most codes that a [`NormalFit`] keeps.
const MOST_CODES: usize = 1000;
/// The most numbers of them, which a run stores.
const MOST_NUMBERS: usize = 1 << 22;

/// A normal distribution with the mean and the covariance of given codes, for models without a
/// prior that codes could be drawn from.
#[derive(Clone, Debug, PartialEq)]
pub struct NormalFit {
    mean: Vec<f32>,
    /// The codes less their mean, `[count, width]`.
    deviations: Vec<f32>,
}

impl NormalFit {
    /// The distribution of these codes, `[count, width]` row by row, of which a thousand spread over all
    /// are looked at. Codes that are not finite are left out; without any, every code that is drawn is
    /// of zeros.
    pub fn new(codes: &[f32], width: usize) -> Self {
        let finite = |code: &&[f32]| code.iter().all(|number| number.is_finite());
        let most = (MOST_NUMBERS / width.max(1)).clamp(1, MOST_CODES);
        let every = (codes.len() / width.max(1)).div_ceil(most).max(1);
        let rows = codes.chunks_exact(width.max(1)).step_by(every);
        let rows: Vec<&[f32]> = rows.filter(finite).collect();
        let mut sums = vec![0.0; width];
        for code in &rows {
            sums.iter_mut().zip(*code).for_each(|(sum, x)| *sum += f64::from(*x));
        }
        let count = rows.len().max(1) as f64;
        let mean: Vec<f32> = sums.iter().map(|sum| (sum / count) as f32).collect();
        let deviations = rows.iter().flat_map(|code| code.iter().zip(&mean).map(|(x, m)| x - m));
        Self { deviations: deviations.collect(), mean }
    }

    /// The mean `[width]` and the deviations from it `[count, width]`.
    pub(super) fn tensors(&self) -> Result<[Tensor; 2]> {
        let width = self.mean.len();
        let count = self.deviations.len() / width.max(1);
        let deviations = Tensor::new([count, width], self.deviations.clone())?;
        Ok([Tensor::new([width], self.mean.clone())?, deviations])
    }

    /// The distribution that [`NormalFit::tensors`] were of; `None` if they are of none.
    pub(super) fn from_tensors([mean, deviations]: [&Tensor; 2]) -> Option<Self> {
        let [width] = mean.shape()[..] else { return None };
        let fits = matches!(deviations.shape()[..], [_, wide] if wide == width);
        let mut numbers = mean.data().iter().chain(deviations.data());
        let (mean, deviations) = (mean.data().to_vec(), deviations.data().to_vec());
        (fits && numbers.all(|x| x.is_finite())).then_some(Self { mean, deviations })
    }

    /// The same distribution with deviations `factor` times as great.
    pub fn scaled(mut self, factor: f32) -> Self {
        self.deviations.iter_mut().for_each(|deviation| *deviation *= factor);
        self
    }

    /// Draws `count` codes, `[count, width]`. Each is the mean plus all `n` deviations, each times
    /// a standard normal number and divided by the root of `n`: the sum has the codes' covariance,
    /// which never needs to be stored or factored.
    pub fn draw(&self, count: usize, seed: Seed) -> Vec<f32> {
        let width = self.mean.len();
        let scale = 1.0 / ((self.deviations.len() / width.max(1)).max(1) as f64).sqrt();
        let rows = self.deviations.len() / width.max(1);
        let normals = standard_normal(count * rows, seed);
        let mut codes = vec![0.0; count * width];
        codes.par_chunks_mut(width.max(1)).enumerate().for_each(|(number, code)| {
            let mut sums = vec![0.0; width];
            let normals = &normals[number * rows..][..rows];
            for (deviation, normal) in self.deviations.chunks_exact(width.max(1)).zip(normals) {
                for (sum, part) in sums.iter_mut().zip(deviation) {
                    *sum += f64::from(*normal) * f64::from(*part);
                }
            }
            for ((code, mean), sum) in code.iter_mut().zip(&self.mean).zip(&sums) {
                *code = mean + (sum * scale) as f32;
            }
        });
        codes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn norm(code: &[f32]) -> f32 {
        code.iter().map(|number| number * number).sum::<f32>().sqrt()
    }

    fn close(a: &[f32], b: &[f32]) -> bool {
        a.len() == b.len() && a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5)
    }

    #[test]
    fn an_arc_has_its_ends_and_keeps_the_norm() {
        let (a, b) = ([3.0, 0.0, 4.0], [0.0, 5.0, 0.0]);
        assert!(close(&spherical(&a, &b, 0.0), &a) && close(&spherical(&a, &b, 1.0), &b));
        for t in [0.1, 0.5, 0.9] {
            assert!((norm(&spherical(&a, &b, t)) - 5.0).abs() < 1e-5);
        }
        // A third of a right angle.
        let third = spherical(&[1.0, 0.0], &[0.0, 1.0], 1.0 / 3.0);
        assert!(close(&third, &[0.75_f32.sqrt(), 0.5]), "{third:?}");
    }

    #[test]
    fn without_an_arc_the_way_is_straight() {
        let cases = [
            ([1.0, 2.0], [2.0, 4.0]),
            ([1.0, 2.0], [1.0, 2.0]),
            ([0.0, 0.0], [2.0, 4.0]),
            ([1.0, 0.0], [-3.0, 0.0]),
            ([1.0, 0.0], [1.0, 1e-7]),
        ];
        for (a, b) in cases {
            assert_eq!(spherical(&a, &b, 0.25), linear(&a, &b, 0.25), "{a:?} {b:?}");
        }
        assert_eq!(linear(&[1.0, -2.0], &[3.0, 2.0], 0.25), [1.5, -1.0]);
        assert!(spherical(&[f32::NAN, 1.0], &[1.0, 0.0], 0.5)[0].is_nan());
        assert!(spherical(&[], &[], 0.5).is_empty());
    }

    #[test]
    fn quantiles_are_those_of_tables() {
        let table = [
            (0.5, 0.0),
            (0.75, 0.674_489_75),
            (0.95, 1.644_853_6),
            (0.975, 1.959_964),
            (0.999, 3.090_232_3),
            (1e-9, -5.997_807),
            (1e-15, -7.941_345_3),
        ];
        for (probability, expected) in table {
            let quantile = normal_quantile(probability);
            assert!((quantile - expected).abs() < 1e-6, "{probability}: {quantile}");
        }
        // The three parts of the approximation meet without a step.
        for probability in [0.075, 0.075 + 1e-12, (-25.0_f64).exp()] {
            let (below, above) = (probability * (1.0 - 1e-9), probability * (1.0 + 1e-9));
            let step = normal_quantile(above) - normal_quantile(below);
            assert!(step.abs() < 2e-6, "{probability}: {step}");
        }
    }

    #[test]
    fn grids_are_in_the_order_of_a_picture() {
        let grid = latent_grid(3);
        let side = 0.967_421_6;
        assert!(close(&grid[0], &[-side, side]), "{grid:?}");
        assert!(close(&grid[2], &[side, side]) && close(&grid[4], &[0.0, 0.0]));
        assert!(close(&grid[8], &[side, -side]));
        let between = latent_grid_between([-1.0, 0.0], [1.0, 30.0], 4);
        assert_eq!((between.len(), between[0], between[3]), (16, [-1.0, 30.0], [1.0, 30.0]));
        assert_eq!((between[4], between[12]), ([-1.0, 20.0], [-1.0, 0.0]));
        assert_eq!(latent_grid_between([-1.0, 0.0], [1.0, 30.0], 1), [[0.0, 15.0]]);
        assert_eq!((latent_grid(1), latent_grid(0)), (vec![[0.0; 2]], vec![]));
    }

    /// Mean and covariance of codes of width 2.
    fn moments(codes: &[f32]) -> [f32; 5] {
        let count = (codes.len() / 2) as f32;
        let rows = || codes.chunks_exact(2);
        let mean = [0, 1].map(|at| rows().map(|code| code[at]).sum::<f32>() / count);
        let product = |i: usize, j: usize| {
            rows().map(|code| (code[i] - mean[i]) * (code[j] - mean[j])).sum::<f32>() / count
        };
        [mean[0], mean[1], product(0, 0), product(0, 1), product(1, 1)]
    }

    #[test]
    fn codes_are_drawn_with_the_mean_and_covariance_of_the_data() {
        // Not normal at all: three corners of a triangle.
        let codes: Vec<f32> = [[0.0, 0.0], [3.0, 1.0], [2.0, 5.0]].repeat(40).concat();
        let fit = NormalFit::new(&codes, 2);
        let drawn = fit.draw(20_000, Seed(4));
        let (expected, found) = (moments(&codes), moments(&drawn));
        for (expected, found) in expected.iter().zip(&found) {
            assert!((expected - found).abs() < 0.08, "{expected} {found}");
        }
        assert_eq!(fit.draw(10, Seed(4)), drawn[..20]);
        assert_ne!(fit.draw(10, Seed(5)), drawn[..20]);
    }

    #[test]
    fn odd_codes_are_left_out_of_a_fit() {
        let fit = NormalFit::new(&[1.0, 2.0, f32::NAN, 0.0, 1.0, 2.0, 9.0], 2);
        assert_eq!(fit.draw(2, Seed(1)), [1.0, 2.0, 1.0, 2.0]);
        assert_eq!(NormalFit::new(&[], 3).draw(1, Seed(1)), [0.0; 3]);
        assert!(NormalFit::new(&[1.0], 0).draw(2, Seed(1)).is_empty());
        let many: Vec<f32> = (0..3000).map(|index| if index < 1500 { 1.0 } else { 9.0 }).collect();
        let NormalFit { mean, deviations } = NormalFit::new(&many, 1);
        assert_eq!((mean, deviations.len()), (vec![5.0], 1000));
    }

    #[test]
    fn normals_are_normal_and_begin_alike() {
        let numbers = standard_normal(20_001, Seed(3));
        let [first, second, a, b, c] = moments(&numbers[..20_000]);
        for (found, expected) in [(first, 0.0), (second, 0.0), (a, 1.0), (b, 0.0), (c, 1.0)] {
            assert!((found - expected).abs() < 0.05, "{found} {expected}");
        }
        assert_eq!(standard_normal(3, Seed(3)), numbers[..3]);
    }
}
