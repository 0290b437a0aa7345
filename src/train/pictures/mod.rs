//! Pictures of a run: images side by side, a first layer's kernels, and charts of codes.

mod bars;
mod code_map;
mod confusion;
mod filters;
mod images;
mod sheet;

pub(super) use bars::perplexity;
pub use bars::{code_use, kl_bars};
pub use code_map::code_map;
pub use confusion::confusion;
pub use filters::filters;
pub use images::{compare, grid, reconstructions, strips};

use std::io::Cursor;
use std::path::Path;

use image::{ImageFormat, Rgb, RgbImage};

use super::atomic_file::write_atomically;
use crate::error::{Error, Result};

/// A number that is not one. No image has this colour by nature.
const NOT_A_NUMBER: Rgb<u8> = Rgb([255, 0, 255]);

/// Writes a picture as PNG, in one piece or not at all.
///
/// # Errors
/// When the file cannot be written.
pub fn save_png(path: &Path, picture: &RgbImage) -> Result<()> {
    let mut bytes = Cursor::new(vec![]);
    picture
        .write_to(&mut bytes, ImageFormat::Png)
        .map_err(|error| Error::file(path, format!("cannot be encoded as PNG: {error}")))?;
    write_atomically(path, |out| out.write_all(bytes.get_ref()))
}

#[cfg(test)]
mod tests;
