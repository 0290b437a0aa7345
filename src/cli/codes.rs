//! Files of codes, as `encode` writes and `decode` reads them.

use std::path::Path;

use crate::error::{Error, Result};
use crate::models::Model;

/// How codes are written to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Format {
    /// NumPy's array.
    Npy,
    /// Lines of text.
    Csv,
}

impl Format {
    /// By the ending of the file to write; `option` is what named the file.
    pub(super) fn of(path: &Path, option: &str) -> Result<Self> {
        match &*ending(path) {
            "npy" => Ok(Self::Npy),
            "csv" => Ok(Self::Csv),
            _ => Err(unknown(path, option, ".npy or .csv")),
        }
    }

    /// By the ending of the file to read, which may be an archive of NumPy's arrays.
    pub(super) fn of_stored(path: &Path, option: &str) -> Result<Self> {
        match &*ending(path) {
            "npy" | "npz" => Ok(Self::Npy),
            "csv" => Ok(Self::Csv),
            _ => Err(unknown(path, option, ".npy, .npz or .csv")),
        }
    }
}

/// What the file's name ends in, in small letters.
fn ending(path: &Path) -> String {
    let ending = path.extension().unwrap_or_default().to_ascii_lowercase();
    ending.to_string_lossy().into_owned()
}

fn unknown(path: &Path, option: &str, endings: &str) -> Error {
    let what = format!("is `{}`; codes are in files ending in {endings}", path.display());
    Error::option(option, what)
}

/// The axes of the places of a code, for `--indices`.
///
/// # Errors
/// When the model has no codebook.
pub(super) fn places(model: &Model) -> Result<Vec<usize>> {
    model.places().ok_or_else(|| {
        let what = format!("has no effect on a {} model, which has no codebook", model.name());
        Error::option("--indices", what)
    })
}
