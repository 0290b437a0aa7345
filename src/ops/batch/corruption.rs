//! The ways of corrupting images, as the `--noise` option names them.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::ops::window::{blur, jpeg};

/// A way of corrupting images. Parsed from the value of `--noise`, and printed the same way.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Corruption {
    /// `gaussian:DEVIATION`: normal noise added to each element, the sum clipped to [0, 1].
    Gaussian {
        /// Its standard deviation, above 0 up to 2.
        deviation: f32,
    },
    /// `gaussian:LEAST-MOST`: the same with a deviation drawn anew for each image, evenly from a
    /// range, for models that are not told how much noise there is.
    #[serde(rename = "gaussian-range")]
    GaussianRange {
        /// The least standard deviation, 0 or more.
        least: f32,
        /// The greatest, above it up to 2.
        most: f32,
    },
    /// `salt-pepper:SHARE`: pixels made black or white, each as often, in all their channels.
    #[serde(rename = "salt-pepper")]
    SaltAndPepper {
        /// The probability of either, between 0 and 1.
        share: f32,
    },
    /// `mask:SHARE`: pixels set to 0, in all their channels.
    Mask {
        /// With this probability, between 0 and 1.
        share: f32,
    },
    /// `rectangles:SHARE`: a rectangle an image set to 0, in all channels, anywhere inside.
    Rectangles {
        /// The share of the image's area that it covers, between 0 and 1, but for rounding its
        /// sides to whole pixels.
        share: f32,
    },
    /// `blur:DEVIATION`: a Gaussian blur that continues the image's edge pixels outwards.
    Blur {
        /// Its standard deviation in pixels, above 0 up to 16.
        deviation: f32,
    },
    /// `jpeg:QUALITY` or `jpeg:LEAST-MOST`: what a JPEG leaves of the image, by a quality drawn for each from
    /// a range.
    Jpeg {
        /// The least quality, from 1 to 100.
        least: u32,
        /// The greatest.
        most: u32,
    },
    /// `haze:TRANSMISSION`: `x t + a (1 - t)` (Koschmieder, 1924), the airlight `a` drawn for each
    /// image from [0.8, 1).
    Haze {
        /// What is left of the image, between 0 and 1.
        transmission: f32,
    },
}

/// Between 0 and 1 but neither: the neighbours of both.
const SHARES: RangeInclusive<f32> = f32::MIN_POSITIVE..=1.0_f32.next_down();

/// What a haze lets through where no number is given.
const USUAL_TRANSMISSION: f32 = 0.5;

const CHOICES: &str = "gaussian:DEVIATION or gaussian:LEAST-MOST (above 0, up to 2), salt-pepper:SHARE, mask:SHARE, \
    rectangles:SHARE (between 0 and 1), blur:DEVIATION (pixels, above 0, up to 16), \
    jpeg:QUALITY or jpeg:LEAST-MOST (whole numbers from 1 to 100) or haze:TRANSMISSION (between 0 and 1; haze alone is haze:0.5)";

impl Corruption {
    /// Refuses an amount that is out of its range.
    ///
    /// # Errors
    /// With the kinds and the range of each one's amount.
    pub fn check(&self) -> Result<()> {
        let (_, amount) = self.parts();
        if let Self::GaussianRange { least, most } = *self
            && !(0.0..most).contains(&least)
        {
            return Err(refused(format!("`{self}` is no range of deviations")));
        }
        if let Self::Jpeg { least, most } = *self
            && !(1..=most).contains(&least)
        {
            return Err(refused(format!("`{self}` is no range of qualities")));
        }
        let range = match self {
            Self::Gaussian { .. } | Self::GaussianRange { .. } => f32::MIN_POSITIVE..=2.0,
            Self::Blur { .. } => f32::MIN_POSITIVE..=blur::MAX_DEVIATION,
            Self::Jpeg { .. } => 1.0..=jpeg::MOST_QUALITY as f32,
            _ => SHARES,
        };
        match range.contains(&amount) {
            true => Ok(()),
            false => Err(refused(format!("`{self}` is out of range"))),
        }
    }

    /// Refuses what makes pixels black or white, for numbers that have neither.
    ///
    /// # Errors
    /// When it does.
    pub fn check_numbers(&self) -> Result<()> {
        match self {
            Self::SaltAndPepper { .. } | Self::Haze { .. } | Self::Jpeg { .. } => {
                let what = if matches!(self, Self::Jpeg { .. }) {
                    "is of pixels between black and white"
                } else {
                    "makes pixels black or white"
                };
                let what = format!(
                    "`{self}` {what}, and standardised numbers have neither; give \
                     gaussian, mask, rectangles or blur, or --range"
                );
                Err(Error::option("--noise", what))
            }
            _ => Ok(()),
        }
    }

    /// Whether anything about it is drawn.
    pub fn is_drawn(&self) -> bool {
        match self {
            Self::Blur { .. } => false,
            Self::Jpeg { least, most } => least != most,
            _ => true,
        }
    }

    /// The least and the greatest standard deviation of normal noise; `None` of what is none.
    pub fn deviations(&self) -> Option<[f32; 2]> {
        match *self {
            Self::Gaussian { deviation } => Some([deviation; 2]),
            Self::GaussianRange { least, most } => Some([least, most]),
            _ => None,
        }
    }

    /// The kind's name and its amount.
    fn parts(&self) -> (&'static str, f32) {
        match *self {
            Self::Gaussian { deviation } => ("gaussian", deviation),
            Self::GaussianRange { most, .. } => ("gaussian", most),
            Self::SaltAndPepper { share } => ("salt-pepper", share),
            Self::Mask { share } => ("mask", share),
            Self::Rectangles { share } => ("rectangles", share),
            Self::Blur { deviation } => ("blur", deviation),
            Self::Jpeg { most, .. } => ("jpeg", most as f32),
            Self::Haze { transmission } => ("haze", transmission),
        }
    }
}

fn refused(what: String) -> Error {
    Error::option("--noise", format!("{what}; give {CHOICES}"))
}

impl FromStr for Corruption {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text == "haze" {
            return Ok(Self::Haze { transmission: USUAL_TRANSMISSION });
        }
        let Some((kind, amount)) = text.split_once(':') else {
            return Err(refused(format!("`{text}` lacks a colon and an amount")));
        };
        let range = amount.split_once('-');
        if let ("gaussian", Some((least, most))) = (kind, range) {
            let (Ok(least), Ok(most)) = (least.parse(), most.parse()) else {
                return Err(refused(format!("`{text}`: `{amount}` is no range of numbers")));
            };
            let corruption = Self::GaussianRange { least, most };
            return corruption.check().map(|()| corruption);
        }
        if kind == "jpeg" {
            let (least, most) = range.unwrap_or((amount, amount));
            let (Ok(least), Ok(most)) = (least.parse(), most.parse()) else {
                return Err(refused(format!("`{text}`: `{amount}` is no quality, nor two")));
            };
            let corruption = Self::Jpeg { least, most };
            return corruption.check().map(|()| corruption);
        }
        let amount =
            amount.parse().map_err(|_| refused(format!("`{text}`: `{amount}` is not a number")))?;
        let corruption = match kind {
            "gaussian" => Self::Gaussian { deviation: amount },
            "salt-pepper" => Self::SaltAndPepper { share: amount },
            "mask" => Self::Mask { share: amount },
            "rectangles" => Self::Rectangles { share: amount },
            "blur" => Self::Blur { deviation: amount },
            "haze" => Self::Haze { transmission: amount },
            _ => return Err(refused(format!("`{kind}` is not a kind of noise"))),
        };
        corruption.check()?;
        Ok(corruption)
    }
}

impl fmt::Display for Corruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, amount) = self.parts();
        match *self {
            Self::GaussianRange { least, .. } => return write!(f, "{kind}:{least}-{amount}"),
            Self::Jpeg { least, most } if least != most => {
                return write!(f, "{kind}:{least}-{most}");
            }
            _ => {}
        }
        write!(f, "{kind}:{amount}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: [&str; 12] = [
        "gaussian:0-0.5",
        "gaussian:0.02-0.3",
        "gaussian:0.4",
        "gaussian:2",
        "salt-pepper:0.3",
        "mask:0.5",
        "rectangles:0.25",
        "blur:1.5",
        "blur:16",
        "jpeg:30",
        "jpeg:10-100",
        "haze:0.99",
    ];

    #[test]
    fn what_is_parsed_is_printed() {
        for text in TEXTS {
            let corruption: Corruption = text.parse().expect(text);
            assert_eq!(corruption.to_string(), text);
        }
    }

    #[test]
    fn haze_alone_lets_half_through() {
        assert_eq!("haze".parse::<Corruption>().unwrap().to_string(), "haze:0.5");
    }

    #[test]
    fn what_is_saved_is_loaded() {
        for text in TEXTS {
            let corruption: Corruption = text.parse().expect(text);
            let saved = toml::to_string(&corruption).expect("an enum of numbers");
            let (kind, amount) = text.split_once(':').expect("a kind and an amount");
            let kind =
                if kind == "gaussian" && amount.contains('-') { "gaussian-range" } else { kind };
            assert!(saved.contains(&format!("kind = \"{kind}\"")), "{saved}");
            assert_eq!(toml::from_str::<Corruption>(&saved).expect(&saved), corruption);
        }
    }

    #[test]
    fn errors_list_kinds_and_ranges() {
        let wrong = [
            "",
            "mask",
            "mask:",
            "mask:x",
            "mask:NaN",
            "mask:0",
            "mask:1",
            "mask:-0.5",
            "Mask:0.5",
            "fog:0.5",
            "gaussian:0",
            "gaussian:2.1",
            "gaussian:inf",
            "gaussian:0.3-0.1",
            "gaussian:0.1-2.1",
            "gaussian:0.1-",
            "gaussian:-0.1-0.2",
            "gaussian:NaN-0.2",
            "mask:0.1-0.2",
            "salt-pepper:1",
            "rectangles:1",
            "rectangles:0",
            "blur:0",
            "blur:16.1",
            "jpeg:0",
            "jpeg:101",
            "jpeg:40-10",
            "jpeg:10.5",
            "jpeg:-5",
            "jpeg:",
            "haze:0",
            "haze:1",
            "0.5",
        ];
        for text in wrong {
            let error = text.parse::<Corruption>().expect_err(text).to_string();
            assert!(error.starts_with("--noise: `"), "{error}");
            let (kinds, ranges) = ("salt-pepper:SHARE, mask:SHARE", "up to 16");
            assert!(error.contains(kinds) && error.contains(ranges), "{error}");
        }
    }
}
