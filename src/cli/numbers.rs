//! Files of numbers that tasks write, and what a model makes of numbers.

use std::path::{Path, PathBuf};

use super::outputs::{Output, files_of_run};
use crate::error::{Error, Result, counted};
use crate::file::npy;
use crate::run::say;
use crate::tasks::{Samples, Trained, Units, is_of_numbers};
use crate::tensor::Tensor;

/// A file of what a model makes, in the units of what it learned from.
pub(super) struct NumberFile {
    file: Output,
    units: Units,
}

impl NumberFile {
    /// One that can be written, and is none of what is `read` or of the run's.
    ///
    /// # Errors
    /// When it is not called as one, or cannot be written.
    pub fn prepare(out: &Path, trained: &Trained, read: &[PathBuf]) -> Result<Self> {
        if !is_of_numbers(out)
            || out.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("npz"))
        {
            let what = format!("is {}; numbers go to one file, such as made.npy", out.display());
            return Err(Error::option("--out", what));
        }
        let read = [files_of_run(trained.folder().path()), read.to_vec()].concat();
        Ok(Self { file: Output::prepare(out, &read)?, units: trained.units()? })
    }

    /// Writes what a model made, `[count, channels, height, width]`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, made: Tensor) -> Result<()> {
        let numbers = self.units.back(made)?;
        self.file.write(|out| npy::write_to(out, &numbers))?;
        let count = numbers.shape().first().copied().unwrap_or(0);
        say(format_args!("{} written to {}", counted(count, "sample"), self.file));
        Ok(())
    }
}

/// Writes what a model makes of numbers, and prints how near it comes.
///
/// # Errors
/// When numbers cannot be read, a label is missing or has no effect, the device fails, or the file cannot
/// be written.
pub(super) fn reconstruct(
    trained: &mut Trained,
    inputs: &[PathBuf],
    out: &Path,
    label: Option<&str>,
) -> Result<()> {
    let file = NumberFile::prepare(out, trained, inputs)?;
    let samples = file.units.read(inputs)?;
    let labels = trained.labels(trained.label(label)?, samples.count())?;
    let made = trained.inference().reconstruct(&samples.images, labels.as_deref())?;
    let errors = squared_errors(&samples, &made);
    let mean = errors.iter().sum::<f64>() / errors.len().max(1) as f64;
    let what = if trained.config().range.is_some() { "of the range" } else { "in deviations" };
    file.write(made)?;
    say(format_args!("mean squared error {mean:.5}, {what}"));
    Ok(())
}

/// The mean squared error of each sample over what is seen of it.
pub(super) fn squared_errors(samples: &Samples, made: &Tensor) -> Vec<f64> {
    let count = samples.count().max(1);
    let elements = samples.images.data().len() / count;
    let plane = samples.images.shape()[2..].iter().product::<usize>();
    let pairs = samples.images.data().chunks(elements).zip(made.data().chunks(elements));
    let error = |(number, (image, made)): (usize, (&[f32], &[f32]))| {
        let is_seen = |at: usize| {
            let seen = samples.seen.as_ref();
            seen.is_none_or(|seen| seen.data()[number * plane + at % plane] > 0.0)
        };
        let known = (0..elements).filter(|at| is_seen(*at));
        let squares: Vec<f64> =
            known.map(|at| (f64::from(image[at]) - f64::from(made[at])).powi(2)).collect();
        squares.iter().sum::<f64>() / squares.len().max(1) as f64
    };
    pairs.enumerate().map(error).collect()
}
