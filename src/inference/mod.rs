//! What a trained model does: encodes, decodes, restores, draws codes and weighs images.

mod codes;
mod images;
pub mod latent;
mod plan_cache;
mod runner;
mod sampling;
mod task;

pub use codes::{Codes, Restored};
pub(crate) use images::images_at_once;
pub use images::tensor;
pub(crate) use plan_cache::PlanCache;
pub(crate) use runner::DRAWS;
pub use runner::Inference;
pub use sampling::{Places, Sampler};
pub use task::{Task, layout};
