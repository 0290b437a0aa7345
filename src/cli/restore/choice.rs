//! The model that pictures are restored by: the one that is named, or the built-in one that is meant.

use std::path::{Path, PathBuf};

use super::options::RestoreArgs;
use crate::cli::models::listed;
use crate::data::deep_picture::form;
use crate::data::picture;
use crate::error::{Error, Result};
use crate::file::PictureFormat;
use crate::ops::CorruptionKind;
use crate::run::say;
use crate::tasks::restore::CorruptedBy;
use crate::tasks::{BuiltIn, Trained};

/// The model that is asked for; or a built-in one, where it can be told for which the pictures of `paths` are.
///
/// # Errors
/// As [`Trained::load`], and when none is asked for and none is meant.
pub(super) fn load(args: &RestoreArgs, paths: &[PathBuf]) -> Result<Trained> {
    let device = args.device.parse()?;
    match &args.model {
        Some(model) => Trained::load(model, &device),
        None => Trained::of_built_in(built_in(args, paths)?, &device),
    }
}

/// The built-in model against what the pictures of `paths` suffer from, which is said.
///
/// # Errors
/// When that cannot be told, or none is against it.
fn built_in(args: &RestoreArgs, paths: &[PathBuf]) -> Result<&'static BuiltIn> {
    let kind = damage(args, paths);
    let are_gray = || paths.iter().all(|path| form(path).is_some_and(|form| !form.has_colour));
    let Some(model) = kind.and_then(|kind| BuiltIn::against(kind, are_gray())) else {
        let why = match kind {
            Some(kind) => format!("no built-in one is against `{}`", kind.name()),
            None => "pictures do not say what is wrong with them".into(),
        };
        let what = format!(
            "is needed, as {why}: the folder of a run, or one of the built-in models, which `diabolo models NAME` \
             describes\n{}",
            listed()
        );
        return Err(Error::option("--model", what));
    };
    say(format_args!("model: {}, built in: {}", model.name, model.title()));
    Ok(model)
}

/// What is wrong with the pictures, where it is said or their files tell.
fn damage(args: &RestoreArgs, paths: &[PathBuf]) -> Option<CorruptionKind> {
    let all = |so: fn(&Path) -> bool| paths.iter().all(|path| so(path));
    match &args.noise {
        Some(CorruptedBy::Noise(noise)) => Some(noise.kind),
        Some(CorruptedBy::Mask(_)) => Some(CorruptionKind::Mask),
        None if args.noise_level.is_some() => Some(CorruptionKind::Gaussian),
        None if all(is_jpeg) => Some(CorruptionKind::Jpeg),
        None if all(lacks_pixels) => Some(CorruptionKind::Mask),
        None => None,
    }
}

fn is_jpeg(path: &Path) -> bool {
    matches!(PictureFormat::of(path, "IN"), Ok(PictureFormat::Jpeg))
}

/// Whether some of its pixels are wholly transparent. What cannot be read is an error elsewhere.
fn lacks_pixels(path: &Path) -> bool {
    let has_opacity = form(path).is_some_and(|form| form.has_opacity);
    let opacity = if has_opacity { picture::opacity(path).ok().flatten() } else { None };
    opacity.is_some_and(|opacity| opacity.contains(&0))
}
