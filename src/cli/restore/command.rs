//! Pictures are corrupted where that is asked for, restored, and measured.

use std::path::{Path, PathBuf};

use super::choice;
use super::options::RestoreArgs;
use super::partners::partners;
use super::pixels;
use super::restorer::Restorer;
use crate::cli::outputs::{begin, check_apart, save_as, still_to_do};
use crate::data::DeepIntake;
use crate::error::{Error, Result, counted};
use crate::evaluate::median3x3;
use crate::ops::{Corruption, CorruptionKind};
use crate::rng::Seed;
use crate::run::say;
use crate::tasks::files::{Input, Outputs};
use crate::tasks::restore::{CorruptedBy, Quality, corrupt};
use crate::tasks::{DeepRaster, LookedOver};
use crate::tensor::Tensor;

/// Restores pictures, and measures how near they come to clean ones where those are known.
///
/// # Errors
/// When a picture cannot be read, sizes do not fit, an option makes no sense, the device fails, or
/// the folder cannot be written.
pub fn restore(args: &RestoreArgs) -> Result<()> {
    check_seed(args)?;
    check_apart(&args.inputs, &args.out, args.overwrite)?;
    let inputs = Input::pictures(&args.inputs, Some(&args.out))?;
    let clean = match &args.clean {
        Some(clean) => partners(&inputs, clean, &args.out)?,
        None => vec![],
    };
    let suffixes = if args.noise.is_some() { &["", "-corrupted"][..] } else { &[""] };
    let suffixes: Vec<String> = suffixes.iter().map(ToString::to_string).collect();
    let outputs = Outputs::place(&inputs, &args.out, &suffixes, "png");
    let left = match args.skip_existing {
        true => still_to_do(outputs.missing(), inputs.len()),
        false => (0..inputs.len()).collect(),
    };
    if left.is_empty() {
        return Ok(());
    }
    let paths: Vec<PathBuf> = left.iter().map(|number| inputs[*number].path.clone()).collect();
    let mut trained = match args.zero_shot {
        true => None,
        false => Some(choice::load(args, &paths)?),
    };
    let (mut restorer, intake) = Restorer::new(args, trained.as_mut(), &paths)?;
    let mut pictures = LookedOver::new(&paths, intake)?;
    let mut others: Vec<&Path> = clean.iter().map(PathBuf::as_path).collect();
    others.extend(args.mask());
    begin(&outputs, &inputs, &others, args.overwrite)?;
    let mut measured: Vec<[Quality; 4]> = vec![];
    for (at, (path, number)) in paths.iter().zip(&left).enumerate() {
        let clean = clean.get(*number).map(PathBuf::as_path);
        let task = Task { args, clean, path, outputs: &outputs, number: *number, intake };
        for picture in pictures.take(at..at + 1)? {
            measured.extend(task.run(picture, &mut restorer)?);
        }
    }
    if measured.len() > 1 {
        let mean = |which: usize| Quality::mean(measured.iter().map(|all| all[which]));
        say(format_args!("mean: {}", compared([0, 1, 2, 3].map(mean))));
    }
    say(format_args!("{} written to {}", counted(left.len(), "picture"), args.out.display()));
    Ok(())
}

/// Refuses a seed where nothing is drawn.
fn check_seed(args: &RestoreArgs) -> Result<()> {
    let is_drawn = match &args.noise {
        Some(CorruptedBy::Noise(noise)) => noise.is_drawn(),
        Some(CorruptedBy::Mask(_)) | None => false,
    };
    match args.seed {
        Some(_) if !is_drawn => {
            let what = "has no effect without --noise of a kind that is drawn; leave it out";
            Err(Error::option("--seed", what))
        }
        _ => Ok(()),
    }
}

/// The restoration of one picture.
struct Task<'a> {
    args: &'a RestoreArgs,
    /// What it should be, where that is known.
    clean: Option<&'a Path>,
    path: &'a Path,
    outputs: &'a Outputs,
    number: usize,
    intake: DeepIntake,
}

impl Task<'_> {
    /// Restores it; how near the corrupted, the restored and the filtered picture come to a clean one.
    fn run(
        &self,
        mut picture: DeepRaster,
        restorer: &mut Restorer,
    ) -> Result<Option<[Quality; 4]>> {
        let args = self.args;
        let original = picture.tensor().clone();
        let mut seen = picture.seen();
        let mut corrupted = original.clone();
        match &args.noise {
            Some(CorruptedBy::Noise(noise)) => {
                corrupted = corrupt(&original, *noise, Seed(args.seed.unwrap_or(0)), self.number)?;
                if noise.kind.makes_missing() {
                    let left = pixels::alike(&corrupted, &original);
                    seen = Some(pixels::both(left, seen));
                }
            }
            Some(CorruptedBy::Mask(mask)) => {
                seen = Some(pixels::both(pixels::mask(mask, picture.shape())?, seen));
            }
            None => {}
        }
        if let Some(seen) = &seen {
            pixels::leave_out(&mut corrupted, seen, f32::NAN);
        }
        let mut made = restorer.restored(&corrupted, self.path)?;
        let is_noisy = match &args.noise {
            Some(CorruptedBy::Noise(noise)) => !noise.kind.makes_missing(),
            _ => false,
        };
        if let Some(seen) = seen.as_ref().filter(|_| !is_noisy) {
            // Where pixels are only missing, those that are there are right.
            pixels::keep(&mut made, &original, seen);
        }
        // Before anything is written, which may be asked to take its place.
        let clean = self.clean(&original)?;
        if args.noise.is_some() {
            self.save(&picture, &corrupted, 1)?;
        }
        picture.fill();
        self.save(&picture, &made, 0)?;
        let Some(clean) = clean else {
            return Ok(None);
        };
        if let Some(seen) = &seen {
            pixels::leave_out(&mut corrupted, seen, 0.0);
        }
        let of = |picture: &Tensor| Quality::of(picture, &clean);
        let smooth = best_blur(&corrupted, &clean)?;
        let all = [of(&corrupted)?, of(&made)?, of(&median3x3(&corrupted))?, smooth];
        say(format_args!("{}: {}", self.path.display(), compared(all)));
        Ok(Some(all))
    }

    /// Writes `made` in the form of `picture`.
    fn save(&self, picture: &DeepRaster, made: &Tensor, suffix: usize) -> Result<()> {
        let path = self.outputs.path(self.number, suffix);
        save_as(picture, &picture.as_stored(made.clone())?, &path)
    }

    /// What the picture should be, if that is known.
    fn clean(&self, original: &Tensor) -> Result<Option<Tensor>> {
        let Some(path) = self.clean else {
            return Ok(self.args.noise.as_ref().map(|_| original.clone()));
        };
        let clean = DeepRaster::read(path, self.intake)?.tensor().clone();
        if clean.shape() != original.shape() {
            let what = format!("has another size than {}", self.path.display());
            return Err(Error::file(path, what));
        }
        Ok(Some(clean))
    }
}

/// What the Gaussian filter makes of it whose width suits it best, which only who knows the clean
/// picture can tell.
fn best_blur(corrupted: &Tensor, clean: &Tensor) -> Result<Quality> {
    let mut best: Option<Quality> = None;
    for deviation in BLURS {
        let blurred =
            corrupt(corrupted, Corruption::new(CorruptionKind::Blur, deviation), Seed(0), 0)?;
        let quality = Quality::of(&blurred, clean)?;
        if best.is_none_or(|best| quality.psnr > best.psnr) {
            best = Some(quality);
        }
    }
    best.ok_or_else(|| Error::Graph("there is no filter to compare with".into()))
}

/// Standard deviations, in pixels, of the filters that are tried.
const BLURS: [f32; 7] = [0.4, 0.5, 0.7, 0.85, 1.0, 1.4, 2.0];

/// What was there, what the model makes of it, and what filters do.
fn compared([corrupted, restored, median, smooth]: [Quality; 4]) -> String {
    format!("{corrupted} -> {restored} (median filter {median}; best Gaussian filter {smooth})")
}
