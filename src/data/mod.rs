//! Images to learn from: the embedded digits, MNIST, a folder of images, or procedural sprites.
//!
//! A dataset is bytes, `[count, channels, height, width]`, in two parts: one to train on, and one
//! that is held out and never trained on. Which images are held out depends on the seed alone.
//!
//! Where images lack pixels, one channel more says of each pixel whether it is seen; see [`missing`].

#[cfg(not(feature = "cli"))]
#[path = "no_bar.rs"]
mod bar;
#[cfg(feature = "cli")]
mod bar;
pub(crate) mod colour_profile;
mod dataset;
mod decoding;
pub(crate) mod deep_picture;
mod digest;
pub mod digits;
#[cfg(feature = "cli")]
mod download;
pub(crate) mod fault;
mod fit;
pub mod folder;
mod format;
pub mod idx;
mod jpeg;
mod levels;
mod load_options;
mod loading;
mod manifest;
pub mod missing;
pub mod mnist;
mod numbers;
mod only_picture;
mod opening;
pub mod order;
mod partition;
mod patches;
pub mod picture;
mod source;
pub mod sprites;
mod tiff;

pub use crate::shape::{ImageShape, MAX_BYTES, MAX_SIDE};
pub use dataset::{Dataset, ImageFile, Images};
pub use fit::Fit;
pub use levels::StoredRange;
pub use load_options::{DeepIntake, Intake, LoadOptions};
pub use manifest::{Manifest, class_table, label_of};
pub use missing::Missing;
pub use order::permutation;
pub use partition::class_of;
pub use source::Source;
