//! What a trained model does: encodes, decodes, restores, draws codes and weighs images.

mod batches;
mod codes;
mod distribution;
mod images;
mod known;
pub mod latent;
mod mixture;
mod noise_level;
mod place_sampler;
mod plan_cache;
mod portions;
mod restoration;
mod runner;
mod sampling;
mod task;

pub use codes::{Codes, Restored};
pub use distribution::CodeDistribution;
pub(crate) use distribution::leading_axes;
pub(crate) use images::images_at_once;
pub use images::{targets, tensor};
pub use known::KnownCodes;
pub(crate) use known::spread;
pub use noise_level::noise_level;
pub use place_sampler::{LearnedPrior, PlaceNats, PlaceSampler};
pub(crate) use plan_cache::PlanCache;
#[cfg(feature = "cli")]
pub(crate) use portions::Portions;
pub(crate) use runner::DRAWS;
pub use runner::Inference;
pub use sampling::{Places, Sampler};
pub use task::{Task, layout};
