//! Images to learn from: the embedded digits, MNIST, a folder of images or two of pairs, arrays of numbers, or
//! procedural sprites.
//!
//! A dataset is `[count, channels, height, width]` in two parts: one to train on, and one that is held
//! out and never trained on. Which images are held out depends on the seed alone. Pixels are bytes; what
//! NumPy wrote may be vectors, and numbers without bounds, which are standardised: see [`Scaling`].
//!
//! Where images lack pixels, one channel more says of each pixel whether it is seen; see [`missing`].
//! In pairs, as many channels more are what each image should become.

mod anew;
mod archive;
mod archive_pictures;
pub(crate) mod arrays;
#[cfg(not(feature = "cli"))]
#[path = "no_bar.rs"]
mod bar;
#[cfg(feature = "cli")]
mod bar;
#[cfg(feature = "cli")]
mod cache_contents;
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
mod gathering;
pub mod idx;
mod input;
mod jpeg;
mod known_files;
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
mod pairs;
mod partition;
pub(crate) mod partners;
mod parts;
mod patches;
pub mod picture;
mod pixel_cache;
mod pixel_file;
pub(crate) mod scaling;
mod source;
pub mod sprites;
mod stored;
pub(crate) mod storing;
mod tiff;

pub use crate::shape::{Element, ImageShape, MAX_BYTES, MAX_SIDE};
#[cfg(feature = "cli")]
pub(crate) use cache_contents::{CacheEntry, Cleared, cache_entries, clear_cache};
pub use dataset::{Dataset, ImageFile, Images};
pub use fit::Fit;
pub use levels::StoredRange;
pub use load_options::{DeepIntake, Intake, LoadOptions};
pub use manifest::{Manifest, class_table, label_of};
pub use missing::Missing;
pub use order::permutation;
pub use partition::class_of;
#[cfg(feature = "cli")]
pub(crate) use partition::in_natural_order;
pub use scaling::Scaling;
pub use source::Source;
pub use stored::Stored;
pub use storing::{Cache, MemorySize, Storing};
