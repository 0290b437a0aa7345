//! The convolutional autoencoder: stages of convolution and pooling, and back.

use super::architecture::{Architecture, CodeForm, Sizes};
use super::choices::Choices;
use super::recipe::{Recipe, Schedule};
use crate::nn::Loss;
use crate::ops::Activation;

/// On MNIST, the one of Keras's documentation (F. Chollet's "Building autoencoders in Keras", as
/// keras.io has it): two stages of 32 channels whose last map is the code, 3x3 transposed
/// convolutions, cross-entropy. Elsewhere, stages of 32 and 64 channels and a code of 32 numbers.
pub(super) fn recipe(is_mnist: bool) -> Recipe {
    if is_mnist {
        let (schedule, choices) = (Schedule::Cosine, keras());
        return Recipe { batch: 128, learning_rate: 3e-3, schedule, epochs: 10, choices };
    }
    let choices = Choices {
        arch: Some(Architecture::Conv(Sizes::mirrored(vec![32, 64]))),
        latent: Some(CodeForm::Vector(32)),
        activation: Some(Activation::Relu),
        loss: Some(Loss::Mse),
        ..Choices::default()
    };
    let schedule = Schedule::Constant;
    Recipe { batch: 128, learning_rate: 2e-3, schedule, epochs: 10, choices }
}

/// Keras's convolutional autoencoder.
pub(super) fn keras() -> Choices {
    Choices {
        arch: Some(Architecture::Conv(Sizes::mirrored(vec![32, 32]))),
        latent: Some(CodeForm::Features),
        activation: Some(Activation::Relu),
        loss: Some(Loss::Bce),
        upsample_kernel: Some(3),
        ..Choices::default()
    }
}
