//! The handwritten digits that come with the program: 1797 images of 8x8, ten classes.
//!
//! E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits", UCI Machine Learning
//! Repository, 1998, <https://doi.org/10.24432/C50P49>, CC BY 4.0. See `data/README.md`.

use std::path::Path;

use super::dataset::Dataset;
use super::idx;
use super::load_options::LoadOptions;
use super::order::Split;
use crate::error::Result;

const IMAGES: &[u8] = include_bytes!("../../data/digits-images-idx3-ubyte.gz");
const LABELS: &[u8] = include_bytes!("../../data/digits-labels-idx1-ubyte.gz");

/// About a fifth of the images, so that the measured numbers mean something: a tenth would be 180.
const HELD_OUT: usize = 360;

/// The digits, 360 of them held out.
///
/// # Errors
/// Only if the program file itself is damaged.
pub fn load(options: &LoadOptions) -> Result<Dataset> {
    let images = idx::parse(IMAGES, Path::new("(embedded digits)"))?;
    let labels = idx::parse(LABELS, Path::new("(embedded labels)"))?;
    let (shape, mut all) = idx::pair(images, labels)?;
    for pixel in &mut all.pixels {
        *pixel = scale(*pixel);
    }
    let split = Split::new(all.count, HELD_OUT, options.seed, options.limit)?;
    Ok(Dataset {
        name: "digits".into(),
        shape,
        train: all.select(&split.train),
        test: all.select(&split.test),
        classes: (0..10).map(|digit| digit.to_string()).collect(),
        ..Dataset::default()
    })
}

/// From 0..=16 to 0..=255: `value * 255 / 16`, rounded to the nearest, halves upwards.
fn scale(value: u8) -> u8 {
    ((u16::from(value.min(16)) * 255 + 8) / 16) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scaling_reaches_both_ends_and_rounds() {
        assert_eq!([0, 1, 8, 15, 16].map(scale), [0, 16, 128, 239, 255]);
    }

    /// Count of each digit and the sum of all pixels, as scikit-learn 1.9 gives them.
    #[test]
    fn the_embedded_files_are_the_published_ones() {
        let images = idx::parse(IMAGES, Path::new("images")).expect("embedded");
        let labels = idx::parse(LABELS, Path::new("labels")).expect("embedded");
        assert_eq!(images.axes, [1797, 8, 8]);
        assert_eq!(images.bytes.iter().map(|&v| u64::from(v)).sum::<u64>(), 561_718);
        let count = |digit| labels.bytes.iter().filter(|&&label| label == digit).count();
        let counts: Vec<usize> = (0..10).map(count).collect();
        assert_eq!(counts, [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]);
    }
}
