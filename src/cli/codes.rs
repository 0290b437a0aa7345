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
    /// By the file's ending; `option` is what named the file.
    pub(super) fn of(path: &Path, option: &str) -> Result<Self> {
        let ending = path.extension().map(|ending| ending.to_ascii_lowercase());
        match ending.as_ref().and_then(|ending| ending.to_str()) {
            Some("npy") => Ok(Self::Npy),
            Some("csv") => Ok(Self::Csv),
            _ => {
                let what =
                    format!("is `{}`; codes are in files ending in .npy or .csv", path.display());
                Err(Error::option(option, what))
            }
        }
    }
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
