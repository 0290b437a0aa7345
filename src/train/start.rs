//! What training images tell of a model before it is trained: where its linear path begins.
//!
//! The path begins as principal component analysis, so that the model starts where the best linear
//! autoencoder ends. With v_j the j-th direction, along which images have variance a_j^2, and m the
//! mean image, number j of a code is `v_j . (x - m) / a_j` and the image `m + sum_j a_j v_j c_j`.

use crate::data::{Dataset, ImageShape};
use crate::error::Result;
use crate::evaluate::Principal;
use crate::graph::State;
use crate::inference::tensor;
use crate::models::{LOG_SCALE, Model, Section, linear};
use crate::nn::{Loss, Output};

/// Numbers of images that are looked at.
const NUMBERS: usize = 1 << 25;

/// Directions along which images vary by less than this share of the most are not told apart from
/// rounding: codes of them are not brought to variance 1.
const LEAST_SPREAD: f32 = 1e-3;

/// Where a sigmoid ends, it begins as its tangent in the middle: `s(4 (y - 1/2))` is about y.
const SIGMOID_SLOPE: f32 = 4.0;

/// Pixels that are black in all images begin no nearer to black than this, where the sigmoid still
/// has a slope.
const LEAST_MEAN: f32 = 0.01;

/// Lets the linear path of `model` in `state`, if it has one, begin as the principal components of
/// the training images.
///
/// # Errors
/// Never for a dataset of the model's images.
pub(super) fn begin(state: &mut State, model: &Model, dataset: &Dataset) -> Result<()> {
    if !model.network.linear || dataset.train.count == 0 {
        return Ok(());
    }
    let section = model.network.section();
    let rows = sections(dataset, &section)?;
    let inputs = section.shape.elements();
    let found = Principal::of(&rows, inputs, model.network.components());
    let path = Path { model, found: &found, inputs, scales: model.network.path_scales() };
    path.encoder(state);
    path.decoder(state);
    path.prior(state);
    Ok(())
}

/// Images of the training set, evenly spread over it, or the blocks of them.
fn sections(dataset: &Dataset, section: &Section) -> Result<Vec<f32>> {
    let images = &dataset.train;
    let most = (NUMBERS / dataset.shape.elements()).clamp(1, images.count);
    let mut rows = vec![];
    for index in 0..most {
        let at = index * images.count / most;
        let (pixels, _) = tensor(dataset, images, at..at + 1)?;
        cut(pixels.data(), dataset.shape, section, &mut rows);
    }
    Ok(rows)
}

/// Adds the sections of an image to `rows`; beyond its edge there are zeros.
fn cut(pixels: &[f32], image: ImageShape, section: &Section, rows: &mut Vec<f32>) {
    let ImageShape { channels, height, width } = section.shape;
    let [down, across] = section.blocks;
    for block in 0..down * across {
        let [top, left] = [block / across * height, block % across * width];
        for place in 0..channels * height {
            let (channel, row) = (place / height, top + place % height);
            let inside =
                if row < image.height { image.width.saturating_sub(left).min(width) } else { 0 };
            let first = (channel * image.height + row) * image.width + left;
            let known = if inside > 0 { &pixels[first..first + inside] } else { &[] };
            rows.extend_from_slice(known);
            rows.resize(rows.len() + width - inside, 0.0);
        }
    }
}

/// A path, and what it begins as.
struct Path<'a> {
    model: &'a Model,
    found: &'a Principal,
    inputs: usize,
    scales: [f32; 2],
}

impl Path<'_> {
    /// What one unit of number `index` of a code is along its direction.
    fn unit(&self, index: usize) -> f32 {
        let spread = |index: usize| self.found.variances[index].max(0.0).sqrt();
        match self.model.quantiser {
            // One step is the same along all directions, as it costs the same error along each.
            Some(quantiser) => self.quantised_step() / quantiser.step,
            // Weights that are one matrix have no room for units of their own.
            None if self.model.network.tied => {
                (self.scales[1] / (self.scales[0] * self.slope())).sqrt()
            }
            None => spread(index).max(LEAST_SPREAD * spread(0)).max(f32::MIN_POSITIVE),
        }
    }

    /// What the path's images are multiplied by before what makes pixels of them.
    fn slope(&self) -> f32 {
        if self.model.output == Output::Sigmoid { SIGMOID_SLOPE } else { 1.0 }
    }

    /// The step at which a bit less costs as much error as it saves: with D = step^2 / 12 a number,
    /// `-dD/dR = 2 ln 2 D` (Gersho and Gray, "Vector quantization and signal compression", 1992).
    fn quantised_step(&self) -> f32 {
        let rate = self.model.quantiser.map_or(1.0, |quantiser| quantiser.rate);
        let weight = match self.model.loss {
            // A bit a pixel, beside the mean over all channels of all pixels.
            Loss::Mse => rate * self.model.images().channels as f32,
            // A bit an image, beside about twice the sum of squares.
            Loss::Bce => rate / 2.0,
            Loss::Gaussian => rate * 2.0 * 0.05,
        };
        (6.0 * weight / std::f32::consts::LN_2).sqrt()
    }

    fn encoder(&self, state: &mut State) {
        let (inputs, scale) = (self.inputs, self.scales[0]);
        let mut biases = vec![];
        if let Some(weights) = state.tensor_mut(&format!("{}.weight", linear::ENCODER)) {
            for (index, row) in weights.chunks_mut(inputs).enumerate() {
                if index >= self.found.components() {
                    // Images do not vary along so many directions. What is left begins at random.
                    biases.push(0.0);
                    continue;
                }
                let unit = self.unit(index);
                let direction = &self.found.directions[index * inputs..][..inputs];
                row.iter_mut().zip(direction).for_each(|(w, v)| *w = v / (unit * scale));
                let along = direction.iter().zip(&self.found.mean);
                biases.push(-along.map(|(v, m)| f64::from(v * m)).sum::<f64>() as f32 / unit);
            }
        }
        if let Some(values) = state.tensor_mut(&format!("{}.bias", linear::ENCODER)) {
            values.copy_from_slice(&biases);
        }
    }

    fn decoder(&self, state: &mut State) {
        let width = self.model.network.components();
        // Tied weights have begun with the encoder's.
        if let Some(weights) = state.tensor_mut(&format!("{}.weight", linear::DECODER)) {
            weights.fill(0.0);
            for index in 0..self.found.components() {
                let unit = self.unit(index) * self.slope();
                let direction = &self.found.directions[index * self.inputs..][..self.inputs];
                for (row, v) in weights.chunks_mut(width).zip(direction) {
                    row[index] = v * unit / self.scales[1];
                }
            }
        }
        if let Some(values) = state.tensor_mut(&format!("{}.bias", linear::DECODER)) {
            values.copy_from_slice(&self.found.mean);
            if self.model.output == Output::Sigmoid {
                values.iter_mut().for_each(|mean| {
                    let mean_inside = mean.clamp(LEAST_MEAN, 1.0 - LEAST_MEAN);
                    *mean = (mean_inside / (1.0 - mean_inside)).ln();
                });
            }
        }
    }

    /// The distribution of each quantised channel begins as wide as its numbers are.
    fn prior(&self, state: &mut State) {
        let Some(quantiser) = self.model.quantiser else { return };
        if let Some(values) = state.tensor_mut(LOG_SCALE) {
            for (index, value) in values.iter_mut().enumerate().take(self.found.components()) {
                let steps = self.found.variances[index].max(0.0).sqrt()
                    / (self.unit(index) * quantiser.step);
                // A logistic distribution of scale s has a deviation of s pi / sqrt 3.
                *value = (steps * 3.0_f32.sqrt() / std::f32::consts::PI).max(0.1).ln();
            }
        }
    }
}
