//! What a network is made of, as the options `--arch` and `--latent` say it.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Result};

/// The layers of an encoder, and of the decoder that mirrors it or not.
///
/// As text: `dense:400` is one hidden layer of 400 units each way; `dense` has none; `conv:32,64`
/// has two stages, which halve an image twice. Sizes behind a slash are the decoder's own, from the
/// code outward: `dense:64/32,64`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Architecture {
    /// Dense layers of these many units.
    Dense(Sizes),
    /// Stages of these many channels.
    Conv(Sizes),
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
            let forms = "write dense:400, dense:64/32,64 (encoder/decoder), dense or conv:32,64";
            Err(Error::option("--arch", format!("`{text}` {what}; {forms}")))
        };
        let (kind, sizes) = text.split_once(':').unwrap_or((text, ""));
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
        for text in ["dense", "dense:400", "dense:64/32,64", "conv:32,64", "conv:8,16/16,4"] {
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
        for text in wrong.iter().chain(&["dense:99999999", "conv:1,1,1,1,1,1,1,1,1,1,1,1,1,1,1"]) {
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
