//! Layers and losses: small functions that add nodes and name parameters.
//!
//! Weights are laid out and named as in PyTorch's `state_dict`, so that files can be exchanged.
//!
//! ```
//! use diabolo::graph::Graph;
//! use diabolo::nn;
//! use diabolo::ops::{self, Activation, Builder, ConvGeometry};
//!
//! let mut graph = Graph::new();
//! let images = graph.input("images", [16, 1, 28, 28]);
//! let geometry = ConvGeometry::same([3, 3], [2, 2], [28, 28]);
//! let stage = nn::conv2d(&mut graph, "encoder.conv1", images, 8, geometry, Some(Activation::Relu))?;
//! let flat = ops::flatten(&mut graph, stage)?;
//! let code = nn::dense(&mut graph, "encoder.code", flat, 2, None)?;
//! assert_eq!(graph.shape(code)[..], [16, 2]);
//! let names: Vec<&str> = graph.state().iter().map(|entry| entry.name.0.as_str()).collect();
//! assert_eq!(names[..2], ["encoder.conv1.weight", "encoder.conv1.bias"]);
//! # Ok::<(), diabolo::error::Error>(())
//! ```

mod layers;
mod losses;
mod normalisation;
mod quality;

pub use layers::{Layer, Start, conv_transpose2d, conv2d, dense, dense_tied, masked_conv2d};
pub use losses::{
    Decoded, LEAK, Loss, Output, image_mean, kl_sparsity_penalty, l1_penalty, mean_seen,
    mean_squared_error, per_image,
};
pub use normalisation::{batch_norm, divisive_norm, group_norm};
pub use quality::structural_similarity;
