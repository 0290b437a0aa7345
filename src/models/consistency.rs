//! Whether a model's parts go together.

use super::architecture::{Architecture, CodeForm};
use super::model::Model;
use super::variant::{Variance, Variant};
use crate::error::{Error, Result};
use crate::nn::{Loss, Output};

impl Model {
    /// Refuses parts that do not go together.
    ///
    /// # Errors
    /// When there are such; the error names the option.
    pub fn check(&self) -> Result<()> {
        self.network.check()?;
        if self.network.tied && self.variance == Some(Variance::Learned) {
            let what =
                "leaves --variance learned without weights of its own; leave one of them out";
            return Err(Error::option("--tied", what));
        }
        match &self.variant {
            Variant::Sparse(sparse) => sparse.check(self),
            Variant::Vae(vae) | Variant::Cvae(vae) => vae.check(),
            Variant::Iwae(iwae) => iwae.check(),
            Variant::Vqvae(vqvae) => vqvae.check(self),
            Variant::Contractive(contractive) => contractive.check(self),
            Variant::Dense | Variant::Conv | Variant::Denoising => Ok(()),
        }?;
        if self.output == Output::Number && self.loss == Loss::Bce {
            let what = "is of probabilities, and standardised numbers are none; give --loss mse, or --range";
            return Err(Error::option("--loss", what));
        }
        if self.residual && self.loss != Loss::Mse {
            let what = "makes differences, which have a squared error; give --loss mse";
            return Err(Error::option("--residual", what));
        }
        if self.noise_level && !self.residual {
            let what = "tells a residual model alone how strong noise is";
            return Err(Error::option("--residual", what));
        }
        self.check_surroundings()?;
        if self.residual && self.quantiser.is_some() {
            let what = "has no effect on a residual model, whose codes alone make no image";
            return Err(Error::option("--quantise", what));
        }
        if let Some(quantiser) = &self.quantiser {
            if !self.kind().is_plain() {
                let what = format!("has no effect on the {} model", self.name());
                return Err(Error::option("--quantise", what));
            }
            quantiser.check(&self.network)?;
        }
        match &self.variant {
            Variant::Vae(_) | Variant::Cvae(_) | Variant::Iwae(_)
                if self.network.code == CodeForm::Features =>
            {
                let what = "a variational code needs a layer of its own; give a number or map:8";
                Err(Error::option("--latent", what))
            }
            _ => Ok(()),
        }
    }

    /// Refuses to fill holes or to undo haze where a model cannot.
    fn check_surroundings(&self) -> Result<()> {
        let is_dense = matches!(self.network.architecture, Architecture::Dense(_));
        let is_able = self.residual && !is_dense && !self.noise_level;
        if self.fills && (!is_able || self.output == Output::Number) {
            let what = "fills holes in pictures by a residual model of convolutions, which is not told of noise";
            return Err(Error::option("--residual", what));
        }
        if self.knows_holes && !self.fills {
            let what = "knows holes that it does not fill";
            return Err(Error::option("--residual", what));
        }
        if self.transmission && (!is_able || self.fills) {
            let what = "undoes haze by a residual model of convolutions alone";
            return Err(Error::option("--residual", what));
        }
        Ok(())
    }
}
