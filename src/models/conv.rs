//! The convolutional autoencoder: stages of convolution and pooling, and back.

use super::architecture::{Architecture, CodeForm, Sizes};
use super::choices::Choices;
use super::recipe::{Recipe, Schedule};
use crate::nn::Loss;
use crate::ops::Activation;

/// On MNIST, where nothing is said of its network, the one of Keras's documentation (F. Chollet's
/// "Building autoencoders in Keras", as keras.io has it); else stages of 32 and 64 channels and a
/// code of 32 numbers, by the plain [`Recipe`].
pub(super) fn recipe(given: &Choices, is_mnist: bool) -> Recipe {
    match is_mnist && !given.names_network() {
        true => keras(),
        false => Recipe::plain(Architecture::Conv(Sizes::mirrored(vec![32, 64]))),
    }
}

/// Keras's convolutional autoencoder: two stages of 32 channels whose last map is the code, 3x3
/// transposed convolutions, cross-entropy.
pub(super) fn keras() -> Recipe {
    let choices = Choices {
        arch: Some(Architecture::Conv(Sizes::mirrored(vec![32, 32]))),
        latent: Some(CodeForm::Features),
        activation: Some(Activation::Relu),
        loss: Some(Loss::Bce),
        upsample_kernel: Some(3),
        ..Choices::default()
    };
    let schedule = Schedule::Cosine;
    Recipe { batch: 128, learning_rate: 3e-3, schedule, epochs: 10, choices }
}
