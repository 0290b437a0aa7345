//! How alike two pictures look at several scales.

use rayon::prelude::*;

/// What the scales weigh, the finest first.
const WEIGHTS: [f64; 5] = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333];
/// Constants of the index for pixels in [0, 1]: (0.01)^2 and (0.03)^2.
const STABILISERS: [f32; 2] = [1e-4, 9e-4];
/// Pixels of a window's side.
const WINDOW: usize = 11;
/// The deviation of its weights, in pixels.
const DEVIATION: f32 = 1.5;

/// The multi-scale structural similarity of two images of one channel in [0, 1] (Wang, Simoncelli, Bovik, "Multi-scale
/// structural similarity for image quality assessment", 2003): structure and contrast at five scales, each of half the size
/// of the one before, and brightness at the coarsest, under Gaussian windows of 11x11. Images below 176 pixels have as
/// many scales as windows fit, whose weights are raised to a sum of 1; NaN of those below 11.
pub fn multi_scale_similarity(a: &[f32], b: &[f32], [height, width]: [usize; 2]) -> f64 {
    let scales =
        (0..WEIGHTS.len()).take_while(|scale| height.min(width) >> scale >= WINDOW).count();
    if scales == 0 {
        return f64::NAN;
    }
    let total: f64 = WEIGHTS[..scales].iter().sum();
    let (mut planes, mut size) = ([a.to_vec(), b.to_vec()], [height, width]);
    let mut product = 1.0;
    for (scale, weight) in WEIGHTS[..scales].iter().enumerate() {
        if scale > 0 {
            planes = planes.map(|plane| halved(&plane, size));
            size = size.map(|side| side / 2);
        }
        let [structure, whole] = similarities(&planes, size);
        let seen = if scale + 1 == scales { whole } else { structure };
        product *= seen.max(0.0).powf(weight / total);
    }
    product
}

/// The means of contrast and structure, and of these times brightness.
fn similarities([a, b]: &[Vec<f32>; 2], size: [usize; 2]) -> [f64; 2] {
    let products = |x: &[f32], y: &[f32]| {
        let products: Vec<f32> = x.iter().zip(y).map(|(x, y)| x * y).collect();
        smoothed(&products, size)
    };
    let [[mean_a, mean_b], [own_a, own_b]] =
        [[smoothed(a, size), smoothed(b, size)], [products(a, a), products(b, b)]];
    let both = products(a, b);
    let mut sums = [0.0; 2];
    for at in 0..both.len() {
        let (ma, mb) = (mean_a[at], mean_b[at]);
        let means = ma * ma + mb * mb;
        let structure = (2.0 * (both[at] - ma * mb) + STABILISERS[1])
            / (own_a[at] + own_b[at] - means + STABILISERS[1]);
        let brightness = (2.0 * ma * mb + STABILISERS[0]) / (means + STABILISERS[0]);
        sums[0] += f64::from(structure);
        sums[1] += f64::from(structure * brightness);
    }
    sums.map(|sum| sum / both.len().max(1) as f64)
}

/// Weighted means over the windows that lie within the plane.
fn smoothed(plane: &[f32], [height, width]: [usize; 2]) -> Vec<f32> {
    let mut weights = [0.0; WINDOW];
    for (place, weight) in weights.iter_mut().enumerate() {
        let far = (place as f32 - (WINDOW / 2) as f32) / DEVIATION;
        *weight = (-0.5 * far * far).exp();
    }
    let total: f32 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= total);
    let across = width + 1 - WINDOW;
    let mut rows = vec![0.0; height * across];
    rows.par_chunks_mut(across).zip(plane.par_chunks(width)).for_each(|(made, row)| {
        for (made, window) in made.iter_mut().zip(row.windows(WINDOW)) {
            *made = window.iter().zip(&weights).map(|(x, w)| x * w).sum();
        }
    });
    let mut means = vec![0.0; (height + 1 - WINDOW) * across];
    means.par_chunks_mut(across).enumerate().for_each(|(top, made)| {
        for (row, weight) in rows[top * across..].chunks(across).zip(&weights) {
            made.iter_mut().zip(row).for_each(|(sum, x)| *sum += weight * x);
        }
    });
    means
}

/// Means of four pixels each; an odd last row or column is left out.
fn halved(plane: &[f32], [height, width]: [usize; 2]) -> Vec<f32> {
    let pair =
        |row: usize, column: usize| plane[row * width + column] + plane[row * width + column + 1];
    let at = |row: usize, column: usize| 0.25 * (pair(row, column) + pair(row + 1, column));
    let rows = 0..height / 2;
    rows.flat_map(|row| (0..width / 2).map(move |column| at(2 * row, 2 * column))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Waves, and the same with what a hash of the place says on top.
    fn pictures([height, width]: [usize; 2]) -> [Vec<f32>; 2] {
        let wave =
            |at: usize| 0.5 + 0.4 * (0.11 * (at % width) as f32 + 0.07 * (at / width) as f32).sin();
        let spoilt = |at: usize| wave(at) + ((at * 7919 % 101) as f32 / 101.0 - 0.5) * 0.2;
        [(0..height * width).map(wave).collect(), (0..height * width).map(spoilt).collect()]
    }

    #[test]
    fn it_is_what_another_program_says() {
        // By the Python package pytorch-msssim 1.0.0, of the same pictures.
        let [a, b] = pictures([176, 192]);
        let found = multi_scale_similarity(&a, &b, [176, 192]);
        assert!((found - 0.96399).abs() < 1e-4, "{found}");
    }

    #[test]
    fn equal_pictures_are_alike_and_small_ones_have_fewer_scales() {
        for size in [[11, 300], [40, 41], [300, 180]] {
            let [a, b] = pictures(size);
            assert!((multi_scale_similarity(&a, &a, size) - 1.0).abs() < 1e-6);
            let other = multi_scale_similarity(&a, &b, size);
            assert!(other > 0.0 && other < 0.999, "{size:?}: {other}");
        }
        assert!(multi_scale_similarity(&[0.0; 100], &[0.0; 100], [10, 10]).is_nan());
    }
}
