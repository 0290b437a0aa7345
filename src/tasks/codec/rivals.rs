//! Other formats of compressed pictures, to compare with: JPEG, and those whose programs are installed.

use std::fmt;
use std::path::Path;
use std::process::Command;

use image::ImageFormat;
use jpeg_encoder::{ChromaSubsamplingMethod, ColorType, Encoder, SamplingFactor};
use rayon::prelude::*;

use super::rate_distortion::Distortion;
use crate::data::ImageShape;
use crate::error::{Error, Result};
use crate::tasks::raster::Raster;

/// A format of compressed pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rival {
    /// JPEG of a quality from 1 to 100, as `cjpeg -optimize` makes it: colours have half the resolution, tables are those
    /// of each picture. Colours come one after another besides, which saves up to 4%.
    Jpeg,
    /// WebP of a quality from 0 to 100, by `cwebp -m 6` and `dwebp`.
    WebP,
    /// AVIF of a level from 63, the smallest files, to 0, by `avifenc` and `avifdec`.
    Avif,
    /// JPEG XL of a quality from 1 to 99, by `cjxl` and `djxl`.
    JpegXl,
}

impl Rival {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Jpeg, Self::WebP, Self::Avif, Self::JpegXl];

    /// Settings from small files to good pictures.
    pub fn settings(self) -> &'static [u8] {
        match self {
            Self::Jpeg => &[2, 5, 8, 12, 18, 25, 35, 45, 55, 65, 75, 85, 95],
            Self::WebP => &[1, 10, 25, 40, 55, 70, 80, 88, 94],
            Self::Avif => &[58, 50, 43, 37, 31, 25, 19, 13],
            Self::JpegXl => &[15, 30, 45, 60, 70, 80, 86, 91, 95],
        }
    }

    /// The programs that make a file and read it, and its ending; none for what this program makes by itself.
    fn programs(self) -> Option<[&'static str; 3]> {
        match self {
            Self::Jpeg => None,
            Self::WebP => Some(["cwebp", "dwebp", "webp"]),
            Self::Avif => Some(["avifenc", "avifdec", "avif"]),
            Self::JpegXl => Some(["cjxl", "djxl", "jxl"]),
        }
    }

    /// Whether it can be measured here.
    pub fn is_there(self) -> bool {
        let starts = |program: &str| Command::new(program).arg("--version").output().is_ok();
        self.programs().is_none_or(|[encoder, decoder, _]| starts(encoder) && starts(decoder))
    }

    /// What it makes of `pictures` by a setting: means over them.
    ///
    /// # Errors
    /// When a picture is too large for it, or a program fails.
    pub fn measure(self, pictures: &[Raster], setting: u8) -> Result<Distortion> {
        let of = |picture: &Raster| match self.programs() {
            None => as_jpeg(picture, setting),
            Some(programs) => self.by_programs(programs, picture, setting),
        };
        let measured: Result<Vec<Distortion>> = pictures.par_iter().map(of).collect();
        Ok(Distortion::mean(&measured?))
    }

    fn by_programs(
        self,
        [encoder, decoder, ending]: [&str; 3],
        picture: &Raster,
        setting: u8,
    ) -> Result<Distortion> {
        let failed = |error: std::io::Error| {
            Error::file(std::env::temp_dir(), format!("cannot hold files for comparison: {error}"))
        };
        let folder = tempfile::tempdir().map_err(failed)?;
        let at = |name: &str| folder.path().join(name);
        let (from, file, to) = (at("from.png"), at(&format!("coded.{ending}")), at("to.png"));
        picture.save(&from)?;
        let mut command = Command::new(encoder);
        match self {
            Self::Jpeg => {}
            Self::WebP => {
                command.args(["-quiet", "-m", "6", "-q", &setting.to_string()]);
                command.arg(&from).arg("-o").arg(&file);
            }
            Self::Avif => {
                let level = format!("cq-level={setting}");
                command.args(["--min", "0", "--max", "63", "-a", "end-usage=q", "-a", &level]);
                command.arg(&from).arg(&file);
            }
            Self::JpegXl => {
                command.arg(&from).arg(&file).args(["--quiet", "-q", &setting.to_string()]);
            }
        }
        run(command, encoder)?;
        let mut command = Command::new(decoder);
        match self {
            Self::WebP => command.arg("-quiet").arg(&file).arg("-o").arg(&to),
            _ => command.arg(&file).arg(&to),
        };
        run(command, decoder)?;
        let bytes = std::fs::metadata(&file).map_err(failed)?.len() as usize;
        let back = Raster::read(&to)?;
        let back = if picture.shape.channels == 1 { back.to_gray() } else { back.to_colour() };
        if back.shape != picture.shape {
            let what = format!("gave {} back for {}", back.shape, picture.shape);
            return Err(Error::file(Path::new(decoder), what));
        }
        Ok(Distortion::of(picture, &back, bytes))
    }
}

impl fmt::Display for Rival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jpeg => "JPEG",
            Self::WebP => "WebP",
            Self::Avif => "AVIF",
            Self::JpegXl => "JPEG XL",
        })
    }
}

fn run(mut command: Command, name: &str) -> Result<()> {
    let failed = |what: String| Error::file(Path::new(name), format!("failed: {what}"));
    let output = command.output().map_err(|error| failed(error.to_string()))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned())),
    }
}

fn as_jpeg(picture: &Raster, quality: u8) -> Result<Distortion> {
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
    let bytes = encoded(true)?.len();
    let decoded = image::load_from_memory_with_format(&encoded(false)?, ImageFormat::Jpeg)
        .map_err(|error| failed(error.to_string()))?;
    let decoded = match channels {
        1 => decoded.into_luma8().into_raw(),
        _ => {
            let interleaved = decoded.into_rgb8().into_raw();
            (0..3).flat_map(|from| interleaved.iter().skip(from).step_by(3).copied()).collect()
        }
    };
    Ok(Distortion::of(picture, &Raster { shape: picture.shape, pixels: decoded }, bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finer_settings_take_more_bits_and_come_nearer() {
        let shape = ImageShape { channels: 3, height: 48, width: 64 };
        let pixels = (0..shape.elements()).map(|place| (place * place % 251) as u8).collect();
        let picture = [Raster { shape, pixels }];
        // Others are there where somebody has installed them.
        for rival in Rival::ALL.into_iter().filter(|rival| rival.is_there()) {
            let settings = rival.settings();
            let [coarse, fine] = [settings[0], settings[settings.len() - 1]]
                .map(|setting| rival.measure(&picture, setting).unwrap_or_else(|e| panic!("{e}")));
            assert!(coarse.bits_per_pixel < fine.bits_per_pixel, "{rival}: {coarse:?}, {fine:?}");
            assert!(coarse.psnr < fine.psnr, "{rival}: {coarse:?}, {fine:?}");
            assert!(coarse.similarity < fine.similarity, "{rival}: {coarse:?}, {fine:?}");
        }
    }
}
