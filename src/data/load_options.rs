//! What a dataset is loaded with.

use super::fit::Fit;
use super::levels::StoredRange;
use super::storing::Storing;
use crate::rng::Seed;
use crate::shape::ImageShape;

/// What a dataset is loaded with.
#[derive(Clone, Debug)]
pub struct LoadOptions {
    /// `--size WxH`: width and height that images are brought to.
    pub size: Option<(usize, usize)>,
    /// `--fit`: how they are brought to it; `None` stretches them, with a warning where that changes
    /// what they show.
    pub fit: Option<Fit>,
    /// `--patches WxH`: width and height of the parts that pictures of any size are cut into.
    pub patches: Option<(usize, usize)>,
    /// `--scales`: how large pictures are when parts are cut from them, beside what they are; empty for that alone.
    pub scales: Vec<f32>,
    /// `--gray`: one channel in place of three.
    pub gray: bool,
    /// `--range LOW-HIGH`: stored values that become black and white; `None` for all that can be stored.
    pub range: Option<StoredRange>,
    /// `--skip-damaged`: go on without pictures that cannot be used, in place of an error.
    pub skip_damaged: bool,
    /// `--limit N`: train on no more than `N` images, or parts of images. The held-out ones stay all.
    pub limit: Option<usize>,
    /// `--hold-out SHARE`: the share of a folder's images to hold out; `None` for a tenth.
    pub hold_out: Option<f64>,
    /// Decides which images are held out, and which sprites there are.
    pub seed: Seed,
    /// `--cache`, `--memory`: where pixels of folders' pictures go that are more than is to be kept in memory.
    pub storing: Storing,
    /// Show progress on the terminal where loading takes time.
    pub progress: bool,
}

impl LoadOptions {
    /// What changes the pixels of a picture, in words; with the seed where that draws parts of it.
    pub(super) fn wording(&self) -> String {
        let Self { size, fit, patches, scales, gray, range, seed, .. } = self;
        let seed = patches.map(|_| seed);
        // Another version may decode or scale otherwise.
        let version = env!("CARGO_PKG_VERSION");
        format!("{version} {size:?} {fit:?} {patches:?} {scales:?} {seed:?} {gray} {range:?}")
    }
}

impl Default for LoadOptions {
    fn default() -> Self {
        Self {
            size: None,
            fit: None,
            patches: None,
            scales: vec![],
            gray: false,
            range: None,
            skip_damaged: false,
            limit: None,
            hold_out: None,
            seed: Seed(0),
            storing: Storing::default(),
            progress: false,
        }
    }
}

/// How pictures become images for a model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Intake {
    /// The images that the model takes.
    pub shape: ImageShape,
    /// How pictures are brought to their size; `None` stretches them.
    pub fit: Option<Fit>,
    /// Stored values that become black and white; `None` for all that can be stored.
    pub range: Option<StoredRange>,
}

impl Intake {
    /// Options that bring a picture to these images.
    pub fn options(&self) -> LoadOptions {
        LoadOptions {
            size: Some((self.shape.width, self.shape.height)),
            fit: self.fit,
            gray: self.shape.channels == 1,
            range: self.range,
            ..LoadOptions::default()
        }
    }
}

/// How a picture becomes one for a model, with all of its bits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeepIntake {
    /// The channels that the model takes: 1 or 3.
    pub channels: usize,
    /// Width and height to bring it to; `None` leaves it as large as it is.
    pub size: Option<(usize, usize)>,
    /// How it is brought to that size.
    pub fit: Fit,
    /// Stored values that become black and white; `None` for all that can be stored.
    pub range: Option<StoredRange>,
}

impl DeepIntake {
    /// A picture of so many channels, as large as it is.
    pub fn of_channels(channels: usize) -> Self {
        Self { channels, size: None, fit: Fit::default(), range: None }
    }
}

impl Intake {
    /// The same for pictures as large as they are.
    pub fn as_stored(&self) -> DeepIntake {
        DeepIntake { range: self.range, ..DeepIntake::of_channels(self.shape.channels) }
    }
}

impl From<Intake> for DeepIntake {
    fn from(Intake { shape, fit, range }: Intake) -> Self {
        let size = Some((shape.width, shape.height));
        Self { channels: shape.channels, size, fit: fit.unwrap_or_default(), range }
    }
}

impl From<ImageShape> for Intake {
    /// Stretched, and of all stored values.
    fn from(shape: ImageShape) -> Self {
        Self { shape, fit: None, range: None }
    }
}
