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
pub(crate) mod deep_picture;
mod digest;
pub mod digits;
#[cfg(feature = "cli")]
mod download;
pub mod folder;
pub mod idx;
mod load_options;
mod loading;
pub mod missing;
pub mod mnist;
pub mod order;
mod patches;
pub mod picture;
mod source;
pub mod sprites;

pub use crate::shape::{ImageShape, MAX_BYTES, MAX_SIDE};
pub use dataset::{Dataset, Images};
pub use load_options::LoadOptions;
pub use missing::Missing;
pub use order::permutation;
pub use source::Source;
