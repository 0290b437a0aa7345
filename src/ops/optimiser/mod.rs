//! What ends a training step: parameters moved, metrics noted.

pub(crate) mod global_norm;
pub(crate) mod record;
pub(crate) mod step;

pub use global_norm::GlobalNorm;
pub use record::Record;
