//! A picture with all that its file holds, so that what is made of it can be written in the same form:
//! as many bits, the same transparency, the same colour profile, the same notes of its camera.

use std::io::Cursor;
use std::path::Path;

use image::codecs::png::PngEncoder;
use image::{DynamicImage, ImageBuffer, ImageEncoder, Pixel};

use crate::data::colour_profile::ColourProfile;
use crate::data::deep_picture::{DeepPicture, decode};
use crate::data::fault::Fault;
use crate::data::{DeepIntake, ImageShape, StoredRange};
use crate::error::{Error, Result};
use crate::file::write_whole;
use crate::tensor::Tensor;

/// A picture with all its bits, its transparency and its colour profile.
///
/// ```
/// use diabolo::data::DeepIntake;
/// use diabolo::tasks::DeepRaster;
/// # let place = tempfile::tempdir().expect("a folder");
/// # let (deep, copy) = (place.path().join("deep.png"), place.path().join("copy.png"));
/// # image::ImageBuffer::<image::Luma<u16>, Vec<u16>>::new(3, 2).save(&deep).expect("writable");
/// let picture = DeepRaster::read(&deep, DeepIntake::of_channels(1))?;
/// picture.save(picture.tensor(), &copy)?; // what a model makes of it, in its place
/// # assert_eq!(image::open(&copy).expect("a picture").color(), image::ColorType::L16);
/// # Ok::<(), diabolo::error::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct DeepRaster {
    tensor: Tensor,
    opacity: Option<Vec<f32>>,
    is_gray: bool,
    bits: u8,
    /// The stored values that 0 and 1 stand for, where those are not all.
    range: Option<StoredRange>,
    profile: Option<Vec<u8>>,
    exif: Option<Vec<u8>>,
}

impl DeepRaster {
    /// Reads a picture as `intake` says, turned gray or repeated in all channels where it is stored
    /// otherwise. Transparent parts are laid over white, as they were for training.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(path: &Path, intake: impl Into<DeepIntake>) -> Result<Self> {
        Self::decode(path, intake.into()).map_err(|fault| fault.error())
    }

    /// The same, or why it cannot be used.
    pub(super) fn decode(path: &Path, intake: DeepIntake) -> Result<Self, Fault> {
        let channels = intake.channels;
        let DeepPicture { shape, mut numbers, opacity, form } = decode(path, intake)?;
        if channels > shape.channels {
            numbers = numbers.repeat(channels / shape.channels);
        }
        let tensor = Tensor::new([1, channels, shape.height, shape.width], numbers)
            .map_err(|error| Fault::damaged(path, error))?;
        let is_gray = !form.has_colour;
        let most = if form.bits == 8 { 255.0 } else { 65_535.0 };
        // Values are put back where they were, if there is room for them.
        let range = intake.range.filter(|range| range.fits(most));
        let (bits, profile, exif) = (form.bits, form.profile, form.exif);
        Ok(Self { tensor, opacity, is_gray, bits, range, profile, exif })
    }

    /// Its numbers in [0, 1], `[1, channels, height, width]`.
    pub fn tensor(&self) -> &Tensor {
        &self.tensor
    }

    /// Its size, with the channels that it was read for.
    pub fn shape(&self) -> ImageShape {
        let (channels, [height, width]) = match self.tensor.shape()[..] {
            [_, channels, height, width] => (channels, [height, width]),
            _ => (1, [0; 2]),
        };
        ImageShape { channels, height, width }
    }

    /// Which pixels are more than wholly transparent; `None` where all are.
    pub fn seen(&self) -> Option<Vec<bool>> {
        let seen: Vec<bool> = self.opacity.as_ref()?.iter().map(|alpha| *alpha > 0.0).collect();
        Some(seen).filter(|seen| seen.contains(&false))
    }

    /// Makes those pixels opaque that are wholly transparent, since something was made for them.
    pub fn fill(&mut self) {
        let opacity = self.opacity.iter_mut().flatten();
        opacity.filter(|alpha| **alpha <= 0.0).for_each(|alpha| *alpha = 1.0);
    }

    /// `made` as this picture's file has its channels: the mean of them where it is stored in gray.
    ///
    /// # Errors
    /// When `made` is no picture.
    pub fn as_stored(&self, made: Tensor) -> Result<Tensor> {
        let [count, 3, height, width] = made.shape()[..] else { return Ok(made) };
        if !self.is_gray {
            return Ok(made);
        }
        let plane = height * width;
        let colours = made.data().chunks(3 * plane.max(1));
        let mean = |colours: &[f32], at| (0..3).map(|c| colours[c * plane + at]).sum::<f32>() / 3.0;
        let gray = colours.flat_map(|colours| (0..plane).map(move |at| mean(colours, at)));
        Tensor::new([count, 1, height, width], gray.collect())
    }

    /// Writes `made`, `[1, channels, height, width]` of this picture's size and laid over white, as PNG:
    /// with as many bits, this picture's opacity, what its camera noted, and its colour profile where that is of so
    /// many channels; in one piece or not at all. What lies beyond [0, 1] is brought within.
    ///
    /// # Errors
    /// When `made` has another size, or the file cannot be written.
    pub fn save(&self, made: &Tensor, path: &Path) -> Result<()> {
        let ImageShape { height, width, .. } = self.shape();
        let channels = match made.shape()[..] {
            [1, channels @ (1 | 3), high, wide] if (high, wide) == (height, width) => channels,
            _ => return Err(Error::shape("save", "is no picture of this size", &[made.shape()])),
        };
        let pixels = self.interleaved(made.data(), channels);
        let image = match self.bits {
            8 => image_of(
                channels,
                self.opacity.is_some(),
                width,
                height,
                &scaled(&pixels, |n| (self.stored(n, 255.0) * 255.0).round() as u8),
            ),
            _ => deep_image_of(
                channels,
                self.opacity.is_some(),
                width,
                height,
                &scaled(&pixels, |n| (self.stored(n, 65_535.0) * 65_535.0).round() as u16),
            ),
        };
        let image = image.ok_or_else(|| Error::shape("save", "is no picture", &[made.shape()]))?;
        let mut bytes = Cursor::new(vec![]);
        let mut encoder = PngEncoder::new(&mut bytes);
        let profile = self.profile.as_ref();
        if let Some(profile) = profile.filter(|bytes| ColourProfile::new(bytes).fits(channels)) {
            // A format without profiles would refuse it; PNG has them.
            let _ = encoder.set_icc_profile(profile.clone());
        }
        if let Some(exif) = &self.exif {
            let _ = encoder.set_exif_metadata(exif.clone());
        }
        image
            .write_with_encoder(encoder)
            .map_err(|error| Error::file(path, format!("cannot be encoded as PNG: {error}")))?;
        write_whole(path, |out| out.write_all(bytes.get_ref()))
    }

    /// A number as it is stored, in units of the greatest that can be.
    fn stored(&self, number: f32, most: f32) -> f32 {
        self.range.map_or(number, |range| range.stored(number, most))
    }

    /// The channels of each pixel in turn, with its opacity where there is one: such that, laid over
    /// white, they are `made`.
    fn interleaved(&self, made: &[f32], channels: usize) -> Vec<f32> {
        let plane = made.len() / channels;
        let mut pixels = Vec::with_capacity(made.len() + plane);
        for at in 0..plane {
            let opacity = self.opacity.as_ref().map(|opacity| opacity[at]);
            for channel in 0..channels {
                let number = made[channel * plane + at];
                pixels.push(match opacity {
                    Some(alpha) if alpha > 0.0 && alpha < 1.0 => (number - (1.0 - alpha)) / alpha,
                    _ => number,
                });
            }
            pixels.extend(opacity);
        }
        pixels
    }
}

fn scaled<T>(numbers: &[f32], to: impl Fn(f32) -> T) -> Vec<T> {
    numbers.iter().map(|number| to(number.clamp(0.0, 1.0))).collect()
}

fn buffer<P: Pixel>(
    width: usize,
    height: usize,
    pixels: &[P::Subpixel],
) -> Option<ImageBuffer<P, Vec<P::Subpixel>>> {
    ImageBuffer::from_raw(width as u32, height as u32, pixels.to_vec())
}

fn image_of(
    channels: usize,
    has_opacity: bool,
    width: usize,
    height: usize,
    pixels: &[u8],
) -> Option<DynamicImage> {
    match (channels, has_opacity) {
        (1, false) => buffer(width, height, pixels).map(DynamicImage::ImageLuma8),
        (1, true) => buffer(width, height, pixels).map(DynamicImage::ImageLumaA8),
        (_, false) => buffer(width, height, pixels).map(DynamicImage::ImageRgb8),
        (_, true) => buffer(width, height, pixels).map(DynamicImage::ImageRgba8),
    }
}

fn deep_image_of(
    channels: usize,
    has_opacity: bool,
    width: usize,
    height: usize,
    pixels: &[u16],
) -> Option<DynamicImage> {
    match (channels, has_opacity) {
        (1, false) => buffer(width, height, pixels).map(DynamicImage::ImageLuma16),
        (1, true) => buffer(width, height, pixels).map(DynamicImage::ImageLumaA16),
        (_, false) => buffer(width, height, pixels).map(DynamicImage::ImageRgb16),
        (_, true) => buffer(width, height, pixels).map(DynamicImage::ImageRgba16),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture comes back as it was, whatever its form.
    #[test]
    fn a_picture_is_written_as_it_was_read() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (from, to) = (folder.path().join("from.png"), folder.path().join("to.png"));
        let deep = ImageBuffer::from_fn(7, 5, |x, y| {
            image::Rgba([x as u16 * 9001, y as u16 * 13_001, 77, 65_535 - x as u16 * 9000])
        });
        let deep = DynamicImage::ImageRgba16(deep);
        let each = [
            deep.clone(),
            DynamicImage::ImageRgb16(deep.to_rgb16()),
            DynamicImage::ImageLuma16(deep.to_luma16()),
            DynamicImage::ImageLumaA16(deep.to_luma_alpha16()),
            DynamicImage::ImageRgba8(deep.to_rgba8()),
            DynamicImage::ImageLuma8(deep.to_luma8()),
        ];
        for image in each {
            image.save(&from).expect("writable");
            let channels = if image.color().has_color() { 3 } else { 1 };
            let picture =
                DeepRaster::read(&from, DeepIntake::of_channels(channels)).expect("a picture");
            picture.save(picture.tensor(), &to).expect("writable");
            let back = image::open(&to).expect("a picture");
            assert_eq!(back.color(), image.color());
            let pairs = back.to_rgba32f();
            let other = image.to_rgba32f();
            let differ = pairs.pixels().zip(other.pixels()).map(|(a, b)| {
                let [a, b] = [a, b].map(|p| [p[0] * p[3], p[1] * p[3], p[2] * p[3], p[3]]);
                a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
            });
            let most = differ.fold(0.0, f32::max);
            let level = if image.color().bytes_per_pixel() > image.color().channel_count() {
                1.0 / 65_535.0
            } else {
                1.0 / 255.0
            };
            assert!(most <= level, "{:?}: {most}", image.color());
        }
    }

    #[test]
    fn a_gray_picture_in_three_channels_is_gray_again() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("gray.png");
        image::GrayImage::from_fn(4, 3, |x, y| image::Luma([(60 * x + y) as u8]))
            .save(&path)
            .expect("writable");
        let picture = DeepRaster::read(&path, DeepIntake::of_channels(3)).expect("a picture");
        assert_eq!(picture.shape(), ImageShape { channels: 3, height: 3, width: 4 });
        let stored = picture.as_stored(picture.tensor().clone()).expect("a picture");
        assert_eq!(stored.shape()[..], [1, 1, 3, 4]);
        assert!((stored.data()[1] - 60.0 / 255.0).abs() < 1e-6);
    }
}
