//! What ends a training step: parameters moved, metrics noted.

pub(crate) mod record;
pub(crate) mod step;

pub use record::Record;
pub use step::GlobalNorm;
