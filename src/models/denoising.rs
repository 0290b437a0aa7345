//! The denoising autoencoder: the encoder sees a spoilt image, and the loss compares with the clean
//! one (Vincent, Larochelle, Bengio, Manzagol: "Extracting and composing robust features with
//! denoising autoencoders", 2008). The noise is drawn anew at each step, on the device.

use super::{Choices, Recipe, conv};
use crate::ops::Corruption;

/// Keras's convolutional autoencoder under its documentation's noise.
pub(super) fn recipe() -> Recipe {
    let noise = Some(Corruption::Gaussian { deviation: 0.4 });
    let choices = Choices { noise, ..conv::keras() };
    Recipe { batch: 128, learning_rate: 1e-3, epochs: 10, choices }
}
