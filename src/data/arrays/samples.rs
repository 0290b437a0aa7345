//! Samples out of an array: which of its axes are what.

use std::path::Path;

use crate::error::{Error, Result};
use crate::file::npy::{Array, Family, Numbers};
use crate::shape::{ImageShape, MAX_BYTES, MAX_SIDE};

/// Channels of pictures, by which an array that has them last is known.
const COLOURS: [usize; 3] = [1, 3, 4];

/// Samples of one shape.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Samples {
    /// Of each. A vector has one channel and one row.
    pub shape: ImageShape,
    /// How many there are.
    pub count: usize,
    /// Whether all were bytes from 0 to 255.
    pub are_bytes: bool,
    /// All of them, `[count, channels, height, width]`; NaN where one is missing.
    pub numbers: Vec<f32>,
}

impl Samples {
    /// Those of an array `[N, D]`, `[N, H, W]`, `[N, C, H, W]` or `[N, H, W, C]`.
    ///
    /// # Errors
    /// When it has other axes, is empty or too large, or has an infinite number. `path` is where it is.
    pub fn of_array(array: Array, path: &Path) -> Result<Self> {
        let axes = array.shape.to_vec();
        match axes.split_first() {
            Some((count, sample @ [_, ..])) => Self::new(array, *count, sample, path),
            _ => Err(refused(path, &axes)),
        }
    }

    /// The one that an array `[D]`, `[H, W]`, `[C, H, W]` or `[H, W, C]` is.
    ///
    /// # Errors
    /// As [`Samples::of_array`].
    pub fn of_single(array: Array, path: &Path) -> Result<Self> {
        let axes = array.shape.to_vec();
        Self::new(array, 1, &axes, path)
    }

    fn new(array: Array, count: usize, sample: &[usize], path: &Path) -> Result<Self> {
        let axes = array.shape.to_vec();
        let (shape, is_channels_last) = match *sample {
            [width] => (ImageShape { channels: 1, height: 1, width }, false),
            [height, width] => (ImageShape { channels: 1, height, width }, false),
            [height, width, channels]
                if COLOURS.contains(&channels) && !COLOURS.contains(&height) =>
            {
                (ImageShape { channels, height, width }, true)
            }
            [channels, height, width] => (ImageShape { channels, height, width }, false),
            _ => return Err(refused(path, &axes)),
        };
        // Before sizes are multiplied: beside an axis of none, others may be of any size.
        if axes.contains(&0) {
            let what = format!("has no numbers: its shape is {}", array.shape);
            return Err(Error::file(path, what));
        }
        if shape.width.max(shape.height) > MAX_SIDE {
            let what = format!("has samples of {shape}; no side may be longer than {MAX_SIDE}");
            return Err(Error::file(path, what));
        }
        // One more channel may say what is missing.
        let stored = ImageShape { channels: shape.channels + 1, ..shape };
        if stored
            .bytes(count)
            .and_then(|bytes| bytes.checked_mul(4))
            .is_none_or(|bytes| bytes as u64 > MAX_BYTES)
        {
            let what = format!("{count} samples of {shape} need more than {} GiB", MAX_BYTES >> 30);
            return Err(Error::file(path, what));
        }
        let are_bytes = array.kind.is_byte();
        // Of truths, a picture is black and white.
        let scale = if array.kind.family() == Family::Truth { 255.0 } else { 1.0 };
        let mut numbers = match array.numbers {
            Numbers::Bytes(bytes) => {
                bytes.into_iter().map(|byte| scale * f32::from(byte)).collect()
            }
            Numbers::Reals(numbers) => numbers,
        };
        if let Some(at) = numbers.iter().position(|number| number.is_infinite()) {
            let what = format!(
                "has {} in sample {}, and no model learns that; NaN stands for what is missing",
                numbers[at],
                at / shape.elements()
            );
            return Err(Error::file(path, what));
        }
        if is_channels_last {
            numbers = channels_first(&numbers, &shape);
        }
        Ok(Self { shape, count, are_bytes, numbers })
    }

    /// The numbers of sample `index`.
    pub fn sample(&self, index: usize) -> &[f32] {
        let elements = self.shape.elements();
        &self.numbers[index * elements..][..elements]
    }

    /// The samples at these indices.
    pub fn select(&self, indices: &[u32]) -> Self {
        let numbers = indices.iter().flat_map(|index| self.sample(*index as usize)).copied();
        Self {
            count: indices.len(),
            numbers: numbers.collect(),
            ..Self { numbers: vec![], ..*self }
        }
    }
}

/// Whether a file is called as one of a single array.
pub(super) fn is_array(path: &Path) -> bool {
    path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("npy"))
}

fn refused(path: &Path, axes: &[usize]) -> Error {
    let axes: Vec<String> = axes.iter().map(ToString::to_string).collect();
    let what = format!(
        "has an array of shape [{}]; samples are [N, D] for vectors, [N, H, W], [N, C, H, W] or [N, H, W, C] \
         for images",
        axes.join(", ")
    );
    Error::file(path, what)
}

/// `[count, height, width, channels]` as `[count, channels, height, width]`.
fn channels_first(numbers: &[f32], shape: &ImageShape) -> Vec<f32> {
    let (elements, plane) = (shape.elements(), shape.height * shape.width);
    let samples = numbers.chunks(elements);
    let planes = samples.flat_map(|sample| {
        (0..shape.channels).flat_map(move |channel| {
            (0..plane).map(move |pixel| sample[pixel * shape.channels + channel])
        })
    });
    planes.collect()
}
