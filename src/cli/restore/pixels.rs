//! Which pixels of a picture are there.

use std::path::Path;

use crate::data::{ImageShape, LoadOptions, picture};
use crate::error::{Error, Result};
use crate::tensor::Tensor;

/// The brightness of a mask from which on a pixel is there.
const THERE: u8 = 128;

/// Which pixels the mask leaves.
pub(super) fn mask(path: &Path, shape: ImageShape) -> Result<Vec<bool>> {
    let picture = picture::decode(path, &LoadOptions { gray: true, ..LoadOptions::default() })?;
    let (width, height) = (picture.shape.width, picture.shape.height);
    if (width, height) != (shape.width, shape.height) {
        let what = format!(
            "is {width}x{height}, but the picture is {}x{}; a mask has its picture's size",
            shape.width, shape.height
        );
        return Err(Error::file(path, what));
    }
    Ok(picture.pixels.iter().map(|pixel| *pixel >= THERE).collect())
}

/// Pixels of the one and, where that is known, of the other.
pub(super) fn both(one: Vec<bool>, other: Option<Vec<bool>>) -> Vec<bool> {
    match other {
        Some(other) => one.iter().zip(other).map(|(one, other)| *one && other).collect(),
        None => one,
    }
}

/// Which pixels are the same in all channels of two pictures, `[1, channels, height, width]`.
pub(super) fn alike(one: &Tensor, other: &Tensor) -> Vec<bool> {
    let plane = one.shape()[2] * one.shape()[3];
    let pairs = || one.data().chunks(plane).zip(other.data().chunks(plane));
    (0..plane).map(|at| pairs().all(|(one, other)| one[at] == other[at])).collect()
}

/// Sets pixels that are not seen to `value`, in all channels.
pub(super) fn leave_out(picture: &mut Tensor, seen: &[bool], value: f32) {
    for plane in picture.data_mut().chunks_mut(seen.len()) {
        let pixels = plane.iter_mut().zip(seen);
        pixels.filter(|(_, seen)| !**seen).for_each(|(pixel, _)| *pixel = value);
    }
}

/// Takes over the pixels of `original` that are `seen`.
pub(super) fn keep(made: &mut Tensor, original: &Tensor, seen: &[bool]) {
    let planes = made.data_mut().chunks_mut(seen.len()).zip(original.data().chunks(seen.len()));
    for (made, original) in planes {
        for ((made, original), seen) in made.iter_mut().zip(original).zip(seen) {
            if *seen {
                *made = *original;
            }
        }
    }
}
