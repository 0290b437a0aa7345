//! `diabolo rate-distortion`: models against JPEG and other formats on the same pictures.

use std::path::PathBuf;

use super::compress::for_model;
use super::notes;
use super::outputs::{PictureFile, files_of_run};
use crate::error::{Error, Result, counted};
use crate::plot::{Curve, rate_curves};
use crate::run::{note, say};
use crate::tasks::files::{Input, paths};
use crate::tasks::{Codec, Distortion, Quality, Raster, Rival};

/// The options of `diabolo rate-distortion`.
#[derive(Clone, Debug, clap::Args)]
pub struct RateDistortionArgs {
    /// Pictures, and folders of them
    #[arg(value_name = "IN", required = true)]
    inputs: Vec<PathBuf>,
    /// The folder of a finished run, or the name of a built-in model; once for each model
    #[arg(short, long = "model", value_name = "RUN", default_value = "codec")]
    models: Vec<PathBuf>,
    /// auto, cpu, gpu, the number of an adapter, or part of its name
    #[arg(long, default_value = "auto")]
    device: String,
    /// Rounds in which codes are fitted to their pictures, as of `diabolo compress`
    #[arg(long, value_name = "ROUNDS", default_value_t = 0)]
    effort: usize,
    /// The picture to write, in the format of its ending; - for standard output
    #[arg(short, long, value_name = "FILE", default_value = "rate-distortion.png")]
    out: PathBuf,
}

/// Measures models, JPEG and what other formats have programs on pictures, prints the numbers and draws them. Each is a mean
/// over pictures, of bits a pixel of whole files, of decibels and of similarities.
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
        let codec = Codec::load(folder, &choice)?.with_effort(args.effort)?;
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
    let mut rivals = vec![];
    for rival in Rival::ALL {
        if !rival.is_there() {
            note(format_args!("{rival} is left out, as its programs are not installed"));
            continue;
        }
        let each = rival.settings().iter().map(|setting| rival.measure(&originals, *setting));
        rivals.push((rival, each.collect::<Result<Vec<Distortion>>>()?));
    }
    report(&learned, &rivals, originals.len());
    let points = |each: &mut dyn Iterator<Item = Distortion>| each.map(Distortion::point).collect();
    let learned = learned.into_iter().map(|(name, each)| {
        let points = points(&mut each.into_iter().map(|(_, one)| one));
        Curve { name, points }
    });
    let rivals = rivals.into_iter().map(|(rival, each)| {
        let points = points(&mut each.into_iter());
        Curve { name: rival.to_string(), points }
    });
    let curves: Vec<Curve> = learned.chain(rivals).collect();
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

/// Prints all of it; behind each model, how many decibels it is above each other format at the same bits.
fn report(
    learned: &[(String, Vec<(Quality, Distortion)>)],
    rivals: &[(Rival, Vec<Distortion>)],
    count: usize,
) {
    say(format_args!("means over {}, bits of whole files", counted(count, "picture")));
    let above: String = rivals.iter().map(|(rival, _)| format!("  above {rival}")).collect();
    say(format_args!("{:<24} {:>10} {:>8} {:>8}{above}", "", "bits/pixel", "PSNR", "MS-SSIM"));
    let line = |name: String, one: &Distortion, gains: String| {
        let Distortion { bits_per_pixel, psnr, similarity } = one;
        say(format_args!("{name:<24} {bits_per_pixel:>10.4} {psnr:>8.3} {similarity:>8.5}{gains}"));
    };
    for (name, each) in learned {
        for (quality, one) in each {
            let gain = |(rival, curve): &(Rival, Vec<Distortion>)| {
                let gain = interpolated(curve, one.bits_per_pixel)
                    .map_or("-".into(), |other| format!("{:+.3}", one.psnr - other));
                format!("{gain:>width$}", width = format!("  above {rival}").len())
            };
            let gains = rivals.iter().map(gain).collect();
            line(format!("{name}, quality {quality}"), one, gains);
        }
    }
    for (rival, each) in rivals {
        for (setting, one) in rival.settings().iter().zip(each) {
            line(format!("{rival}, {setting}"), one, String::new());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn curves_are_read_between_their_points_alone() {
        let at = |bits_per_pixel, psnr| Distortion { bits_per_pixel, psnr, similarity: 1.0 };
        let curve = [at(0.25, 20.0), at(1.0, 30.0), at(4.0, 50.0)];
        assert_eq!(interpolated(&curve, 0.5), Some(25.0));
        assert_eq!(interpolated(&curve, 4.0), Some(50.0));
        assert_eq!([0.2, 4.1, f64::NAN].map(|bits| interpolated(&curve, bits)), [None; 3]);
        assert_eq!(interpolated(&[at(1.0, 30.0), at(1.0, 30.0)], 1.0), None);
    }
}
