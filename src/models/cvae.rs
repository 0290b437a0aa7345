//! The conditional variational autoencoder: a VAE whose encoder and decoder are told the label
//! (Sohn, Lee, Yan: "Learning structured output representation using deep conditional generative
//! models", 2015). Codes keep what the label does not say, and images of any label can be drawn.

use super::architecture::{Architecture, CodeForm, Sizes};
use super::choices::Choices;
use super::recipe::Recipe;
use super::vae;
use crate::error::{Error, Result};

/// The VAE's with one hidden layer more, and a short code near its prior: what the label says is
/// not for the code to say again, and codes that are drawn should be like codes of images.
pub(super) fn recipe() -> Recipe {
    let recipe = vae::recipe();
    let choices = Choices {
        arch: Some(Architecture::Dense(Sizes::mirrored(vec![400, 400]))),
        latent: Some(CodeForm::Vector(6)),
        beta: Some(2.0),
        ..recipe.choices
    };
    Recipe { choices, ..recipe }
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
