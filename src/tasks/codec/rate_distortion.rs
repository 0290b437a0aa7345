//! What pictures take as files of a model and of JPEG, and how near they come back.

use std::path::Path;

use image::ImageFormat;
use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder, SamplingFactor};

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
    /// Measures the files that JPEG of a `quality` from 1 to 100 makes of `pictures`: means over them. As `cjpeg
    /// -optimize` makes them: colours have half the resolution, tables are those of each picture. Colours come one after
    /// another besides, which saves up to 4%.
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
    let failed =
        |error: String| Error::file("JPEG", format!("cannot be made for comparison: {error}"));
    let ImageShape { channels, height, width } = picture.shape;
    let (Ok(across), Ok(down)) = (u16::try_from(width), u16::try_from(height)) else {
        return Err(failed(format!("{width}x{height} pixels are too many for it")));
    };
    let image = picture.to_image();
    let (pixels, colours) = match channels {
        1 => (image.into_luma8().into_raw(), ColorType::Luma),
        _ => (image.into_rgb8().into_raw(), ColorType::Rgb),
    };
    let encoded = |optimised: bool| {
        let mut bytes = vec![];
        let mut encoder = Encoder::new(&mut bytes, quality);
        encoder.set_sampling_factor(SamplingFactor::R_4_2_0);
        encoder.set_chroma_subsampling_method(ChromaSubsamplingMethod::Average);
        encoder.set_optimized_huffman_tables(optimised);
        let done = encoder.encode(&pixels, across, down, colours);
        done.map(|()| bytes).map_err(|error| failed(error.to_string()))
    };
    // Tables change nothing but the size. Those of a picture come with one colour after another, which not every
    // decoder reads.
    let bytes = encoded(true)?;
    let decoded = image::load_from_memory_with_format(&encoded(false)?, ImageFormat::Jpeg)
        .map_err(|error| failed(error.to_string()))?;
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
