//! Images that lack pixels: what is seen of each is known, pixel by pixel.
//!
//! Whether a pixel is seen is stored as one channel more after the image's own: 255 where it is, 0
//! where it is missing. The colours of missing pixels are 0, so nothing of them can leak into what
//! is learned.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;

use rayon::prelude::*;

use super::dataset::{Dataset, Images};
use super::load_options::LoadOptions;
use super::order::below;
use super::picture;
use super::stored::{Mask, conceal};
use crate::error::{Error, Result};
use crate::rng::{self, Seed, stream};
use crate::shape::{Element, ImageShape, MAX_BYTES, MAX_SIDE};
use crate::tensor::Tensor;

const SEEN: u8 = 255;
const UNSEEN: u8 = 0;

/// Pixels of a mask image that are darker than this are missing.
const DARK: u8 = 128;

/// Which pixels are missing. Parsed from the value of `--missing`, and printed the same way.
#[derive(Clone, Debug, PartialEq)]
pub enum Missing {
    /// `FILE`: an image of the images' size, dark where pixels are missing. All images lack the same
    /// ones. Transparent parts are white, and so are seen.
    Image(PathBuf),
    /// `random:SHARE`: every image lacks another random choice of its pixels.
    Random {
        /// The share of an image's pixels that is missing, from 0 to below 1.
        share: f32,
    },
}

impl FromStr for Missing {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let share = match (text, text.strip_prefix("random:")) {
            ("", _) => {
                let what = "lacks a value; give a mask image, or random:0.3 for any 30% of pixels";
                return Err(Error::option("--missing", what));
            }
            ("random", _) => "",
            (_, Some(share)) => share,
            (path, None) => return Ok(Self::Image(path.into())),
        };
        let parsed = share.parse().ok().filter(|share| is_share(*share));
        parsed.map(|share| Self::Random { share }).ok_or_else(|| bad_share(text))
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(path) => write!(f, "{}", path.display()),
            Self::Random { share } => write!(f, "random:{share}"),
        }
    }
}

fn is_share(share: f32) -> bool {
    (0.0..1.0).contains(&share)
}

fn bad_share(text: &str) -> Error {
    let what = format!(
        "`{text}` is not random:SHARE with a share from 0 to below 1, such as random:0.3; write a \
         file of that name as ./{text}"
    );
    Error::option("--missing", what)
}

/// The dataset without the pixels that `missing` names, in both its parts. The same seed takes the
/// same pixels at every run.
///
/// # Errors
/// When a mask image cannot be read, is not of the images' size, or leaves no pixel; when a share is
/// not below 1; when the dataset lacks pixels already, is one of pairs, is not of its own shape, or grows too large.
pub fn apply(dataset: Dataset, missing: &Missing, seed: Seed) -> Result<Dataset> {
    if dataset.masked {
        let what = format!("which pixels of `{}` are missing is known already", dataset.name);
        return Err(Error::option("--missing", what));
    }
    if dataset.element == Element::Number {
        let what = "is of pixels; in numbers, NaN says what is missing";
        return Err(Error::option("--missing", what));
    }
    if dataset.paired {
        let what = "has no effect on pairs, whose pictures are whole; leave it out";
        return Err(Error::option("--missing", what));
    }
    let shape = dataset.shape;
    for part in [&dataset.train, &dataset.test] {
        if part.stored.is_none() {
            check_bytes(&shape, part.count)?;
        }
        let are_whole = part.stored.is_some() || part.pixels.len() == part.count * shape.elements();
        if shape.elements() == 0 || !are_whole {
            let what = format!("the pixels of `{}` are not whole images of {shape}", dataset.name);
            return Err(Error::option("--missing", what));
        }
    }
    // The held-out images come first: how many there are does not depend on --limit.
    let (held_out, first_trained) = (0, dataset.test.count);
    let mask: Mask = match missing {
        Missing::Image(path) => {
            let mask = read_mask(path, &shape)?;
            Arc::new(move |_, seen: &mut [u8]| seen.copy_from_slice(&mask))
        }
        Missing::Random { share } if is_share(*share) => {
            let share = *share;
            Arc::new(move |image, seen: &mut [u8]| draw_mask(seen, share, seed, image))
        }
        Missing::Random { .. } => return Err(bad_share(&missing.to_string())),
    };
    let train = hide(dataset.train, &shape, first_trained, &mask);
    let test = hide(dataset.test, &shape, held_out, &mask);
    Ok(Dataset { masked: true, train, test, ..dataset })
}

fn check_bytes(shape: &ImageShape, count: usize) -> Result<()> {
    let stored = ImageShape { channels: shape.channels.saturating_add(1), ..*shape };
    match stored.bytes(count) {
        Some(_) => Ok(()),
        None => {
            let what = format!(
                "{count} images of {shape}, and which of their pixels are seen, need more than {} \
                 GiB; give fewer or smaller ones",
                MAX_BYTES >> 30
            );
            Err(Error::option("--missing", what))
        }
    }
}

/// The mask of `shape`'s size that the image at `path` stands for.
fn read_mask(path: &Path, shape: &ImageShape) -> Result<Vec<u8>> {
    if !path.is_file() {
        let what = "there is no such file; give --missing a mask image, or random:0.3";
        return Err(Error::file(path, what));
    }
    let picture = picture::decode(path, &LoadOptions { gray: true, ..LoadOptions::default() })?;
    let (height, width) = (picture.shape.height, picture.shape.width);
    if (height, width) != (shape.height, shape.width) {
        let what = format!(
            "is {width}x{height}, but the images are {}x{}; give a mask of their size",
            shape.width, shape.height
        );
        return Err(Error::file(path, what));
    }
    let seen = |value: &u8| if *value < DARK { UNSEEN } else { SEEN };
    let mask: Vec<u8> = picture.pixels.iter().map(seen).collect();
    if !mask.contains(&SEEN) {
        let what = "is dark all over, so that no pixel would be seen; what is seen is bright";
        return Err(Error::file(path, what));
    }
    Ok(mask)
}

/// Takes `share` of the pixels away, and leaves one at least: any choice of so many is as likely as
/// any other (D. E. Knuth, "The art of computer programming", volume 2, algorithm 3.4.2S).
fn draw_mask(seen: &mut [u8], share: f32, seed: Seed, image: u32) {
    let pixels = seen.len();
    let mut wanted = (f64::from(share) * pixels as f64).round() as u64;
    wanted = wanted.min(pixels.saturating_sub(1) as u64);
    let mut left = pixels as u64;
    // Two draws of 64 bits to a block.
    for (block, pair) in (0..).zip(seen.chunks_mut(2)) {
        let words = rng::block(seed, stream::MISSING, image, block);
        for (seen, words) in pair.iter_mut().zip(words.chunks(2)) {
            let missing = below(left, words[0], words[1]) < wanted;
            *seen = if missing { UNSEEN } else { SEEN };
            wanted -= u64::from(missing);
            left -= 1;
        }
    }
}

/// Adds a channel to each image, as `mask` writes it for the image's number from `first` on, and
/// blackens what is missing; of images that are not in memory, once they are read.
fn hide(mut images: Images, shape: &ImageShape, first: usize, mask: &Mask) -> Images {
    if let Some(stored) = images.stored.take() {
        let stored = Some(stored.hidden(mask.clone(), first as u32));
        return Images { stored, ..images };
    }
    let (elements, plane) = (shape.elements(), shape.height * shape.width);
    let mut pixels = vec![0; images.count * (elements + plane)];
    pixels
        .par_chunks_mut(elements + plane)
        .zip(images.pixels.par_chunks(elements))
        .enumerate()
        .for_each(|(index, (stored, image))| {
            let (colours, seen) = stored.split_at_mut(elements);
            mask((first + index) as u32, seen);
            colours.copy_from_slice(image);
            conceal(colours, seen);
        });
    Images { pixels, ..images }
}

/// Images that may lack pixels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MaskedImages {
    /// The images, with the channel that says what is seen.
    pub images: Images,
    /// The shape of each, without that channel.
    pub shape: ImageShape,
    /// Whether any pixel is missing.
    pub any_missing: bool,
}

/// Images of a tensor `[count, channels, height, width]` with numbers in [0, 1], rounded to bytes. A
/// pixel is missing where any of its channels is NaN. There are no labels.
///
/// # Errors
/// When the tensor has other axes, an axis is 0 or too large, a number lies outside [0, 1], or an
/// image has no pixel that is seen.
pub fn from_tensor(images: &Tensor) -> Result<MaskedImages> {
    let refuse = |what: &str| Err(Error::shape("images", what, &[images.shape()]));
    let [count, channels, height, width] = images.shape()[..] else {
        return refuse("must be [count, channels, height, width]");
    };
    if images.data().is_empty() {
        return refuse("no axis may be empty");
    }
    if height.max(width) > MAX_SIDE {
        return refuse(&format!("images have at most {MAX_SIDE} pixels a side"));
    }
    let shape = ImageShape { channels, height, width };
    check_bytes(&shape, count)?;
    let plane = height * width;
    let mut pixels = vec![0; count * (shape.elements() + plane)];
    pixels
        .par_chunks_mut(shape.elements() + plane)
        .zip(images.data().par_chunks(shape.elements()))
        .enumerate()
        .map(|(index, (stored, values))| store(stored, values, plane, index))
        .collect::<Vec<Result<()>>>()
        .into_iter()
        // In order, so that of several bad images the same one is named each time.
        .collect::<Result<()>>()?;
    let any_missing = pixels
        .chunks(shape.elements() + plane)
        .any(|image| image[shape.elements()..].contains(&UNSEEN));
    Ok(MaskedImages { images: Images { pixels, count, ..Images::default() }, shape, any_missing })
}

/// Writes image number `index` from its numbers.
fn store(stored: &mut [u8], values: &[f32], plane: usize, index: usize) -> Result<()> {
    if let Some(bad) = values.iter().find(|value| !value.is_nan() && !(0.0..=1.0).contains(*value))
    {
        let what = format!(
            "image {index} (from 0) holds the number {bad}; numbers lie in [0, 1], or are NaN \
             where a pixel is missing"
        );
        return Err(Error::option("images", what));
    }
    let (colours, seen) = stored.split_at_mut(values.len());
    for (place, seen) in seen.iter_mut().enumerate() {
        let missing = values[place..].iter().step_by(plane).any(|value| value.is_nan());
        *seen = if missing { UNSEEN } else { SEEN };
    }
    if !seen.contains(&SEEN) {
        let what = format!("image {index} (from 0) has no pixel that is seen; leave it out");
        return Err(Error::option("images", what));
    }
    for (colours, values) in colours.chunks_mut(plane).zip(values.chunks(plane)) {
        for ((colour, value), seen) in colours.iter_mut().zip(values).zip(&*seen) {
            // NaN becomes 0 in the cast.
            *colour = (value * 255.0).round() as u8 & seen;
        }
    }
    Ok(())
}
