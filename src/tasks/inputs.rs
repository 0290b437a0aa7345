//! Pictures that a user hands over: files, folders, or both.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::arithmetic::byte::number_of_byte;
use crate::data::{ImageShape, Intake, LoadOptions, fault, folder, picture};
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// Pictures brought to one size.
#[derive(Clone, Debug, PartialEq)]
pub struct Pictures {
    /// Where each comes from.
    pub paths: Vec<PathBuf>,
    /// `[count, channels, height, width]` in [0, 1].
    pub images: Tensor,
}

impl Pictures {
    /// Reads the files of `inputs`, and those in its folders and their sub-folders in the order of
    /// their names, and brings them to a model's images: those of a run as its
    /// [`Config::intake`](crate::train::Config::intake) says, or those of an [`ImageShape`] by stretching.
    ///
    /// # Errors
    /// When there is no picture, or some cannot be read: all those are named.
    pub fn read(inputs: &[PathBuf], intake: impl Into<Intake>) -> Result<Self> {
        let paths = find(inputs)?;
        let intake: Intake = intake.into();
        let (shape, options) = (intake.shape, intake.options());
        let decoded: Vec<Result<Vec<u8>, fault::Fault>> = paths
            .par_iter()
            .map(|path| {
                let picture = picture::read(path, &options)?;
                Ok(picture.pixels.repeat(shape.channels / picture.shape.channels))
            })
            .collect();
        let mut numbers = Vec::with_capacity(paths.len() * shape.elements());
        let mut faults = vec![];
        for pixels in decoded {
            match pixels {
                Ok(pixels) => numbers.extend(pixels.into_iter().map(number_of_byte)),
                Err(fault) => faults.push(fault),
            }
        }
        refuse(&faults, paths.len())?;
        let ImageShape { channels, height, width } = shape;
        let images = Tensor::new([paths.len(), channels, height, width], numbers)?;
        Ok(Self { paths, images })
    }

    /// Decodes all of these pictures, so that those that cannot be used are found before any work is done.
    ///
    /// # Errors
    /// When there are some: all are named.
    pub fn check(paths: &[PathBuf]) -> Result<()> {
        let options = LoadOptions::default();
        let found = paths.par_iter().filter_map(|path| picture::read(path, &options).err());
        refuse(&found.collect::<Vec<_>>(), paths.len())
    }

    /// How many pictures there are.
    pub fn count(&self) -> usize {
        self.paths.len()
    }
}

/// The error that names these faults of `count` pictures, if there are any.
pub(super) fn refuse(faults: &[fault::Fault], count: usize) -> Result<()> {
    let Some(first) = faults.first() else { return Ok(()) };
    let folder = first.path.parent().unwrap_or(Path::new(""));
    Err(fault::error(faults, folder, count))
}

/// The picture files that `inputs` name, directly or by their folder.
///
/// # Errors
/// When there is none, or a folder cannot be listed.
pub fn find(inputs: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut paths = vec![];
    for input in inputs {
        match input.is_dir() {
            true => paths.extend(folder::files_in(input)?),
            false => paths.push(input.clone()),
        }
    }
    match paths.is_empty() {
        true => Err(Error::option("IN", "there are no pictures; name files, or folders of them")),
        false => Ok(paths),
    }
}
