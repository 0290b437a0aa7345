//! The principal components of images, or of any rows of numbers: what the best linear code of a
//! given length keeps of them. A linear autoencoder that is trained to the end is no better (Baldi
//! and Hornik: "Neural networks and principal component analysis", 1989), so this is what a network
//! has to beat.

use nalgebra::DMatrix;
use rayon::prelude::*;

use super::orthonormal::orthonormalise;
use crate::arithmetic::eigen::eigen;
use crate::arithmetic::product::{Operand, Threads, product};
use crate::inference::latent::standard_normal;
use crate::rng::Seed;

/// Directions that are looked at beyond those that are asked for, and passes over the rows that
/// turn them towards the largest variances (Halko, Martinsson and Tropp, section 4.5).
const MORE: usize = 10;
const PASSES: usize = 3;
/// Where more directions than this are asked for, one in so many more is looked at, and one pass is
/// enough: variances that late are small and much alike, and passes are long.
const MANY: usize = 512;
const MORE_OF_MANY: usize = 8;

/// Of rows this wide at most, all eigenvectors of the covariance are found, which is exact.
const WIDEST_EXACT: usize = 256;
/// Of those at most this wide, the covariance takes the rows' place, and more passes cost little.
const WIDEST_COVARIANCE: usize = 1024;
const PASSES_OF_COVARIANCE: usize = 6;

/// Numbers that are centred at once.
const NUMBERS_AT_ONCE: usize = 1 << 20;

/// Where the random directions begin.
const START: Seed = Seed(0);

/// The leading principal components of rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Principal {
    /// The mean row, `[width]`.
    pub mean: Vec<f32>,
    /// Orthonormal directions of largest variance, the largest first, `[components, width]`.
    pub directions: Vec<f32>,
    /// The variance of the rows along each direction.
    pub variances: Vec<f32>,
    /// Numbers of a row.
    pub width: usize,
}

impl Principal {
    /// The leading components of rows, `[count, width]`: as many as asked for, but no more than
    /// there are numbers in a row, or one less than there are rows.
    ///
    /// Narrow rows are taken exactly, by the eigenvectors of their covariance; of wide ones a random
    /// subspace is turned by passes over the rows (Halko, Martinsson and Tropp: "Finding structure
    /// with randomness", 2011, algorithm 4.4), which comes within a fraction of a percent of the
    /// least error. The same rows give the same bits, whatever the number of threads.
    ///
    /// ```
    /// use diabolo::evaluate::Principal;
    ///
    /// // Rows on a line through (1, 1), along (3, 4).
    /// let rows = [1.0, 1.0, 4.0, 5.0, -2.0, -3.0];
    /// let found = Principal::of(&rows, 2, 1);
    /// assert!((found.directions[0].abs() - 0.6).abs() < 1e-6);
    /// assert!(found.error(&rows, 1) < 1e-12);
    /// assert!((found.error(&rows, 0) - 50.0 / 6.0).abs() < 1e-5);
    /// ```
    pub fn of(rows: &[f32], width: usize, components: usize) -> Self {
        let count = rows.len() / width.max(1);
        let rows = &rows[..count * width];
        let centred = Centred { mean: mean(rows, width), rows, width };
        let components = components.min(width).min(count.saturating_sub(1));
        let more = if components > MANY { components / MORE_OF_MANY } else { MORE };
        let many = (components + more).min(width).min(count);
        let (basis, within) = match components {
            0 => return Self { mean: centred.mean, directions: vec![], variances: vec![], width },
            _ if width <= WIDEST_EXACT => (identity(width), centred.covariance()),
            _ if width <= WIDEST_COVARIANCE => {
                let covariance = centred.covariance();
                let narrow: Vec<f32> = covariance.iter().map(|x| *x as f32).collect();
                let basis = subspace(&narrow, width, many);
                let within = within(&narrow, &basis, width);
                (basis, within)
            }
            _ => {
                let basis = centred.subspace(many, if components > MANY { 1 } else { PASSES });
                let within = covariance(&centred.along(&basis), many, count);
                (basis, within)
            }
        };
        let (directions, variances) = turned(&basis, within, width, components);
        Self { mean: centred.mean, directions, variances, width }
    }

    /// How many components there are.
    pub fn components(&self) -> usize {
        self.variances.len()
    }

    /// The mean squared error, per number, of rows that are brought onto the leading `components` (or
    /// all, where there are no more) and back; with none, of the mean row. NaN where there are no rows.
    pub fn error(&self, rows: &[f32], components: usize) -> f64 {
        let mut sum = 0.0;
        self.each_rest(rows, components, |rest| {
            sum += rest.iter().map(|rest| f64::from(*rest).powi(2)).sum::<f64>();
        });
        sum / rows.len() as f64
    }

    /// What is left of rows, `[count, width]`, when they are brought onto the leading `components`
    /// (or all, where there are no more), and that is taken from them.
    pub fn rest(&self, rows: &[f32], components: usize) -> Vec<f32> {
        let mut all = Vec::with_capacity(rows.len());
        self.each_rest(rows, components, |rest| all.extend_from_slice(rest));
        all
    }

    /// Calls `each` with what is left of some rows at a time, in order.
    fn each_rest(&self, rows: &[f32], components: usize, mut each: impl FnMut(&[f32])) {
        let width = self.width;
        let components = components.min(self.components());
        let directions = &self.directions[..components * width];
        let centred = Centred { mean: self.mean.clone(), rows, width };
        centred.parts(|_, mut part| {
            let count = part.len() / width;
            let mut places = vec![0.0; count * components];
            let (left, right) = (Operand::rows(&part, width), Operand::columns(directions, width));
            let sizes = [count, width, components];
            product(&mut places, sizes, left, right, Threads::Many, |_, _| ());
            let mut back = vec![0.0; part.len()];
            let (left, right) =
                (Operand::rows(&places, components), Operand::rows(directions, width));
            product(&mut back, [count, components, width], left, right, Threads::Many, |_, _| ());
            part.iter_mut().zip(&back).for_each(|(number, back)| *number -= back);
            each(&part);
        });
    }
}

/// The mean of each column.
fn mean(rows: &[f32], width: usize) -> Vec<f32> {
    let count = rows.len() / width.max(1);
    let mut sums = vec![0.0_f64; width];
    // Columns are shared out to threads, each of which goes down its rows in order.
    sums.par_chunks_mut(256).enumerate().for_each(|(chunk, sums)| {
        for row in rows.chunks(width) {
            let row = &row[chunk * 256..][..sums.len()];
            sums.iter_mut().zip(row).for_each(|(sum, number)| *sum += f64::from(*number));
        }
    });
    sums.iter().map(|sum| (sum / count.max(1) as f64) as f32).collect()
}

fn identity(width: usize) -> Vec<f32> {
    (0..width * width).map(|index| f32::from(u8::from(index % (width + 1) == 0))).collect()
}

/// Rows less a mean, which are never held all at once.
struct Centred<'a> {
    rows: &'a [f32],
    mean: Vec<f32>,
    width: usize,
}

impl Centred<'_> {
    fn count(&self) -> usize {
        self.rows.len() / self.width.max(1)
    }

    /// Calls `each` with some centred rows at a time, and the number of the first of them.
    fn parts(&self, mut each: impl FnMut(usize, Vec<f32>)) {
        let at_once = (NUMBERS_AT_ONCE / self.width.max(1)).max(32);
        for (index, rows) in self.rows.chunks(at_once * self.width.max(1)).enumerate() {
            let mut part = rows.to_vec();
            part.par_chunks_mut(self.width).for_each(|row| {
                row.iter_mut().zip(&self.mean).for_each(|(number, mean)| *number -= mean);
            });
            each(index * at_once, part);
        }
    }

    /// The place of each row along each direction, `[directions, count]`.
    fn along(&self, directions: &[f32]) -> Vec<f32> {
        let (many, width, count) = (directions.len() / self.width, self.width, self.count());
        let mut all = vec![0.0; many * count];
        self.parts(|first, part| {
            let rows = part.len() / width;
            let mut places = vec![0.0; many * rows];
            let (left, right) = (Operand::rows(directions, width), Operand::columns(&part, width));
            product(&mut places, [many, width, rows], left, right, Threads::Many, |_, _| ());
            for (all, places) in all.chunks_mut(count).zip(places.chunks(rows)) {
                all[first..first + rows].copy_from_slice(places);
            }
        });
        all
    }

    /// Sums of the rows, weighted by numbers `[directions, count]`: `[directions, width]`.
    fn combined(&self, weights: &[f32]) -> Vec<f32> {
        let (width, count) = (self.width, self.count());
        let many = weights.len() / count;
        let mut sums = vec![0.0; many * width];
        let mut more = vec![0.0; many * width];
        self.parts(|first, part| {
            let sizes = [many, part.len() / width, width];
            let (left, right) =
                (Operand::rows(&weights[first..], count), Operand::rows(&part, width));
            product(&mut more, sizes, left, right, Threads::Many, |_, _| ());
            sums.iter_mut().zip(&more).for_each(|(sum, more)| *sum += more);
        });
        sums
    }

    /// Orthonormal directions, `[many, width]`, whose span holds the leading components but for
    /// little, by so many passes.
    fn subspace(&self, many: usize, passes: usize) -> Vec<f32> {
        let mut places = standard_normal(many * self.count(), START);
        let mut directions = vec![];
        // Both ways are made orthonormal, lest all turn into the first component but for rounding.
        for pass in 0..=passes {
            if pass > 0 {
                places = self.along(&directions);
            }
            orthonormalise(&mut places, self.count());
            directions = self.combined(&places);
            orthonormalise(&mut directions, self.width);
        }
        directions
    }

    /// The covariance of the rows' numbers.
    fn covariance(&self) -> DMatrix<f64> {
        let width = self.width;
        let mut sums = vec![0.0_f64; width * width];
        let mut more = vec![0.0; width * width];
        // Single precision within a part, double from one to the next.
        self.parts(|_, part| {
            let sizes = [width, part.len() / width, width];
            let (left, right) = (Operand::columns(&part, width), Operand::rows(&part, width));
            product(&mut more, sizes, left, right, Threads::Many, |_, _| ());
            sums.iter_mut().zip(&more).for_each(|(sum, more)| *sum += f64::from(*more));
        });
        symmetric(&sums, width, self.count())
    }
}

/// Orthonormal directions, `[many, width]`, whose span holds the leading eigenvectors of a covariance
/// but for little.
fn subspace(covariance: &[f32], width: usize, many: usize) -> Vec<f32> {
    let mut directions = standard_normal(many * width, START);
    orthonormalise(&mut directions, width);
    for _ in 0..PASSES_OF_COVARIANCE {
        directions = times(&directions, covariance, width);
        orthonormalise(&mut directions, width);
    }
    directions
}

/// Rows, `[many, width]`, times a square matrix.
fn times(rows: &[f32], matrix: &[f32], width: usize) -> Vec<f32> {
    let mut out = vec![0.0; rows.len()];
    let sizes = [rows.len() / width, width, width];
    let (left, right) = (Operand::rows(rows, width), Operand::rows(matrix, width));
    product(&mut out, sizes, left, right, Threads::Many, |_, _| ());
    out
}

/// The covariance along orthonormal directions, `[many, width]`.
fn within(covariance: &[f32], basis: &[f32], width: usize) -> DMatrix<f64> {
    let many = basis.len() / width;
    let turned = times(basis, covariance, width);
    let mut out = vec![0.0; many * many];
    let (left, right) = (Operand::rows(&turned, width), Operand::columns(basis, width));
    product(&mut out, [many, width, many], left, right, Threads::Many, |_, _| ());
    symmetric(&out.iter().map(|x| f64::from(*x)).collect::<Vec<_>>(), many, 2)
}

/// Turns orthonormal directions, along which rows have the covariance `within`, so that the rows' places
/// along them are uncorrelated, and keeps the leading ones: those, and the variances along them.
fn turned(
    basis: &[f32],
    within: DMatrix<f64>,
    width: usize,
    components: usize,
) -> (Vec<f32>, Vec<f32>) {
    let many = basis.len() / width;
    let eigen = eigen(&within);
    let mut order: Vec<usize> = (0..many).collect();
    order.sort_by(|a, b| eigen.eigenvalues[*b].total_cmp(&eigen.eigenvalues[*a]));
    order.truncate(components);
    let vectors = eigen.eigenvectors.as_slice();
    let vector = |at: &usize| vectors[at * many..][..many].iter().map(|x| *x as f32);
    let turn: Vec<f32> = order.iter().flat_map(vector).collect();
    let mut directions = vec![0.0; components * width];
    let (left, right) = (Operand::rows(&turn, many), Operand::rows(basis, width));
    let sizes = [components, many, width];
    product(&mut directions, sizes, left, right, Threads::Many, |_, _| ());
    let variance = |at: &usize| eigen.eigenvalues[*at].max(0.0) as f32;
    (directions, order.iter().map(variance).collect())
}

/// The covariance of places, `[many, count]`, that have a mean of 0.
fn covariance(places: &[f32], many: usize, count: usize) -> DMatrix<f64> {
    let mut sums = vec![0.0_f64; many * many];
    let mut part = vec![0.0; many * many];
    // Single precision within a part, double from one to the next.
    for first in (0..count).step_by(1024) {
        let rows = 1024.min(count - first);
        let places = &places[first..];
        let sizes = [many, rows, many];
        let (left, right) = (Operand::rows(places, count), Operand::columns(places, count));
        product(&mut part, sizes, left, right, Threads::Many, |_, _| ());
        sums.iter_mut().zip(&part).for_each(|(sum, part)| *sum += f64::from(*part));
    }
    symmetric(&sums, many, count)
}

/// Sums over `count` rows as a covariance, which rounding has not made lopsided.
fn symmetric(sums: &[f64], size: usize, count: usize) -> DMatrix<f64> {
    let scale = 0.5 / count.saturating_sub(1).max(1) as f64;
    DMatrix::from_fn(size, size, |row, column| {
        (sums[row * size + column] + sums[column * size + row]) * scale
    })
}

#[cfg(test)]
mod tests;
