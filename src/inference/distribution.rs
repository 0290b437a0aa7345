//! How codes of real images are distributed, so that new ones can be drawn.

use std::collections::HashMap;

use nalgebra::{DMatrix, DVector};

use super::latent::{NormalFit, standard_normal};
use super::mixture::Mixture;
use crate::arithmetic::eigen::eigen;
use crate::error::Result;
use crate::rng::{Philox, Seed, stream};
use crate::tensor::Tensor;

/// A mixture models codes of up to this many numbers whole, and wider ones along as many directions.
const MOST_DIRECTIONS: usize = 64;
/// Rows and numbers of the codes that are looked at, at the most.
const MOST_ROWS: usize = 10_000;
const MOST_NUMBERS: usize = 1 << 23;
/// Times that directions are turned towards those of most variance. Each makes what lies outside
/// smaller by the ratio of variances.
const TURNS: usize = 6;
/// Directions that are turned along with those that are wanted, so that the last of them converge.
const SPARE: usize = 8;
/// First directions, and the mixture, are the same for the same codes.
const START: Seed = Seed(0x00D1_AB01_0001);

/// Names of stored tensors: of the mixture, of the directions that it models, and of what lies outside
/// these.
const WEIGHTS: &str = "mixture.weights";
const MEANS: &str = "mixture.means";
const ROOTS: &str = "mixture.roots";
const CENTRE: &str = "directions.mean";
const AXES: &str = "directions.axes";
const REST_MEAN: &str = "rest.mean";
const REST: &str = "rest.deviations";

/// A distribution like that of given codes (Ghosh et al., "From variational to deterministic
/// autoencoders", 2020): a mixture of normal distributions, along the directions of most variance
/// where codes are wide; what lies outside these is drawn from one normal distribution, with the mean
/// and covariance that it has in real codes.
#[derive(Clone, Debug, PartialEq)]
pub struct CodeDistribution {
    mixture: Mixture,
    /// For wide codes.
    directions: Option<Directions>,
    temperature: f32,
    width: usize,
}

#[derive(Clone, Debug, PartialEq)]
struct Directions {
    mean: DVector<f64>,
    /// `[width, directions]`, at right angles and of length 1.
    axes: DMatrix<f64>,
    /// What lies outside them.
    rest: NormalFit,
}

impl CodeDistribution {
    /// The distribution of `codes`, `[count, width]` row by row, of which ten thousand spread over all
    /// are looked at. The number of components is the one under which `held_out` codes are likeliest.
    /// Codes that are not finite are left out.
    pub fn new(codes: &[f32], held_out: &[f32], width: usize) -> Self {
        let (rows, held_out) = (columns(codes, width), columns(held_out, width));
        let temperature = 1.0;
        if width <= MOST_DIRECTIONS {
            let mixture = Mixture::chosen(&rows, &held_out, START);
            return Self { mixture, directions: None, temperature, width };
        }
        let mean = rows.column_sum() / rows.ncols().max(1) as f64;
        let axes = leading_axes(&rows, &mean, MOST_DIRECTIONS);
        let along = |rows: &DMatrix<f64>| axes.transpose() * centred(rows, &mean);
        let parts = along(&rows);
        let mixture = Mixture::chosen(&parts, &along(&held_out), START);
        let rest = centred(&rows, &mean) - &axes * parts;
        let rest: Vec<f32> = rest.iter().map(|number| *number as f32).collect();
        let rest = NormalFit::new(&rest, width);
        let directions = Some(Directions { mean, axes, rest });
        Self { mixture, directions, temperature, width }
    }

    /// The distribution as named tensors, which a run stores.
    ///
    /// # Errors
    /// Never, unless codes are wider than can be.
    pub(super) fn tensors(&self) -> Result<Vec<(&'static str, Tensor)>> {
        let [weights, means, roots] = self.mixture.tensors()?;
        let mut all = vec![(WEIGHTS, weights), (MEANS, means), (ROOTS, roots)];
        if let Some(Directions { mean, axes, rest }) = &self.directions {
            let rows = axes.transpose().iter().map(|x| *x as f32).collect();
            let [rest_mean, deviations] = rest.tensors()?;
            let mean = mean.iter().map(|x| *x as f32).collect();
            all.extend([
                (CENTRE, Tensor::new([self.width], mean)?),
                (AXES, Tensor::new([self.width, axes.ncols()], rows)?),
                (REST_MEAN, rest_mean),
                (REST, deviations),
            ]);
        }
        Ok(all)
    }

    /// The distribution of codes of `width` numbers that [`CodeDistribution::tensors`] were of; `None` if
    /// they are of none.
    pub(super) fn from_tensors(width: usize, tensors: &HashMap<String, Tensor>) -> Option<Self> {
        let of = |name: &str| tensors.get(name);
        let mixture = Mixture::from_tensors([of(WEIGHTS)?, of(MEANS)?, of(ROOTS)?])?;
        let along = of(MEANS)?.shape()[1];
        let temperature = 1.0;
        let Some(centre) = of(CENTRE) else {
            return (along == width).then_some(Self {
                mixture,
                directions: None,
                temperature,
                width,
            });
        };
        let axes = of(AXES)?;
        let rest = NormalFit::from_tensors([of(REST_MEAN)?, of(REST)?])?;
        let finite = centre.data().iter().chain(axes.data()).all(|x| x.is_finite());
        let fits = axes.shape()[..] == [width, along]
            && [centre, of(REST_MEAN)?].iter().all(|mean| mean.shape()[..] == [width]);
        if !(fits && finite) {
            return None;
        }
        let numbers =
            |tensor: &Tensor| -> Vec<f64> { tensor.data().iter().map(|x| f64::from(*x)).collect() };
        let directions = Directions {
            mean: DVector::from_vec(numbers(centre)),
            axes: DMatrix::from_row_slice(width, along, &numbers(axes)),
            rest,
        };
        Some(Self { mixture, directions: Some(directions), temperature, width })
    }

    /// The same with codes `temperature` times as far from the mean of their component.
    pub fn at_temperature(self, temperature: f32) -> Self {
        let directions = self.directions.map(|directions| {
            let factor = temperature / self.temperature;
            Directions { rest: directions.rest.scaled(factor), ..directions }
        });
        Self { directions, temperature, ..self }
    }

    /// How many components the mixture has.
    pub fn components(&self) -> usize {
        self.mixture.size()
    }

    /// Draws `count` codes, `[count, width]`. More codes begin with the fewer.
    pub fn draw(&self, count: usize, seed: Seed) -> Vec<f32> {
        let mut random = Philox::new(seed, stream::MIXTURE);
        let rows = (0..count).map(|_| self.mixture.draw(self.temperature.into(), &mut random));
        let Some(Directions { mean, axes, rest }) = &self.directions else {
            return rows
                .flat_map(|row| row.iter().map(|x| *x as f32).collect::<Vec<_>>())
                .collect();
        };
        let mut codes = rest.draw(count, seed);
        for (code, row) in codes.chunks_mut(self.width.max(1)).zip(rows) {
            let placed = mean + axes * row;
            code.iter_mut().zip(placed.iter()).for_each(|(code, x)| *code += *x as f32);
        }
        codes
    }
}

/// Codes that are finite, evenly spread over all, as columns.
fn columns(codes: &[f32], width: usize) -> DMatrix<f64> {
    if width == 0 {
        return DMatrix::zeros(0, 0);
    }
    let most = (MOST_NUMBERS / width).clamp(1, MOST_ROWS);
    let count = codes.len() / width;
    let finite = |code: &&[f32]| code.iter().all(|number| number.is_finite());
    let rows = codes.chunks_exact(width).step_by(count.div_ceil(most).max(1));
    let numbers: Vec<f64> =
        rows.filter(finite).flat_map(|row| row.iter().map(|x| f64::from(*x))).collect();
    DMatrix::from_vec(width, numbers.len() / width, numbers)
}

fn centred(rows: &DMatrix<f64>, mean: &DVector<f64>) -> DMatrix<f64> {
    let mut centred = rows.clone();
    centred.column_iter_mut().for_each(|mut column| column -= mean);
    centred
}

/// The directions of most variance, `[width, most]`, fewer where there are fewer rows or numbers, by
/// subspace iteration from directions that are drawn at random (Halko, Martinsson, Tropp: "Finding
/// structure with randomness", 2011, algorithm 4.4).
pub(crate) fn leading_axes(rows: &DMatrix<f64>, mean: &DVector<f64>, most: usize) -> DMatrix<f64> {
    let (width, count) = rows.shape();
    let wanted = (most + SPARE).min(width).min(count);
    if wanted == 0 {
        return DMatrix::zeros(width, 0);
    }
    let rows = centred(rows, mean);
    // Products of transposes do not go through the fast kernel.
    let across = rows.transpose();
    let start = standard_normal(count * wanted, START).into_iter().map(f64::from);
    let mut axes = &rows * DMatrix::from_iterator(count, wanted, start);
    for _ in 0..TURNS {
        let orthonormal = axes.qr().q();
        axes = &rows * (&across * &orthonormal);
    }
    let orthonormal = axes.qr().q();
    let parts = orthonormal.transpose() * &rows;
    let turned = eigen(&(&parts * parts.transpose()));
    let mut order: Vec<usize> = (0..wanted).collect();
    order.sort_by(|a, b| turned.eigenvalues[*b].total_cmp(&turned.eigenvalues[*a]));
    let first = order.iter().take(most).map(|index| turned.eigenvectors.column(*index));
    orthonormal * DMatrix::from_columns(&first.collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean and covariance of the first two numbers of codes.
    fn moments(codes: &[f32], width: usize) -> [f32; 5] {
        let rows = || codes.chunks_exact(width);
        let count = rows().len() as f32;
        let mean = [0, 1].map(|at| rows().map(|code| code[at]).sum::<f32>() / count);
        let product = |i: usize, j: usize| {
            rows().map(|code| (code[i] - mean[i]) * (code[j] - mean[j])).sum::<f32>() / count
        };
        [mean[0], mean[1], product(0, 0), product(0, 1), product(1, 1)]
    }

    #[test]
    fn codes_lie_where_those_of_the_data_do() {
        // Three corners of a triangle; one normal distribution would lie between them.
        let corners = [[0.0, 0.0], [3.0, 1.0], [2.0, 5.0]];
        let noise = standard_normal(2 * 600, Seed(9));
        let codes = noise.chunks_exact(2).zip(corners.iter().cycle());
        let codes: Vec<f32> =
            codes.flat_map(|(n, [x, y])| [x + 0.05 * n[0], y + 0.05 * n[1]]).collect();
        let (known, held_out) = codes.split_at(900);
        let fit = CodeDistribution::new(known, held_out, 2);
        let drawn = fit.draw(20_000, Seed(4));
        for (expected, found) in moments(&codes, 2).iter().zip(moments(&drawn, 2)) {
            assert!((expected - found).abs() < 0.1, "{expected} {found}");
        }
        let near =
            |code: &&[f32]| corners.iter().any(|[x, y]| (code[0] - x).hypot(code[1] - y) < 0.5);
        assert!(drawn.chunks_exact(2).filter(near).count() > 19_000);
        assert_eq!(fit.draw(10, Seed(4)), drawn[..20]);
        assert_ne!(fit.draw(10, Seed(5)), drawn[..20]);
        // Without deviations, all lie at means of components.
        let still = fit.at_temperature(0.0).draw(50, Seed(1));
        let mut places: Vec<[i32; 2]> =
            still.chunks_exact(2).map(|code| [0, 1].map(|at| (code[at] * 1e4) as i32)).collect();
        places.sort_unstable();
        places.dedup();
        assert!(places.len() <= 5, "{places:?}");
    }

    #[test]
    fn wide_codes_keep_their_moments_and_what_few_directions_lack() {
        // Two numbers that vary much and together, and 98 that vary a little.
        let width = 100;
        let normals = standard_normal(width * 1500, Seed(3));
        let mut codes: Vec<f32> = normals.iter().map(|x| 0.1 * x + 1.0).collect();
        for code in codes.chunks_mut(width) {
            let (a, b) = (code[0] - 1.0, code[1] - 1.0);
            (code[0], code[1]) = (20.0 * a, 10.0 * a + 5.0 * b);
        }
        let (known, held_out) = codes.split_at(1200 * width);
        let fit = CodeDistribution::new(known, held_out, width);
        let drawn = fit.draw(4000, Seed(6));
        for (expected, found) in moments(&codes, width).iter().zip(moments(&drawn, width)) {
            assert!((expected - found).abs() < 0.25, "{expected} {found}");
        }
        let rest: Vec<f32> = drawn.chunks(width).flat_map(|code| code[60..62].to_vec()).collect();
        let [mean, _, variance, ..] = moments(&rest, 2);
        assert!((mean - 1.0).abs() < 0.02 && (variance - 0.01).abs() < 0.002, "{mean} {variance}");
        assert_eq!(fit.draw(3, Seed(6)), drawn[..3 * width]);
    }

    #[test]
    fn stored_distributions_are_the_same_again_and_damaged_ones_are_none() {
        for width in [3, 100] {
            let codes = standard_normal(width * 300, Seed(2));
            let (known, held_out) = codes.split_at(width * 250);
            let fit = CodeDistribution::new(known, held_out, width);
            let named = |fit: &CodeDistribution| -> HashMap<String, Tensor> {
                let tensors = fit.tensors().expect("small");
                tensors.into_iter().map(|(name, tensor)| (name.to_owned(), tensor)).collect()
            };
            let stored = named(&fit);
            let again = CodeDistribution::from_tensors(width, &stored).expect("whole");
            assert_eq!(named(&again), stored);
            for (one, other) in fit.draw(5, Seed(1)).iter().zip(again.draw(5, Seed(1))) {
                assert!((one - other).abs() < 1e-5, "{one} {other}");
            }
            assert_eq!(CodeDistribution::from_tensors(width + 1, &stored), None);
            for name in stored.keys() {
                let mut damaged = stored.clone();
                damaged.insert(name.clone(), Tensor::zeros([7, 7]));
                assert_eq!(CodeDistribution::from_tensors(width, &damaged), None, "{name}");
                let mut odd = stored[name].clone();
                odd.data_mut()[0] = f32::NAN;
                damaged.insert(name.clone(), odd);
                assert_eq!(CodeDistribution::from_tensors(width, &damaged), None, "{name}");
            }
        }
    }

    #[test]
    fn odd_codes_are_left_out_of_a_fit() {
        let codes = [1.0, 2.0, f32::NAN, 0.0, 1.0, 2.0, 9.0];
        for drawn in CodeDistribution::new(&codes, &[], 2).draw(2, Seed(1)).chunks(2) {
            assert!((drawn[0] - 1.0).abs() < 1e-6 && (drawn[1] - 2.0).abs() < 1e-6, "{drawn:?}");
        }
        assert_eq!(CodeDistribution::new(&[], &[], 3).draw(2, Seed(1)).len(), 6);
        assert_eq!(CodeDistribution::new(&[], &[], 70).draw(2, Seed(1)).len(), 140);
        assert!(CodeDistribution::new(&[1.0], &[], 0).draw(2, Seed(1)).is_empty());
    }
}
