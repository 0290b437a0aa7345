//! What a network is made of, as the options `--arch` and `--latent` say it.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// The layers of an encoder, and of the decoder that mirrors it or not.
///
/// As text: `dense:400` is one hidden layer of 400 units each way; `dense` has none; `conv:32,64`
/// has two stages, which halve an image twice. Sizes behind a slash are the decoder's own, from the
/// code outward: `dense:64/32,64`. `flat:64x12` is twelve convolutions of 64 channels, all at half the
/// image's size.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Architecture {
    /// Dense layers of these many units.
    Dense(Sizes),
    /// Stages of these many channels.
    Conv(Sizes),
    /// Convolutions at half the image's size.
    Flat(Flat),
}

/// As many convolutions of as many channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flat {
    /// Of every map between the first and the last.
    pub channels: usize,
    /// Convolutions of encoder and decoder together.
    pub layers: usize,
}

impl Flat {
    /// Convolutions of the encoder, which has the first half of them.
    pub fn encoder(&self) -> usize {
        self.layers / 2
    }

    /// Convolutions of the decoder.
    pub fn decoder(&self) -> usize {
        self.layers - self.encoder()
    }

    fn parse(text: &str) -> Option<Self> {
        let (channels, layers) = text.split_once('x')?;
        let flat = Self { channels: channels.parse().ok()?, layers: layers.parse().ok()? };
        (flat.channels > 0 && flat.layers >= 2).then_some(flat)
    }
}

impl Architecture {
    /// How often an image is halved on the way to its map of features; `None` for dense layers, which
    /// have none.
    pub fn halvings(&self) -> Option<usize> {
        match self {
            Self::Dense(_) => None,
            Self::Conv(sizes) => Some(sizes.encoder.len()),
            Self::Flat(_) => Some(1),
        }
    }

    /// Channels of the last map of an encoder; `None` where there is no map, or no stage.
    pub fn features(&self) -> Option<usize> {
        match self {
            Self::Dense(_) => None,
            Self::Conv(sizes) => sizes.encoder.last().copied(),
            Self::Flat(flat) => Some(flat.channels),
        }
    }
}

/// The sizes of hidden layers, or the channels of stages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// From the images inward.
    pub encoder: Vec<usize>,
    /// From the code outward.
    pub decoder: Vec<usize>,
}

impl Sizes {
    /// An encoder of these sizes, and a decoder of the same in reverse.
    pub fn mirrored(encoder: Vec<usize>) -> Self {
        let decoder = encoder.iter().rev().copied().collect();
        Self { encoder, decoder }
    }

    /// Whether the decoder's are the encoder's in reverse.
    pub fn is_mirrored(&self) -> bool {
        self.encoder.iter().rev().eq(&self.decoder)
    }

    fn parse(text: &str) -> Option<Self> {
        let list = |part: &str| -> Option<Vec<usize>> {
            part.split(',').map(|size| size.parse().ok().filter(|size| *size > 0)).collect()
        };
        match text.split_once('/') {
            Some((encoder, decoder)) => {
                Some(Self { encoder: list(encoder)?, decoder: list(decoder)? })
            }
            None => Some(Self::mirrored(list(text)?)),
        }
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join =
            |sizes: &[usize]| sizes.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
        f.write_str(&join(&self.encoder))?;
        if !self.is_mirrored() {
            write!(f, "/{}", join(&self.decoder))?;
        }
        Ok(())
    }
}

/// More units or channels than this are a typing error.
const LARGEST_SIZE: usize = 1 << 20;
/// More layers than this, of encoder or decoder, do not train, and make a graph without an end.
const MOST_LAYERS: usize = 256;
/// An image of 16384 pixels can be halved this often.
const MOST_STAGES: usize = 14;

impl FromStr for Architecture {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = |what: &str| {
            let forms = "write dense:400, dense:64/32,64 (encoder/decoder), dense, conv:32,64 or flat:64x12";
            Err(Error::option("--arch", format!("`{text}` {what}; {forms}")))
        };
        let (kind, sizes) = text.split_once(':').unwrap_or((text, ""));
        if kind == "flat" {
            return match Flat::parse(sizes) {
                None => refuse("is no number of channels and of two layers or more"),
                Some(flat) if flat.channels > LARGEST_SIZE => {
                    refuse("has more than 1048576 channels")
                }
                Some(flat) if flat.layers > MOST_LAYERS => refuse("has more than 256 layers"),
                Some(flat) => Ok(Self::Flat(flat)),
            };
        }
        let sizes = match (kind, sizes) {
            ("dense", "") if !text.contains(':') => Some(Sizes::mirrored(vec![])),
            _ => Sizes::parse(sizes),
        };
        let Some(sizes) = sizes else {
            return refuse("has a size that is not a whole number above 0");
        };
        if sizes.encoder.iter().chain(&sizes.decoder).any(|size| *size > LARGEST_SIZE) {
            return refuse("has a layer of more than 1048576 units");
        }
        match kind {
            "dense" if sizes.encoder.len().max(sizes.decoder.len()) > MOST_LAYERS => {
                refuse("has more than 256 layers")
            }
            "dense" => Ok(Self::Dense(sizes)),
            "conv" if sizes.encoder.len() != sizes.decoder.len() => {
                refuse("has decoder stages that do not undo the encoder's")
            }
            "conv" if sizes.encoder.len() > MOST_STAGES => refuse("has more than 14 stages"),
            "conv" => Ok(Self::Conv(sizes)),
            _ => refuse("is no architecture"),
        }
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dense(sizes) if sizes.encoder.is_empty() && sizes.decoder.is_empty() => {
                f.write_str("dense")
            }
            Self::Dense(sizes) => write!(f, "dense:{sizes}"),
            Self::Conv(sizes) => write!(f, "conv:{sizes}"),
            Self::Flat(Flat { channels, layers }) => write!(f, "flat:{channels}x{layers}"),
        }
    }
}

impl TryFrom<String> for Architecture {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Architecture> for String {
    fn from(architecture: Architecture) -> Self {
        architecture.to_string()
    }
}

/// The form of a code. As text: `32` numbers, or `map`, the last feature map itself, or `map:8`, a
/// map of 8 channels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum CodeForm {
    /// This many numbers, from a dense layer.
    Vector(usize),
    /// The map of features that the last stage gives.
    Features,
    /// A map of this many channels, from a 1x1 convolution.
    Map(usize),
}

impl FromStr for CodeForm {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let size = |text: &str| text.parse().ok().filter(|size| (1..=LARGEST_SIZE).contains(size));
        let form = match text.strip_prefix("map") {
            Some("") => Some(Self::Features),
            Some(rest) => rest.strip_prefix(':').and_then(size).map(Self::Map),
            None => size(text).map(Self::Vector),
        };
        form.ok_or_else(|| {
            let what = "is no size of a code; write a number such as 32, map, or map:8";
            Error::option("--latent", format!("`{text}` {what}"))
        })
    }
}

impl fmt::Display for CodeForm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vector(size) => write!(f, "{size}"),
            Self::Features => f.write_str("map"),
            Self::Map(channels) => write!(f, "map:{channels}"),
        }
    }
}

impl TryFrom<String> for CodeForm {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<CodeForm> for String {
    fn from(form: CodeForm) -> Self {
        form.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_parsed_is_printed() {
        let right =
            ["dense", "dense:400", "dense:64/32,64", "conv:32,64", "conv:8,16/16,4", "flat:64x12"];
        for text in right {
            assert_eq!(text.parse::<Architecture>().expect(text).to_string(), text);
        }
        assert_eq!("conv:4,8/8,4".parse::<Architecture>().expect("right").to_string(), "conv:4,8");
        for text in ["20", "map", "map:8"] {
            assert_eq!(text.parse::<CodeForm>().expect(text).to_string(), text);
        }
    }

    #[test]
    fn wrong_text_is_refused_with_the_forms() {
        let wrong =
            ["", "dens:4", "dense:", "dense:0", "dense:4,", "conv", "conv:3/3,3", "conv:-1"];
        let large = [
            "dense:99999999",
            "conv:1,1,1,1,1,1,1,1,1,1,1,1,1,1,1",
            "flat:8x257",
            "flat:99999999x2",
        ];
        let flat = ["flat", "flat:", "flat:64", "flat:0x4", "flat:4x1", "flat:4x4x4"];
        for text in wrong.iter().chain(&large).chain(&flat) {
            let error = text.parse::<Architecture>().expect_err(text).to_string();
            assert!(error.starts_with("--arch: ") && error.contains("conv:32,64"), "{error}");
        }
        let deep = format!("dense:1{}", ",1".repeat(MOST_LAYERS));
        let error = deep.parse::<Architecture>().expect_err("too deep").to_string();
        assert!(error.contains("more than 256 layers"), "{error}");
        for text in ["", "0", "map:", "map:0", "maps", "-3", "3.5"] {
            let error = text.parse::<CodeForm>().expect_err(text).to_string();
            assert!(error.starts_with("--latent: "), "{error}");
        }
    }
}
