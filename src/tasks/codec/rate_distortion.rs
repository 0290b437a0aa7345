//! `diabolo rate-distortion`: models against JPEG on the same pictures.

use std::path::{Path, PathBuf};

use image::ImageFormat;
use image::codecs::jpeg::JpegEncoder;

use super::coder::Codec;
use super::commands::for_model;
use crate::data::ImageShape;
use crate::error::{Error, Result};
use crate::plot::{self, Curve, rate_curves};
use crate::run::say;
use crate::tasks::inputs;
use crate::tasks::raster::Raster;

/// JPEG's qualities that are measured.
const QUALITIES: [u8; 13] = [2, 5, 8, 12, 18, 25, 35, 45, 55, 65, 75, 85, 95];

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

    fn point(self) -> (f64, f64) {
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

/// The options of `diabolo rate-distortion`.
#[derive(Clone, Debug, clap::Args)]
pub struct RateDistortionArgs {
    /// Pictures, and folders of them
    #[arg(value_name = "IN", required = true)]
    inputs: Vec<PathBuf>,
    /// The folder of a finished run; once for each model
    #[arg(short, long = "model", value_name = "RUN", required = true)]
    models: Vec<PathBuf>,
    /// auto, cpu, gpu, the number of an adapter, or part of its name
    #[arg(long, default_value = "auto")]
    device: String,
    /// The picture to write
    #[arg(short, long, value_name = "FILE", default_value = "rate-distortion.png")]
    out: PathBuf,
}

/// Measures models and JPEG on pictures, prints the numbers and draws them. Each is a mean over
/// pictures, of bits a pixel of whole files and of decibels.
///
/// # Errors
/// When a picture or a model cannot be read, models differ in their colours, the picture cannot be
/// written, or the device fails.
pub fn rate_distortion(args: &RateDistortionArgs) -> Result<()> {
    let choice = args.device.parse()?;
    let paths = inputs::find(&args.inputs)?;
    let mut originals: Vec<Raster> = vec![];
    let mut learned = vec![];
    for folder in &args.models {
        let name = folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned();
        let mut codec = Codec::load(folder, &choice)?;
        if originals.is_empty() {
            for path in &paths {
                originals.push(for_model(Raster::read(path)?, codec.model(), path));
            }
        }
        let most = originals.iter().map(|picture| picture.shape.channels).max();
        if most > Some(codec.model().images().channels) {
            let what = "names a model of gray images beside one of colours; compare like with like";
            return Err(Error::option("--model", what));
        }
        learned.push((name, codec.measure(&originals)?));
    }
    let jpeg: Result<Vec<Jpeg>> =
        QUALITIES.into_iter().map(|quality| Jpeg::measure(&originals, quality)).collect();
    let jpeg = jpeg?;
    report(&learned, &jpeg, originals.len());
    let mut models: Vec<(f64, f64)> = learned.iter().map(|(_, one)| one.point()).collect();
    models.sort_by(|a, b| a.0.total_cmp(&b.0));
    let jpeg = jpeg.iter().map(|jpeg| jpeg.file.point()).collect();
    let curves = [
        Curve { name: "learned".into(), points: models },
        Curve { name: "JPEG".into(), points: jpeg },
    ];
    plot::save_png(&args.out, &rate_curves(&curves)?)?;
    say(format_args!("drawn in {}", args.out.display()));
    Ok(())
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

/// The decibels of a curve at so many bits a pixel, between its points on a logarithmic scale of bits;
/// nothing beyond its ends.
fn interpolated(curve: &[Distortion], bits: f64) -> Option<f64> {
    curve.windows(2).find_map(|pair| {
        let [(low, from), (high, to)] = [pair[0].point(), pair[1].point()];
        let share = (bits / low).ln() / (high / low).ln();
        (low <= bits && bits <= high && share.is_finite()).then_some(from + share * (to - from))
    })
}

fn report(learned: &[(String, Distortion)], jpeg: &[Jpeg], count: usize) {
    say(format_args!("means over {count} pictures, bits of whole files"));
    let head = ["model", "bits/pixel", "PSNR", "JPEG", "gain", "JPEG's scan alone", "gain"];
    let [a, b, c, d, e, f, g] = head;
    say(format_args!("{a:<24} {b:>10} {c:>8} {d:>8} {e:>7} {f:>18} {g:>7}"));
    let whole: Vec<Distortion> = jpeg.iter().map(|jpeg| jpeg.file).collect();
    let scan: Vec<Distortion> = jpeg.iter().map(|jpeg| jpeg.scan).collect();
    for (name, Distortion { bits_per_pixel: bits, psnr }) in learned {
        let against = |curve| match interpolated(curve, *bits) {
            Some(other) => [format!("{other:.3}"), format!("{:+.3}", psnr - other)],
            None => ["-".to_owned(), "-".to_owned()],
        };
        let ([whole, gain], [scan, more]) = (against(&whole), against(&scan));
        say(format_args!(
            "{name:<24} {bits:>10.4} {psnr:>8.3} {whole:>8} {gain:>7} {scan:>18} {more:>7}"
        ));
    }
    for Jpeg { quality, file: Distortion { bits_per_pixel: bits, psnr }, scan } in jpeg {
        let name = format!("JPEG, quality {quality}");
        let scan = scan.bits_per_pixel;
        say(format_args!(
            "{name:<24} {bits:>10.4} {psnr:>8.3}   (scan alone: {scan:.4} bits/pixel)"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_are_read_between_their_points_alone() {
        let at = |bits_per_pixel, psnr| Distortion { bits_per_pixel, psnr };
        let curve = [at(0.25, 20.0), at(1.0, 30.0), at(4.0, 50.0)];
        assert_eq!(interpolated(&curve, 0.5), Some(25.0));
        assert_eq!(interpolated(&curve, 4.0), Some(50.0));
        assert_eq!([0.2, 4.1, f64::NAN].map(|bits| interpolated(&curve, bits)), [None; 3]);
        assert_eq!(interpolated(&[at(1.0, 30.0), at(1.0, 30.0)], 1.0), None);
    }

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
