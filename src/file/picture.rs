//! Pictures as files, in the format that their name's ending says.

use std::io::Cursor;
use std::path::Path;

use image::codecs::jpeg::JpegEncoder;
use image::{DynamicImage, ImageFormat, ImageResult};

use super::writing::write_whole;
use crate::error::{Error, Result};

/// The quality of a JPEG, of 100.
const JPEG_QUALITY: u8 = 92;

/// A format that pictures are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PictureFormat {
    /// Nothing is lost: 8 or 16 bits, with or without transparency.
    Png,
    /// Small, and not quite the same: 8 bits, nothing transparent.
    Jpeg,
    /// Nothing is lost of 8 bits.
    WebP,
    /// Nothing is lost: 8 or 16 bits.
    Tiff,
    /// Nothing is lost of 8 bits, and nothing saved.
    Bmp,
}

impl PictureFormat {
    /// The endings of names, the first of each format before the others.
    const ENDINGS: [(&'static str, Self); 7] = [
        ("png", Self::Png),
        ("jpg", Self::Jpeg),
        ("webp", Self::WebP),
        ("tiff", Self::Tiff),
        ("bmp", Self::Bmp),
        ("jpeg", Self::Jpeg),
        ("tif", Self::Tiff),
    ];

    /// What the ending of a file's name asks for, whatever its case.
    ///
    /// # Errors
    /// When it is none of those that there are, which the error names as of `option`.
    pub fn of(path: &Path, option: &str) -> Result<Self> {
        let ending = path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase());
        let known = Self::ENDINGS.iter().find(|(known, _)| ending.as_deref() == Some(known));
        known.map(|(_, format)| *format).ok_or_else(|| {
            let endings = Self::ENDINGS.map(|(ending, _)| format!(".{ending}"));
            let [others @ .., last] = endings;
            let what = format!(
                "is {}; a picture's name ends in {} or {last}",
                path.display(),
                others.join(", ")
            );
            Error::option(option, what)
        })
    }

    /// The most pixels along a side.
    pub fn longest_side(self) -> usize {
        match self {
            Self::Jpeg => 65_535,
            Self::WebP => 16_383,
            Self::Png | Self::Tiff | Self::Bmp => i32::MAX as usize,
        }
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::WebP => "WebP",
            Self::Tiff => "TIFF",
            Self::Bmp => "BMP",
        }
    }

    /// A picture's file, of what the format can hold of it; `path` is for messages only.
    ///
    /// # Errors
    /// When the picture is too large for the format.
    pub fn encode(self, image: &DynamicImage, path: &Path) -> Result<Vec<u8>> {
        let side = image.width().max(image.height()) as usize;
        if side > self.longest_side() {
            let what = format!(
                "would be {side} pixels long, and a {} has {} at most; name it .png",
                self.name(),
                self.longest_side()
            );
            return Err(Error::file(path, what));
        }
        self.bytes(image).map_err(|error| {
            Error::file(path, format!("cannot be encoded as {}: {error}", self.name()))
        })
    }

    fn bytes(self, image: &DynamicImage) -> ImageResult<Vec<u8>> {
        let mut bytes = Cursor::new(vec![]);
        match self {
            Self::Png => image.write_to(&mut bytes, ImageFormat::Png)?,
            Self::Jpeg => {
                let encoder = JpegEncoder::new_with_quality(&mut bytes, JPEG_QUALITY);
                opaque(image).write_with_encoder(encoder)?;
            }
            Self::WebP => with_bytes(image).write_to(&mut bytes, ImageFormat::WebP)?,
            Self::Tiff => with_colours(image).write_to(&mut bytes, ImageFormat::Tiff)?,
            Self::Bmp => {
                with_colours(&with_bytes(image)).write_to(&mut bytes, ImageFormat::Bmp)?;
            }
        }
        Ok(bytes.into_inner())
    }
}

/// A picture of eight bits a channel.
fn with_bytes(image: &DynamicImage) -> DynamicImage {
    match (image.color().has_color(), image.color().has_alpha()) {
        (false, false) => image.to_luma8().into(),
        (false, true) => image.to_luma_alpha8().into(),
        (true, false) => image.to_rgb8().into(),
        (true, true) => image.to_rgba8().into(),
    }
}

/// A picture with colours where it is partly transparent: few formats have transparent gray ones.
fn with_colours(image: &DynamicImage) -> DynamicImage {
    match image {
        DynamicImage::ImageLumaA8(_) => image.to_rgba8().into(),
        DynamicImage::ImageLumaA16(_) => image.to_rgba16().into(),
        other => other.clone(),
    }
}

/// A picture of eight bits a channel over white, as pages show it.
fn opaque(image: &DynamicImage) -> DynamicImage {
    let image = with_bytes(image);
    let over_white = |value: u8, alpha: u8| {
        let (value, alpha) = (u16::from(value), u16::from(alpha));
        ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
    };
    match image {
        DynamicImage::ImageLumaA8(mut pixels) => {
            for pixel in pixels.pixels_mut() {
                pixel[0] = over_white(pixel[0], pixel[1]);
            }
            DynamicImage::ImageLumaA8(pixels).into_luma8().into()
        }
        DynamicImage::ImageRgba8(mut pixels) => {
            for pixel in pixels.pixels_mut() {
                let [red, green, blue, alpha] = pixel.0;
                let [red, green, blue] = [red, green, blue].map(|value| over_white(value, alpha));
                *pixel = image::Rgba([red, green, blue, alpha]);
            }
            DynamicImage::ImageRgba8(pixels).into_rgb8().into()
        }
        other => other,
    }
}

/// Writes a picture in the format that the name's ending says, whole or not at all.
///
/// # Errors
/// When the ending says none, the picture is too large for it, or the file cannot be written.
pub(crate) fn save_picture(path: &Path, image: &DynamicImage) -> Result<()> {
    let bytes = PictureFormat::of(path, "--out")?.encode(image, path)?;
    write_whole(path, |out| out.write_all(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_ending_is_the_format_that_it_says() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let pixels = |x, y| image::Rgba([30 * x as u16, 30 * y as u16, 9, 65_535]);
        let deep = DynamicImage::ImageRgba16(image::ImageBuffer::from_fn(5, 3, pixels));
        let kinds: [DynamicImage; 6] = [
            deep.to_luma8().into(),
            deep.to_luma_alpha8().into(),
            deep.to_luma_alpha16().into(),
            deep.to_rgb8().into(),
            deep.to_rgba8().into(),
            deep,
        ];
        for (ending, format) in PictureFormat::ENDINGS {
            for image in &kinds {
                let path = folder.path().join("x").with_extension(ending.to_ascii_uppercase());
                save_picture(&path, image).expect("every format takes every picture");
                let bytes = std::fs::read(&path).expect("is there");
                let found = image::guess_format(&bytes).expect("a picture");
                let right = ImageFormat::from_extension(ending);
                assert_eq!(Some(found), right, "{format:?} {:?}", image.color());
                let read = image::load_from_memory(&bytes).expect("can be read");
                assert_eq!((read.width(), read.height()), (5, 3));
                let is_deep = image.color().bytes_per_pixel() / image.color().channel_count() == 2;
                if is_deep && matches!(format, PictureFormat::Png | PictureFormat::Tiff) {
                    assert_eq!(read.to_rgba16(), image.to_rgba16(), "nothing is lost");
                }
            }
        }
    }

    #[test]
    fn other_endings_are_refused_with_those_that_there_are() {
        for name in ["x", "x.xyz", ".png", "x.gif"] {
            let error = PictureFormat::of(Path::new(name), "--out").expect_err(name).to_string();
            assert!(error.contains(name) && error.contains(".jpg, .webp"), "{error}");
        }
    }

    #[test]
    fn what_is_too_long_for_a_format_is_refused() {
        let image = DynamicImage::new_luma8(16_384, 1);
        let error = PictureFormat::WebP.encode(&image, Path::new("x.webp")).expect_err("too long");
        assert!(error.to_string().contains("name it .png"), "{error}");
        PictureFormat::Jpeg.encode(&image, Path::new("x.jpg")).expect("fits");
    }

    #[test]
    fn what_is_transparent_is_white_in_a_jpeg() {
        let image = image::RgbaImage::from_pixel(8, 8, image::Rgba([0, 0, 0, 0]));
        let bytes = PictureFormat::Jpeg.encode(&image.into(), Path::new("x.jpg")).expect("fits");
        let read = image::load_from_memory(&bytes).expect("a picture").into_rgb8();
        assert!(read.pixels().all(|pixel| pixel.0.iter().all(|light| *light > 250)));
    }
}
