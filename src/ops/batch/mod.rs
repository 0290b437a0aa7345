//! Batches out of the dataset, clean and corrupted.

pub(crate) mod corrupt;
pub(crate) mod corruption;
pub(crate) mod gather_images;

pub use corrupt::{Corrupt, corrupt, corrupt_numbers};
pub use corruption::Corruption;
pub use gather_images::{GatherImages, GatherLabels, gather_images, gather_labels};
