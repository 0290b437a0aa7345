use super::*;
use crate::data::{Dataset, LoadOptions, Source};

/// Rows of known variances along known orthonormal directions, around a mean.
fn made(count: usize, width: usize, deviations: &[f32]) -> (Vec<f32>, Vec<f32>) {
    let mut directions = standard_normal(deviations.len() * width, Seed(5));
    orthonormalise(&mut directions, width);
    let places = standard_normal(count * deviations.len(), Seed(6));
    let rows = places.chunks(deviations.len()).flat_map(|places| {
        let directions = &directions;
        (0..width).map(move |column| {
            let terms = places.iter().zip(deviations).enumerate();
            let sum: f32 =
                terms.map(|(at, (x, size))| x * size * directions[at * width + column]).sum();
            0.5 + column as f32 / width as f32 + sum
        })
    });
    (rows.collect(), directions)
}

/// The least error that so many components can have, by all eigenvalues of the covariance, in double
/// precision.
fn least_error(rows: &[f32], width: usize, components: usize) -> f64 {
    let count = rows.len() / width;
    let at = |row: usize, column: usize| f64::from(rows[row * width + column]);
    let mean: Vec<f64> =
        (0..width).map(|c| (0..count).map(|r| at(r, c)).sum::<f64>() / count as f64).collect();
    let data = DMatrix::from_fn(count, width, |row, column| at(row, column) - mean[column]);
    // The smaller of the two products has the same eigenvalues, but for zeros.
    let square = if width > count { &data * data.transpose() } else { data.transpose() * &data };
    let mut values: Vec<f64> = eigen(&square).eigenvalues.iter().copied().collect();
    values.sort_by(|a, b| b.total_cmp(a));
    values[components..].iter().sum::<f64>() / rows.len() as f64
}

#[test]
fn narrow_rows_are_taken_exactly() {
    let deviations = [3.0, 2.0, 1.0, 0.5, 0.25, 0.125];
    let (rows, directions) = made(2000, 20, &deviations);
    let found = Principal::of(&rows, 20, 4);
    assert_eq!((found.components(), found.directions.len()), (4, 80));
    for components in 0..=4 {
        let (error, least) = (found.error(&rows, components), least_error(&rows, 20, components));
        assert!((error / least - 1.0).abs() < 1e-4, "{components}: {error} {least}");
    }
    for (index, deviation) in deviations[..4].iter().enumerate() {
        let share = found.variances[index] / deviation.powi(2);
        assert!((share - 1.0).abs() < 0.1, "{:?}", found.variances);
        let pairs = found.directions[index * 20..][..20].iter().zip(&directions[index * 20..]);
        let cosine: f32 = pairs.map(|(a, b)| a * b).sum();
        assert!(cosine.abs() > 0.99, "{index}: {cosine}");
    }
    assert_eq!(found.error(&rows, 9), found.error(&rows, 4), "there are no more");
    assert!(found.error(&[], 2).is_nan());
}

#[test]
fn wide_rows_come_within_a_percent_of_the_least_error() {
    // Variances fall slowly, as those of images do, so that the sketch has something to confuse.
    let deviations: Vec<f32> = (1..=120).map(|index| 3.0 / index as f32).collect();
    // By the covariance, and by the rows themselves.
    for (count, width, components) in [(400, 300, 12), (150, 1100, 12)] {
        let (rows, _) = made(count, width, &deviations);
        let found = Principal::of(&rows, width, components);
        for components in [1, 5, components] {
            let error = found.error(&rows, components);
            let least = least_error(&rows, width, components);
            assert!((error / least - 1.0).abs() < 0.01, "{components}: {error} {least}");
        }
        for (index, row) in found.directions.chunks(width).enumerate() {
            for (other, column) in found.directions.chunks(width).enumerate() {
                let cosine: f32 = row.iter().zip(column).map(|(a, b)| a * b).sum();
                let expected = f32::from(u8::from(index == other));
                assert!((cosine - expected).abs() < 1e-4, "{index} {other}: {cosine}");
            }
        }
        assert!(found.variances.is_sorted_by(|a, b| a >= b), "{:?}", found.variances);
        let sum: f32 = deviations[..1].iter().map(|x| x * x).sum();
        assert!((found.variances[0] / sum - 1.0).abs() < 0.3, "{:?}", found.variances);
    }
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    for (count, width) in [(300, 60), (300, 300), (100, 1100)] {
        let (rows, _) = made(count, width, &[3.0, 2.0, 1.0, 0.5, 0.4, 0.3, 0.2]);
        let with = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.expect("threads").install(|| {
                let found = Principal::of(&rows, width, 5);
                let error = found.error(&rows, 5);
                (found, error)
            })
        };
        assert_eq!(with(1), with(3));
    }
}

#[test]
fn there_are_no_more_components_than_rows_and_columns_have() {
    let (rows, _) = made(6, 1100, &[1.0; 8]);
    let found = Principal::of(&rows, 1100, 50);
    assert_eq!(found.components(), 5);
    assert!(found.error(&rows, 5) < 1e-10, "{}", found.error(&rows, 5));
    let (rows, _) = made(50, 4, &[1.0; 3]);
    let found = Principal::of(&rows, 4, 50);
    assert_eq!(found.components(), 4);
    assert!(found.error(&rows, 4) < 1e-10);
    for (rows, width) in [(&[][..], 3), (&[], 0), (&[1.0, 2.0, 3.0], 3)] {
        let found = Principal::of(rows, width, 2);
        assert_eq!((found.components(), found.mean.len()), (0, width));
    }
    // Rows that are all alike have no direction, and no error either.
    let found = Principal::of(&[0.25; 300 * 20], 300, 3);
    assert!(found.error(&[0.25; 300], 3) < 1e-12);
}

/// Of these few pictures of few levels, nalgebra alone made NaN.
#[test]
fn covariances_of_hardly_any_rank_have_whole_components() {
    let options = LoadOptions { size: Some((16, 16)), ..LoadOptions::default() };
    let sprites = Dataset::load(&Source::Sprites(40), &options).expect("are drawn");
    let rows = sprites.numbers(&sprites.train.pixels);
    let found = Principal::of(&rows, 256, 32);
    assert!(found.directions.iter().chain(&found.variances).all(|number| number.is_finite()));
    // 36 rows have 35 components, of which 32 hold nearly all.
    assert!(found.error(&rows, 32) < 0.01 * found.error(&rows, 0));
}
