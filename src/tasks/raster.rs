//! Pictures as bytes: read from files, cut into parts, put together, written.

use std::path::Path;

use image::{DynamicImage, GrayImage, RgbImage};

use crate::arithmetic::byte::number_of_byte;
use crate::data::{ImageShape, LoadOptions, StoredRange, picture};
use crate::error::Result;
use crate::file::save_picture;
use crate::tensor::Tensor;

/// A picture of bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Raster {
    /// Its size, of one channel or three.
    pub shape: ImageShape,
    /// `[channels, height, width]`.
    pub pixels: Vec<u8>,
}

impl Raster {
    /// Reads a picture in any format that this program knows, in gray or in colour, as it is stored.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read(path: &Path) -> Result<Self> {
        Self::read_within(path, None)
    }

    /// The same, with this range of stored values spread over all values: that of a run, which
    /// [`Config::range`](crate::train::Config::range) has.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn read_within(path: &Path, range: Option<StoredRange>) -> Result<Self> {
        let picture = picture::decode(path, &LoadOptions { range, ..LoadOptions::default() })?;
        Ok(Self { shape: picture.shape, pixels: picture.pixels })
    }

    /// A picture of numbers in [0, 1], `[channels, height, width]`; what lies beyond is brought within.
    /// Of two channels, or more than three, the first is taken.
    pub fn of_numbers(numbers: &[f32], shape: ImageShape) -> Self {
        let channels = if shape.channels == 3 { 3 } else { 1 };
        let shape = ImageShape { channels, ..shape };
        let byte = |number: &f32| (255.0 * number.clamp(0.0, 1.0)).round() as u8;
        Self { shape, pixels: numbers[..shape.elements()].iter().map(byte).collect() }
    }

    /// Its numbers in [0, 1], `[1, channels, height, width]`.
    pub fn to_tensor(&self) -> Tensor {
        let ImageShape { channels, height, width } = self.shape;
        let mut tensor = Tensor::zeros([1, channels, height, width]);
        for (number, byte) in tensor.data_mut().iter_mut().zip(&self.pixels) {
            *number = number_of_byte(*byte);
        }
        tensor
    }

    /// The same in gray.
    pub fn to_gray(&self) -> Self {
        let gray = self.to_image().into_luma8();
        let shape = ImageShape { channels: 1, ..self.shape };
        Self { shape, pixels: gray.into_raw() }
    }

    /// The same with one channel for each colour.
    pub fn to_colour(&self) -> Self {
        let times = if self.shape.channels == 1 { 3 } else { 1 };
        let shape = ImageShape { channels: 3, ..self.shape };
        Self { shape, pixels: self.pixels.repeat(times) }
    }

    /// Writes it in the format that the name's ending says, such as .png, in one piece or not at all.
    ///
    /// # Errors
    /// When the ending says none, or the file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        save_picture(path, &self.to_image())
    }

    /// The same for the `image` crate.
    pub fn to_image(&self) -> DynamicImage {
        let ImageShape { channels, height, width } = self.shape;
        let plane = height * width;
        let (columns, rows) = (width as u32, height as u32);
        if channels == 1 {
            let at = |x: u32, y: u32| image::Luma([self.pixels[y as usize * width + x as usize]]);
            return DynamicImage::ImageLuma8(GrayImage::from_fn(columns, rows, at));
        }
        let at = |x: u32, y: u32| {
            let place = y as usize * width + x as usize;
            image::Rgb([0, 1, 2].map(|channel| self.pixels[channel * plane + place]))
        };
        DynamicImage::ImageRgb8(RgbImage::from_fn(columns, rows, at))
    }

    /// The peak signal-to-noise ratio of two pictures of one size in decibels, over all channels;
    /// infinite where they are equal.
    pub fn psnr(&self, other: &Self) -> f64 {
        let mean = self.squared_error(other) / self.pixels.len().max(1) as f64;
        -10.0 * mean.log10()
    }

    /// The sum of the squared differences of two pictures of one size, white being 1.
    pub(super) fn squared_error(&self, other: &Self) -> f64 {
        let pairs = self.pixels.iter().zip(&other.pixels);
        pairs.map(|(a, b)| f64::from(a.abs_diff(*b)).powi(2)).sum::<f64>() / (255.0 * 255.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn psnr_is_what_its_formula_says() {
        let shape = ImageShape { channels: 1, height: 1, width: 2 };
        let [a, b] = [[10, 20], [13, 16]].map(|pixels| Raster { shape, pixels: pixels.to_vec() });
        let expected = 10.0 * (255.0_f64.powi(2) / 12.5).log10();
        assert!((a.psnr(&b) - expected).abs() < 1e-9);
        assert_eq!(a.psnr(&a), f64::INFINITY);
    }
}
