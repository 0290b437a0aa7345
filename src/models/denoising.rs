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
    let noise = Some(Corruption::new(CorruptionKind::Gaussian, 0.4));
    let recipe = match is_residual || !given.names_network() {
        true => conv::keras(),
        false => conv::recipe(given, false),
    };
    let mut choices = Choices { noise, ..recipe.choices };
    if is_residual {
        choices.loss = Some(Loss::Mse);
        choices.arch = Some(Architecture::Conv(Sizes::mirrored(vec![64])));
        choices.downsample = Some(Downsample::Stride);
    }
    Recipe { choices, ..recipe }
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
