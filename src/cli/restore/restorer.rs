//! The model that restores pictures, with what it is told of them.

use std::path::{Path, PathBuf};

use super::options::RestoreArgs;
use crate::cli::notes;
use crate::data::DeepIntake;
use crate::error::{Error, Result};
use crate::inference::Inference;
use crate::models::Model;
use crate::run::say;
use crate::tasks::Trained;
use crate::tasks::restore::restored;
use crate::tensor::Tensor;

pub(super) struct Restorer<'a> {
    inference: Inference<'a>,
    label: Option<u32>,
    /// Whether nobody said how strong noise is.
    estimates: bool,
}

impl<'a> Restorer<'a> {
    /// What `args` make of `trained`, and how the pictures of `paths` come to it.
    ///
    /// # Errors
    /// When an option has no effect on the model, or it is told labels and there is none.
    pub fn new(
        args: &RestoreArgs,
        trained: &'a mut Trained,
        paths: &[PathBuf],
    ) -> Result<(Self, DeepIntake)> {
        trained.check_pixels()?;
        let label = trained.label(args.label.as_deref())?;
        trained.labels(label, 1)?;
        check_noise_level(args.noise_level, trained.model())?;
        notes::channels(paths, trained.model());
        let intake = trained.config().intake().as_stored();
        let inference = trained.inference().with_noise_level(args.noise_level);
        Ok((Self { inference, label, estimates: args.noise_level.is_none() }, intake))
    }

    /// What it makes of the picture of `path`, `[1, channels, height, width]`, in which pixels that are missing
    /// are NaN.
    ///
    /// # Errors
    /// As [`restored`].
    pub fn restored(&mut self, picture: &Tensor, path: &Path) -> Result<Tensor> {
        let (model, label) = (self.inference.model(), self.label);
        let part = model.images();
        let Some(level) = self.inference.noise_level_of(picture).filter(|_| self.estimates) else {
            return restored(&mut self.inference, part, picture, label);
        };
        say(format_args!("{}: noise of a deviation of {level:.4}, estimated", path.display()));
        // It need not be estimated again.
        let mut told = self.inference.with_model(model).with_noise_level(Some(level));
        restored(&mut told, part, picture, label)
    }
}

/// Refuses a noise level that is none, or that nobody is told.
fn check_noise_level(level: Option<f32>, model: &Model) -> Result<()> {
    match level {
        Some(_) if !model.noise_level => {
            let what = "has no effect on this model, which is not told how strong noise is; leave it out, \
                        or train one with --residual --arch flat:64x12 --noise gaussian:0.02-0.2";
            Err(Error::option("--noise-level", what))
        }
        Some(level) if !(0.0..=2.0).contains(&level) => {
            Err(Error::option("--noise-level", format!("is {level}; it must lie in [0, 2]")))
        }
        _ => Ok(()),
    }
}
