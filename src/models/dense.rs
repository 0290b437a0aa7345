//! The dense autoencoder: 784-64-32-32-64-784 on MNIST.

use super::architecture::{Architecture, Sizes};
use super::choices::Choices;
use super::recipe::Recipe;

/// The classic one.
pub(super) fn recipe(given: &Choices) -> Recipe {
    let classic = Architecture::Dense(Sizes { encoder: vec![64], decoder: vec![32, 64] });
    Recipe::plain(Some(given.arch.clone().unwrap_or(classic)), given.latent)
}
