//! Images to learn from: the embedded digits, MNIST, a folder of images, or procedural sprites.
//!
//! A dataset is bytes, `[count, channels, height, width]`, in two parts: one to train on, and one
//! that is held out and never trained on. Which images are held out depends on the seed alone.
//!
//! Where images lack pixels, one channel more says of each pixel whether it is seen; see [`missing`].

#[cfg(not(feature = "cli"))]
#[path = "no_bar.rs"]
mod bar;
#[cfg(feature = "cli")]
mod bar;
mod digest;
pub mod digits;
#[cfg(feature = "cli")]
mod download;
pub mod folder;
pub mod idx;
pub mod missing;
pub mod mnist;
pub mod order;
mod patches;
mod source;
pub mod sprites;

pub use missing::Missing;
pub use order::permutation;
pub use source::Source;

use bar::progress_bar;

use std::fmt;

use crate::error::{Error, Result};
use crate::rng::Seed;

/// The most bytes of pixels a dataset may have. It is kept in memory, so a count that comes from a
/// typing error or a damaged header must not get as far as the allocator.
pub const MAX_BYTES: u64 = 1 << 34;

/// The largest width and height of an image.
pub const MAX_SIDE: usize = 16_384;

/// The sizes of one image, stored as `[channels, height, width]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct ImageShape {
    /// 1 for gray, 3 for red, green and blue.
    pub channels: usize,
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
}

impl ImageShape {
    /// How many bytes (or numbers) one image has.
    pub fn elements(&self) -> usize {
        self.channels * self.height * self.width
    }

    /// The bytes of `count` such images, if a dataset may be as large as that.
    fn bytes(&self, count: usize) -> Option<usize> {
        let bytes = [self.channels, self.height, self.width]
            .into_iter()
            .try_fold(count as u64, |bytes, axis| bytes.checked_mul(axis as u64))?;
        (bytes <= MAX_BYTES).then(|| usize::try_from(bytes).ok()).flatten()
    }
}

impl fmt::Display for ImageShape {
    /// As `width x height`, with the colours in words.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let colours = match self.channels {
            1 => "gray".to_owned(),
            3 => "RGB".to_owned(),
            channels => format!("{channels} channels"),
        };
        write!(f, "{}x{} {colours}", self.width, self.height)
    }
}

/// Some images of one shape.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Images {
    /// One byte an element, `[count, channels, height, width]`. Where pixels are missing there is
    /// one channel more, the last: 255 where a pixel is seen and 0 where it is missing, and 0 in all
    /// its colours then.
    pub pixels: Vec<u8>,
    /// The class of each image as an index into [`Dataset::classes`], where there are classes.
    pub labels: Option<Vec<u32>>,
    /// How many images there are.
    pub count: usize,
}

impl Images {
    /// The bytes of image `index`, `[channels, height, width]`.
    ///
    /// # Panics
    /// When there is no such image.
    pub fn image(&self, index: usize) -> &[u8] {
        assert!(index < self.count, "image {index} of {}", self.count);
        let elements = self.pixels.len() / self.count;
        &self.pixels[index * elements..][..elements]
    }

    /// The images at these indices, in this order.
    ///
    /// # Panics
    /// When an index names no image.
    pub fn select(&self, indices: &[u32]) -> Images {
        let elements = self.pixels.len() / self.count.max(1);
        let mut pixels = Vec::with_capacity(elements * indices.len());
        for &index in indices {
            pixels.extend_from_slice(self.image(index as usize));
        }
        let labels = self
            .labels
            .as_ref()
            .map(|labels| indices.iter().map(|&index| labels[index as usize]).collect());
        Images { pixels, labels, count: indices.len() }
    }

    /// The first `count` images, or all where there are no more.
    pub fn take(mut self, count: usize) -> Images {
        if count < self.count {
            let elements = self.pixels.len() / self.count;
            self.pixels.truncate(count * elements);
            self.pixels.shrink_to_fit();
            if let Some(labels) = &mut self.labels {
                labels.truncate(count);
            }
            self.count = count;
        }
        self
    }
}

/// What a dataset is loaded with.
#[derive(Clone, Copy, Debug)]
pub struct LoadOptions {
    /// `--size WxH`: width and height that images are brought to.
    pub size: Option<(usize, usize)>,
    /// `--patches WxH`: width and height of the parts that pictures of any size are cut into.
    pub patches: Option<(usize, usize)>,
    /// `--gray`: one channel in place of three.
    pub gray: bool,
    /// `--limit N`: train on no more than `N` images. The held-out images stay all.
    pub limit: Option<usize>,
    /// `--hold-out SHARE`: the share of a folder's images to hold out; `None` for a tenth.
    pub hold_out: Option<f64>,
    /// Decides which images are held out, and which sprites there are.
    pub seed: Seed,
    /// Show progress on the terminal where loading takes time, with the feature `cli`.
    pub progress: bool,
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            size: None,
            patches: None,
            gray: false,
            limit: None,
            hold_out: None,
            seed: Seed(0),
            progress: false,
        }
    }
}

impl LoadOptions {
    fn check(&self, source: &Source) -> Result<()> {
        if self.limit == Some(0) {
            return Err(Error::option(
                "--limit",
                "must be at least 1; leave it out for all images",
            ));
        }
        if let Some((width, height)) = self.size {
            if !matches!(source, Source::Images(_) | Source::Sprites(_)) {
                let what = format!("has no effect on --data {source}: its images have one size");
                return Err(Error::option("--size", what));
            }
            if width == 0 || height == 0 || width > MAX_SIDE || height > MAX_SIDE {
                let what =
                    format!("{width}x{height}: both sides must lie between 1 and {MAX_SIDE}");
                return Err(Error::option("--size", what));
            }
        }
        if let Some((width, height)) = self.patches {
            if !matches!(source, Source::Images(_)) {
                let what = format!("has no effect on --data {source}; only images:DIR takes it");
                return Err(Error::option("--patches", what));
            }
            if self.size.is_some() {
                let what = "cuts pictures as they are; leave --size out";
                return Err(Error::option("--patches", what));
            }
            if width == 0 || height == 0 || width > MAX_SIDE || height > MAX_SIDE {
                let what =
                    format!("{width}x{height}: both sides must lie between 1 and {MAX_SIDE}");
                return Err(Error::option("--patches", what));
            }
        }
        if let Some(share) = self.hold_out {
            if !matches!(source, Source::Images(_)) {
                let what = format!("has no effect on --data {source}; only images:DIR takes it");
                return Err(Error::option("--hold-out", what));
            }
            order::check_held_out(share)?;
        }
        if self.gray && !matches!(source, Source::Images(_)) {
            let what = format!("has no effect on --data {source}; only images:DIR takes it");
            return Err(Error::option("--gray", what));
        }
        Ok(())
    }
}

/// Images in two parts: one to train on, one held out.
///
/// ```
/// use diabolo::data::{Dataset, LoadOptions, Source};
///
/// let options = LoadOptions { limit: Some(100), ..LoadOptions::default() };
/// let dataset = Dataset::load(&Source::Digits, &options)?;
/// assert_eq!(dataset.shape.to_string(), "8x8 gray");
/// assert_eq!(dataset.train.count, 100);
/// assert_eq!(dataset.test.image(0).len(), dataset.shape.elements());
/// # Ok::<(), diabolo::error::Error>(())
/// ```
///
/// A [`Source`] is parsed from the words of `--data`, as in `"images:my-photos".parse()`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dataset {
    /// A short name: `digits`, `mnist`, `sprites`, or the folder's name.
    pub name: String,
    /// The shape of every image, without the channel that says what is seen.
    pub shape: ImageShape,
    /// Whether [`Images::pixels`] has that channel.
    pub masked: bool,
    /// The images to train on.
    pub train: Images,
    /// The images that are held out.
    pub test: Images,
    /// The names of the classes; empty where images have no labels.
    pub classes: Vec<String>,
}

impl Dataset {
    /// Loads, or makes, the images of `source`.
    ///
    /// # Errors
    /// When an option has no effect on this source or makes no sense, when files are missing,
    /// damaged or do not fit together, when a download fails, and when there are fewer than two
    /// images.
    pub fn load(source: &Source, options: &LoadOptions) -> Result<Dataset> {
        options.check(source)?;
        match source {
            Source::Digits => digits::load(options),
            Source::Mnist(folder) => mnist::load(folder.as_deref(), options),
            Source::Images(folder) => folder::load(folder, options),
            Source::Sprites(count) => sprites::load(*count, options),
        }
    }

    /// How many channels [`Images::pixels`] has: those of the image, and one that says what is seen
    /// where pixels are missing.
    pub fn stored_channels(&self) -> usize {
        self.shape.channels + usize::from(self.masked)
    }

    /// How many bytes of [`Images::pixels`] belong to one image.
    pub fn stored_elements(&self) -> usize {
        self.stored_channels() * self.shape.height * self.shape.width
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> Images {
        Images { pixels: (0..12).collect(), labels: Some(vec![7, 8, 9]), count: 3 }
    }

    #[test]
    fn select_and_take_keep_pixels_and_labels_together() {
        let picked = three().select(&[2, 0]);
        assert_eq!(picked.pixels, [8, 9, 10, 11, 0, 1, 2, 3]);
        assert_eq!((picked.labels, picked.count), (Some(vec![9, 7]), 2));
        let first = three().take(1);
        assert_eq!(first.image(0), [0, 1, 2, 3]);
        assert_eq!((first.labels, first.count), (Some(vec![7]), 1));
        assert_eq!(three().take(5), three());
    }

    #[test]
    fn options_without_effect_are_errors() {
        let sized = LoadOptions { size: Some((16, 16)), ..LoadOptions::default() };
        let gray = LoadOptions { gray: true, ..LoadOptions::default() };
        let nothing = LoadOptions { limit: Some(0), ..LoadOptions::default() };
        let flat = LoadOptions { size: Some((16, 0)), ..LoadOptions::default() };
        let share = |share| LoadOptions { hold_out: Some(share), ..LoadOptions::default() };
        let folder = || Source::Images("pictures".into());
        let refused = [
            (Source::Digits, sized, "--size"),
            (Source::Mnist(None), sized, "--size"),
            (Source::Digits, gray, "--gray"),
            (Source::Sprites(10), gray, "--gray"),
            (Source::Digits, nothing, "--limit"),
            (Source::Sprites(10), flat, "--size"),
            (Source::Digits, share(0.5), "--hold-out"),
            (folder(), share(1.0), "--hold-out"),
            (folder(), share(f64::NAN), "--hold-out"),
        ];
        for (source, options, option) in refused {
            let error = Dataset::load(&source, &options).expect_err(option).to_string();
            assert!(error.starts_with(option), "{error}");
        }
    }

    #[test]
    fn sizes_that_overflow_are_refused() {
        let shape = ImageShape { channels: 3, height: 1 << 14, width: 1 << 14 };
        assert_eq!(shape.bytes(2), Some(6 << 28));
        assert_eq!(shape.bytes(1000), None);
        assert_eq!(shape.bytes(usize::MAX), None);
    }
}
