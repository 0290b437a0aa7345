//! What restored images are measured by, and the filter that a model has to beat.

use rayon::prelude::*;

use super::evaluation::decibels;
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// Pairs to be brought into order, after which the fifth of nine numbers is their median (J. L.
/// Smith, "Implementing median filters in XC4000E FPGAs", 1996; N. Devillard, "Fast median search",
/// 1998).
const MEDIAN_OF_NINE: [(usize, usize); 19] = [
    (1, 2),
    (4, 5),
    (7, 8),
    (0, 1),
    (3, 4),
    (6, 7),
    (1, 2),
    (4, 5),
    (7, 8),
    (0, 3),
    (5, 8),
    (4, 7),
    (3, 6),
    (1, 4),
    (2, 5),
    (4, 7),
    (4, 2),
    (6, 4),
    (4, 2),
];

/// The 3x3 median filter: each pixel becomes the median of itself and its eight neighbours in the
/// same channel, the edges being repeated outwards. `images` is `[batch, channels, height, width]`,
/// as is the result; of any other shape, the last two axes are filtered.
pub fn median3x3(images: &Tensor) -> Tensor {
    let (width, height) = match images.shape()[..] {
        [.., height, width] => (width, height),
        [width] => (width, 1),
        [] => (1, 1),
    };
    let mut filtered = images.clone();
    if !images.data().is_empty() {
        let planes = images.data().par_chunks(height * width);
        let filtered = filtered.data_mut().par_chunks_mut(height * width);
        filtered.zip(planes).for_each(|(out, plane)| median_of_plane(out, plane, width));
    }
    filtered
}

fn median_of_plane(out: &mut [f32], plane: &[f32], width: usize) {
    let last = plane.len() / width - 1;
    for (y, out) in out.chunks_mut(width).enumerate() {
        let rows =
            [y.saturating_sub(1), y, (y + 1).min(last)].map(|y| &plane[y * width..][..width]);
        for (x, out) in out.iter_mut().enumerate() {
            let columns = [x.saturating_sub(1), x, (x + 1).min(width - 1)];
            let mut window = [0.0; 9];
            for (place, value) in window.iter_mut().enumerate() {
                *value = rows[place / 3][columns[place % 3]];
            }
            *out = median(window);
        }
    }
}

fn median(mut window: [f32; 9]) -> f32 {
    for (low, high) in MEDIAN_OF_NINE {
        let (a, b) = (window[low], window[high]);
        (window[low], window[high]) = (a.min(b), a.max(b));
    }
    window[4]
}

/// The peak signal-to-noise ratio of `a` and `b`, in decibels, for numbers in [0, 1]:
/// `-10 log10(mean (a - b)^2)`, the mean being over all elements. Infinite for equal tensors.
///
/// # Errors
/// When the shapes differ or are empty.
pub fn psnr(a: &Tensor, b: &Tensor) -> Result<f64> {
    if a.shape() != b.shape() || a.data().is_empty() {
        let what = "compares two tensors of one shape that is not empty";
        return Err(Error::shape("psnr", what, &[a.shape(), b.shape()]));
    }
    Ok(decibels(squared_distance(a, b) / a.data().len() as f64))
}

/// The sum of squared differences of two tensors of one shape.
pub(super) fn squared_distance(a: &Tensor, b: &Tensor) -> f64 {
    let pairs = a.data().iter().zip(b.data());
    pairs.map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_network_finds_the_median_of_all_zero_one_windows() {
        // A network of exchanges that is right for zeros and ones is right for all numbers (Knuth,
        // volume 3, 5.3.4Z).
        for bits in 0..512_u32 {
            let window = std::array::from_fn(|place| (bits >> place & 1) as f32);
            let expected = f32::from(u8::from(bits.count_ones() >= 5));
            assert_eq!(median(window), expected, "{bits:09b}");
        }
    }

    /// What scipy 1.17's `median_filter(image, size=3, mode="nearest")` makes of the same numbers.
    #[test]
    fn the_filter_is_that_of_scipy() {
        let numbers = (0..20_u8).map(|at| f32::from(at * 7 % 23)).collect();
        let image = Tensor::new([1, 1, 4, 5], numbers).unwrap();
        let expected = [
            [7.0, 7.0, 14.0, 14.0, 10.0],
            [7.0, 8.0, 14.0, 14.0, 10.0],
            [12.0, 12.0, 11.0, 11.0, 17.0],
            [13.0, 13.0, 11.0, 11.0, 18.0],
        ];
        assert_eq!(median3x3(&image).data(), expected.concat());
    }

    #[test]
    fn planes_are_filtered_apart() {
        let mut two = Tensor::zeros([1, 2, 3, 3]);
        two.data_mut()[..9].fill(1.0);
        two.data_mut()[4] = 0.0;
        two.data_mut()[9] = 1.0;
        let expected = [[1.0; 9], [0.0; 9]].concat();
        let filtered = median3x3(&two);
        assert_eq!(filtered.shape(), two.shape());
        assert_eq!(filtered.data(), expected, "single pixels vanish");
    }

    #[test]
    fn small_and_empty_images_are_filtered_too() {
        let line = Tensor::new([1, 1, 1, 4], vec![0.1, 0.9, 0.2, 0.3]).unwrap();
        assert_eq!(median3x3(&line).data(), [0.1, 0.2, 0.3, 0.3]);
        for shape in [vec![], vec![3], vec![2, 1, 1, 1], vec![0, 1, 5, 5]] {
            let flat = Tensor::full(shape, 0.5);
            assert_eq!(median3x3(&flat), flat);
        }
    }

    #[test]
    fn psnr_is_what_its_formula_says() {
        let a = Tensor::full([2, 1, 2, 2], 0.5);
        let b = Tensor::full([2, 1, 2, 2], 0.6);
        assert!((psnr(&a, &b).unwrap() - 20.0).abs() < 1e-5);
        let mut c = a.clone();
        c.data_mut()[3] += 0.4;
        // 0.16 / 8 = 0.02.
        assert!((psnr(&a, &c).unwrap() - 16.989_700_04).abs() < 1e-5);
        assert_eq!(psnr(&a, &a).unwrap(), f64::INFINITY);
        assert!(psnr(&a, &Tensor::zeros([8])).is_err());
        assert!(psnr(&Tensor::zeros([0]), &Tensor::zeros([0])).is_err());
    }
}
