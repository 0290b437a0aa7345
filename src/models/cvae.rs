//! The conditional variational autoencoder: a VAE whose encoder and decoder are told the label
//! (Sohn, Lee, Yan: "Learning structured output representation using deep conditional generative
//! models", 2015). Codes keep what the label does not say, and images of any label can be drawn.

use super::{Recipe, vae};
use crate::error::{Error, Result};

/// The VAE's.
pub(super) fn recipe() -> Recipe {
    vae::recipe()
}

/// The number of classes, if there are any.
///
/// # Errors
/// When there are fewer than two.
pub(super) fn classes(classes: usize) -> Result<usize> {
    if classes < 2 {
        let what = "has no labels, which this model is told; give mnist, digits, or a folder with \
                    a sub-folder a class";
        return Err(Error::option("--data", what));
    }
    Ok(classes)
}
