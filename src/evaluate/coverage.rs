//! How many made images lie where real ones do, and how many real ones where made ones do.

use rayon::prelude::*;

use crate::error::{Error, Result};

/// The neighbour whose distance is the radius around an image.
const NEIGHBOUR: usize = 3;

/// Shares in [0, 1].
#[derive(Clone, Copy, Debug, Default, PartialEq, serde::Serialize)]
pub struct Coverage {
    /// Of made images, those that lie within the radius of some real one: how many look real.
    pub precision: f64,
    /// Of real images, those that lie within the radius of some made one: how much of what is real is
    /// made.
    pub recall: f64,
}

/// Precision and recall of made images, by the features of both, `[count, width]` row by row
/// (Kynkäänniemi et al., "Improved precision and recall metric for assessing generative models", 2019):
/// the radius around an image is its distance from the third nearest of its own set.
///
/// # Errors
/// When there are no features, or not more than three rows of each.
pub fn coverage(real: &[f32], made: &[f32], width: usize) -> Result<Coverage> {
    let rows = |numbers: &[f32]| numbers.len() / width.max(1);
    if width == 0 || rows(real).min(rows(made)) <= NEIGHBOUR {
        let what = format!("radii take more than {NEIGHBOUR} images of each kind");
        return Err(Error::option("--count", what));
    }
    Ok(Coverage { precision: within(real, made, width), recall: within(made, real, width) })
}

/// The share of `rows` within the radius of some of `centres`.
fn within(centres: &[f32], rows: &[f32], width: usize) -> f64 {
    let centre = |row: usize| &centres[row * width..][..width];
    let count = centres.len() / width;
    let radii: Vec<f32> = (0..count)
        .into_par_iter()
        .map(|own| {
            // One more than asked for, since the nearest is the row itself.
            let mut nearest = [f32::INFINITY; NEIGHBOUR + 1];
            for other in 0..count {
                let distance = squared_distance(centre(own), centre(other));
                let place = nearest.partition_point(|known| *known <= distance);
                if place <= NEIGHBOUR {
                    nearest[place..].rotate_right(1);
                    nearest[place] = distance;
                }
            }
            nearest[NEIGHBOUR]
        })
        .collect();
    let is_within = |row: &&[f32]| {
        radii.iter().enumerate().any(|(at, radius)| squared_distance(row, centre(at)) <= *radius)
    };
    let all: Vec<&[f32]> = rows.chunks_exact(width).collect();
    let found = all.par_iter().copied().filter(is_within).count();
    found as f64 / all.len() as f64
}

/// In eight sums, so that the compiler can take eight numbers at once.
fn squared_distance(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    let (a, b) = (a.chunks(8), b.chunks(8));
    for (a, b) in a.zip(b) {
        for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
            *sum += (a - b) * (a - b);
        }
    }
    sums.iter().sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten places around each of these, a tenth apart.
    fn around(centres: &[f32]) -> Vec<f32> {
        let places = |centre: &f32| {
            let centre = *centre;
            (0..10).flat_map(move |step| [centre + 0.1 * step as f32, 0.0])
        };
        centres.iter().flat_map(places).collect()
    }

    #[test]
    fn images_of_one_kind_are_precise_and_recall_half() {
        let real = around(&[0.0, 10.0]);
        let found = coverage(&real, &around(&[0.05]), 2).expect("enough rows");
        assert_eq!(found, Coverage { precision: 1.0, recall: 0.5 });
        let found = coverage(&real, &around(&[0.05, 10.05, 20.0, 30.0]), 2).expect("enough rows");
        assert_eq!(found, Coverage { precision: 0.5, recall: 1.0 });
        let found = coverage(&real, &around(&[50.0]), 2).expect("enough rows");
        assert_eq!(found, Coverage { precision: 0.0, recall: 0.0 });
        assert_eq!(coverage(&real, &real, 2).expect("enough rows").precision, 1.0);
    }

    #[test]
    fn the_radius_is_the_third_neighbours() {
        // The radius around 0 is 3; around 6 it is 5.
        let real = [0.0, 1.0, 2.0, 3.0, 6.0];
        let inside = |at: f32| coverage(&real, &[at; 4], 1).expect("enough rows").precision;
        assert_eq!([-3.0, -3.1, 11.0, 11.1].map(inside), [1.0, 0.0, 1.0, 0.0]);
    }

    #[test]
    fn few_images_are_refused() {
        assert!(coverage(&[0.0; 3], &[0.0; 9], 1).is_err());
        assert!(coverage(&[0.0; 9], &[0.0; 9], 0).is_err());
    }
}
