//! Pictures as files.

use std::io::Cursor;
use std::path::Path;

use image::{ImageFormat, RgbImage};

use crate::error::{Error, Result};
use crate::file::write_whole;

/// Writes a picture as PNG, in one piece or not at all.
///
/// # Errors
/// When the file cannot be written.
pub fn save_png(path: &Path, picture: &RgbImage) -> Result<()> {
    let mut bytes = Cursor::new(vec![]);
    picture
        .write_to(&mut bytes, ImageFormat::Png)
        .map_err(|error| Error::file(path, format!("cannot be encoded as PNG: {error}")))?;
    write_whole(path, |out| out.write_all(bytes.get_ref()))
}
