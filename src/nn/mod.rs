//! Layers and losses: small functions that add nodes and name parameters.
//!
//! Weights are laid out and named as in PyTorch's `state_dict`, so that files can be exchanged.

mod layers;
mod losses;
mod quality;

pub use layers::{conv_transpose2d, conv2d, dense};
pub use losses::{Loss, kl_sparsity_penalty, l1_penalty, per_image};
pub use quality::structural_similarity;
