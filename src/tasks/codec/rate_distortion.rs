//! `diabolo rate-distortion`: models against JPEG on the same pictures.

use std::path::PathBuf;

use image::ImageFormat;
use image::codecs::jpeg::JpegEncoder;

use super::coder::Codec;
use super::commands::for_model;
use crate::data::ImageShape;
use crate::error::{Error, Result};
use crate::tasks::inputs;
use crate::tasks::raster::Raster;
use crate::train::rate_curves::{Curve, Point, rate_curves};
use crate::train::{pictures, say};

/// JPEG's qualities that are measured.
const QUALITIES: [u8; 13] = [2, 5, 8, 12, 18, 25, 35, 45, 55, 65, 75, 85, 95];

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
        let mut measured = vec![];
        for (picture, path) in originals.iter().zip(&paths) {
            let bytes = codec.compress(picture)?;
            measured
                .push((bits(bytes.len(), picture), picture.psnr(&codec.decompress(&bytes, path)?)));
        }
        learned.push((name, mean(&measured)));
    }
    let mut jpeg = vec![];
    for quality in QUALITIES {
        let measured: Result<Vec<_>> = originals.iter().map(|one| as_jpeg(one, quality)).collect();
        let [whole, scan] = split(&measured?);
        jpeg.push((quality, mean(&whole), mean(&scan)));
    }
    report(&learned, &jpeg, originals.len());
    let mut models: Vec<Point> = learned.iter().map(|(_, point)| *point).collect();
    models.sort_by(|a, b| a.0.total_cmp(&b.0));
    let jpeg = jpeg.iter().map(|(_, whole, _)| *whole).collect();
    let curves = [
        Curve { name: "learned".into(), points: models },
        Curve { name: "JPEG".into(), points: jpeg },
    ];
    pictures::save_png(&args.out, &rate_curves(&curves)?)?;
    say(format_args!("drawn in {}", args.out.display()));
    Ok(())
}

/// Bits a pixel and decibels of whole files, and of their scans alone.
fn as_jpeg(picture: &Raster, quality: u8) -> Result<[Point; 2]> {
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
    Ok(sizes.map(|size| (bits(size, picture), psnr)))
}

fn bits(bytes: usize, picture: &Raster) -> f64 {
    let ImageShape { height, width, .. } = picture.shape;
    8.0 * bytes as f64 / (height * width) as f64
}

fn split(pairs: &[[Point; 2]]) -> [Vec<Point>; 2] {
    [0, 1].map(|side| pairs.iter().map(|pair| pair[side]).collect())
}

fn mean(points: &[Point]) -> Point {
    let count = points.len().max(1) as f64;
    let sum = points.iter().fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
    (sum.0 / count, sum.1 / count)
}

/// The decibels of a curve at so many bits a pixel, between its points on a logarithmic scale of bits;
/// nothing beyond its ends.
fn interpolated(curve: &[Point], bits: f64) -> Option<f64> {
    curve.windows(2).find_map(|pair| {
        let [(low, from), (high, to)] = [pair[0], pair[1]];
        let share = (bits / low).ln() / (high / low).ln();
        (low <= bits && bits <= high && share.is_finite()).then_some(from + share * (to - from))
    })
}

fn report(learned: &[(String, Point)], jpeg: &[(u8, Point, Point)], count: usize) {
    say(format_args!("means over {count} pictures, bits of whole files"));
    let head = ["model", "bits/pixel", "PSNR", "JPEG", "gain", "JPEG's scan alone", "gain"];
    let [a, b, c, d, e, f, g] = head;
    say(format_args!("{a:<24} {b:>10} {c:>8} {d:>8} {e:>7} {f:>18} {g:>7}"));
    let whole: Vec<Point> = jpeg.iter().map(|(_, whole, _)| *whole).collect();
    let scan: Vec<Point> = jpeg.iter().map(|(.., scan)| *scan).collect();
    for (name, (bits, psnr)) in learned {
        let against = |curve| match interpolated(curve, *bits) {
            Some(other) => [format!("{other:.3}"), format!("{:+.3}", psnr - other)],
            None => ["-".to_owned(), "-".to_owned()],
        };
        let ([whole, gain], [scan, more]) = (against(&whole), against(&scan));
        say(format_args!(
            "{name:<24} {bits:>10.4} {psnr:>8.3} {whole:>8} {gain:>7} {scan:>18} {more:>7}"
        ));
    }
    for (quality, (bits, psnr), (scan, _)) in jpeg {
        let name = format!("JPEG, quality {quality}");
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
        let curve = [(0.25, 20.0), (1.0, 30.0), (4.0, 50.0)];
        assert_eq!(interpolated(&curve, 0.5), Some(25.0));
        assert_eq!(interpolated(&curve, 4.0), Some(50.0));
        assert_eq!([0.2, 4.1, f64::NAN].map(|bits| interpolated(&curve, bits)), [None; 3]);
        assert_eq!(interpolated(&[(1.0, 30.0), (1.0, 30.0)], 1.0), None);
    }

    #[test]
    fn jpeg_is_measured() {
        let shape = ImageShape { channels: 3, height: 16, width: 24 };
        let pixels = (0..shape.elements()).map(|place| (place * 7 % 256) as u8).collect();
        let picture = Raster { shape, pixels };
        let [[coarse, scan], [fine, _]] =
            [10, 95].map(|quality| as_jpeg(&picture, quality).unwrap());
        assert!(scan.0 < coarse.0 && coarse.0 < fine.0 && coarse.1 < fine.1);
    }
}
