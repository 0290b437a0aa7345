//! Layers and losses: small functions that add nodes and name parameters.
//!
//! Weights are laid out and named as in PyTorch's `state_dict`, so that files can be exchanged.

mod layers;
mod losses;
mod quality;

pub use layers::{Layer, Start, batch_norm, conv_transpose2d, conv2d, dense, dense_tied};
pub use losses::{
    Decoded, Loss, image_mean, kl_sparsity_penalty, l1_penalty, mean_seen, per_image,
};
pub use quality::structural_similarity;
