//! Autoencoders: a network, and what it is trained for. A variant is an objective, not an
//! architecture: each takes dense and convolutional networks alike.

mod architecture;
mod autoencoder;
mod choices;
mod coding;
mod consistency;
mod construction;
mod contractive;
mod conv;
mod cvae;
mod denoising;
mod dense;
mod haze;
mod holes;
mod hyperprior;
mod iwae;
mod kind;
mod model;
mod network;
mod numbers;
mod objectives;
mod option_checks;
mod place_prior;
mod quantiser;
mod recipe;
mod sparse;
mod surroundings;
mod terms;
mod vae;
mod variant;
mod vqvae;
mod weight_rule;

pub use architecture::{Architecture, CodeForm, Sizes};
pub use choices::Choices;
pub use coding::Rectifier;
pub use contractive::jacobian_squares;
pub(crate) use holes::MISSING;
pub use hyperprior::{HYPERPRIOR_LAYERS, SIDE_LOCATION, SIDE_LOG_SCALE};
pub use iwae::log_likelihood;
pub use kind::Kind;
pub use model::{Batch, Encoded, Model, Objective};
pub use network::{Block, Downsample, Network, Norm, Scope, Section, Stages, linear};
pub use place_prior::PlacePrior;
pub use quantiser::{LOCATION, LOG_SCALE, LOG_STEPS};
pub use recipe::{Recipe, Schedule};
pub use variant::{
    CodebookRule, Contractive, Iwae, Quantiser, Sparse, Sparsity, Vae, Variance, Variant, VqVae,
};
pub use weight_rule::{Adapting, WeightRule};
