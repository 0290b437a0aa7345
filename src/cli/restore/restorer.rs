//! What restores pictures: a model, or nothing but each picture itself.

use std::path::{Path, PathBuf};

use super::options::RestoreArgs;
use indicatif::ProgressBar;
use rayon::prelude::*;

use crate::cli::notes;
use crate::data::deep_picture::form;
use crate::data::{DeepIntake, ImageShape};
use crate::error::{Error, Result};
use crate::gpu::DeviceChoice;
use crate::inference::Inference;
use crate::models::Model;
use crate::rng::Seed;
use crate::run::say;
use crate::tasks::Trained;
use crate::tasks::restore::{restored, zero_shot};
use crate::tensor::Tensor;

pub(super) enum Restorer<'a> {
    /// A model, with the label that it is told.
    Model { inference: Inference<'a>, label: Option<u32>, tells_level: bool },
    /// A network for each picture, which learns on this device.
    ZeroShot(DeviceChoice),
}

impl<'a> Restorer<'a> {
    /// What `args` ask for, and how the pictures of `paths` come to it.
    ///
    /// # Errors
    /// When an option has no effect on the model, or it is told labels and there is none.
    pub fn new(
        args: &RestoreArgs,
        device: DeviceChoice,
        trained: Option<&'a mut Trained>,
        paths: &[PathBuf],
    ) -> Result<(Self, DeepIntake)> {
        let Some(trained) = trained else {
            return Ok((Self::ZeroShot(device), DeepIntake::of_channels(channels(paths))));
        };
        trained.check_pixels()?;
        let label = trained.label(args.label.as_deref())?;
        trained.labels(label, 1)?;
        check_noise_level(args.noise_level, trained.model())?;
        notes::channels(paths, trained.model());
        let intake = trained.config().intake().as_stored();
        let inference = trained.inference().with_noise_level(args.noise_level);
        let tells_level = args.noise_level.is_none();
        Ok((Self::Model { inference, label, tells_level }, intake))
    }

    /// What it makes of the picture of `path`, `[1, channels, height, width]`, in which pixels that are missing
    /// are NaN.
    ///
    /// # Errors
    /// As [`restored`] and [`zero_shot`].
    pub fn restored(&mut self, picture: &Tensor, path: &Path) -> Result<Tensor> {
        match self {
            Self::Model { inference, label, tells_level } => {
                if let Some(level) = inference.noise_level_of(picture).filter(|_| *tells_level) {
                    let path = path.display();
                    say(format_args!("{path}: noise of a deviation of {level:.4}, estimated"));
                }
                let part: ImageShape = inference.model().images();
                restored(inference, part, picture, *label)
            }
            Self::ZeroShot(device) => {
                let bar = ProgressBar::new(0);
                let made = zero_shot(picture, device, Seed(0), |done, of| {
                    bar.set_length(of as u64);
                    bar.set_position(done as u64);
                });
                bar.finish_and_clear();
                made
            }
        }
    }
}

/// Three where one of the pictures has colours, else one.
fn channels(paths: &[PathBuf]) -> usize {
    let has_colour = |path: &PathBuf| form(path).is_some_and(|form| form.has_colour);
    if paths.par_iter().any(has_colour) { 3 } else { 1 }
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
