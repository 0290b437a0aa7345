//! What the stages of a convolutional network are made of.

use serde::{Deserialize, Serialize};

use crate::models::architecture::{Architecture, CodeForm};

/// What a stage holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Block {
    /// The convolution that changes the number of channels.
    #[default]
    Plain,
    /// And two convolutions more, added to what they read (He et al., "Deep residual learning",
    /// 2016).
    Residual,
    /// A residual block each way next to the code alone, where images are smallest: each place of
    /// the code then sees most of the image (van den Oord et al., 2017, have two).
    Inner,
}

/// How a stage halves an image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Downsample {
    /// By a 2x2 max-pool behind the convolution.
    #[default]
    Pool,
    /// By the convolution's own stride.
    Stride,
}

/// What follows each convolution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "kebab-case")]
pub enum Norm {
    /// The activation alone.
    #[default]
    None,
    /// Batch normalisation before the activation.
    Batch,
    /// Group normalisation before the activation, of images by themselves (Wu and He, 2018).
    Group,
    /// Generalised divisive normalisation in place of the activation, and its inverse in the decoder
    /// (Ballé, Laparra, Simoncelli, 2017).
    Gdn,
}

/// How the stages of a convolutional network are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stages {
    /// What each stage holds.
    pub block: Block,
    /// How it halves the image.
    pub downsample: Downsample,
    /// What follows each convolution.
    pub norm: Norm,
    /// The kernel's side of the convolutions that halve the image, or precede what does: 3 or 5.
    #[serde(default = "usual_kernel", skip_serializing_if = "is_usual_kernel")]
    pub downsample_kernel: usize,
    /// The kernel's side of the transposed convolutions that double the image: 2 to 5.
    pub upsample_kernel: usize,
}

fn usual_kernel() -> usize {
    3
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_usual_kernel(kernel: &usize) -> bool {
    *kernel == usual_kernel()
}

impl Default for Stages {
    fn default() -> Self {
        let (block, downsample, norm) = Default::default();
        Self { block, downsample, norm, downsample_kernel: usual_kernel(), upsample_kernel: 2 }
    }
}

impl Stages {
    /// Those that suit a network. A map says where things are: a maximum of four pixels would lose which
    /// of them it was, and kernels as wide as their stride would make each block of the image of its own
    /// place alone, with edges between them.
    pub(super) fn of(architecture: &Architecture, code: CodeForm) -> Self {
        match (architecture, code) {
            (Architecture::Dense(_) | Architecture::Flat(_), _) | (_, CodeForm::Vector(_)) => {
                Self::default()
            }
            (Architecture::Conv(_), CodeForm::Features | CodeForm::Map(_)) => {
                Self { downsample: Downsample::Stride, upsample_kernel: 4, ..Self::default() }
            }
        }
    }
}
