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
        Some(size) => cut_at_scales(&picture, size, path, options, number),
        None => Ok(vec![picture]),
    }
}

/// The patches of `size` that are cut from the picture at all scales; those at which it is smaller than a patch have none.
///
/// # Errors
/// When it is smaller than a patch as it is.
pub(super) fn cut_at_scales(
    picture: &Picture,
    size: (usize, usize),
    path: &Path,
    options: &LoadOptions,
    number: usize,
) -> Result<Vec<Picture>, Fault> {
    if options.scales.is_empty() {
        return patches::cut(picture, size, path, options.seed, (number, 0));
    }
    let mut parts = vec![];
    for scale in &options.scales {
        let of = |side: usize| ((side as f32 * scale).round() as usize).max(1);
        let (width, height) = (of(picture.shape.width), of(picture.shape.height));
        if width >= size.0 && height >= size.1 {
            let scaled = picture.scaled(width, height);
            let place = (number, parts.len());
            parts.extend(patches::cut(&scaled, size, path, options.seed, place)?);
        }
    }
    match parts.is_empty() {
        // It says what is too small.
        true => patches::cut(picture, size, path, options.seed, (number, 0)),
        false => Ok(parts),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::picture::Origin;
    use crate::shape::ImageShape;

    #[test]
    fn parts_are_cut_at_every_scale_that_has_room() {
        let shape = ImageShape { channels: 3, height: 20, width: 30 };
        let picture =
            Picture { shape, pixels: vec![77; shape.elements()], origin: Origin::default() };
        let count = |scales: &[f32]| {
            let options = LoadOptions { scales: scales.to_vec(), ..LoadOptions::default() };
            let parts = cut_at_scales(&picture, (10, 10), Path::new("a.png"), &options, 0);
            parts.map(|parts| {
                let one = ImageShape { channels: 3, height: 10, width: 10 };
                assert!(parts.iter().all(|part| part.shape == one));
                assert!(parts.iter().all(|part| part.pixels.iter().all(|pixel| *pixel == 77)));
                parts.len()
            })
        };
        assert_eq!(count(&[]).ok(), Some(6));
        assert_eq!(count(&[1.0, 0.5]).ok(), Some(6 + 1));
        assert_eq!(count(&[1.0, 0.4]).ok(), Some(6), "8 rows are none of 10");
        // Too small at its only scale, it is cut as it is.
        assert_eq!(count(&[0.4]).ok(), Some(6));
    }
}
