//! `diabolo rate-distortion`: models against JPEG on the same pictures.

use std::path::PathBuf;

use super::compress::for_model;
use super::notes;
use super::outputs::{PictureFile, files_of_run};
use crate::error::{Error, Result, counted};
use crate::plot::{Curve, rate_curves};
use crate::run::say;
use crate::tasks::files::{Input, paths};
use crate::tasks::{Codec, Distortion, Jpeg, Quality, Raster};

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
    /// The picture to write, in the format of its ending; - for standard output
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
    let paths = paths(&Input::pictures(&args.inputs, Some(&args.out))?);
    let models = args.models.iter().flat_map(|folder| files_of_run(folder));
    let read: Vec<PathBuf> = models.chain(paths.iter().cloned()).collect();
    let mut drawn = None;
    let mut originals: Vec<Raster> = vec![];
    let mut learned = vec![];
    for folder in &args.models {
        let name = folder.file_name().unwrap_or(folder.as_os_str()).to_string_lossy().into_owned();
        let codec = Codec::load(folder, &choice)?;
        if drawn.is_none() {
            drawn = Some(PictureFile::prepare(&args.out, &read)?);
        }
        if originals.is_empty() {
            notes::channels(&paths, codec.model());
            for path in &paths {
                originals.push(for_model(Raster::read(path)?, codec.model()));
            }
        }
        let most = originals.iter().map(|picture| picture.shape.channels).max();
        if most > Some(codec.model().images().channels) {
            let what = "names a model of gray images beside one of colours; compare like with like";
            return Err(Error::option("--model", what));
        }
        learned.push((name, measured(codec, &originals)?));
    }
    let jpeg: Result<Vec<Jpeg>> =
        QUALITIES.into_iter().map(|quality| Jpeg::measure(&originals, quality)).collect();
    let jpeg = jpeg?;
    report(&learned, &jpeg, originals.len());
    let points = |one: &(Quality, Distortion)| one.1.point();
    let learned = learned.into_iter().map(|(name, each)| {
        let points = each.iter().map(points).collect();
        Curve { name, points }
    });
    let jpeg = jpeg.iter().map(|jpeg| jpeg.file.point()).collect();
    let curves: Vec<Curve> = learned.chain([Curve { name: "JPEG".into(), points: jpeg }]).collect();
    if let Some(drawn) = &drawn {
        drawn.write(&rate_curves(&curves)?.into())?;
        say(format_args!("drawn in {}", drawn.file()));
    }
    Ok(())
}

/// A model's files of these pictures in each quality that it has.
fn measured(mut codec: Codec, pictures: &[Raster]) -> Result<Vec<(Quality, Distortion)>> {
    let mut measured = vec![];
    for quality in codec.qualities() {
        codec = codec.with_quality(quality)?;
        measured.push((quality, codec.measure(pictures)?));
    }
    Ok(measured)
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

fn report(learned: &[(String, Vec<(Quality, Distortion)>)], jpeg: &[Jpeg], count: usize) {
    say(format_args!("means over {}, bits of whole files", counted(count, "picture")));
    let head = ["model", "bits/pixel", "PSNR", "JPEG", "gain", "JPEG's scan alone", "gain"];
    let [a, b, c, d, e, f, g] = head;
    say(format_args!("{a:<24} {b:>10} {c:>8} {d:>8} {e:>7} {f:>18} {g:>7}"));
    let whole: Vec<Distortion> = jpeg.iter().map(|jpeg| jpeg.file).collect();
    let scan: Vec<Distortion> = jpeg.iter().map(|jpeg| jpeg.scan).collect();
    let each = learned.iter().flat_map(|(name, each)| each.iter().map(move |one| (name, one)));
    for (name, (quality, Distortion { bits_per_pixel: bits, psnr })) in each {
        let name = format!("{name}, quality {quality}");
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
}
