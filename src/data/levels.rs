//! Which of a picture's stored values become black and white.

use std::fmt;
use std::str::FromStr;

use image::{DynamicImage, Pixel};

use crate::error::{Error, Result};

/// Below so many of the 256 levels that are left to pictures of more than 8 bits, a word is said.
const FEW_LEVELS: f64 = 64.0;

/// Stored values that become 0 and 255; those in between are placed in proportion, those beyond are
/// brought within. Pictures of 8 bits a channel store 0 to 255, of 16 bits 0 to 65535, and pictures of
/// floating-point numbers what they please.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct StoredRange {
    low: f64,
    high: f64,
}

impl StoredRange {
    /// The range from `low` to `high`.
    ///
    /// # Errors
    /// When they are no finite numbers, or `low` is not below `high`.
    pub fn new(low: f64, high: f64) -> Result<Self> {
        match low.is_finite() && high.is_finite() && low < high {
            true => Ok(Self { low, high }),
            false => {
                let what = format!("`{low}-{high}`: the first number must be below the second");
                Err(Error::option("--range", what))
            }
        }
    }

    /// The value that lies at this share of it, in units of `most`, the greatest that can be stored.
    pub(crate) fn stored(self, share: f32, most: f32) -> f32 {
        (self.low + f64::from(share) * (self.high - self.low)) as f32 / most
    }

    /// Whether all of it can be stored in numbers from 0 to `most`.
    pub(crate) fn fits(self, most: f32) -> bool {
        self.low >= 0.0 && self.high <= f64::from(most)
    }

    /// The value as 16 bits.
    pub(super) fn word(self, value: f64) -> u16 {
        (65535.0 * self.share(value)).round() as u16
    }

    /// Where a value lies in it, from 0 to 1.
    pub(super) fn share(self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low);
        // Zero for what is no number.
        if share > 0.0 { share.min(1.0) } else { 0.0 }
    }
}

impl FromStr for StoredRange {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        // The first may have a sign and an exponent of its own.
        let parsed = text.match_indices('-').find_map(|(place, _)| {
            Some((text[..place].parse().ok()?, text[place + 1..].parse().ok()?))
        });
        match parsed {
            Some((low, high)) => Self::new(low, high),
            None => {
                let what = format!("`{text}` is not two stored values, such as 0-4095");
                Err(Error::option("--range", what))
            }
        }
    }
}

impl TryFrom<String> for StoredRange {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<StoredRange> for String {
    fn from(range: StoredRange) -> Self {
        range.to_string()
    }
}

impl fmt::Display for StoredRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.low, self.high)
    }
}

/// Spreads the colours of a picture over all values that it could store; opacity stays.
pub(super) fn spread(image: &mut DynamicImage, range: StoredRange) {
    let byte = |value: u8| (255.0 * range.share(value.into())).round() as u8;
    let word = |value: u16| range.word(value.into());
    let number = |value: f32| range.share(value.into()) as f32;
    /// Applies `$change` to each colour of each pixel.
    macro_rules! change {
        ($buffer:expr, $change:expr) => {
            $buffer.pixels_mut().for_each(|pixel| pixel.apply_with_alpha($change, |alpha| alpha))
        };
    }
    match image {
        DynamicImage::ImageLuma8(buffer) => change!(buffer, byte),
        DynamicImage::ImageLumaA8(buffer) => change!(buffer, byte),
        DynamicImage::ImageRgb8(buffer) => change!(buffer, byte),
        DynamicImage::ImageRgba8(buffer) => change!(buffer, byte),
        DynamicImage::ImageLuma16(buffer) => change!(buffer, word),
        DynamicImage::ImageLumaA16(buffer) => change!(buffer, word),
        DynamicImage::ImageRgb16(buffer) => change!(buffer, word),
        DynamicImage::ImageRgba16(buffer) => change!(buffer, word),
        DynamicImage::ImageRgb32F(buffer) => change!(buffer, number),
        DynamicImage::ImageRgba32F(buffer) => change!(buffer, number),
        // The crate may add kinds; its decoders have no others.
        _ => {}
    }
}

/// The least and the greatest stored value of a picture of more than 8 bits a channel.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Extremes {
    low: f64,
    high: f64,
    /// What is black and white unless it is said.
    usual: StoredRange,
}

impl Extremes {
    /// Those of these values.
    pub fn of(values: impl Iterator<Item = f64>, usual: StoredRange) -> Self {
        let least = Self { low: f64::INFINITY, high: f64::NEG_INFINITY, usual };
        values.fold(least, |so_far, value| so_far.with(Self { low: value, high: value, usual }))
    }

    /// Those of both, where they are of one kind.
    pub fn and(self, other: Self) -> Self {
        if self.usual == other.usual { self.with(other) } else { self }
    }

    /// Those of a picture of 16 bits, or of floating-point numbers.
    pub fn of_image(image: &DynamicImage) -> Option<Self> {
        fn of<P: Pixel>(pixels: impl Iterator<Item = P>, colours: usize, most: f64) -> Extremes
        where
            P::Subpixel: Into<f64>,
        {
            let usual = StoredRange { low: 0.0, high: most };
            let least = Extremes::of(std::iter::empty(), usual);
            pixels.fold(least, |so_far, pixel| {
                let colours = pixel.channels()[..colours].iter().map(|value| (*value).into());
                so_far.with(Extremes::of(colours, usual))
            })
        }
        const WORD: f64 = 65535.0;
        match image {
            DynamicImage::ImageLuma16(buffer) => Some(of(buffer.pixels().copied(), 1, WORD)),
            DynamicImage::ImageLumaA16(buffer) => Some(of(buffer.pixels().copied(), 1, WORD)),
            DynamicImage::ImageRgb16(buffer) => Some(of(buffer.pixels().copied(), 3, WORD)),
            DynamicImage::ImageRgba16(buffer) => Some(of(buffer.pixels().copied(), 3, WORD)),
            DynamicImage::ImageRgb32F(buffer) => Some(of(buffer.pixels().copied(), 3, 1.0)),
            DynamicImage::ImageRgba32F(buffer) => Some(of(buffer.pixels().copied(), 3, 1.0)),
            _ => None,
        }
    }

    /// Those of both; what is no number is passed over.
    fn with(self, other: Self) -> Self {
        Self { low: self.low.min(other.low), high: self.high.max(other.high), ..self }
    }

    /// How many of 256 levels are left of them.
    fn levels(self) -> f64 {
        let level = |value| (255.0 * self.usual.share(value)).round();
        level(self.high) - level(self.low) + 1.0
    }
}

/// What is to be said of pictures whose stored values lie in a part of the usual range alone, or
/// beyond it.
pub(super) fn remark(extremes: impl Iterator<Item = Extremes>) -> Option<String> {
    let all: Vec<Extremes> = extremes.collect();
    let usual = all.first()?.usual;
    let alike = || all.iter().filter(|one| one.usual == usual);
    let count = alike().count();
    let whole = alike().fold(all[0], |so_far, one| so_far.with(*one));
    // Of numbers with many digits only those that were stored.
    let (low, high, most) = (whole.low as f32, whole.high as f32, usual.high as f32);
    let (levels, to_do) = (whole.levels(), format!("--range {low}-{high} spreads them over all"));
    if whole.low < usual.low || whole.high > usual.high {
        return Some(format!(
            "{count} pictures hold values from {low} to {high}, of which those beyond 0 to {most} \
             become black or white; {to_do} levels"
        ));
    }
    (whole.low < whole.high && levels < FEW_LEVELS).then(|| {
        format!(
            "{count} pictures hold values from {low} to {high} alone of 0 to {most}, which are \
             {levels} of 256 levels; {to_do}"
        )
    })
}

#[cfg(test)]
mod tests {
    use image::{ImageBuffer, Luma, LumaA};

    use super::*;

    #[test]
    fn a_range_is_parsed_and_printed() {
        for text in ["0-4080", "-1-1", "0.25-0.5", "-2.5--1"] {
            assert_eq!(text.parse::<StoredRange>().expect(text).to_string(), text);
        }
        let small: StoredRange = "1e-3-2".parse().expect("an exponent");
        assert_eq!(small, StoredRange { low: 0.001, high: 2.0 });
        for text in ["", "4", "5-4", "1-1", "a-b", "nan-1", "0-inf", "-"] {
            let error = text.parse::<StoredRange>().expect_err(text).to_string();
            assert!(error.starts_with("--range: "), "{error}");
        }
    }

    #[test]
    fn colours_are_spread_and_opacity_stays() {
        let range = StoredRange::new(100.0, 300.0).expect("a range");
        let pixels = [0, 1000, 100, 1, 200, 7, 300, 65535, 400, 5].to_vec();
        let buffer = ImageBuffer::<LumaA<u16>, _>::from_raw(5, 1, pixels).expect("five pixels");
        let mut image = DynamicImage::ImageLumaA16(buffer);
        spread(&mut image, range);
        let expected = [0, 1000, 0, 1, 32768, 7, 65535, 65535, 65535, 5];
        assert_eq!(image.as_luma_alpha16().expect("as before").as_raw()[..], expected);
    }

    #[test]
    fn few_levels_are_spoken_of() {
        let picture = |values: [u16; 2]| {
            let buffer = ImageBuffer::<Luma<u16>, _>::from_raw(2, 1, values.to_vec());
            let image = DynamicImage::ImageLuma16(buffer.expect("two pixels"));
            Extremes::of_image(&image).expect("16 bits")
        };
        let said = |pictures: &[[u16; 2]]| remark(pictures.iter().copied().map(picture));
        let text = said(&[[0, 4000], [80, 4080]]).expect("17 levels");
        assert!(text.contains("17 of 256 levels; --range 0-4080 "), "{text}");
        assert_eq!(said(&[[0, 4000], [0, 65535]]), None);
        assert_eq!(said(&[[7, 7]]), None);
        assert_eq!(said(&[]), None);
        assert!(Extremes::of_image(&DynamicImage::new_luma8(2, 2)).is_none());
    }

    #[test]
    fn numbers_beyond_black_and_white_are_spoken_of() {
        let usual = StoredRange::new(0.0, 1.0).expect("a range");
        let said = |values: [f64; 3]| remark([Extremes::of(values.into_iter(), usual)].into_iter());
        assert_eq!(said([0.0, f64::NAN, 1.0]), None);
        let text = said([-0.5, 2.0, f64::NAN]).expect("beyond");
        assert!(text.contains("--range -0.5-2 "), "{text}");
    }
}
