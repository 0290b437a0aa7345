//! The dense autoencoder: 784-64-32-32-64-784 on MNIST.

use super::architecture::{Architecture, Sizes};
use super::recipe::Recipe;

/// The classic one.
pub(super) fn recipe() -> Recipe {
    Recipe::plain(Some(Architecture::Dense(Sizes { encoder: vec![64], decoder: vec![32, 64] })))
}
