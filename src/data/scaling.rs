//! Numbers without bounds, brought to mean 0 and deviation 1, and back.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::shape::ImageShape;

/// What numbers are standardised by: `(x - mean) / deviation`, over the samples that are trained on. One
/// of each for every number of a vector, else for every channel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scaling {
    /// The means.
    pub mean: Vec<f32>,
    /// The standard deviations (of the samples, not an estimate of all there are); 1 where all are alike.
    pub deviation: Vec<f32>,
}

impl Scaling {
    /// That of `numbers`, which are samples of this shape; missing ones, which are NaN, do not count.
    pub fn of(numbers: &[f32], shape: &ImageShape) -> Self {
        let groups = groups(shape);
        let run = (shape.elements() / groups.max(1)).max(1);
        let mut counts = vec![0.0_f64; groups];
        let mut sums = vec![0.0_f64; groups];
        let mut squares = vec![0.0_f64; groups];
        let each = |add: &mut dyn FnMut(usize, f64)| {
            for (at, run) in numbers.chunks(run).enumerate() {
                let known = run.iter().filter(|number| !number.is_nan());
                known.for_each(|number| add(at % groups, f64::from(*number)));
            }
        };
        each(&mut |group, number| {
            counts[group] += 1.0;
            sums[group] += number;
        });
        let mean = |group: usize| sums[group] / counts[group].max(1.0);
        // Around the mean, or squares of large numbers would leave no digits for what they differ by.
        each(&mut |group, number| squares[group] += (number - mean(group)).powi(2));
        let deviation = |group: usize| {
            let deviation = (squares[group] / counts[group].max(1.0)).sqrt();
            // Alike but for rounding.
            let least = mean(group).abs() * f64::from(f32::EPSILON);
            if deviation > least { deviation as f32 } else { 1.0 }
        };
        Self {
            mean: (0..groups).map(|group| mean(group) as f32).collect(),
            deviation: (0..groups).map(deviation).collect(),
        }
    }

    /// Refuses one that is not of samples of this shape.
    ///
    /// # Errors
    /// When it has other counts, or numbers that scale nothing.
    pub fn check(&self, shape: &ImageShape) -> Result<()> {
        let counts = [self.mean.len(), self.deviation.len()];
        let is_finite = self.mean.iter().all(|mean| mean.is_finite());
        let scales = |deviation: &f32| deviation.is_finite() && *deviation > 0.0;
        match counts == [groups(shape); 2] && is_finite && self.deviation.iter().all(scales) {
            true => Ok(()),
            false => Err(Error::Graph(format!(
                "what the run's numbers were standardised by is damaged, or of others than {shape}"
            ))),
        }
    }

    /// Standardises samples of this shape.
    pub fn apply(&self, numbers: &mut [f32], shape: &ImageShape) {
        self.each(numbers, shape, |number, mean, deviation| (number - mean) / deviation);
    }

    /// Brings standardised samples of this shape back.
    pub fn invert(&self, numbers: &mut [f32], shape: &ImageShape) {
        self.each(numbers, shape, |number, mean, deviation| number * deviation + mean);
    }

    fn each(&self, numbers: &mut [f32], shape: &ImageShape, change: impl Fn(f32, f32, f32) -> f32) {
        let run = (shape.elements() / self.mean.len().max(1)).max(1);
        let scales = self.mean.iter().zip(&self.deviation).cycle();
        for (run, (mean, deviation)) in numbers.chunks_mut(run).zip(scales) {
            run.iter_mut().for_each(|number| *number = change(*number, *mean, *deviation));
        }
    }
}

/// How many numbers of a sample have a scale of their own.
fn groups(shape: &ImageShape) -> usize {
    match shape {
        ImageShape { channels: 1, height: 1, width } => *width,
        ImageShape { channels, .. } => *channels,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vector(width: usize) -> ImageShape {
        ImageShape { channels: 1, height: 1, width }
    }

    #[test]
    fn each_number_of_a_vector_has_its_own() {
        let numbers = [1.0, 1e6, 5.0, 3.0, 1e6 + 2.0, 5.0, f32::NAN, 1e6 + 4.0, 5.0];
        let scaling = Scaling::of(&numbers, &vector(3));
        assert_eq!(scaling.mean, [2.0, 1e6 + 2.0, 5.0]);
        assert_eq!(scaling.deviation, [1.0, (8.0_f32 / 3.0).sqrt(), 1.0]);
        let mut scaled = numbers;
        scaling.apply(&mut scaled, &vector(3));
        assert_eq!([scaled[0], scaled[2], scaled[3], scaled[4]], [-1.0, 0.0, 1.0, 0.0]);
        assert!(scaled[6].is_nan());
        scaling.invert(&mut scaled, &vector(3));
        assert_eq!(scaled[..6], numbers[..6]);
    }

    #[test]
    fn pixels_of_a_channel_share_one() {
        let shape = ImageShape { channels: 2, height: 1, width: 2 };
        let numbers = [0.0, 2.0, 10.0, 10.0, 4.0, 2.0, 10.0, 18.0];
        let scaling = Scaling::of(&numbers, &shape);
        assert_eq!(scaling.mean, [2.0, 12.0]);
        assert_eq!(scaling.deviation, [2.0_f32.sqrt(), 12.0_f32.sqrt()]);
        assert!(scaling.check(&shape).is_ok());
        assert!(scaling.check(&vector(3)).is_err());
        assert!(Scaling { deviation: vec![1.0, 0.0], ..scaling }.check(&shape).is_err());
    }

    #[test]
    fn numbers_that_differ_by_rounding_alone_are_alike() {
        let numbers = [0.1_f32, 0.1_f32.next_up(), 0.1, 0.1];
        assert_eq!(Scaling::of(&numbers, &vector(1)).deviation, [1.0]);
        assert_eq!(
            Scaling::of(&[f32::NAN; 2], &vector(1)),
            Scaling { mean: vec![0.0], deviation: vec![1.0] }
        );
    }
}
