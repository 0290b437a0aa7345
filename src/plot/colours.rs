//! Colours that pictures of images and charts share.

use image::Rgb;

/// A number that is not one. No image has this colour by nature.
pub(super) const NOT_A_NUMBER: Rgb<u8> = Rgb([255, 0, 255]);
