//! What people do with a trained model. The program's commands call these, and so can you.
//!
//! The learned codec, ONNX and pages of runs come with the feature `cli`, since they bring other crates
//! along.

pub mod anomaly;
pub(crate) mod augment;
pub mod built_in;
pub mod code_table;
#[cfg(feature = "cli")]
pub(crate) mod codec;
mod deep_raster;
#[cfg(feature = "cli")]
mod export;
#[cfg(feature = "cli")]
pub(crate) mod files;
pub mod generation;
pub(crate) mod inputs;
pub(crate) mod interpolate;
mod looked_over;
pub(crate) mod numbers;
#[cfg(feature = "cli")]
pub(crate) mod page;
mod part_codes;
pub(crate) mod prior;
pub mod probe;
mod raster;
#[cfg(feature = "cli")]
pub mod report;
pub mod restore;
pub(crate) mod sample;
pub(crate) mod trained;
mod windows;

pub use built_in::{BUILT_IN, BuiltIn};
#[cfg(feature = "cli")]
pub use codec::{CodeMap, Codec, Distortion, Header, Quality, Rival, Writer};
pub use deep_raster::DeepRaster;
#[cfg(feature = "cli")]
pub use export::{Part, onnx, onnx_of_run};
pub use inputs::Pictures;
pub use looked_over::LookedOver;
pub use numbers::{Samples, Units, holds_numbers, is_of_numbers, is_of_one_array};
#[cfg(feature = "cli")]
pub use page::PageOptions;
pub use part_codes::{PartedPicture, encoded};
pub use raster::Raster;
pub use trained::Trained;
