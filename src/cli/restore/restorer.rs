//! What restores pictures, with what it is told of them.

use std::path::{Path, PathBuf};

use super::options::RestoreArgs;
use super::progress::Progress;
use crate::cli::notes;
use crate::data::deep_picture::form;
use crate::data::{DeepIntake, ImageShape};
use crate::error::{Error, Result};
use crate::inference::{Inference, noise_level};
use crate::models::Model;
use crate::run::say;
use crate::tasks::Trained;
use crate::tasks::restore::{Known, changed, restored, restored_telling, without_noise};
use crate::tensor::Tensor;

/// What pictures are restored by.
pub(super) enum Restorer<'a> {
    /// A model.
    Model(Taught<'a>),
    /// Each picture itself, of which this is the noise's deviation where it is known.
    ZeroShot(Option<f32>),
}

impl<'a> Restorer<'a> {
    /// What `args` ask for, by `trained` where it is a model, and how the pictures of `paths` come to it.
    ///
    /// # Errors
    /// When an option has no effect, or the model is told labels and there is none.
    pub fn new(
        args: &RestoreArgs,
        trained: Option<&'a mut Trained>,
        paths: &[PathBuf],
    ) -> Result<(Self, DeepIntake)> {
        if let Some(trained) = trained {
            let (taught, intake) = Taught::new(args, trained, paths)?;
            return Ok((Self::Model(taught), intake));
        }
        check_range(args.noise_level)?;
        let has_colour = |path: &PathBuf| form(path).is_none_or(|form| form.has_colour);
        let channels = if paths.iter().any(has_colour) { 3 } else { 1 };
        Ok((Self::ZeroShot(args.noise_level), DeepIntake::of_channels(channels)))
    }

    /// What it makes of the picture of `path`, `[1, channels, height, width]`, in which pixels that are missing
    /// are NaN.
    ///
    /// # Errors
    /// As [`restored_telling`], and when pixels are missing and there is no model.
    pub fn restored(&mut self, picture: &Tensor, path: &Path) -> Result<Tensor> {
        let level = match self {
            Self::Model(taught) => return taught.restored(picture, path),
            Self::ZeroShot(level) => *level,
        };
        if picture.data().iter().any(|pixel| pixel.is_nan()) {
            let what = "lacks pixels, which --zero-shot cannot fill; name a model, such as missing";
            return Err(Error::file(path, what));
        }
        let level = level.unwrap_or_else(|| {
            let level = noise_level(picture.data(), &picture.shape()[1..]);
            say_estimated(path, level);
            level
        });
        // How far it is, cannot be told; that it goes on, can.
        let _progress = Progress::of(path);
        by_itself(picture, level, None)
    }
}

/// What a picture's own patches make of it, and of what a model has made of it.
fn by_itself(picture: &Tensor, level: f32, known: Option<Known>) -> Result<Tensor> {
    let [_, channels, height, width] = picture.shape()[..] else {
        return Err(Error::shape("restore", "takes a picture", &[picture.shape()]));
    };
    let shape = ImageShape { channels, height, width };
    let made = without_noise(picture.data(), shape, level, known);
    Tensor::new(picture.shape().clone(), made)
}

/// A model, with what it is told of pictures.
pub(super) struct Taught<'a> {
    inference: Inference<'a>,
    label: Option<u32>,
    /// How strong noise is, where that was said.
    level: Option<f32>,
    nonlocal: bool,
}

impl<'a> Taught<'a> {
    /// What `args` make of `trained`, and how the pictures of `paths` come to it.
    ///
    /// # Errors
    /// When an option has no effect on the model, or it is told labels and there is none.
    fn new(
        args: &RestoreArgs,
        trained: &'a mut Trained,
        paths: &[PathBuf],
    ) -> Result<(Self, DeepIntake)> {
        trained.check_pixels()?;
        let label = trained.label(args.label.as_deref())?;
        trained.labels(label, 1)?;
        check_noise_level(args.noise_level, trained.model())?;
        if args.nonlocal && !trained.model().noise_level {
            let what =
                "has no effect on this model, which is not told how strong noise is; leave it out";
            return Err(Error::option("--nonlocal", what));
        }
        notes::channels(paths, trained.model());
        let intake = trained.config().intake().as_stored();
        let inference = trained.inference().with_noise_level(args.noise_level);
        Ok((Self { inference, label, level: args.noise_level, nonlocal: args.nonlocal }, intake))
    }

    fn restored(&mut self, picture: &Tensor, path: &Path) -> Result<Tensor> {
        let (model, label) = (self.inference.model(), self.label);
        let part = model.images();
        let Some(level) = self.inference.noise_level_of(picture) else {
            let progress = Progress::of(path);
            let tell = &mut |share| progress.tell(share);
            return restored_telling(&mut self.inference, part, picture, label, tell);
        };
        if self.level.is_none() {
            say_estimated(path, level);
        }
        // It need not be estimated again.
        let mut told = self.inference.with_model(model).with_noise_level(Some(level));
        let progress = Progress::of(path);
        // A model's part of what takes patches and a model.
        let share = if self.nonlocal { 0.05 } else { 1.0 };
        let tell = &mut |done: f32| progress.tell(done * share);
        let made = restored_telling(&mut told, part, picture, label, tell)?;
        if !self.nonlocal {
            return Ok(made);
        }
        // Patches know nothing of pixels that are missing, but by what the model has made of them.
        let mut whole = picture.clone();
        let missing = whole.data_mut().iter_mut().zip(made.data());
        missing.filter(|(pixel, _)| pixel.is_nan()).for_each(|(pixel, made)| *pixel = *made);
        let other = Tensor::new(picture.shape().clone(), changed(whole.data(), level))?;
        let of_changed = restored(&mut told, part, &other, label)?;
        let known = Known { made: made.data(), of_changed: of_changed.data() };
        by_itself(&whole, level, Some(known))
    }
}

fn say_estimated(path: &Path, level: f32) {
    say(format_args!("{}: noise of a deviation of {level:.4}, estimated", path.display()));
}

/// Refuses a noise level that is none.
fn check_range(level: Option<f32>) -> Result<()> {
    match level {
        Some(level) if !(0.0..=2.0).contains(&level) => {
            Err(Error::option("--noise-level", format!("is {level}; it must lie in [0, 2]")))
        }
        _ => Ok(()),
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
        level => check_range(level),
    }
}
