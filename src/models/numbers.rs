//! What recipes that are made for pictures come to for vectors, and for numbers without bounds.

use super::architecture::{Architecture, CodeForm, Sizes};
use super::choices::Choices;
use super::kind::Kind;
use super::recipe::LATENT;
use crate::data::{Dataset, Element};
use crate::error::{Error, Result};
use crate::nn::Loss;

/// Hidden units on either side where a recipe for pictures has convolutions.
const HIDDEN: usize = 64;
/// A code has no more than one number in so many of a vector's unless it is asked for.
const LEAST_REDUCTION: usize = 4;
/// And no fewer than this.
const LEAST_LATENT: usize = 2;

impl Kind {
    /// `given`, and in place of what a recipe says of pictures what suits the samples of `dataset`: dense
    /// layers and a narrow code for vectors, and no cross-entropy for numbers that are no probabilities.
    ///
    /// # Errors
    /// When convolutions are asked for, and samples are vectors, whose numbers have no neighbours.
    pub fn suited(self, given: &Choices, dataset: &Dataset) -> Result<Choices> {
        let mut suited = given.clone();
        if dataset.element == Element::Byte {
            return Ok(suited);
        }
        let recipe = self.recipe(given, false).choices;
        if dataset.is_of_vectors() {
            let is_conv = given.arch.as_ref().is_some_and(|arch| arch.halvings().is_some());
            if is_conv || self == Kind::Conv && given.arch.is_none() {
                let what = format!(
                    "convolves, and the numbers of a vector have no neighbours; give --arch dense:{HIDDEN} or \
                     the variant dense"
                );
                return Err(Error::option("--arch", what));
            }
            if !matches!(recipe.arch, Some(Architecture::Dense(_))) {
                suited.arch = Some(Architecture::Dense(Sizes::mirrored(vec![HIDDEN])));
            }
            let is_narrow = !matches!(self, Kind::Sparse | Kind::Vqvae);
            if is_narrow && given.latent.is_none() {
                let usual = match recipe.latent {
                    Some(CodeForm::Vector(usual)) => usual,
                    _ => LATENT,
                };
                let narrow = (dataset.shape.elements() / LEAST_REDUCTION).max(LEAST_LATENT);
                suited.latent = Some(CodeForm::Vector(usual.min(narrow)));
            }
        }
        let is_variational = matches!(self, Kind::Vae | Kind::Cvae | Kind::Iwae);
        if dataset.scaling.is_some() && given.loss.is_none() && recipe.loss == Some(Loss::Bce) {
            // A variational model needs to know what an error weighs against a nat.
            suited.loss = Some(if is_variational { Loss::Gaussian } else { Loss::Mse });
        }
        Ok(suited)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::{ImageShape, Scaling};

    fn vectors(width: usize) -> Dataset {
        let shape = ImageShape { channels: 1, height: 1, width };
        let scaling = Some(Scaling { mean: vec![0.0; width], deviation: vec![1.0; width] });
        Dataset { shape, element: Element::Number, scaling, ..Dataset::default() }
    }

    #[test]
    fn vectors_get_dense_layers_and_a_code_narrower_than_they_are() {
        for (kind, width, arch, latent) in [
            (Kind::Dense, 12, None, Some(3)),
            (Kind::Dense, 4, None, Some(2)),
            (Kind::Dense, 784, None, Some(32)),
            (Kind::Denoising, 40, Some("dense:64"), Some(10)),
            (Kind::Vae, 784, None, Some(20)),
            (Kind::Sparse, 12, None, None),
        ] {
            let suited = kind.suited(&Choices::default(), &vectors(width)).expect("suits");
            assert_eq!(suited.latent, latent.map(CodeForm::Vector), "{kind:?} {width}");
            let arch = arch.map(|arch| arch.parse().expect("an architecture"));
            assert_eq!(suited.arch, arch, "{kind:?} {width}");
        }
    }

    #[test]
    fn probabilities_are_not_asked_of_numbers() {
        let loss = |kind: Kind| kind.suited(&Choices::default(), &vectors(8)).expect("suits").loss;
        assert_eq!(loss(Kind::Vae), Some(Loss::Gaussian));
        assert_eq!(loss(Kind::Contractive), Some(Loss::Mse));
        assert_eq!(loss(Kind::Dense), None);
    }

    #[test]
    fn convolutions_of_vectors_are_refused() {
        let conv = Choices { arch: "conv:8".parse().ok(), ..Choices::default() };
        for (kind, given) in [(Kind::Conv, Choices::default()), (Kind::Vae, conv)] {
            let error = kind.suited(&given, &vectors(8)).expect_err("no neighbours").to_string();
            assert!(error.starts_with("--arch: convolves"), "{error}");
        }
    }
}
