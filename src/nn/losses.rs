//! Reconstruction losses, and the unit each is reported in.

use std::fmt;

use crate::error::Result;
use crate::ops::{self, Builder, NodeId, ReduceKind};

/// How a reconstruction is compared with its image.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    clap::ValueEnum,
    serde::Serialize,
    serde::Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum Loss {
    /// The mean squared error over all pixels of all images.
    #[default]
    Mse,
    /// Binary cross-entropy, summed over an image's pixels and averaged over images.
    Bce,
}

impl Loss {
    /// What one unit of the loss is.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Mse => "MSE per pixel",
            Self::Bce => "nats per image",
        }
    }

    /// The loss, a scalar, of the images whose logits are `logits`, against `images` in [0, 1].
    ///
    /// # Errors
    /// When the shapes differ.
    pub fn of(self, builder: &mut dyn Builder, logits: NodeId, images: NodeId) -> Result<NodeId> {
        match self {
            Self::Mse => {
                let reconstruction = ops::activate(builder, logits, ops::Activation::Sigmoid)?;
                let error = ops::squared_error(builder, reconstruction, images)?;
                ops::mean_all(builder, error)
            }
            Self::Bce => {
                let error = ops::binary_cross_entropy(builder, logits, images)?;
                let images = builder.shape(images)[0] as f32;
                let sum = ops::sum_all(builder, error)?;
                ops::affine(builder, sum, 1.0 / images, 0.0)
            }
        }
    }
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mse => "mse",
            Self::Bce => "bce",
        })
    }
}

/// The sum of `x`, `[batch, ...]`, over everything but the batch: `[batch]`.
///
/// # Errors
/// When `x` has no axes.
pub fn per_image(builder: &mut dyn Builder, x: NodeId) -> Result<NodeId> {
    let flat = ops::flatten(builder, x)?;
    let sum = ops::reduce(builder, flat, ReduceKind::Sum, &[1])?;
    let batch = builder.shape(sum)[0];
    ops::reshape(builder, sum, [batch])
}
