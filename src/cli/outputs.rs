//! Folders that a task writes to.

use std::fs;
use std::path::Path;

use crate::error::{Error, Result};

/// Makes `folder`, with those around it, where it is missing.
///
/// # Errors
/// When it cannot be made.
pub(super) fn make_folder(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(|error| {
        let what = format!("cannot be made: {error}; choose another folder with --out");
        Error::file(folder, what)
    })
}
