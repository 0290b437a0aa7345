//! The convolutional autoencoder: stages of convolution and pooling, and back.

use super::architecture::{Architecture, CodeForm, Sizes};
use super::choices::Choices;
use super::network::Downsample;
use super::recipe::{Recipe, Schedule};
use crate::data::ImageShape;
use crate::nn::Loss;
use crate::ops::Activation;

/// On MNIST, where nothing is said of its network, the one of Keras's documentation (F. Chollet's
/// "Building autoencoders in Keras", as keras.io has it); else a code of 32
/// numbers, by the plain [`Recipe`].
pub(super) fn recipe(given: &Choices, is_mnist: bool) -> Recipe {
    match is_mnist && !given.names_network() {
        true => keras(),
        false => Recipe::plain(given.arch.clone(), given.latent),
    }
}

/// Images with fewer pixels a side are small.
const SMALL_SIDE: usize = 48;
/// Large ones are halved until they are smaller than this.
const INNERMOST_SIDE: usize = 8;

/// The stages where none are named. Of small images, and for maps, two of 32 and 64 channels; for a
/// vector of large images, more but narrower ones, of 16 and then 32 channels: what lies between the
/// last map and the code would else be most of the parameters, and learn the training images by heart.
pub(super) fn architecture(images: ImageShape, code: CodeForm) -> Architecture {
    let side = images.height.min(images.width);
    let mut channels = vec![32, 64];
    if side >= SMALL_SIDE && matches!(code, CodeForm::Vector(_)) {
        let stages = (1..).find(|stages| side >> stages < INNERMOST_SIDE).unwrap_or(2);
        channels = vec![32; stages];
        channels[0] = 16;
    }
    Architecture::Conv(Sizes::mirrored(channels))
}

/// Keras's convolutional autoencoder: two stages of 32 channels whose last map is the code, 3x3
/// transposed convolutions, cross-entropy.
pub(super) fn keras() -> Recipe {
    let choices = Choices {
        arch: Some(Architecture::Conv(Sizes::mirrored(vec![32, 32]))),
        latent: Some(CodeForm::Features),
        activation: Some(Activation::Relu),
        loss: Some(Loss::Bce),
        downsample: Some(Downsample::Pool),
        upsample_kernel: Some(3),
        ..Choices::default()
    };
    let schedule = Schedule::Cosine;
    Recipe { batch: 128, learning_rate: 3e-3, schedule, epochs: 10, choices }
}
