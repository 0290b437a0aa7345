//! A picture as its file stores it: with all its bits, its transparency, its colour profile and what its camera noted.
//!
//! Datasets are bytes; see [`picture`](super::picture). This is for tasks that hand a picture back.

use std::io::BufReader;
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageBuffer, ImageDecoder, ImageReader, Luma};

use super::fault::Fault;
use super::fit::Fit;
use super::input;
use super::load_options::DeepIntake;
use super::opening;
use crate::arithmetic::byte::number_of_byte;
use crate::shape::ImageShape;

/// What red, green and blue weigh in gray, as they do in a dataset (Rec. 709).
const GRAY: [f32; 3] = [0.2126, 0.7152, 0.0722];

/// What a file says of its picture before a pixel is decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Form {
    /// Width and height, as they are stored.
    pub size: (u32, u32),
    /// Whether it is stored in colour.
    pub has_colour: bool,
    /// Whether pixels have an opacity.
    pub has_opacity: bool,
    /// Bits of each channel: 8, or 16 where there are more.
    pub bits: u8,
    /// The ICC profile that says what its colours are.
    pub profile: Option<Vec<u8>>,
    /// What a camera noted (EXIF), but for how it was held: pixels are turned by that already.
    pub exif: Option<Vec<u8>>,
}

/// The form of the picture in a file; `None` where it cannot be told, for which whoever decodes the
/// picture has the words.
pub(crate) fn form(path: &Path) -> Option<Form> {
    // The reader would wait for a pipe's writer.
    let (file, _) = input::open(path).ok()?;
    let reader = ImageReader::new(BufReader::new(file)).with_guessed_format().ok()?;
    let mut decoder = reader.into_decoder().ok()?;
    let color = decoder.color_type();
    Some(Form {
        size: decoder.dimensions(),
        has_colour: color.has_color(),
        has_opacity: color.has_alpha(),
        bits: bits(color),
        profile: decoder.icc_profile().ok().flatten(),
        exif: exif(&mut decoder),
    })
}

fn exif(decoder: &mut impl ImageDecoder) -> Option<Vec<u8>> {
    let mut exif = decoder.exif_metadata().ok().flatten()?;
    let _ = Orientation::remove_from_exif_chunk(&mut exif);
    Some(exif)
}

fn bits(color: image::ColorType) -> u8 {
    if color.bytes_per_pixel() > color.channel_count() { 16 } else { 8 }
}

/// A decoded picture with all that its file holds.
pub(crate) struct DeepPicture {
    /// Its size, of one channel or three.
    pub shape: ImageShape,
    /// `[channels, height, width]` in [0, 1], transparent parts laid over white as in a dataset.
    pub numbers: Vec<f32>,
    /// The opacity of each pixel in [0, 1], row by row, where it has one.
    pub opacity: Option<Vec<f32>>,
    /// Its form, as stored.
    pub form: Form,
}

/// Decodes one file as `intake` says; in gray where one channel is asked for.
///
/// # Errors
/// When it cannot be read, or has no pixels.
pub(crate) fn decode(path: &Path, intake: DeepIntake) -> Result<DeepPicture, Fault> {
    let DeepIntake { channels, size, fit, range } = intake;
    let gray = channels == 1;
    let image = opening::open(path, range)?.image;
    if image.width() == 0 || image.height() == 0 {
        return Err(Fault::new(path, "is an image without pixels", "replace or remove it"));
    }
    let color = image.color();
    let stored = form(path);
    let (profile, exif) = stored.map_or((None, None), |form| (form.profile, form.exif));
    let form = Form {
        size: (image.width(), image.height()),
        has_colour: color.has_color(),
        has_opacity: color.has_alpha(),
        bits: bits(color),
        profile,
        exif,
    };
    let size = size.map(|(width, height)| (width as u32, height as u32));
    let size = size.filter(|size| *size != (image.width(), image.height()));
    let size = size.map(|size| (size, fit));
    let opacity = form.has_opacity.then(|| opacity(&image, size));
    // What is laid over white is to be told again from it, to the last of its bits.
    let is_plain = form.bits == 8 && !form.has_opacity;
    let flat = if is_plain { shallow(image, gray, size) } else { deep(&image, gray, size) };
    Ok(DeepPicture { shape: flat.0, numbers: flat.1, opacity, form })
}

/// The channels of each pixel in turn, of whatever type.
enum Samples<'a> {
    Bytes(&'a [u8]),
    Words(&'a [u16]),
    Reals(&'a [f32]),
}

impl<'a> Samples<'a> {
    fn of(image: &'a DynamicImage) -> Self {
        if let Some(samples) = image.as_flat_samples_u8() {
            return Self::Bytes(samples.samples);
        }
        if let Some(samples) = image.as_flat_samples_u16() {
            return Self::Words(samples.samples);
        }
        Self::Reals(image.as_flat_samples_f32().map_or(&[], |samples| samples.samples))
    }

    /// One of them, in [0, 1].
    fn at(&self, index: usize) -> f32 {
        match self {
            Self::Bytes(bytes) => number_of_byte(bytes[index]),
            Self::Words(words) => f32::from(words[index]) / 65_535.0,
            Self::Reals(reals) => within(reals[index]),
        }
    }
}

/// Width and height to bring a picture to, and how.
type Size = ((u32, u32), Fit);

/// A plane of `from`, width and height, brought to `size`, with `around` beside it.
fn resized(plane: Vec<f32>, from: (u32, u32), size: Option<Size>, around: f32) -> Vec<f32> {
    let Some((size, fit)) = size else { return plane };
    let plane = ImageBuffer::<Luma<f32>, _>::from_raw(from.0, from.1, plane)
        .expect("a plane has a number for each pixel");
    fit.bring_plane(&plane, size, around).into_iter().map(within).collect()
}

/// The opacity of each pixel.
fn opacity(image: &DynamicImage, size: Option<Size>) -> Vec<f32> {
    let (samples, from) = (Samples::of(image), (image.width(), image.height()));
    let count = usize::from(image.color().channel_count());
    let pixels = from.0 as usize * from.1 as usize;
    let plane = (0..pixels).map(|pixel| samples.at(pixel * count + count - 1)).collect();
    resized(plane, from, size, 1.0)
}

/// The numbers of an opaque picture of bytes: those that a dataset has of it.
fn shallow(image: DynamicImage, gray: bool, size: Option<Size>) -> (ImageShape, Vec<f32>) {
    let mut flat = match gray || !image.color().has_color() {
        true => DynamicImage::ImageLuma8(image.into_luma8()),
        false => DynamicImage::ImageRgb8(image.into_rgb8()),
    };
    if let Some(((width, height), fit)) = size {
        flat = fit.bring(flat, width, height);
    }
    let (width, height) = (flat.width(), flat.height());
    let (channels, bytes) = match flat {
        DynamicImage::ImageLuma8(gray) => (1, gray.into_raw()),
        flat => (3, flat.into_rgb8().into_raw()),
    };
    let plane = |channel| bytes.iter().skip(channel).step_by(channels);
    let numbers = (0..channels).flat_map(plane).map(|byte| number_of_byte(*byte)).collect();
    (ImageShape { channels, height: height as usize, width: width as usize }, numbers)
}

/// The numbers of a picture of more bits, or with an opacity.
fn deep(image: &DynamicImage, gray: bool, size: Option<Size>) -> (ImageShape, Vec<f32>) {
    let (samples, from) = (Samples::of(image), (image.width(), image.height()));
    let color = image.color();
    let count = usize::from(color.channel_count());
    let pixels = from.0 as usize * from.1 as usize;
    let over_white = |value: f32, pixel: usize| match color.has_alpha() {
        true => {
            let opacity = samples.at(pixel * count + count - 1);
            value * opacity + (1.0 - opacity)
        }
        false => value,
    };
    let of = |channel: usize, pixel: usize| samples.at(pixel * count + channel);
    let plane = |channel: usize| -> Vec<f32> {
        let value = |pixel: usize| match gray && color.has_color() {
            true => (0..3).map(|channel| GRAY[channel] * of(channel, pixel)).sum(),
            false => of(channel, pixel),
        };
        let plane = (0..pixels).map(|pixel| over_white(value(pixel), pixel)).collect();
        resized(plane, from, size, 0.0)
    };
    let channels = if gray || !color.has_color() { 1 } else { 3 };
    let numbers = (0..channels).flat_map(plane).collect();
    let (width, height) = size.map_or(from, |(size, _)| size);
    (ImageShape { channels, height: height as usize, width: width as usize }, numbers)
}

/// A number in [0, 1]; what is no number is 0.
fn within(number: f32) -> f32 {
    if number.is_nan() { 0.0 } else { number.clamp(0.0, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn intake(gray: bool, size: Option<(usize, usize)>) -> DeepIntake {
        DeepIntake { size, ..DeepIntake::of_channels(if gray { 1 } else { 3 }) }
    }

    fn saved(image: &DynamicImage) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a.png");
        image.save(&path).expect("writable");
        (folder, path)
    }

    #[test]
    fn sixteen_bits_stay_apart() {
        let image = ImageBuffer::<Luma<u16>, Vec<u16>>::from_fn(4, 2, |x, y| {
            Luma([40_000 + (x + 4 * y) as u16])
        });
        let (_folder, path) = saved(&DynamicImage::ImageLuma16(image));
        let picture = decode(&path, DeepIntake::of_channels(3)).expect("a picture");
        assert_eq!(picture.shape, ImageShape { channels: 1, height: 2, width: 4 });
        let back = picture.numbers.iter().map(|number| (number * 65_535.0).round() as u32);
        assert_eq!(back.collect::<Vec<_>>(), (40_000..40_008).collect::<Vec<_>>());
        assert_eq!((picture.form.bits, picture.opacity), (16, None));
        let smaller =
            decode(&path, DeepIntake { size: Some((2, 1)), ..DeepIntake::of_channels(3) })
                .expect("a picture");
        assert!(smaller.numbers.iter().all(|number| (number * 65_535.0 - 40_004.0).abs() < 9.0));
    }

    #[test]
    fn numbers_are_those_of_a_dataset_and_opacity_stands_apart() {
        let image = image::RgbaImage::from_fn(5, 3, |x, y| {
            image::Rgba([50 * x as u8, 90 * y as u8, 7, 60 * x as u8])
        });
        let (_folder, path) = saved(&DynamicImage::ImageRgba8(image));
        for (gray, size) in [(false, None), (true, None), (false, Some((4, 4)))] {
            let picture = decode(&path, intake(gray, size)).expect("a picture");
            let options = crate::data::LoadOptions { gray, size, ..Default::default() };
            let same = crate::data::picture::decode(&path, &options).expect("a picture");
            assert_eq!(picture.shape, same.shape);
            let apart = picture.numbers.iter().zip(&same.pixels);
            let apart = apart.map(|(number, byte)| (number * 255.0 - f32::from(*byte)).abs());
            let most = apart.fold(0.0, f32::max);
            assert!(most < 2.0, "{gray} {size:?}: {most}");
            let opacity = picture.opacity.expect("has one");
            assert_eq!(opacity.len(), picture.shape.height * picture.shape.width);
        }
        let opaque = image::open(&path).expect("a picture").to_rgb8();
        let (_other, plain) = saved(&DynamicImage::ImageRgb8(opaque));
        for (gray, size) in [(false, None), (true, None), (false, Some((4, 4)))] {
            let picture = decode(&plain, intake(gray, size)).expect("a picture");
            let options = crate::data::LoadOptions { gray, size, ..Default::default() };
            let same = crate::data::picture::decode(&plain, &options).expect("a picture");
            let bytes = picture.numbers.iter().map(|number| (number * 255.0).round() as u8);
            assert_eq!(bytes.collect::<Vec<_>>(), same.pixels);
        }
        let opacity =
            decode(&path, DeepIntake::of_channels(3)).expect("a picture").opacity.expect("has one");
        assert_eq!(opacity[..5], [0, 60, 120, 180, 240].map(number_of_byte));
        let form = form(&path).expect("a picture");
        assert!(form.has_colour && form.has_opacity && form.bits == 8 && form.profile.is_none());
    }
}
