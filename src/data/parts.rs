//! What becomes of a picture's file: one image, or the patches that are cut from it.

use std::path::Path;

use super::fault::Fault;
use super::load_options::LoadOptions;
use super::pairs::{Partner, read_with};
use super::patches;
use super::picture::Picture;

/// The picture at `path`, beside its partner if it has one, or the patches cut from it.
pub(super) fn parts_of(
    path: &Path,
    partner: &Partner,
    options: &LoadOptions,
    number: usize,
) -> Result<Vec<Picture>, Fault> {
    let picture = read_with(path, partner, options)?;
    match options.patches {
        Some(size) => patches::cut(&picture, size, path, options.seed, number),
        None => Ok(vec![picture]),
    }
}

/// Adds the pixels of a picture as images of so many channels have them: gray is three colours alike.
pub(super) fn widen(picture: &Picture, channels: usize, mut add: impl FnMut(&[u8])) {
    let plane = picture.shape.height * picture.shape.width;
    for channel in picture.pixels.chunks(plane) {
        for _ in 0..channels / picture.shape.channels {
            add(channel);
        }
    }
}
