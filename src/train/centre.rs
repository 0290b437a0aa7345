//! Where dense layers next to images begin: those that see them make nothing of the mean image, and the
//! one that makes them makes the mean image of nothing.
//!
//! Pixels are at least 0, so that sums of all of them are large, and much the same for all images: units
//! behind a rectifier would be on for each of them or for none.

use crate::graph::State;
use crate::models::{Architecture, Model};
use crate::nn::Output;

/// Pixels that are black in all images begin no nearer to black than this, where the sigmoid still has
/// a slope.
const LEAST_MEAN: f32 = 0.01;

/// What a sigmoid makes this mean of; one a little inside [0, 1] where it lies at an edge.
pub(super) fn logit(mean: f32) -> f32 {
    let mean = mean.clamp(LEAST_MEAN, 1.0 - LEAST_MEAN);
    (mean / (1.0 - mean)).ln()
}

/// Lets the dense layers of `model` next to images begin at the mean images: of those that it sees, and of
/// those that it should make.
pub(super) fn centre(state: &mut State, model: &Model, [seen, made]: [Vec<f32>; 2]) {
    let network = &model.network;
    for layer in network.dense_on_images() {
        let Some(weights) = state.tensor_mut(&format!("encoder.{layer}.weight")) else { continue };
        // Behind the pixels there may be labels.
        let inputs = seen.len() + network.classes;
        let scale = network.scale(inputs);
        let sums: Vec<f32> = weights
            .chunks(inputs)
            .map(|row| -scale * row.iter().zip(&seen).map(|(w, m)| w * m).sum::<f32>())
            .collect();
        if let Some(biases) = state.tensor_mut(&format!("encoder.{layer}.bias")) {
            biases.copy_from_slice(&sums);
        }
    }
    // The bias of a linear path, and the image that a residual is added to, have the mean in them.
    let is_all = matches!(network.architecture, Architecture::Dense(_));
    if !is_all || network.linear || model.residual {
        return;
    }
    if let Some(biases) = state.tensor_mut("decoder.output.bias") {
        biases.copy_from_slice(&made);
        if model.output == Output::Sigmoid {
            biases.iter_mut().for_each(|bias| *bias = logit(*bias));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::CpuExecutor;
    use crate::data::{Dataset, LoadOptions, Source};
    use crate::models::{Choices, CodeForm, Kind};
    use crate::train::config::Config;
    use crate::train::trainer::Trainer;

    /// The mean image of the digits; what an untrained model of them makes of a code of zeros; and its
    /// state.
    fn begun(kind: Kind, arch: &str) -> (Vec<f32>, Vec<f32>, State) {
        let digits = Dataset::load(&Source::Digits, &LoadOptions::default()).expect("embedded");
        let arch = Some(arch.parse().expect("an architecture"));
        let choices = Choices { arch, latent: Some(CodeForm::Vector(6)), ..Choices::default() };
        let (model, _) = kind.build(digits.shape, 10, &choices, false).expect("fits");
        let config = Config::new(model);
        let mut device = CpuExecutor::new();
        let mut trainer = Trainer::new(&mut device, &config, &digits).expect("fits");
        let image = trainer.inference().decode(&[0.0; 6], None).ok().map(|made| made.into_data());
        let mut mean = vec![0.0; digits.shape.elements()];
        for pixels in digits.train.pixels.chunks(mean.len()) {
            mean.iter_mut().zip(pixels).for_each(|(mean, byte)| *mean += f32::from(*byte) / 255.0);
        }
        mean.iter_mut().for_each(|mean| *mean /= digits.train.count as f32);
        (mean, image.unwrap_or_default(), trainer.state().expect("is there"))
    }

    fn assert_near(found: &[f32], wanted: &[f32]) {
        assert_eq!(found.len(), wanted.len());
        for (found, wanted) in found.iter().zip(wanted) {
            assert!((found - wanted).abs() < 1e-4, "{found}, not {wanted}");
        }
    }

    fn tensor(state: &State, name: &str) -> Vec<f32> {
        state.tensors().find(|(found, ..)| *found == name).expect(name).2.to_vec()
    }

    #[test]
    fn a_decoder_makes_the_mean_image_of_nothing() {
        for (kind, arch) in [(Kind::Vae, "dense:5"), (Kind::Iwae, "dense")] {
            let (mean, image, _) = begun(kind, arch);
            let wanted: Vec<f32> = mean.iter().map(|mean| mean.clamp(0.01, 0.99)).collect();
            assert_near(&image, &wanted);
        }
    }

    #[test]
    fn an_encoder_makes_nothing_of_the_mean_image() {
        for (kind, arch, layer) in [
            (Kind::Vae, "dense:5", "dense1"),
            (Kind::Vae, "dense", "mean"),
            (Kind::Contractive, "dense", "code"),
            (Kind::Dense, "dense:5", "dense1"),
            // Its rows have ten labels behind the pixels.
            (Kind::Cvae, "dense:5", "dense1"),
        ] {
            let (mean, _, state) = begun(kind, arch);
            let biases = tensor(&state, &format!("encoder.{layer}.bias"));
            let weights = tensor(&state, &format!("encoder.{layer}.weight"));
            let rows = weights.chunks(weights.len() / biases.len());
            let sums = rows.map(|row| -row.iter().zip(&mean).map(|(w, m)| w * m).sum::<f32>());
            assert_near(&biases, &sums.collect::<Vec<f32>>());
        }
    }
}
