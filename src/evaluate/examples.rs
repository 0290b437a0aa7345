//! What a classifier learns from: rows of numbers with classes, and the scale they are brought to.

use rayon::prelude::*;

use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// Standardised features are kept within this many deviations: a pixel that training hardly ever
/// saw lit would outweigh all others otherwise.
const FARTHEST: f64 = 20.0;

/// Rows of numbers, each with its class.
#[derive(Clone, Copy, Debug)]
pub struct Examples<'a> {
    /// One row an example, `[count, width]`, row-major.
    pub features: &'a [f32],
    /// Numbers a row.
    pub width: usize,
    /// The class of each example, from 0; as many as there are rows.
    pub labels: &'a [u32],
}

impl Examples<'_> {
    pub(super) fn check(&self, classes: usize) -> Result<()> {
        let rows = check_features(self.features, self.width)?;
        if self.labels.len() != rows {
            let what = format!("there are {} for {rows} rows of features", self.labels.len());
            return Err(Error::option("labels", what));
        }
        if u32::try_from(rows).is_err() {
            let what = format!("{rows} are too many; at most {} can be numbered", u32::MAX);
            return Err(Error::option("labels", what));
        }
        let outside = |label: &u32| *label as usize >= classes;
        match self.labels.iter().position(outside) {
            None => Ok(()),
            Some(row) => {
                let label = self.labels[row];
                let what = format!(
                    "example {row} (from 0) has label {label}, where labels lie below {classes}, \
                     the number of classes"
                );
                Err(Error::option("labels", what))
            }
        }
    }
}

/// The number of rows, if they are whole and finite and there are any.
pub(super) fn check_features(features: &[f32], width: usize) -> Result<usize> {
    if features.is_empty() || width == 0 {
        return Err(Error::option("features", "there are none; give at least one example"));
    }
    if !features.len().is_multiple_of(width) {
        let what = format!("{} numbers are not whole rows of {width}", features.len());
        return Err(Error::option("features", what));
    }
    match features.iter().position(|number| !number.is_finite()) {
        None => Ok(features.len() / width),
        Some(at) => {
            let (row, column, number) = (at / width, at % width, features[at]);
            let what = format!("number {column} of example {row} (from 0) is {number}");
            Err(Error::NotFinite(format!("a classifier needs finite features, but {what}")))
        }
    }
}

/// What brings each feature to mean 0 and deviation 1 over the training examples.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Standardisation {
    mean: Vec<f64>,
    /// 1 / deviation; 1 for a feature that is constant.
    scale: Vec<f64>,
}

impl Standardisation {
    pub fn of(features: &[f32], width: usize) -> Self {
        let count = (features.len() / width) as f64;
        let mut mean = vec![0.0; width];
        for row in features.chunks(width) {
            mean.iter_mut().zip(row).for_each(|(sum, x)| *sum += f64::from(*x));
        }
        mean.iter_mut().for_each(|sum| *sum /= count);
        // A second pass, so that a constant has a deviation of 0 and no rest of rounding.
        let mut scale = vec![0.0; width];
        for row in features.chunks(width) {
            for ((sum, mean), x) in scale.iter_mut().zip(&mean).zip(row) {
                *sum += (f64::from(*x) - mean).powi(2);
            }
        }
        for sum in &mut scale {
            *sum = if *sum > 0.0 { (count / *sum).sqrt() } else { 1.0 };
        }
        Self { mean, scale }
    }

    /// The same mean and deviation for all features, as pixels of one image have: one that training
    /// hardly ever saw lit does not outweigh others then.
    pub fn common(features: &[f32], width: usize) -> Self {
        let Self { mean, scale } = Self::of(features, 1);
        Self { mean: mean.repeat(width), scale: scale.repeat(width) }
    }

    /// Features a row.
    pub fn width(&self) -> usize {
        self.mean.len()
    }

    /// The rows of these numbers, standardised, as `[rows, width]`.
    pub fn rows(&self, features: &[f32], rows: &[u32]) -> Result<Tensor> {
        let width = self.mean.len();
        let mut out = Tensor::zeros([rows.len(), width]);
        out.data_mut().par_chunks_mut(width).zip(rows).for_each(|(out, row)| {
            let row = &features[*row as usize * width..][..width];
            for (((out, x), mean), scale) in
                out.iter_mut().zip(row).zip(&self.mean).zip(&self.scale)
            {
                *out = ((f64::from(*x) - mean) * scale).clamp(-FARTHEST, FARTHEST) as f32;
            }
        });
        Ok(out)
    }
}
