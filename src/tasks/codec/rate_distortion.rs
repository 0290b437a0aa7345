//! What pictures take as files, and how near they come back.

use std::path::Path;

use super::coder::Codec;
use crate::arithmetic::byte::number_of_byte;
use crate::data::ImageShape;
use crate::error::Result;
use crate::evaluate::multi_scale_similarity;
use crate::tasks::raster::Raster;

/// What pictures take in some form, and how near they come back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distortion {
    /// Bits a pixel of whole files, of all channels together.
    pub bits_per_pixel: f64,
    /// The peak signal-to-noise ratio in decibels, over all channels.
    pub psnr: f64,
    /// The [multi-scale structural similarity](multi_scale_similarity), the mean over channels.
    pub similarity: f64,
}

impl Distortion {
    /// Of a picture that came back as this from a file of so many bytes.
    pub(super) fn of(picture: &Raster, back: &Raster, bytes: usize) -> Self {
        let ImageShape { channels, height, width } = picture.shape;
        let plane = height * width;
        let channel = |of: &Raster, channel: usize| -> Vec<f32> {
            of.pixels[channel * plane..][..plane].iter().map(|byte| number_of_byte(*byte)).collect()
        };
        let similarity = |at: usize| {
            multi_scale_similarity(&channel(picture, at), &channel(back, at), [height, width])
        };
        Self {
            bits_per_pixel: 8.0 * bytes as f64 / plane as f64,
            psnr: picture.psnr(back),
            similarity: (0..channels).map(similarity).sum::<f64>() / channels as f64,
        }
    }

    /// The mean of some; of none, no bits and no decibels.
    pub(super) fn mean(each: &[Self]) -> Self {
        let mean =
            |of: fn(&Self) -> f64| each.iter().map(of).sum::<f64>() / each.len().max(1) as f64;
        Self {
            bits_per_pixel: mean(|one| one.bits_per_pixel),
            psnr: mean(|one| one.psnr),
            similarity: mean(|one| one.similarity),
        }
    }

    /// As a point of a curve.
    pub(crate) fn point(self) -> (f64, f64) {
        (self.bits_per_pixel, self.psnr)
    }
}

impl Codec {
    /// What `pictures` take as files of this codec, headers among them, and how near they come back:
    /// means over them. They are to be gray for a model of gray images.
    ///
    /// # Errors
    /// When a picture is too large, the model makes numbers that are none, or the device fails.
    pub fn measure(&mut self, pictures: &[Raster]) -> Result<Distortion> {
        let mut measured = vec![];
        for picture in pictures {
            let bytes = self.compress(picture)?;
            let back = self.decompress(&bytes, Path::new("the compressed picture"))?;
            measured.push(Distortion::of(picture, &back, bytes.len()));
        }
        Ok(Distortion::mean(&measured))
    }
}
