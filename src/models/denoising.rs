//! The denoising autoencoder: the encoder sees a spoilt image, and the loss compares with the clean
//! one (Vincent, Larochelle, Bengio, Manzagol: "Extracting and composing robust features with
//! denoising autoencoders", 2008). The noise is drawn anew at each step, on the device.

use super::{Choices, Recipe, Schedule, conv};
use crate::ops::Corruption;

/// Keras's convolutional autoencoder under its documentation's noise.
pub(super) fn recipe() -> Recipe {
    let noise = Some(Corruption::Gaussian { deviation: 0.4 });
    let choices = Choices { noise, ..conv::keras() };
    let schedule = Schedule::Cosine;
    Recipe { batch: 128, learning_rate: 3e-3, schedule, epochs: 10, choices }
}
