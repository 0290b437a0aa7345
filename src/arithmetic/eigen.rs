//! Eigenvectors of covariances, also of those that have hardly any rank.

use nalgebra::{DMatrix, Dyn, SymmetricEigen};

/// Slopes that are tried in turn, as shares of the mean variance.
const SLOPES: [f64; 3] = [1e-9, 1e-7, 1e-5];

/// The eigenvectors of a covariance. Of some that have hardly any rank nalgebra makes NaN, as what is left of
/// rows already dealt with goes below what squares can hold. Slopes along the diagonal, of the size of
/// rounding at first, leave no two rows alike.
pub fn eigen(covariance: &DMatrix<f64>) -> SymmetricEigen<f64, Dyn> {
    let many = covariance.nrows();
    let step = covariance.trace() / many as f64 / many as f64;
    let sloped = |slope: f64| {
        let mut sloped = covariance.clone();
        (0..many).for_each(|at| sloped[(at, at)] += slope * step * at as f64);
        SymmetricEigen::new(sloped)
    };
    let is_whole = |found: &SymmetricEigen<f64, Dyn>| {
        found.eigenvectors.iter().chain(&found.eigenvalues).all(|number| number.is_finite())
    };
    let mut found = SymmetricEigen::new(covariance.clone());
    for slope in SLOPES {
        if is_whole(&found) {
            break;
        }
        found = sloped(slope);
    }
    found
}
