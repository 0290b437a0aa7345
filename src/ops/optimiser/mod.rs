//! What ends a training step: gradients added up, parameters moved, metrics noted.

pub(crate) mod global_norm;
pub(crate) mod record;
pub(crate) mod shard_sum;
pub(crate) mod step;

pub use global_norm::GlobalNorm;
pub use record::Record;
pub use shard_sum::ShardSum;
