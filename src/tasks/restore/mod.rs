//! Restoration of pictures of any size by a model of small ones: in overlapping parts, blended.

mod quality;
mod spoil;
mod tiles;

pub use quality::Quality;
pub use spoil::{Spoil, corrupted};
pub use tiles::restored;
