//! An image file, decoded: eight bits a channel, three planes or one, the right way up.

use std::path::Path;

use image::imageops::FilterType::Lanczos3;
use image::imageops::resize;
use image::{DynamicImage, ImageBuffer, Luma};

use super::fault::Fault;
use super::levels::Extremes;
use super::load_options::LoadOptions;
use super::opening::{self, Opened};
use super::{fit, levels};
use crate::error::Result;
use crate::shape::ImageShape;

/// A decoded image, `[channels, height, width]`.
pub(crate) struct Picture {
    pub shape: ImageShape,
    pub pixels: Vec<u8>,
    pub origin: Origin,
}

impl Picture {
    /// The same in another size, by Lanczos's filter.
    pub(super) fn scaled(&self, width: usize, height: usize) -> Self {
        let from = self.shape;
        if (from.width, from.height) == (width, height) {
            return Self { pixels: self.pixels.clone(), ..*self };
        }
        let planes = self.pixels.chunks_exact(from.height * from.width);
        let pixels = planes.flat_map(|plane| {
            let (w, h) = (from.width as u32, from.height as u32);
            let plane = ImageBuffer::<Luma<u8>, _>::from_raw(w, h, plane);
            let small = plane.map(|it| resize(&it, width as u32, height as u32, Lanczos3));
            small.map(ImageBuffer::into_raw).unwrap_or_default()
        });
        let shape = ImageShape { channels: from.channels, height, width };
        Self { shape, pixels: pixels.collect(), origin: self.origin }
    }
}

/// What a picture was before it was brought to its size and to 8 bits.
#[derive(Clone, Copy, Default)]
pub(crate) struct Origin {
    /// Width and height.
    pub size: (u32, u32),
    /// What it stored, of more than 8 bits.
    pub extremes: Option<Extremes>,
}

/// The opacity of each pixel of a picture, row by row; `None` where it has none of its own.
pub fn opacity(path: &Path) -> Result<Option<Vec<u8>>> {
    let image = opening::open(path, None).map_err(|fault| fault.error())?.image;
    let has_alpha = image.color().has_alpha();
    Ok(has_alpha.then(|| image.into_rgba8().pixels().map(|pixel| pixel[3]).collect()))
}

/// Decodes one file as `options` say.
pub(crate) fn decode(path: &Path, options: &LoadOptions) -> Result<Picture> {
    read(path, options).map_err(|fault| fault.error())
}

/// Decodes one file as `options` say, or says why it cannot be used.
pub(crate) fn read(path: &Path, options: &LoadOptions) -> Result<Picture, Fault> {
    let Opened { image, extremes } = opening::open(path, options.range)?;
    if image.width() == 0 || image.height() == 0 {
        return Err(Fault::new(path, "is an image without pixels", "replace or remove it"));
    }
    let size = (image.width(), image.height());
    let mut image = without_alpha(image);
    if options.gray {
        image = DynamicImage::ImageLuma8(image.into_luma8());
    }
    if let Some((width, height)) = options.size {
        image = options.fit.unwrap_or_default().bring(image, width as u32, height as u32);
    }
    let (height, width) = (image.height() as usize, image.width() as usize);
    let (channels, pixels) = match image {
        DynamicImage::ImageLuma8(gray) => (1, gray.into_raw()),
        image => (3, planes(image.into_rgb8().as_raw())),
    };
    let shape = ImageShape { channels, height, width };
    Ok(Picture { shape, pixels, origin: Origin { size, extremes } })
}

/// What is to be said of all pictures together: that their shapes changed, or that little is left of
/// their 16 bits.
pub(crate) fn remarks(pictures: &[Origin], options: &LoadOptions) -> Vec<String> {
    let mut remarks = vec![];
    if options.range.is_none() {
        let extremes = pictures.iter().filter_map(|picture| picture.extremes);
        remarks.extend(levels::remark(extremes));
    }
    if let (Some((width, height)), None) = (options.size, options.fit) {
        let to = (width as u32, height as u32);
        let count = pictures.iter().filter(|picture| fit::differs(picture.size, to)).count();
        if count > 0 {
            remarks.push(format!(
                "{count} of {} pictures are stretched to {width}x{height}, which changes their \
                 aspect; --fit crop or --fit pad keeps it, --fit stretch says that this is meant",
                pictures.len()
            ));
        }
    }
    remarks
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
