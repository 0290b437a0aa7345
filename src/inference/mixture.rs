//! A mixture of normal distributions, fitted to rows of numbers by expectation and maximisation
//! (Dempster, Laird, Rubin: "Maximum likelihood from incomplete data via the EM algorithm", 1977).
//!
//! `p(x) = sum_k w_k N(x; m_k, S_k)`. Means start at centres of clusters, which start far apart
//! (Arthur and Vassilvitskii: "k-means++", 2007). Each covariance is drawn towards the mean of all, as if
//! `width` rows more had been seen that vary so, lest a component of few rows is a plane (Friedman:
//! "Regularized discriminant analysis", 1989). How many components there are is chosen by rows that were
//! held out.

use nalgebra::{DMatrix, DVector};
use rand::{Rng, RngExt};
use rayon::prelude::*;

use crate::error::Result;
use crate::rng::{self, Philox, Seed, stream};
use crate::tensor::Tensor;

/// Numbers of components that are tried, until one more step no longer helps held-out rows.
const SIZES: [usize; 6] = [1, 2, 5, 10, 20, 50];
/// The fewest rows a component, on average.
const FEWEST_ROWS: usize = 10;
/// Steps of expectation and maximisation at most ...
const MOST_STEPS: usize = 20;
/// ... and the nats a row below which one more is not worth its time.
const STILL: f64 = 5e-3;
/// Rounds of k-means before them.
const ROUNDS: usize = 8;
/// Variances below this share of the greatest, or below this, are rounding.
const LEAST_SHARE: f64 = 1e-9;
const LEAST_VARIANCE: f64 = 1e-18;

/// The distribution. Rows are columns of matrices here, `[width, count]`, since each then lies in one
/// piece.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Mixture(Vec<Component>);

#[derive(Clone, Debug, PartialEq)]
struct Component {
    /// The share of rows that it stands for.
    weight: f64,
    mean: DVector<f64>,
    /// The lower triangle whose product with itself, transposed, is the covariance.
    root: DMatrix<f64>,
}

impl Mixture {
    /// The mixture of the number of components under which `held_out` rows are likeliest.
    pub fn chosen(rows: &DMatrix<f64>, held_out: &DMatrix<f64>, seed: Seed) -> Self {
        let mut best = Self::fit(rows, 1, seed);
        if held_out.ncols() == 0 {
            return best;
        }
        let mut likeliest = best.log_likelihood(held_out);
        for size in SIZES.into_iter().skip(1) {
            if size * FEWEST_ROWS > rows.ncols() {
                break;
            }
            let next = Self::fit(rows, size, seed);
            let likelihood = next.log_likelihood(held_out);
            // One that is not a number ends it, too.
            match likelihood > likeliest {
                true => (best, likeliest) = (next, likelihood),
                false => break,
            }
        }
        best
    }

    /// The mixture of `size` components.
    pub fn fit(rows: &DMatrix<f64>, size: usize, seed: Seed) -> Self {
        let least = least_variances(rows);
        let mut shares = clusters(rows, size, seed);
        let mut this = Self::maximised(rows, &shares, &least);
        let mut likelihood = f64::NEG_INFINITY;
        for _ in 0..MOST_STEPS {
            let before = likelihood;
            (shares, likelihood) = this.expected(rows);
            this = Self::maximised(rows, &shares, &least);
            // A likelihood that is not a number ends it, too.
            let still_rises = likelihood - before > STILL;
            if !still_rises {
                break;
            }
        }
        this
    }

    /// Weights `[components]`, means `[components, width]` and roots of covariances `[components, width,
    /// width]`, row by row, to the precision of stored numbers.
    pub fn tensors(&self) -> Result<[Tensor; 3]> {
        let width = self.0.first().map_or(0, |component| component.mean.len());
        let (mut weights, mut means, mut roots) = (vec![], vec![], vec![]);
        for Component { weight, mean, root } in &self.0 {
            weights.push(*weight as f32);
            means.extend(mean.iter().map(|x| *x as f32));
            roots.extend(root.transpose().iter().map(|x| *x as f32));
        }
        let count = weights.len();
        Ok([
            Tensor::new([count], weights)?,
            Tensor::new([count, width], means)?,
            Tensor::new([count, width, width], roots)?,
        ])
    }

    /// The mixture that [`Mixture::tensors`] were of; `None` if they are of none.
    pub fn from_tensors([weights, means, roots]: [&Tensor; 3]) -> Option<Self> {
        let [count, width] = means.shape()[..] else { return None };
        let fits = weights.shape()[..] == [count] && roots.shape()[..] == [count, width, width];
        let finite = [weights, means, roots].iter().all(|x| x.data().iter().all(|x| x.is_finite()));
        if !(fits && finite && count > 0) {
            return None;
        }
        let row = |tensor: &Tensor, index: usize, width: usize| -> Vec<f64> {
            tensor.data()[index * width..][..width].iter().map(|x| f64::from(*x)).collect()
        };
        let component = |index: usize| Component {
            weight: f64::from(weights.data()[index]),
            mean: DVector::from_vec(row(means, index, width)),
            root: DMatrix::from_row_slice(width, width, &row(roots, index, width * width)),
        };
        Some(Self((0..count).map(component).collect()))
    }

    /// How many components there are.
    pub fn size(&self) -> usize {
        self.0.len()
    }

    /// The mean logarithm of the density of `rows`, in nats.
    pub fn log_likelihood(&self, rows: &DMatrix<f64>) -> f64 {
        self.expected(rows).1
    }

    /// A row, as far from its component's mean as `temperature` standard deviations go.
    pub fn draw(&self, temperature: f64, random: &mut impl Rng) -> DVector<f64> {
        let mut at: f64 = random.random();
        let mut chosen = self.0.len().saturating_sub(1);
        for (index, component) in self.0.iter().enumerate() {
            at -= component.weight;
            if at < 0.0 {
                chosen = index;
                break;
            }
        }
        let Some(Component { mean, root, .. }) = self.0.get(chosen) else {
            return DVector::zeros(0);
        };
        // Whole pairs, so that each row takes the same number of words.
        let pairs = (0..mean.len().div_ceil(2))
            .flat_map(|_| rng::normal_pair(random.random(), random.random()));
        let normals: Vec<f64> = pairs.take(mean.len()).map(f64::from).collect();
        mean + root * DVector::from_vec(normals) * temperature
    }

    /// The share that each component has in each row, and the mean logarithm of the rows' density.
    fn expected(&self, rows: &DMatrix<f64>) -> (Vec<Vec<f64>>, f64) {
        let mut shares: Vec<Vec<f64>> =
            self.0.par_iter().map(|component| component.log_densities(rows)).collect();
        let mut sum = 0.0;
        for row in 0..rows.ncols() {
            let most = shares.iter().map(|of| of[row]).fold(f64::NEG_INFINITY, f64::max);
            let total: f64 = shares.iter().map(|of| (of[row] - most).exp()).sum();
            let density = most + total.ln();
            shares.iter_mut().for_each(|of| of[row] = (of[row] - density).exp());
            sum += density;
        }
        (shares, sum / rows.ncols().max(1) as f64)
    }

    /// The components that are likeliest where they have these shares in the rows.
    fn maximised(rows: &DMatrix<f64>, shares: &[Vec<f64>], least: &DVector<f64>) -> Self {
        let scatters: Vec<Scatter> =
            shares.par_iter().map(|shares| Scatter::of(rows, shares)).collect();
        let (width, count) = (rows.nrows() as f64, rows.ncols() as f64);
        let mut common = DMatrix::zeros(rows.nrows(), rows.nrows());
        scatters.iter().for_each(|scatter| common += &scatter.sums);
        // Where rows are few, even what all have in common is no covariance, but for its variances.
        let apart = DMatrix::from_diagonal(&common.diagonal()) / count.max(1.0);
        common = (common + apart * width) / (count + width).max(1.0);
        common += DMatrix::from_diagonal(least);
        let component = |scatter: Scatter| scatter.component(&common, count);
        Self(scatters.into_par_iter().map(component).collect())
    }
}

/// How the rows of a component lie around their mean.
struct Scatter {
    count: f64,
    mean: DVector<f64>,
    /// The sums of products of what they differ from it by.
    sums: DMatrix<f64>,
}

impl Scatter {
    fn of(rows: &DMatrix<f64>, shares: &[f64]) -> Self {
        let count: f64 = shares.iter().sum();
        let mean = rows * DVector::from_column_slice(shares) / count.max(f64::MIN_POSITIVE);
        let centred = centred(rows, &mean);
        let mut weighed = centred.clone();
        for (mut column, share) in weighed.column_iter_mut().zip(shares) {
            column *= *share;
        }
        Self { count, mean, sums: weighed * centred.transpose() }
    }

    /// The component of these rows, of `rows` in all, whose covariances have this in `common`.
    fn component(self, common: &DMatrix<f64>, rows: f64) -> Component {
        let width = self.mean.len() as f64;
        let covariance = (self.sums + common * width) / (self.count + width).max(1.0);
        let root = match covariance.clone().cholesky() {
            Some(factors) => factors.unpack(),
            // Rounding alone can bring this about; the numbers apart from each other remain.
            None => DMatrix::from_diagonal(&covariance.diagonal().map(|v| v.max(0.0).sqrt())),
        };
        Component { weight: self.count / rows.max(1.0), mean: self.mean, root }
    }
}

impl Component {
    /// The logarithm of the weight times the density, of each row.
    fn log_densities(&self, rows: &DMatrix<f64>) -> Vec<f64> {
        let width = rows.nrows();
        let identity = DMatrix::identity(width, width);
        let inverse = self.root.solve_lower_triangular(&identity).unwrap_or(identity);
        let standardised = inverse * centred(rows, &self.mean);
        let volume: f64 = self.root.diagonal().iter().map(|part| part.ln()).sum();
        let constant = self.weight.ln() - volume - 0.5 * width as f64 * std::f64::consts::TAU.ln();
        standardised.column_iter().map(|row| constant - 0.5 * row.norm_squared()).collect()
    }
}

fn centred(rows: &DMatrix<f64>, mean: &DVector<f64>) -> DMatrix<f64> {
    let mut centred = rows.clone();
    centred.column_iter_mut().for_each(|mut column| column -= mean);
    centred
}

/// What is added to each variance, since rounding makes as much.
fn least_variances(rows: &DMatrix<f64>) -> DVector<f64> {
    let count = rows.ncols().max(1) as f64;
    let mean = rows.column_sum() / count;
    let mut sums = DVector::zeros(rows.nrows());
    for row in rows.column_iter() {
        sums += (row - &mean).map(|x| x * x);
    }
    let greatest = sums.iter().fold(0.0, |most: f64, sum: &f64| most.max(*sum)) / count;
    DVector::from_element(rows.nrows(), (greatest * LEAST_SHARE).max(LEAST_VARIANCE))
}

/// For each cluster of k-means, a share of 1 in each of its rows and 0 in all others.
fn clusters(rows: &DMatrix<f64>, size: usize, seed: Seed) -> Vec<Vec<f64>> {
    let count = rows.ncols();
    let mut random = Philox::new(seed, stream::MIXTURE);
    let mut centres = far_apart(rows, size, &mut random);
    let mut nearest = vec![0; count];
    for _ in 0..ROUNDS {
        nearest = (0..count).into_par_iter().map(|row| nearest_of(rows, row, &centres)).collect();
        let mut sums = vec![(DVector::zeros(rows.nrows()), 0.0); centres.len()];
        for (row, cluster) in rows.column_iter().zip(&nearest) {
            sums[*cluster].0 += row;
            sums[*cluster].1 += 1.0;
        }
        for (centre, (sum, count)) in centres.iter_mut().zip(sums) {
            if count > 0.0 {
                *centre = sum / count;
            }
        }
    }
    let of = |cluster| nearest.iter().map(|own| f64::from(u8::from(*own == cluster))).collect();
    (0..centres.len()).map(of).collect()
}

/// Rows to begin with: each is drawn in proportion to its squared distance from those before it.
fn far_apart(rows: &DMatrix<f64>, size: usize, random: &mut Philox) -> Vec<DVector<f64>> {
    let count = rows.ncols();
    if count == 0 {
        return vec![DVector::zeros(rows.nrows())];
    }
    let mut centres = vec![rows.column(random.random_range(0..count)).into_owned()];
    let mut distances = vec![f64::INFINITY; count];
    while centres.len() < size {
        let Some(last) = centres.last() else { break };
        distances.par_iter_mut().enumerate().for_each(|(row, distance)| {
            *distance = distance.min((rows.column(row) - last).norm_squared());
        });
        let total: f64 = distances.iter().sum();
        let mut at = random.random::<f64>() * total;
        let further = |distance: &f64| {
            at -= distance;
            at < 0.0
        };
        let chosen = distances.iter().position(further).unwrap_or(count - 1);
        centres.push(rows.column(chosen).into_owned());
    }
    centres
}

fn nearest_of(rows: &DMatrix<f64>, row: usize, centres: &[DVector<f64>]) -> usize {
    let row = rows.column(row);
    let distance = |centre: &DVector<f64>| (row - centre).norm_squared();
    let all = centres.iter().map(distance).enumerate();
    all.min_by(|(_, a), (_, b)| a.total_cmp(b)).map_or(0, |(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inference::latent::standard_normal;

    /// `count` rows of width 2 around each of these, of deviation 0.3 and 0.1.
    fn around(centres: &[[f64; 2]], count: usize, seed: u64) -> DMatrix<f64> {
        let normals = standard_normal(2 * count * centres.len(), Seed(seed));
        let rows = normals.chunks_exact(2).enumerate().flat_map(|(index, pair)| {
            let [x, y] = centres[index % centres.len()];
            [x + 0.3 * f64::from(pair[0]), y + 0.1 * f64::from(pair[1])]
        });
        DMatrix::from_vec(2, count * centres.len(), rows.collect())
    }

    #[test]
    fn two_clusters_are_found_with_their_shapes() {
        let centres = [[-2.0, 1.0], [3.0, 0.0]];
        let rows = around(&centres, 1000, 1);
        let mixture = Mixture::fit(&rows, 2, Seed(0));
        for centre in centres {
            let distance = |component: &&Component| {
                (component.mean[0] - centre[0]).hypot(component.mean[1] - centre[1])
            };
            let near = mixture.0.iter().min_by(|a, b| distance(a).total_cmp(&distance(b)));
            let near = near.expect("there are two");
            assert!(distance(&near) < 0.03 && (near.weight - 0.5).abs() < 0.01, "{near:?}");
            let covariance = &near.root * near.root.transpose();
            let expected = [0.09, 0.0, 0.0, 0.01];
            for (found, expected) in covariance.iter().zip(expected) {
                assert!((found - expected).abs() < 0.02, "{covariance}");
            }
        }
    }

    #[test]
    fn the_likelihood_is_that_of_the_density() {
        let rows = DMatrix::from_vec(1, 2, vec![0.5, -1.0]);
        let component = |weight, mean, root| Component {
            weight,
            mean: DVector::from_element(1, mean),
            root: DMatrix::from_element(1, 1, root),
        };
        let mixture = Mixture(vec![component(0.25, 0.0, 1.0), component(0.75, 1.0, 2.0)]);
        let density = |x: f64| {
            let normal = |x: f64| (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt();
            0.25 * normal(x) + 0.75 * normal((x - 1.0) / 2.0) / 2.0
        };
        let expected = (density(0.5).ln() + density(-1.0).ln()) / 2.0;
        assert!((mixture.log_likelihood(&rows) - expected).abs() < 1e-12);
    }

    #[test]
    fn held_out_rows_choose_how_many_there_are() {
        let five = [[0.0, 0.0], [4.0, 0.0], [0.0, 4.0], [4.0, 4.0], [2.0, -4.0]];
        let choose = |centres: &[[f64; 2]]| {
            let (rows, held_out) = (around(centres, 200, 2), around(centres, 100, 3));
            Mixture::chosen(&rows, &held_out, Seed(0)).size()
        };
        assert_eq!(choose(&five[..1]), 1);
        assert_eq!(choose(&five), 5);
    }

    #[test]
    fn the_same_seed_gives_the_same_mixture_and_rows() {
        let rows = around(&[[0.0, 0.0], [1.0, 1.0]], 300, 4);
        let fit = || Mixture::fit(&rows, 5, Seed(7));
        assert_eq!(fit(), fit());
        let draw = |seed| fit().draw(1.0, &mut Philox::new(Seed(seed), stream::MIXTURE));
        assert_eq!(draw(1), draw(1));
        assert_ne!(draw(1), draw(2));
    }

    #[test]
    fn rows_without_spread_and_few_rows_do_no_harm() {
        for rows in [DMatrix::from_element(3, 4, 0.5), DMatrix::from_element(3, 1, 0.5)] {
            let mixture = Mixture::chosen(&rows, &rows, Seed(0));
            let drawn = mixture.draw(1.0, &mut Philox::new(Seed(0), stream::MIXTURE));
            assert!(drawn.iter().all(|x| (x - 0.5).abs() < 1e-6), "{drawn}");
        }
        let none = Mixture::chosen(&DMatrix::zeros(2, 0), &DMatrix::zeros(2, 0), Seed(0));
        let drawn = none.draw(1.0, &mut Philox::new(Seed(0), stream::MIXTURE));
        assert!(drawn.iter().all(|x| x.abs() < 1e-6), "{drawn}");
        let empty = Mixture::chosen(&DMatrix::zeros(0, 3), &DMatrix::zeros(0, 3), Seed(0));
        assert!(empty.draw(1.0, &mut Philox::new(Seed(0), stream::MIXTURE)).is_empty());
    }
}
