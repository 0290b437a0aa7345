//! Pictures that a user hands over: files, folders, or both.

use std::path::PathBuf;

use rayon::prelude::*;

use crate::data::{ImageShape, LoadOptions, folder, picture};
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
    /// their names, and brings them to `shape` by stretching, and to its colours.
    ///
    /// # Errors
    /// When there is no picture, or one cannot be read.
    pub fn read(inputs: &[PathBuf], shape: ImageShape) -> Result<Self> {
        let paths = find(inputs)?;
        let options = LoadOptions {
            size: Some((shape.width, shape.height)),
            gray: shape.channels == 1,
            ..LoadOptions::default()
        };
        let decoded: Vec<Result<Vec<u8>>> = paths
            .par_iter()
            .map(|path| {
                let picture = picture::decode(path, &options)?;
                Ok(picture.pixels.repeat(shape.channels / picture.shape.channels))
            })
            .collect();
        let mut numbers = Vec::with_capacity(paths.len() * shape.elements());
        for pixels in decoded {
            numbers.extend(pixels?.into_iter().map(|byte| f32::from(byte) / 255.0));
        }
        let ImageShape { channels, height, width } = shape;
        let images = Tensor::new([paths.len(), channels, height, width], numbers)?;
        Ok(Self { paths, images })
    }

    /// How many pictures there are.
    pub fn count(&self) -> usize {
        self.paths.len()
    }
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
