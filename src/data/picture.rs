//! An image file, decoded: eight bits a channel, three planes or one, the right way up.

use std::io::ErrorKind;
use std::path::Path;

use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageReader, Limits};

use super::load_options::LoadOptions;
use crate::error::{Error, Result};
use crate::file;
use crate::shape::{ImageShape, MAX_SIDE};

/// Memory that decoding one image may take; a file of a few bytes can ask for any amount.
const MAX_DECODED: u64 = 512 << 20;

/// A decoded image, `[channels, height, width]`.
pub(crate) struct Picture {
    pub shape: ImageShape,
    pub pixels: Vec<u8>,
}

/// Opens one file.
pub(super) fn opened(path: &Path) -> Result<DynamicImage> {
    open(path).map_err(|error| match error {
        ImageError::Limits(_) => {
            let mebibytes = MAX_DECODED >> 20;
            let what = format!(
                "is larger than {MAX_SIDE} pixels a side or {mebibytes} MiB; shrink or remove it"
            );
            Error::file(path, what)
        }
        ImageError::IoError(error) if error.kind() == ErrorKind::NotFound => {
            Error::file(path, "there is no such file; check its name")
        }
        ImageError::IoError(error) if error.kind() == ErrorKind::PermissionDenied => {
            Error::file(path, format!("cannot be read: {error}"))
        }
        error => {
            let what = format!("cannot be decoded ({error}); replace or remove it");
            Error::file(path, what)
        }
    })
}

/// The opacity of each pixel of a picture, row by row; `None` where it has none of its own.
pub fn opacity(path: &Path) -> Result<Option<Vec<u8>>> {
    let image = opened(path)?;
    let has_alpha = image.color().has_alpha();
    Ok(has_alpha.then(|| image.into_rgba8().pixels().map(|pixel| pixel[3]).collect()))
}

/// Decodes one file as `options` say.
pub(crate) fn decode(path: &Path, options: &LoadOptions) -> Result<Picture> {
    let image = opened(path)?;
    if image.width() == 0 || image.height() == 0 {
        return Err(Error::file(path, "is an image without pixels; replace or remove it"));
    }
    let mut image = without_alpha(image);
    if options.gray {
        image = DynamicImage::ImageLuma8(image.into_luma8());
    }
    if let Some((width, height)) = options.size {
        let (width, height) = (width as u32, height as u32);
        if (image.width(), image.height()) != (width, height) {
            image = image.resize_exact(width, height, FilterType::Lanczos3);
        }
    }
    let (height, width) = (image.height() as usize, image.width() as usize);
    let (channels, pixels) = match image {
        DynamicImage::ImageLuma8(gray) => (1, gray.into_raw()),
        image => (3, planes(image.into_rgb8().as_raw())),
    };
    Ok(Picture { shape: ImageShape { channels, height, width }, pixels })
}

fn open(path: &Path) -> image::ImageResult<DynamicImage> {
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE as u32);
    limits.max_image_height = Some(MAX_SIDE as u32);
    limits.max_alloc = Some(MAX_DECODED);
    // The reader would wait for a pipe's writer.
    file::open(path)?;
    let mut reader = ImageReader::open(path)?.with_guessed_format()?;
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder()?;
    limits.reserve(decoder.total_bytes())?;
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder)?;
    image.apply_orientation(orientation);
    Ok(image)
}

/// Eight bits a channel, gray if stored so and RGB if not, transparent parts over white.
fn without_alpha(image: DynamicImage) -> DynamicImage {
    let color = image.color();
    let over_white = |value: u8, alpha: u8| {
        let (value, alpha) = (u16::from(value), u16::from(alpha));
        // At most 255 * 255 + 127, which fits.
        ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
    };
    match (color.has_color(), color.has_alpha()) {
        (false, false) => DynamicImage::ImageLuma8(image.into_luma8()),
        (true, false) => DynamicImage::ImageRgb8(image.into_rgb8()),
        (false, true) => {
            let mut pixels = image.into_luma_alpha8();
            for pixel in pixels.pixels_mut() {
                *pixel = image::LumaA([over_white(pixel[0], pixel[1]), 255]);
            }
            DynamicImage::ImageLuma8(DynamicImage::ImageLumaA8(pixels).into_luma8())
        }
        (true, true) => {
            let mut pixels = image.into_rgba8();
            for pixel in pixels.pixels_mut() {
                let [red, green, blue, alpha] = pixel.0;
                let [red, green, blue] = [red, green, blue].map(|value| over_white(value, alpha));
                *pixel = image::Rgba([red, green, blue, 255]);
            }
            DynamicImage::ImageRgb8(DynamicImage::ImageRgba8(pixels).into_rgb8())
        }
    }
}

/// From red, green and blue of each pixel in turn to three planes.
fn planes(interleaved: &[u8]) -> Vec<u8> {
    (0..3).flat_map(|channel| interleaved.iter().skip(channel).step_by(3).copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planes_separate_the_channels() {
        assert_eq!(planes(&[1, 2, 3, 4, 5, 6]), [1, 4, 2, 5, 3, 6]);
    }

    #[test]
    fn transparent_parts_are_white() {
        let pixels = vec![0, 0, 0, 0, 200, 100, 50, 255, 0, 255, 0, 128];
        let image = image::RgbaImage::from_raw(3, 1, pixels).expect("three pixels");
        let flat = without_alpha(DynamicImage::ImageRgba8(image)).into_rgb8();
        assert_eq!(flat.as_raw(), &[255, 255, 255, 200, 100, 50, 127, 255, 127]);
        let image = image::GrayAlphaImage::from_raw(2, 1, vec![9, 0, 9, 255]).expect("two pixels");
        let flat = without_alpha(DynamicImage::ImageLumaA8(image));
        assert_eq!(flat.as_luma8().expect("still gray").as_raw(), &[255, 9]);
    }
}
