//! How good a model is on images it was not trained on.

use crate::graph::MetricRow;

/// The metrics that an evaluation plan logs, in the order of its columns: means over a batch.
pub(super) const METRICS: [&str; 4] = ["loss", "mse", "bce", "ssim"];

/// Means over all images of a pass.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Evaluation {
    /// The training loss, in its own unit.
    pub loss: f64,
    /// Mean squared error per pixel.
    pub mse: f64,
    /// Binary cross-entropy per pixel, in nats.
    pub bce: f64,
    /// Structural similarity (7x7 uniform window), 1 for equal images.
    pub ssim: f64,
}

impl Evaluation {
    /// The peak signal-to-noise ratio in decibels for pixels in [0, 1], from the mean squared error
    /// over all images.
    pub fn psnr(&self) -> f64 {
        -10.0 * self.mse.log10()
    }
}

/// Adds up rows, each weighted by its batch.
#[derive(Clone, Debug, Default)]
pub(super) struct WeightedMean {
    sums: Vec<f64>,
    images: usize,
}

impl WeightedMean {
    pub fn add(&mut self, row: &MetricRow, batch: usize) {
        self.sums.resize(row.values.len(), 0.0);
        for (sum, value) in self.sums.iter_mut().zip(&row.values) {
            *sum += f64::from(*value) * batch as f64;
        }
        self.images += batch;
    }

    /// The mean of column `column`; NaN before the first row.
    pub fn mean(&self, column: usize) -> f64 {
        self.sums.get(column).map_or(f64::NAN, |sum| sum / self.images as f64)
    }

    /// The columns of [`METRICS`].
    pub fn evaluation(&self) -> Evaluation {
        let [loss, mse, bce, ssim] = [0, 1, 2, 3].map(|column| self.mean(column));
        Evaluation { loss, mse, bce, ssim }
    }
}
