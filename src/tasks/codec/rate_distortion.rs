//! What pictures take as files of a model and of JPEG, and how near they come back.

use std::path::Path;

use image::ImageFormat;
use image::codecs::jpeg::JpegEncoder;

use super::coder::Codec;
use crate::data::ImageShape;
use crate::error::{Error, Result};
use crate::tasks::raster::Raster;

/// What pictures take in some form, and how near they come back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Distortion {
    /// Bits a pixel, of all channels together.
    pub bits_per_pixel: f64,
    /// The peak signal-to-noise ratio in decibels, over all channels.
    pub psnr: f64,
}

impl Distortion {
    /// The mean of some; of none, no bits and no decibels.
    fn mean(each: impl Iterator<Item = Self> + Clone) -> Self {
        let count = each.clone().count().max(1) as f64;
        let mean = |of: fn(Self) -> f64| each.clone().map(of).sum::<f64>() / count;
        Self { bits_per_pixel: mean(|one| one.bits_per_pixel), psnr: mean(|one| one.psnr) }
    }

    /// As a point of a curve.
    pub(crate) fn point(self) -> (f64, f64) {
        (self.bits_per_pixel, self.psnr)
    }
}

/// JPEG's files of some pictures.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Jpeg {
    /// The quality, from 1 to 100.
    pub quality: u8,
    /// Whole files.
    pub file: Distortion,
    /// The coded picture alone, without headers and tables.
    pub scan: Distortion,
}

impl Jpeg {
    /// Measures the files that JPEG of a `quality` from 1 to 100 makes of `pictures`: means over them.
    /// Colours keep their full resolution; the tables are the standard's.
    ///
    /// # Errors
    /// When a picture is too large for JPEG.
    pub fn measure(pictures: &[Raster], quality: u8) -> Result<Self> {
        let measured: Result<Vec<[Distortion; 2]>> =
            pictures.iter().map(|one| as_jpeg(one, quality)).collect();
        let measured = measured?;
        let [file, scan] =
            [0, 1].map(|side| Distortion::mean(measured.iter().map(|pair| pair[side])));
        Ok(Self { quality, file, scan })
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
            let bits_per_pixel = bits(bytes.len(), picture);
            measured.push(Distortion { bits_per_pixel, psnr: picture.psnr(&back) });
        }
        Ok(Distortion::mean(measured.into_iter()))
    }
}

/// Of the whole file, and of its scan alone.
fn as_jpeg(picture: &Raster, quality: u8) -> Result<[Distortion; 2]> {
    let failed = |error| Error::file("JPEG", format!("cannot be made for comparison: {error}"));
    let mut bytes = vec![];
    let image = picture.to_image();
    image.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, quality)).map_err(failed)?;
    let decoded = image::load_from_memory_with_format(&bytes, ImageFormat::Jpeg).map_err(failed)?;
    let decoded = match picture.shape.channels {
        1 => decoded.into_luma8().into_raw(),
        _ => {
            let interleaved = decoded.into_rgb8().into_raw();
            (0..3).flat_map(|from| interleaved.iter().skip(from).step_by(3).copied()).collect()
        }
    };
    let psnr = picture.psnr(&Raster { shape: picture.shape, pixels: decoded });
    // The scan begins behind a marker of its own; tables that stand before it never hold that.
    let scan = bytes.windows(2).position(|pair| pair == [0xFF, 0xDA]).unwrap_or(0);
    let sizes = [bytes.len(), bytes.len() - scan];
    Ok(sizes.map(|size| Distortion { bits_per_pixel: bits(size, picture), psnr }))
}

fn bits(bytes: usize, picture: &Raster) -> f64 {
    let ImageShape { height, width, .. } = picture.shape;
    8.0 * bytes as f64 / (height * width) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jpeg_is_measured() {
        let shape = ImageShape { channels: 3, height: 16, width: 24 };
        let pixels = (0..shape.elements()).map(|place| (place * 7 % 256) as u8).collect();
        let picture = Raster { shape, pixels };
        let [[coarse, scan], [fine, _]] =
            [10, 95].map(|quality| as_jpeg(&picture, quality).unwrap());
        let bits = [scan, coarse, fine].map(|one| one.bits_per_pixel);
        assert!(bits.is_sorted_by(|a, b| a < b) && coarse.psnr < fine.psnr, "{bits:?}");
    }
}
