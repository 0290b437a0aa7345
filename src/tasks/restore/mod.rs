//! Restoration of pictures of any size by a model of small ones: in overlapping parts, blended.

mod areas;
mod blend;
mod corrupted;
mod quality;
mod tiles;

pub use areas::{Area, in_parts};
pub use blend::Blend;
pub use corrupted::{CorruptedBy, corrupt};
pub use quality::Quality;
pub use tiles::{blended, restored};
