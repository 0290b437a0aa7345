//! What training images tell of a model before it is trained: where the layers next to them begin, and
//! its linear path.
//!
//! That path begins as principal component analysis, so that the model starts where the best linear
//! autoencoder ends. With v_j the j-th direction, along which images have variance a_j^2, and m the
//! mean image, number j of a code is `v_j . (x - m) / a_j` and the image `m + sum_j a_j v_j c_j`. Of a map of
//! whole numbers, directions are [cosines](super::cosines).

use super::centre::{centre, logit};
use super::cosines::cosines;
use crate::data::{Dataset, ImageShape};
use crate::error::Result;
use crate::evaluate::Principal;
use crate::graph::State;
use crate::inference::{targets, tensor};
use crate::models::{LOG_SCALE, Model, Section, linear};
use crate::nn::{Loss, Output};
use crate::tensor::Tensor;

/// Numbers of images that are looked at.
const NUMBERS: usize = 1 << 25;

/// Directions along which images vary by less than this share of the most are not told apart from
/// rounding: codes of them are not brought to variance 1.
const LEAST_SPREAD: f32 = 1e-3;

/// Where a sigmoid ends, it begins as its tangent in the middle: `s(4 (y - 1/2))` is about y.
const SIGMOID_SLOPE: f32 = 4.0;

/// About where the variance of a Gaussian decoder begins, e^-3.
const USUAL_VARIANCE: f32 = 0.05;

/// Lets `model` in `state` begin at the mean of the training images, and its linear path, if it has one,
/// as their principal components.
///
/// # Errors
/// Never for a dataset of the model's images.
pub(super) fn begin(state: &mut State, model: &Model, dataset: &Dataset) -> Result<()> {
    let network = &model.network;
    let is_told = network.linear || !network.dense_on_images().is_empty();
    if dataset.train.count == 0 || !is_told {
        return Ok(());
    }
    let Look { given, wanted } = look(dataset)?;
    let elements = dataset.shape.elements();
    let wanted = wanted.as_ref().unwrap_or(&given);
    centre(state, model, [&given, wanted].map(|images| mean(images, elements)));
    if network.linear {
        let section = network.section();
        let inputs = section.shape.elements();
        let rows = |images: &[f32]| sections(images, dataset.shape, &section);
        let is_codec = model.quantiser.is_some() && section.overlap > 0;
        let found = match is_codec {
            true => cosines(&rows(wanted), section.shape, network.components()),
            false => Principal::of(&rows(wanted), inputs, network.components()),
        };
        let seen = match dataset.paired {
            true => mean(&rows(&given), inputs),
            false => found.mean.clone(),
        };
        let scales = network.path_scales();
        let path = Path { model, found: &found, seen, section: &section, scales };
        path.encoder(state);
        path.decoder(state);
        path.prior(state);
    }
    Ok(())
}

/// Images of the training set.
struct Look {
    given: Vec<f32>,
    /// In pairs, what they should become.
    wanted: Option<Vec<f32>>,
}

/// Images that are evenly spread over the training set. A pixel that is missing is what it is on average
/// where it is seen: no direction is to be that of the holes.
fn look(dataset: &Dataset) -> Result<Look> {
    let images = &dataset.train;
    let most = (NUMBERS / dataset.shape.elements()).clamp(1, images.count);
    let chosen: Vec<u32> = (0..most).map(|index| (index * images.count / most) as u32).collect();
    let chosen = images.select(&chosen);
    let (mut pixels, seen) = tensor(dataset, &chosen, 0..chosen.count)?;
    if let Some(seen) = seen {
        fill(pixels.data_mut(), seen.data(), dataset.shape);
    }
    let wanted = dataset.paired.then(|| targets(dataset, &chosen, 0..chosen.count)).transpose()?;
    Ok(Look { given: pixels.into_data(), wanted: wanted.map(Tensor::into_data) })
}

/// The mean of images of so many pixels.
fn mean(images: &[f32], elements: usize) -> Vec<f32> {
    let mut sums = vec![0.0_f64; elements];
    for image in images.chunks(elements) {
        sums.iter_mut().zip(image).for_each(|(sum, pixel)| *sum += f64::from(*pixel));
    }
    let count = (images.len() / elements) as f64;
    sums.into_iter().map(|sum| (sum / count) as f32).collect()
}

/// `images` section by section; beyond an image's edge there are zeros.
fn sections(images: &[f32], shape: ImageShape, section: &Section) -> Vec<f32> {
    let (elements, width) = (shape.elements(), section.shape.elements());
    let mut rows = vec![0.0; images.len() / elements * section.count() * width];
    for (number, row) in rows.chunks_mut(width).enumerate() {
        let image = number / section.count() * elements;
        for (place, pixel) in section.pixels(shape, number % section.count()) {
            row[place] = images[image + pixel];
        }
    }
    rows
}

/// Puts at each pixel that is not `seen` its mean over the images that have it.
fn fill(pixels: &mut [f32], seen: &[f32], shape: ImageShape) {
    let (elements, plane) = (shape.elements(), shape.height * shape.width);
    let mut sums = vec![(0.0_f64, 0.0_f64); elements];
    for (image, seen) in pixels.chunks(elements).zip(seen.chunks(plane)) {
        for (at, (sum, count)) in sums.iter_mut().enumerate() {
            *sum += f64::from(image[at] * seen[at % plane]);
            *count += f64::from(seen[at % plane]);
        }
    }
    for (image, seen) in pixels.chunks_mut(elements).zip(seen.chunks(plane)) {
        for (at, (sum, count)) in sums.iter().enumerate() {
            if seen[at % plane] == 0.0 {
                image[at] = (sum / count.max(1.0)) as f32;
            }
        }
    }
}

/// A path, and what it begins as.
struct Path<'a> {
    model: &'a Model,
    found: &'a Principal,
    /// The mean of what the encoder sees.
    seen: Vec<f32>,
    section: &'a Section,
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
            // A bit an image, beside half the sum of squares over the variance.
            Loss::Gaussian => rate * 2.0 * USUAL_VARIANCE,
        };
        (6.0 * weight / std::f32::consts::LN_2).sqrt()
    }

    /// The direction of number `index` of a code.
    fn direction(&self, index: usize) -> &[f32] {
        let pixels = self.section.shape.elements();
        &self.found.directions[index * pixels..][..pixels]
    }

    fn encoder(&self, state: &mut State) {
        let window = self.section.window().elements();
        let mut biases = vec![];
        if let Some(weights) = state.tensor_mut(&format!("{}.weight", linear::ENCODER)) {
            for (index, row) in weights.chunks_mut(window).enumerate() {
                if index >= self.found.components() {
                    // Images do not vary along so many directions. What is left begins at random.
                    biases.push(0.0);
                    continue;
                }
                let (unit, direction) = (self.unit(index), self.direction(index));
                row.fill(0.0);
                for (place, v) in self.section.places().zip(direction) {
                    row[place] = v / (unit * self.scales[0]);
                }
                let along = direction.iter().zip(&self.seen);
                biases.push(-along.map(|(v, m)| f64::from(v * m)).sum::<f64>() as f32 / unit);
            }
        }
        if let Some(values) = state.tensor_mut(&format!("{}.bias", linear::ENCODER)) {
            values.copy_from_slice(&biases);
        }
    }

    fn decoder(&self, state: &mut State) {
        let mut mean = self.found.mean.clone();
        if self.model.output == Output::Sigmoid {
            mean.iter_mut().for_each(|mean| *mean = logit(*mean));
        }
        let (window, width) = (self.section.window().elements(), self.model.network.components());
        // Of a layer of windows, each number of the code has its weights in a row, and the mean is one
        // more; of a dense one, in a column.
        let is_dense = self.section.overlap == 0;
        let steps = if is_dense { [1, width] } else { [window, 1] };
        // Tied weights have begun with the encoder's.
        if let Some(weights) = state.tensor_mut(&format!("{}.weight", linear::DECODER)) {
            weights.fill(0.0);
            for index in 0..self.found.components() {
                let unit = self.unit(index) * self.slope();
                for (place, v) in self.section.places().zip(self.direction(index)) {
                    weights[index * steps[0] + place * steps[1]] = v * unit / self.scales[1];
                }
            }
            if !is_dense {
                for (place, mean) in self.section.places().zip(&mean) {
                    weights[width * window + place] = mean / self.scales[1];
                }
            }
        }
        if let Some(values) = state.tensor_mut(&format!("{}.bias", linear::DECODER)) {
            values.copy_from_slice(&mean);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::CpuExecutor;
    use crate::data::{LoadOptions, Source};
    use crate::evaluate::Yardstick;
    use crate::models::{Architecture, Choices, CodeForm, Kind};
    use crate::ops::{Corruption, CorruptionKind};
    use crate::train::config::Config;
    use crate::train::trainer::Trainer;

    /// The error of a model of the digits that has not been trained, and PCA's.
    fn errors(arch: &str, latent: CodeForm, tied: Option<bool>) -> [f64; 2] {
        let digits = Dataset::load(&Source::Digits, &LoadOptions::default()).expect("embedded");
        let arch: Architecture = arch.parse().expect("an architecture");
        let (arch, latent) = (Some(arch), Some(latent));
        let choices = Choices { arch, latent, tied, ..Choices::default() };
        let (model, _) = Kind::Dense.build(digits.shape, 0, &choices, false).expect("fits");
        let pca = Yardstick::new(&model, &digits, false).expect("whole").expect("none is missing");
        let config = Config::new(model);
        let mut device = CpuExecutor::new();
        let mut trainer = Trainer::new(&mut device, &config, &digits).expect("fits");
        [trainer.evaluate().expect("can be measured").get("mse"), pca.pca_mse]
    }

    #[test]
    fn a_model_begins_where_pca_ends() {
        let cases = [
            ("dense", CodeForm::Vector(8), None),
            ("dense", CodeForm::Vector(8), Some(true)),
            ("dense:300,20", CodeForm::Vector(20), None),
            ("conv:5,6", CodeForm::Vector(12), None),
            ("conv:5,6", CodeForm::Map(4), None),
        ];
        for (arch, latent, tied) in cases {
            let [ours, pca] = errors(arch, latent, tied);
            // What is clamped to [0, 1] is a little nearer than PCA's pixels beyond it are.
            assert!(ours < 1.002 * pca && ours > 0.6 * pca, "{arch} {tied:?}: {ours}, not {pca}");
        }
    }

    #[test]
    fn a_residual_model_begins_by_adding_nothing() {
        let digits = Dataset::load(&Source::Digits, &LoadOptions::default()).expect("embedded");
        let pixels =
            tensor(&digits, &digits.test, 0..digits.test.count).expect("fits").0.into_data();
        let squares = pixels.iter().map(|pixel| f64::from(pixel * pixel)).sum::<f64>();
        let lost = 0.3 * squares / pixels.len() as f64;
        for arch in ["dense:20", "conv:4", "flat:4x4"] {
            let arch: Architecture = arch.parse().expect("an architecture");
            let latent = match arch {
                Architecture::Dense(_) => CodeForm::Vector(8),
                _ => CodeForm::Features,
            };
            let choices = Choices {
                arch: Some(arch.clone()),
                latent: Some(latent),
                residual: Some(true),
                noise: Some(Corruption::new(CorruptionKind::Mask, 0.3)),
                ..Choices::default()
            };
            let (model, _) = Kind::Denoising.build(digits.shape, 0, &choices, false).expect("fits");
            let error = |model: Model| {
                let config = Config { noise: choices.noise, ..Config::new(model) };
                let mut device = CpuExecutor::new();
                let mut trainer = Trainer::new(&mut device, &config, &digits).expect("fits");
                trainer.evaluate().expect("can be measured").get("mse")
            };
            let found = error(Model { fills: false, knows_holes: false, ..model.clone() });
            assert!((found / lost - 1.0).abs() < 0.05, "{arch:?}: {found}, not {lost}");
            // Or by what stands around, where the network knows of that.
            assert_eq!(model.fills, !matches!(arch, Architecture::Dense(_)));
            if model.fills {
                let found = error(model);
                assert!(found < 0.6 * lost, "{arch:?}: {found} of {lost}");
            }
        }
    }

    #[test]
    fn missing_pixels_are_what_they_are_elsewhere() {
        let shape = ImageShape { channels: 2, height: 1, width: 2 };
        let mut pixels = [0.2, 0.0, 0.4, 0.0, 0.6, 0.9, 0.8, 0.5, 0.0, 0.3, 0.0, 0.1];
        let seen = [1.0, 0.0, 1.0, 1.0, 0.0, 1.0];
        fill(&mut pixels, &seen, shape);
        let expected = [0.2, 0.6, 0.4, 0.3, 0.6, 0.9, 0.8, 0.5, 0.4, 0.3, 0.6, 0.1];
        for (found, expected) in pixels.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-6, "{pixels:?}");
        }
    }
}
