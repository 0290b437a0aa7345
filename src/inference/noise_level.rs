//! How strong the noise in a picture is, told from the picture alone.

use nalgebra::{DMatrix, SymmetricEigen};

/// Sides of patches, of which the largest is taken that a picture has enough of.
const SIDES: [usize; 3] = [8, 5, 3];
/// Patches for each number of one, at least.
const LEAST_PATCHES: usize = 16;
/// Patches that are looked at, about; more make it no surer.
const MOST_PATCHES: usize = 1 << 16;

/// Far more than eigenvalues take that can be found.
const MOST_ITERATIONS: usize = 100_000;

/// The standard deviation of the normal noise in `picture`, of `[channels, height, width]`; 0 where it is
/// too small to tell.
///
/// Patches of a clean picture lie near a plane of few dimensions, noise is the same in all. So the least
/// eigenvalues of their covariance are those of the noise: as many as leave no more above their mean than
/// below it (Chen, Zhu, Heng: "An efficient statistical method for image noise level estimation", 2015,
/// algorithm 1; here channel by channel, the mean of their variances).
pub fn noise_level(picture: &[f32], shape: &[usize]) -> f32 {
    let [_, height, width] = *shape else { return 0.0 };
    let enough = |side: &usize| {
        let places = |size: usize| (size + 1).saturating_sub(*side);
        places(height) * places(width) >= LEAST_PATCHES * side * side
    };
    let Some(side) = SIDES.into_iter().find(enough) else { return 0.0 };
    let planes = picture.chunks_exact(height * width);
    let variances: Vec<f64> =
        planes.map(|plane| noise_variance(&covariance(plane, [height, width], side))).collect();
    (variances.iter().sum::<f64>() / variances.len().max(1) as f64).sqrt() as f32
}

/// The covariance of patches of `side` by `side` pixels.
fn covariance(plane: &[f32], [height, width]: [usize; 2], side: usize) -> DMatrix<f64> {
    let (rows, columns) = (height - side + 1, width - side + 1);
    let stride = ((rows * columns) as f64 / MOST_PATCHES as f64).sqrt().ceil().max(1.0) as usize;
    let numbers = side * side;
    let mut covariance = DMatrix::zeros(numbers, numbers);
    let (mut sum, mut count) = (vec![0.0_f64; numbers], 0);
    for row in (0..rows).step_by(stride) {
        // About half, so that single precision is enough. Pixels that are missing are NaN.
        let patch = |column: usize| {
            let pixel = move |at: usize| plane[(row + at / side) * width + column + at % side];
            (0..numbers).map(move |at| pixel(at) - 0.5)
        };
        let places =
            (0..columns).step_by(stride).filter(|column| patch(*column).all(f32::is_finite));
        let patches: Vec<f32> = places.flat_map(patch).collect();
        let patches = DMatrix::from_vec(numbers, patches.len() / numbers, patches);
        let products = &patches * patches.transpose();
        covariance += products.map(f64::from);
        for patch in patches.column_iter() {
            sum.iter_mut().zip(&patch).for_each(|(sum, pixel)| *sum += f64::from(*pixel));
        }
        count += patches.ncols();
    }
    let count = (count as f64).max(2.0);
    DMatrix::from_fn(numbers, numbers, |a, b| {
        (covariance[(a, b)] - sum[a] * sum[b] / count) / (count - 1.0)
    })
}

/// The variance that the least eigenvalues have in common.
fn noise_variance(covariance: &DMatrix<f64>) -> f64 {
    // What has hardly any rank has no noise, and no eigenvalues that are sure to be found.
    let found = SymmetricEigen::try_new(covariance.clone(), f64::EPSILON, MOST_ITERATIONS);
    let Some(found) = found else { return 0.0 };
    let mut values: Vec<f64> = found.eigenvalues.iter().copied().collect();
    if values.iter().any(|value| !value.is_finite()) {
        return 0.0;
    }
    values.sort_by(f64::total_cmp);
    for count in (1..=values.len()).rev() {
        let least = &values[..count];
        let mean = least.iter().sum::<f64>() / count as f64;
        let [above, below] = [1.0, -1.0]
            .map(|sign: f64| least.iter().filter(|value| sign * (**value - mean) > 0.0).count());
        if above >= below {
            return mean.max(0.0);
        }
    }
    values[0].max(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::{self, Seed, Stream};

    fn picture(deviation: f32, [height, width]: [usize; 2]) -> Vec<f32> {
        let noise = (0..).flat_map(|at| {
            let [a, b, c, d] = rng::block(Seed(7), Stream(1), 0, at);
            [rng::normal_pair(a, b), rng::normal_pair(c, d)].concat()
        });
        let smooth = |at: usize| {
            let [y, x] = [at / width, at % width].map(|place| place as f32);
            0.5 + 0.2 * (x / 9.0).sin() + 0.1 * (y / 5.0 + x / 23.0).cos()
        };
        (0..height * width).zip(noise).map(|(at, noise)| smooth(at) + deviation * noise).collect()
    }

    #[test]
    fn the_deviation_of_noise_is_told_within_some_hundredths() {
        for deviation in [0.02, 0.06, 0.1, 0.2] {
            for size in [[64, 64], [200, 150]] {
                let found = noise_level(&picture(deviation, size), &[1, size[0], size[1]]);
                let tolerance = if size[0] == 64 { 0.08 } else { 0.03 };
                assert!(
                    (found / deviation - 1.0).abs() < tolerance,
                    "{deviation} {size:?}: {found}"
                );
            }
        }
    }

    #[test]
    fn what_is_missing_takes_no_part() {
        let mut holed = picture(0.1, [96, 96]);
        holed.iter_mut().skip(3).step_by(401).for_each(|pixel| *pixel = f32::NAN);
        let found = noise_level(&holed, &[1, 96, 96]);
        assert!((found - 0.1).abs() < 0.008, "{found}");
        assert_eq!(noise_level(&[f32::NAN; 64 * 64], &[1, 64, 64]), 0.0);
    }

    #[test]
    fn of_no_noise_and_of_hardly_any_pixels_there_is_none() {
        assert!(noise_level(&picture(0.0, [64, 64]), &[1, 64, 64]) < 0.003);
        assert_eq!(noise_level(&[0.5; 64 * 64], &[1, 64, 64]), 0.0);
        assert_eq!(noise_level(&[0.5; 12], &[3, 2, 2]), 0.0);
        assert_eq!(noise_level(&[], &[0, 0, 0]), 0.0);
    }
}
