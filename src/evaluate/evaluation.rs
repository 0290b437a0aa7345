//! How good a model is on images it was not trained on.

use std::collections::BTreeMap;

/// Means over all images of a pass, by name: `loss`, `mse` and `bce` per pixel, `ssim`, and what
/// the model's objective measures besides.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Evaluation(pub BTreeMap<String, f64>);

impl Evaluation {
    /// A measure by name; NaN where it was not taken.
    pub fn get(&self, name: &str) -> f64 {
        self.0.get(name).copied().unwrap_or(f64::NAN)
    }

    /// The training loss, in its own unit.
    pub fn loss(&self) -> f64 {
        self.get("loss")
    }
}

/// The peak signal-to-noise ratio in decibels of pixels in [0, 1], from their mean squared error.
pub fn decibels(mse: f64) -> f64 {
    -10.0 * mse.log10()
}

/// Adds up rows, each weighted by its batch.
#[derive(Clone, Debug, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct WeightedMean {
    #[serde(with = "bits")]
    sums: Vec<f64>,
    images: usize,
}

impl WeightedMean {
    /// Images that were counted.
    pub fn images(&self) -> usize {
        self.images
    }

    /// The sum of each column, each row times its images.
    pub fn sums(&self) -> &[f64] {
        &self.sums
    }

    pub fn add(&mut self, row: &[f32], batch: usize) {
        self.sums.resize(row.len(), 0.0);
        for (sum, value) in self.sums.iter_mut().zip(row) {
            *sum += f64::from(*value) * batch as f64;
        }
        self.images += batch;
    }

    /// The mean of column `column`; NaN before the first row.
    pub fn mean(&self, column: usize) -> f64 {
        self.sums.get(column).map_or(f64::NAN, |sum| sum / self.images as f64)
    }

    /// The columns by the names of the plan's metrics.
    pub fn evaluation(&self, names: &[String]) -> Evaluation {
        let means =
            names.iter().enumerate().map(|(column, name)| (name.clone(), self.mean(column)));
        Evaluation(means.collect())
    }
}

/// Numbers by their bits: text has no word for those that are not finite.
mod bits {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(numbers: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
        numbers.iter().map(|number| number.to_bits()).collect::<Vec<_>>().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
        let bits = Vec::<u64>::deserialize(deserializer)?;
        Ok(bits.into_iter().map(f64::from_bits).collect())
    }
}
