//! The dense autoencoder: 784-64-32-32-64-784 on MNIST.

use super::architecture::{Architecture, CodeForm, Sizes};
use super::choices::Choices;
use super::recipe::{Recipe, Schedule};
use crate::nn::Loss;
use crate::ops::Activation;

/// The classic one.
pub(super) fn recipe() -> Recipe {
    let sizes = Sizes { encoder: vec![64], decoder: vec![32, 64] };
    let choices = Choices {
        arch: Some(Architecture::Dense(sizes)),
        latent: Some(CodeForm::Vector(32)),
        activation: Some(Activation::Relu),
        loss: Some(Loss::Mse),
        ..Choices::default()
    };
    let schedule = Schedule::Constant;
    Recipe { batch: 256, learning_rate: 1e-3, schedule, epochs: 10, choices }
}
