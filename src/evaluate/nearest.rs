//! How near images come to those a model was trained on, which says whether it has learned them by heart.

use nalgebra::DMatrix;
use rayon::prelude::*;

use crate::data::Dataset;
use crate::error::Result;

/// Training images that are compared at once.
const AT_ONCE: usize = 1 << 11;

/// The distance of each of `images`, `[count, ...]`, from the nearest training image of
/// `dataset`, none of whose pixels are missing: the root of the mean squared difference of pixels; and of
/// all, the mean.
///
/// # Errors
/// When training images cannot be read.
pub fn nearest_distance(images: &[f32], dataset: &Dataset) -> Result<f64> {
    let (elements, train) = (dataset.shape.elements(), &dataset.train);
    let count = images.len() / elements.max(1);
    if count == 0 || train.count == 0 {
        return Ok(0.0);
    }
    let rows = DMatrix::from_column_slice(elements, count, &images[..count * elements]);
    let parts = (0..train.count.div_ceil(AT_ONCE))
        .into_par_iter()
        .map(|part| least_in(dataset, part * AT_ONCE, &rows))
        .collect::<Result<Vec<Vec<f32>>>>()?;
    let mut sum = 0.0;
    for (image, row) in rows.column_iter().enumerate() {
        let least = parts.iter().map(|part| part[image]).fold(f32::INFINITY, f32::min);
        let square = (least + row.norm_squared()).max(0.0) / elements as f32;
        sum += f64::from(square).sqrt();
    }
    Ok(sum / count as f64)
}

/// For each of `rows`, the least `|y|^2 - 2 x y` over training images y from `first` on: its squared
/// distance but for `|x|^2`.
fn least_in(dataset: &Dataset, first: usize, rows: &DMatrix<f32>) -> Result<Vec<f32>> {
    let pixels = dataset.train.part(first..(first + AT_ONCE).min(dataset.train.count))?;
    let images = pixels.chunks(dataset.stored_bytes());
    let numbers = images.flat_map(|image| {
        let mut image = dataset.numbers(image);
        image.drain(dataset.target()).collect::<Vec<_>>()
    });
    let numbers: Vec<f32> = numbers.collect();
    let known = DMatrix::from_vec(rows.nrows(), numbers.len() / rows.nrows(), numbers);
    let squares: Vec<f32> = known.column_iter().map(|image| image.norm_squared()).collect();
    // Transposed first, since products of transposes do not go through the fast kernel.
    let products = known.transpose() * rows;
    let least = |products: nalgebra::DVectorView<f32>| {
        let distances =
            products.iter().zip(&squares).map(|(product, square)| square - 2.0 * product);
        distances.fold(f32::INFINITY, f32::min)
    };
    Ok(products.column_iter().map(least).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{ImageShape, Images};

    #[test]
    fn it_is_the_root_of_the_mean_square_to_the_nearest() {
        let shape = ImageShape { channels: 1, height: 1, width: 2 };
        let train = Images { pixels: vec![0, 0, 255, 255], count: 2, ..Images::default() };
        let nearest_distance = |images: &[f32], dataset: &Dataset| {
            nearest_distance(images, dataset).expect("in memory")
        };
        let dataset = Dataset { name: "two".into(), shape, train, ..Dataset::default() };
        // The first is in the set, the second lies (0.6, 0.8) from black, and so 1 / sqrt(2) of it;
        // the third is nearer to white.
        assert!(nearest_distance(&[1.0, 1.0], &dataset) < 1e-3);
        let third = nearest_distance(&[1.0, 0.8], &dataset);
        assert!((third - 0.2 / 2.0_f64.sqrt()).abs() < 1e-4, "{third}");
        let mean = nearest_distance(&[1.0, 1.0, 1.0, 0.8], &dataset);
        assert!((mean - third / 2.0).abs() < 1e-3, "{mean}");
        assert_eq!(nearest_distance(&[], &dataset), 0.0);
    }
}
