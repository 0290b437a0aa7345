//! Patches of pictures of any size, for models that work on pictures part by part.

use std::path::Path;

use super::fault::Fault;
use super::order::below;
use super::picture::Picture;
use crate::rng::{self, Seed, stream};
use crate::shape::ImageShape;

/// As many patches of `width` by `height` as would tile the picture, at places drawn by `seed` and
/// the picture's `number`, of which `before` patches were cut already.
///
/// # Errors
/// When the picture is smaller than a patch.
pub(super) fn cut(
    picture: &Picture,
    (width, height): (usize, usize),
    path: &Path,
    seed: Seed,
    (number, before): (usize, usize),
) -> Result<Vec<Picture>, Fault> {
    let whole = picture.shape;
    let count = (whole.width / width) * (whole.height / height);
    if count == 0 {
        let what =
            format!("is {}x{}, smaller than --patches {width}x{height}", whole.width, whole.height);
        return Err(Fault::new(path, what, "give smaller ones, or remove it"));
    }
    let shape = ImageShape { channels: whole.channels, height, width };
    let place = |patch: usize| {
        let words = rng::block(seed, stream::PATCHES, number as u32, patch as u32);
        let within = |room: usize, low, high| below(room as u64 + 1, low, high) as usize;
        let top = within(whole.height - height, words[0], words[1]);
        (top, within(whole.width - width, words[2], words[3]))
    };
    Ok((before..before + count).map(|patch| crop(picture, shape, place(patch))).collect())
}

/// The part of a picture whose first pixel is at `(top, left)`.
pub(super) fn crop(picture: &Picture, shape: ImageShape, (top, left): (usize, usize)) -> Picture {
    let ImageShape { height, width, .. } = picture.shape;
    let mut pixels = Vec::with_capacity(shape.elements());
    for plane in picture.pixels.chunks_exact(height * width) {
        for row in plane.chunks_exact(width).skip(top).take(shape.height) {
            pixels.extend_from_slice(&row[left..][..shape.width]);
        }
    }
    Picture { shape, pixels, origin: picture.origin }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::picture::Origin;

    #[test]
    fn patches_are_parts_of_their_picture() {
        let shape = ImageShape { channels: 3, height: 9, width: 11 };
        let pixels = (0..shape.elements()).map(|at| (at % 251) as u8).collect();
        let picture = Picture { shape, pixels, origin: Origin::default() };
        let patches = cut(&picture, (4, 3), Path::new("a.png"), Seed(1), (7, 0)).unwrap();
        assert_eq!(patches.len(), 6);
        let again = cut(&picture, (4, 3), Path::new("a.png"), Seed(1), (7, 0)).unwrap();
        for (patch, same) in patches.iter().zip(&again) {
            assert_eq!((patch.shape, &patch.pixels), (same.shape, &same.pixels));
            assert_eq!(patch.shape, ImageShape { channels: 3, height: 3, width: 4 });
            let places = (0..7).flat_map(|top| (0..8).map(move |left| (top, left)));
            let found = places
                .into_iter()
                .any(|place| crop(&picture, patch.shape, place).pixels == patch.pixels);
            assert!(found);
        }
        assert!(patches.iter().any(|patch| patch.pixels != patches[0].pixels));
        let error =
            cut(&picture, (12, 3), Path::new("a.png"), Seed(1), (7, 0)).err().unwrap().error();
        assert!(error.to_string().contains("--patches"), "{error}");
    }
}
