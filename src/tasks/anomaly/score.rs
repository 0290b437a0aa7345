//! How unlike what it was trained on a model finds a picture.

use crate::error::{Error, Result};
use crate::inference::Inference;
use crate::models::{Kind, Model};
use crate::nn::Loss;
use crate::tensor::Tensor;

/// What is counted as a picture's score. All are greater for stranger pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Score {
    /// The mean squared error of the reconstruction
    #[default]
    Mse,
    /// The negative evidence lower bound, of a variational model
    Elbo,
    /// The negative log-likelihood by weighted samples, of a variational model
    LogLikelihood,
}

impl Score {
    /// The name, as `--score` takes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mse => "mse",
            Self::Elbo => "elbo",
            Self::LogLikelihood => "log-likelihood",
        }
    }

    /// What one unit of it is, of `model`.
    pub fn unit(self, model: &Model) -> &'static str {
        match (self, model.loss) {
            (Self::Mse, _) => "squared error per pixel",
            (_, Loss::Mse) => "squared error + nats per image",
            _ => "nats per image",
        }
    }

    /// Draws of each picture's code unless told otherwise.
    pub fn usual_draws(self) -> usize {
        match self {
            Self::Mse => 0,
            Self::Elbo => 16,
            Self::LogLikelihood => 100,
        }
    }

    /// Refuses kinds of models that have no such score.
    ///
    /// # Errors
    /// When the model is told labels, or has no distribution where one is needed.
    pub fn check(self, kind: Kind) -> Result<()> {
        let name = kind.name();
        if kind == Kind::Cvae {
            let what = format!(
                "{name} has to be told what a picture shows, which is not known here; take a \
                 variant without labels, such as vae"
            );
            return Err(Error::option("--variant", what));
        }
        if self != Self::Mse && !matches!(kind, Kind::Vae | Kind::Iwae) {
            let what = format!(
                "{} needs a variational model, --variant vae or iwae, and this is a {name} model; \
                 give --score mse",
                self.name(),
            );
            return Err(Error::option("--score", what));
        }
        Ok(())
    }

    /// The score of each of `images`, `[count, channels, height, width]`, whose reconstructions are
    /// `made`.
    ///
    /// # Errors
    /// When the images are not of the model's size, or the device fails.
    pub fn of(
        self,
        inference: &mut Inference,
        images: &Tensor,
        made: &Tensor,
        draws: usize,
    ) -> Result<Vec<f64>> {
        let negative = |values: Vec<f64>| values.into_iter().map(|value| -value).collect();
        match self {
            Self::Mse => Ok(squared_errors(images, made)),
            Self::Elbo => inference.evidence_bound(images, None, draws).map(negative),
            Self::LogLikelihood => inference.log_likelihood(images, None, draws).map(negative),
        }
    }
}

/// The mean squared error of each image.
fn squared_errors(images: &Tensor, made: &Tensor) -> Vec<f64> {
    let count = images.shape().first().copied().unwrap_or(0).max(1);
    let elements = (images.data().len() / count).max(1);
    let rows = images.data().chunks(elements).zip(made.data().chunks(elements));
    rows.map(|(image, made)| {
        let squares = image.iter().zip(made).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2));
        squares.sum::<f64>() / elements as f64
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_means_over_each_image() {
        let tensor = |values: &[f32]| Tensor::new([2, 1, 1, 2], values.to_vec()).expect("fits");
        let errors =
            squared_errors(&tensor(&[0.0, 1.0, 0.5, 0.5]), &tensor(&[0.0, 0.0, 0.5, 0.25]));
        assert_eq!(errors, [0.5, 0.031_25]);
    }
}
