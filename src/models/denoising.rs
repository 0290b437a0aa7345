//! The denoising autoencoder: the encoder sees a corrupted image, and the loss compares with the clean
//! one (Vincent, Larochelle, Bengio, Manzagol: "Extracting and composing robust features with
//! denoising autoencoders", 2008). The noise is drawn anew at each step, on the device.
//!
//! A residual model makes what is to be added to the corrupted image (Zhang, Zuo, Chen, Meng, Zhang:
//! "Beyond a Gaussian denoiser", 2017): what is right in it need not pass through the code.

use super::architecture::{Architecture, CodeForm, Flat};
use super::choices::Choices;
use super::conv;
use super::network::Downsample;
use super::recipe::{Recipe, Schedule};
use crate::nn::Loss;
use crate::ops::{Activation, Corruption};

/// Keras's convolutional autoencoder under its documentation's noise.
pub(super) fn recipe(given: &Choices) -> Recipe {
    let is_staged = matches!(given.arch, Some(Architecture::Conv(_)));
    let is_residual = given.residual == Some(true);
    if is_residual && !is_staged {
        return flat();
    }
    let noise = Some(Corruption::Gaussian { deviation: 0.4 });
    let recipe = match is_residual || !given.names_network() {
        true => conv::keras(),
        false => conv::recipe(given, false),
    };
    let mut choices = Choices { noise, ..recipe.choices };
    if is_residual {
        // What a residual model makes is no image. A maximum of four pixels would lose which of them is
        // the noisy one.
        choices.loss = Some(Loss::Mse);
        choices.downsample = Some(Downsample::Stride);
    }
    Recipe { choices, ..recipe }
}

/// Convolutions at half the image's size, told how strong noise of any strength is (FFDNet; see
/// [`super::network`]).
fn flat() -> Recipe {
    let choices = Choices {
        arch: Some(Architecture::Flat(Flat { channels: 64, layers: 12 })),
        latent: Some(CodeForm::Features),
        activation: Some(Activation::Relu),
        loss: Some(Loss::Mse),
        noise: Some(Corruption::GaussianRange { least: 0.0, most: 0.22 }),
        ..Choices::default()
    };
    let schedule = Schedule::WarmCosine;
    Recipe { batch: 8, learning_rate: 2e-3, schedule, epochs: 10, choices }
}
