//! Restoration of pictures of any size by a model of small ones: in windows without seams where it is made
//! of convolutions alone, else in overlapping parts, blended.

mod areas;
mod blend;
mod corrupted;
mod quality;
mod tiles;
mod windows;

pub use areas::{Area, in_parts};
pub use blend::Blend;
pub use corrupted::{CorruptedBy, corrupt};
pub use quality::Quality;
pub use tiles::{blended, restored};
