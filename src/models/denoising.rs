//! The denoising autoencoder: the encoder sees a spoilt image, and the loss compares with the clean
//! one (Vincent, Larochelle, Bengio, Manzagol: "Extracting and composing robust features with
//! denoising autoencoders", 2008). The noise is drawn anew at each step, on the device.

//!
//! A residual model makes what is to be added to the spoilt image (Zhang, Zuo, Chen, Meng, Zhang:
//! "Beyond a Gaussian denoiser", 2017): what is right in it need not pass through the code.

use super::{Choices, Recipe, Schedule, conv};
use crate::nn::Loss;
use crate::ops::Corruption;

/// Keras's convolutional autoencoder under its documentation's noise. What a residual model makes is
/// no image, so that it has a squared error.
pub(super) fn recipe(given: &Choices) -> Recipe {
    let noise = Some(Corruption::Gaussian { deviation: 0.4 });
    let mut choices = Choices { noise, ..conv::keras() };
    if given.residual == Some(true) {
        choices.loss = Some(Loss::Mse);
    }
    let schedule = Schedule::Cosine;
    Recipe { batch: 128, learning_rate: 3e-3, schedule, epochs: 10, choices }
}
