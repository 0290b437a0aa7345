//! The denoising autoencoder: the encoder sees a corrupted image, and the loss compares with the clean
//! one (Vincent, Larochelle, Bengio, Manzagol: "Extracting and composing robust features with
//! denoising autoencoders", 2008). The noise is drawn anew at each step, on the device.
//!
//! A residual model makes what is to be added to the corrupted image (Zhang, Zuo, Chen, Meng, Zhang:
//! "Beyond a Gaussian denoiser", 2017): what is right in it need not pass through the code.

use super::architecture::{Architecture, CodeForm, Sizes};
use super::choices::Choices;
use super::conv;
use super::network::{Block, Downsample};
use super::recipe::{Recipe, Schedule};
use crate::nn::Loss;
use crate::ops::{Activation, Corruption, CorruptionKind};

/// Keras's convolutional autoencoder under its documentation's noise. A residual model has a squared
/// error, as what it makes is no image, and one stage that halves the image by strides: a maximum of
/// four pixels would lose which of them is the noisy one.
pub(super) fn recipe(given: &Choices) -> Recipe {
    let is_residual = given.residual == Some(true);
    if is_residual && matches!(given.arch, Some(Architecture::Flat(_))) {
        return flat(given);
    }
    let is_haze = given.noise.is_some_and(|noise| noise.kind == CorruptionKind::Haze);
    if is_residual && is_haze {
        return haze();
    }
    let noise = Some(Corruption::new(CorruptionKind::Gaussian, 0.4));
    let recipe = match is_residual || !given.names_network() {
        true => conv::keras(),
        false => conv::recipe(given, false),
    };
    let mut choices = Choices { noise, ..recipe.choices };
    if is_residual {
        choices = by_strides(choices, vec![64]);
    }
    Recipe { choices, ..recipe }
}

/// `choices` with a squared error, and stages of these many channels that halve the image by strides.
fn by_strides(choices: Choices, stages: Vec<usize>) -> Choices {
    Choices {
        loss: Some(Loss::Mse),
        arch: Some(Architecture::Conv(Sizes::mirrored(stages))),
        downsample: Some(Downsample::Stride),
        ..choices
    }
}

/// Stages that see far: how much of a picture haze has left is told by all that is around.
fn haze() -> Recipe {
    let keras = conv::keras();
    let choices = by_strides(keras.choices, vec![16, 32, 48, 64, 96]);
    Recipe { batch: 8, learning_rate: 1e-3, choices, ..keras }
}

/// Convolutions at half the image's size, told how strong noise of any strength is (FFDNet; see
/// [`super::network`]).
fn flat(given: &Choices) -> Recipe {
    let choices = Choices {
        arch: given.arch.clone(),
        latent: Some(CodeForm::Features),
        activation: Some(Activation::Relu),
        block: Some(Block::Residual),
        loss: Some(Loss::Mse),
        noise: Some(Corruption::new(CorruptionKind::Gaussian, [0.0, 0.22])),
        ..Choices::default()
    };
    let schedule = Schedule::WarmCosine;
    Recipe { batch: 8, learning_rate: 1e-3, schedule, epochs: 10, choices }
}
