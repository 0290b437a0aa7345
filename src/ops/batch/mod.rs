//! Batches out of the dataset, clean and corrupted.

pub(crate) mod amount;
pub(crate) mod corrupt;
pub(crate) mod corruption;
pub(crate) mod gather_images;

pub use amount::Amount;
pub use corrupt::{Corrupt, Noisy, corrupt, corrupt_numbers, noisy};
pub use corruption::{Corruption, CorruptionKind};
pub use gather_images::{GatherImages, GatherLabels, gather_images, gather_labels};
