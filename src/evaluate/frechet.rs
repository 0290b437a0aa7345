//! How far apart two sets of images lie, by the mean and the covariance of their features.

use nalgebra::{DMatrix, DVector};

use crate::arithmetic::eigen::eigen;
use crate::error::{Error, Result};

/// The Frechet distance of two normal distributions with the moments of `a` and `b`, `[count, width]`
/// row by row (Dowson and Landau, 1982; Heusel et al., "GANs trained by a two time-scale update rule",
/// 2017): `|m - n|^2 + tr(S + T - 2 (S T)^(1/2))`. It is 0 for the same moments, in squares of the
/// features' unit, and greater the fewer rows there are: compare distances of as many.
///
/// # Errors
/// When there are fewer than two rows of one, a number is not finite, or no root of a covariance is found.
pub fn frechet_distance(a: &[f32], b: &[f32], width: usize) -> Result<f64> {
    let ((m, s), (n, t)) = (moments(a, width)?, moments(b, width)?);
    // (S T)^(1/2) has the trace of (S^(1/2) T S^(1/2))^(1/2), which is symmetric.
    let root = square_root(&s);
    let product = &root * &t * &root;
    let common = square_root(&((&product + product.transpose()) * 0.5)).trace();
    let distance = (m - n).norm_squared() + s.trace() + t.trace() - 2.0 * common;
    if !distance.is_finite() {
        return Err(Error::NotFinite("features have covariances without a root".into()));
    }
    // What rounding takes from sets that are the same.
    Ok(distance.max(0.0))
}

/// The mean, and the covariance by `count - 1`.
fn moments(rows: &[f32], width: usize) -> Result<(DVector<f64>, DMatrix<f64>)> {
    let count = rows.len() / width.max(1);
    if width == 0 || count < 2 {
        return Err(Error::option("features", "a covariance takes at least two rows"));
    }
    if !rows.iter().all(|number| number.is_finite()) {
        return Err(Error::NotFinite("features of images are not finite".into()));
    }
    let numbers = rows[..count * width].iter().map(|number| f64::from(*number));
    let mut rows = DMatrix::from_iterator(width, count, numbers);
    let mean = rows.column_sum() / count as f64;
    rows.column_iter_mut().for_each(|mut row| row -= &mean);
    let covariance = &rows * rows.transpose() / (count - 1) as f64;
    Ok((mean, covariance))
}

/// The root of a symmetric matrix that has no negative eigenvalues but by rounding.
fn square_root(matrix: &DMatrix<f64>) -> DMatrix<f64> {
    let mut parts = eigen(matrix);
    parts.eigenvalues.apply(|value| *value = value.max(0.0).sqrt());
    parts.recompose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{Dataset, LoadOptions, Source};
    use crate::inference::latent::standard_normal;
    use crate::rng::Seed;

    #[test]
    fn it_is_the_closed_form_of_normal_distributions() {
        // Rows whose moments are exact: corners of rectangles.
        let corners = |centre: [f32; 2], sides: [f32; 2]| {
            let corner = |(x, y): (f32, f32)| [centre[0] + x * sides[0], centre[1] + y * sides[1]];
            [(-1.0, -1.0), (-1.0, 1.0), (1.0, -1.0), (1.0, 1.0)].map(corner).concat()
        };
        let (a, b) = (corners([0.0, 0.0], [1.0, 2.0]), corners([3.0, 4.0], [2.0, 1.0]));
        // Axes do not mix: the sum of (m - n)^2 + (s - t)^2, with s^2 = sides^2 * 4 / 3.
        let expected = 25.0 + 2.0 * 4.0 / 3.0;
        let found = frechet_distance(&a, &b, 2).expect("four rows each");
        assert!((found - expected).abs() < 1e-9, "{found}");
        assert!(frechet_distance(&a, &a, 2).expect("four rows each") < 1e-9);
    }

    /// Of these few pictures of few levels, nalgebra alone made NaN, and that became a distance of 0.
    #[test]
    fn covariances_of_hardly_any_rank_are_compared_both_ways() {
        let options = LoadOptions { size: Some((16, 16)), ..LoadOptions::default() };
        let sprites = Dataset::load(&Source::Sprites(40), &options).expect("are drawn");
        let rows = sprites.numbers(&sprites.train.pixels);
        let (a, b) = rows.split_at(rows.len() / 2 / 256 * 256);
        let found = [(a, b), (b, a)].map(|(a, b)| frechet_distance(a, b, 256).expect("rows"));
        assert!(found[0] > 1.0 && (found[0] / found[1] - 1.0).abs() < 1e-4, "{found:?}");
    }

    #[test]
    fn covariances_that_do_not_commute_are_compared_too() {
        let normals = standard_normal(2 * 40_000, Seed(1));
        let turned = |angle: f32| -> Vec<f32> {
            let (sin, cos) = angle.sin_cos();
            let turn = |n: &[f32]| [3.0 * cos * n[0] - sin * n[1], 3.0 * sin * n[0] + cos * n[1]];
            normals.chunks(2).flat_map(turn).collect()
        };
        // Variances 9 and 1 along axes and along diagonals: S = diag(9, 1), T = [[5, 4], [4, 5]], and
        // the trace of the root of S T is that of a matrix of determinant 9 * 9 and trace 50.
        let expected = 20.0 - 2.0 * (50.0_f64 + 2.0 * 9.0).sqrt();
        let angle = std::f32::consts::FRAC_PI_4;
        let found = frechet_distance(&turned(0.0), &turned(angle), 2).expect("rows");
        assert!((found - expected).abs() < 0.1, "{found} {expected}");
    }

    #[test]
    fn what_has_no_covariance_is_refused() {
        assert!(frechet_distance(&[1.0, 2.0], &[1.0, 2.0, 3.0, 4.0], 2).is_err());
        assert!(frechet_distance(&[], &[], 0).is_err());
        assert!(frechet_distance(&[f32::NAN, 1.0], &[1.0, 2.0], 1).is_err());
    }
}
