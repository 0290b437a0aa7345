//! Restoration of pictures of any size by a model of small ones: in windows without seams where it is made
//! of convolutions alone, else in overlapping parts, blended; and without a model, by what a picture itself says.

mod areas;
mod blend;
mod corrupted;
mod quality;
mod tiles;
mod weighed;
mod wide_holes;
mod windows;
mod zero_shot;

pub use areas::{Area, in_parts};
pub use blend::Blend;
pub use corrupted::{CorruptedBy, corrupt};
pub use quality::Quality;
pub use tiles::{blended, restored, restored_telling};
pub use zero_shot::{Known, changed, without_noise};
