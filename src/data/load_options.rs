//! What a dataset is loaded with.

use crate::rng::Seed;

/// What a dataset is loaded with.
#[derive(Clone, Copy, Debug)]
pub struct LoadOptions {
    /// `--size WxH`: width and height that images are brought to.
    pub size: Option<(usize, usize)>,
    /// `--patches WxH`: width and height of the parts that pictures of any size are cut into.
    pub patches: Option<(usize, usize)>,
    /// `--gray`: one channel in place of three.
    pub gray: bool,
    /// `--limit N`: train on no more than `N` images, or parts of images. The held-out ones stay all.
    pub limit: Option<usize>,
    /// `--hold-out SHARE`: the share of a folder's images to hold out; `None` for a tenth.
    pub hold_out: Option<f64>,
    /// Decides which images are held out, and which sprites there are.
    pub seed: Seed,
    /// Show progress on the terminal where loading takes time.
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
