//! The ways of corrupting images, as the `--noise` option names them.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::amount::Amount;
use crate::error::{Error, Result};
use crate::ops::window::{blur, jpeg};

/// A way of corrupting images, and how much. Parsed from the value of `--noise`, and printed and stored the same way.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "Stored")]
pub struct Corruption {
    /// What is done.
    pub kind: CorruptionKind,
    /// How much, in the kind's own unit.
    pub amount: Amount,
}

/// What is done to images, and what its amount is. Where that is a range, it is drawn anew for each image, evenly,
/// for models that are to know any amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CorruptionKind {
    /// `gaussian:DEVIATION`: normal noise added to each element, the sum clipped to [0, 1]. The standard deviation is
    /// above 0 up to 2.
    Gaussian,
    /// `salt-pepper:SHARE`: pixels made black or white with this probability, each as often, in all their channels.
    SaltAndPepper,
    /// `mask:SHARE`: pixels set to 0 with this probability, in all their channels.
    Mask,
    /// `rectangles:SHARE`: a rectangle an image set to 0, in all channels, anywhere inside. It covers this share of
    /// the image's area, but for rounding its sides to whole pixels, and takes no range.
    Rectangles,
    /// `blur:DEVIATION`: a Gaussian blur that continues the image's edge pixels outwards, of a standard deviation in
    /// pixels above 0 up to 16.
    Blur,
    /// `jpeg:QUALITY`: what a JPEG leaves of the image, by a quality from 1 to 100.
    Jpeg,
    /// `haze:TRANSMISSION`: `x t + a (1 - t)` (Koschmieder, 1924), the airlight `a` drawn for each image from
    /// [0.8, 1); the amount is t, what is left of the image. Of a range, t varies over each image: it is drawn for
    /// each of its corners, and in between them it is bilinear.
    Haze,
    /// `camera:DEVIATION`: noise as cameras have it, most of it from counting light, added to each element and the sum
    /// clipped to [0, 1] (Foi, Trimeche, Katkovnik and Egiazarian: "Practical Poissonian-Gaussian noise modeling and
    /// fitting for single-image raw-data", 2008). It is normal, of a standard deviation `s sqrt((1 + 15 x) / 16)` at
    /// brightness `x`: the amount `s`, above 0 up to 2, at white, and a quarter of it at black.
    Camera,
}

/// Between 0 and 1 but neither: the neighbours of both.
const SHARES: RangeInclusive<f32> = f32::MIN_POSITIVE..=1.0_f32.next_down();

/// What a haze lets through where no number is given.
const USUAL_TRANSMISSION: f32 = 0.5;

const CHOICES: &str = "gaussian:DEVIATION, camera:DEVIATION (above 0, up to 2), salt-pepper:SHARE, mask:SHARE, \
    rectangles:SHARE (between 0 and 1), blur:DEVIATION (pixels, above 0, up to 16), \
    jpeg:QUALITY (a whole number from 1 to 100) or haze:TRANSMISSION (between 0 and 1; haze alone is haze:0.5); \
    all but rectangles take a range as well, as gaussian:0.02-0.2 and jpeg:10-40, of which each image draws";

impl CorruptionKind {
    const ALL: [Self; 8] = [
        Self::Gaussian,
        Self::SaltAndPepper,
        Self::Mask,
        Self::Rectangles,
        Self::Blur,
        Self::Jpeg,
        Self::Haze,
        Self::Camera,
    ];

    /// Its name in `--noise`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gaussian => "gaussian",
            Self::SaltAndPepper => "salt-pepper",
            Self::Mask => "mask",
            Self::Rectangles => "rectangles",
            Self::Blur => "blur",
            Self::Jpeg => "jpeg",
            Self::Haze => "haze",
            Self::Camera => "camera",
        }
    }

    /// Whether it makes pixels black or white, and leaves others as they are.
    pub fn makes_holes(self) -> bool {
        self == Self::SaltAndPepper || self.makes_missing()
    }

    /// Whether what it takes away is missing, and may not be taken for something else.
    pub fn makes_missing(self) -> bool {
        matches!(self, Self::Mask | Self::Rectangles)
    }

    /// From the least amount to the greatest.
    fn bounds(self) -> RangeInclusive<f32> {
        match self {
            Self::Gaussian | Self::Camera => f32::MIN_POSITIVE..=2.0,
            Self::Blur => f32::MIN_POSITIVE..=blur::MAX_DEVIATION,
            Self::Jpeg => 1.0..=jpeg::MOST_QUALITY as f32,
            Self::SaltAndPepper | Self::Mask | Self::Rectangles | Self::Haze => SHARES,
        }
    }

    fn takes_range(self) -> bool {
        self != Self::Rectangles
    }
}

impl Corruption {
    /// As much of a kind: one number, or the least and the greatest. It is checked where it is used.
    pub fn new(kind: CorruptionKind, amount: impl Into<Amount>) -> Self {
        Self { kind, amount: amount.into() }
    }

    /// Refuses an amount that is out of its range.
    ///
    /// # Errors
    /// With the kinds and the range of each one's amount.
    pub fn check(&self) -> Result<()> {
        let (Amount { least, most }, bounds) = (self.amount, self.kind.bounds());
        let is_jpeg = self.kind == CorruptionKind::Jpeg;
        if !bounds.contains(&most) {
            return Err(refused(format!("`{self}` is out of range")));
        }
        if is_jpeg && [least, most].iter().any(|quality| quality.fract() != 0.0) {
            return Err(refused(format!("`{self}` is no quality, nor two")));
        }
        if !self.amount.is_range() {
            return Ok(());
        }
        if !self.kind.takes_range() {
            return Err(refused(format!("`{self}`: {} takes one number", self.kind.name())));
        }
        // A range of other kinds may begin at 0.
        let lowest = if is_jpeg { *bounds.start() } else { 0.0 };
        match (lowest..most).contains(&least) {
            true => Ok(()),
            false => Err(refused(format!("`{self}` is no range from less to more"))),
        }
    }

    /// Refuses what makes pixels black or white, for numbers that have neither.
    ///
    /// # Errors
    /// When it does.
    pub fn check_numbers(&self) -> Result<()> {
        let what = match self.kind {
            CorruptionKind::Jpeg | CorruptionKind::Camera => "is of pixels between black and white",
            CorruptionKind::SaltAndPepper | CorruptionKind::Haze => "makes pixels black or white",
            _ => return Ok(()),
        };
        let what = format!(
            "`{self}` {what}, and standardised numbers have neither; give \
             gaussian, mask, rectangles or blur, or --range"
        );
        Err(Error::option("--noise", what))
    }

    /// Whether anything about it is drawn.
    pub fn is_drawn(&self) -> bool {
        match self.kind {
            CorruptionKind::Blur | CorruptionKind::Jpeg => self.amount.is_range(),
            _ => true,
        }
    }

    /// The standard deviation of normal noise; `None` of what is none.
    pub fn deviation(&self) -> Option<Amount> {
        (self.kind == CorruptionKind::Gaussian).then_some(self.amount)
    }
}

fn refused(what: String) -> Error {
    Error::option("--noise", format!("{what}; give {CHOICES}"))
}

impl FromStr for Corruption {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text == CorruptionKind::Haze.name() {
            return Ok(Self::new(CorruptionKind::Haze, USUAL_TRANSMISSION));
        }
        let Some((name, amount)) = text.split_once(':') else {
            return Err(refused(format!("`{text}` lacks a colon and an amount")));
        };
        let kind = CorruptionKind::ALL.into_iter().find(|kind| kind.name() == name);
        let kind = kind.ok_or_else(|| refused(format!("`{name}` is not a kind of noise")))?;
        let amount: Amount = amount
            .parse()
            .map_err(|()| refused(format!("`{text}`: `{amount}` is not a number, nor two")))?;
        let corruption = Self::new(kind, amount);
        corruption.check().map(|()| corruption)
    }
}

impl fmt::Display for Corruption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind.name(), self.amount)
    }
}

/// As files of runs and models have it.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a kind of noise and its amount, such as gaussian:0.4")]
enum Stored {
    /// As the command line has it.
    Text(String),
    /// As the first versions wrote it: a table of a kind, and its amount under a name of its own, or `least` and
    /// `most`. That of a Gaussian with two was called `gaussian-range`.
    Table {
        kind: String,
        #[serde(flatten)]
        amounts: BTreeMap<String, f32>,
    },
}

impl From<Corruption> for String {
    fn from(corruption: Corruption) -> Self {
        corruption.to_string()
    }
}

impl TryFrom<Stored> for Corruption {
    type Error = Error;

    fn try_from(stored: Stored) -> Result<Self> {
        match stored {
            Stored::Text(text) => text.parse(),
            Stored::Table { kind, amounts } => {
                let kind = kind.strip_suffix("-range").unwrap_or(&kind);
                // By name, and so the least before the most.
                let amounts: Vec<String> = amounts.values().map(f32::to_string).collect();
                format!("{kind}:{}", amounts.join("-")).parse()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXTS: [&str; 18] = [
        "gaussian:0-0.5",
        "gaussian:0.02-0.3",
        "gaussian:0.4",
        "gaussian:2",
        "camera:0.1",
        "camera:0-0.25",
        "salt-pepper:0.3",
        "salt-pepper:0-0.5",
        "mask:0.5",
        "mask:0.001-0.9",
        "rectangles:0.25",
        "blur:1.5",
        "blur:16",
        "blur:0-2.5",
        "jpeg:30",
        "jpeg:10-100",
        "haze:0.99",
        "haze:0.3-0.8",
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

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct File {
        noise: Corruption,
    }

    #[test]
    fn what_is_saved_is_loaded() {
        for text in TEXTS {
            let file = File { noise: text.parse().expect(text) };
            let saved = toml::to_string(&file).expect("a text");
            assert_eq!(saved, format!("noise = \"{text}\"\n"));
            assert_eq!(toml::from_str::<File>(&saved).expect(&saved), file);
        }
    }

    #[test]
    fn tables_of_the_first_versions_are_read() {
        for (table, text) in [
            ("kind = \"gaussian\"\ndeviation = 0.4", "gaussian:0.4"),
            ("kind = \"gaussian-range\"\nleast = 0.02\nmost = 0.3", "gaussian:0.02-0.3"),
            ("kind = \"salt-pepper\"\nshare = 0.3", "salt-pepper:0.3"),
            ("kind = \"mask\"\nshare = 0.5", "mask:0.5"),
            ("kind = \"rectangles\"\nshare = 0.25", "rectangles:0.25"),
            ("kind = \"blur\"\ndeviation = 1.5", "blur:1.5"),
            ("kind = \"jpeg\"\nleast = 10\nmost = 40", "jpeg:10-40"),
            ("kind = \"jpeg\"\nleast = 30\nmost = 30", "jpeg:30"),
            ("kind = \"haze\"\ntransmission = 0.5", "haze:0.5"),
        ] {
            let file: File = toml::from_str(&format!("[noise]\n{table}\n")).expect(table);
            assert_eq!(file.noise.to_string(), text);
        }
        for (wrong, said) in [
            ("[noise]\nkind = \"blur\"\ndeviation = 99.0", "`blur:99` is out of range"),
            ("[noise]\nkind = \"blur\"", "`blur:`: `` is not a number"),
            ("noise = \"fog:1\"", "`fog` is not a kind"),
            ("noise = 0.5", "such as gaussian:0.4"),
        ] {
            let error = toml::from_str::<File>(wrong).expect_err(wrong).to_string();
            assert!(error.contains(said), "{error}");
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
            "mask:0.2-0.1",
            "mask:0.2-1",
            "mask:-0.1-0.1",
            "blur:1-17",
            "blur:NaN-1",
            "rectangles:0.1-0.2",
            "haze:0.2-0.1",
            "haze:0.2-1",
            "jpeg:0-10",
            "jpeg:1.5-10",
            "salt-pepper:1",
            "rectangles:1",
            "rectangles:0",
            "blur:0",
            "blur:16.1",
            "camera:0",
            "camera:2.1",
            "camera:0.2-0.1",
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
