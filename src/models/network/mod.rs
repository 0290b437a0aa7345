//! Encoder and decoder, whatever they are trained for: from images to features and codes, and from
//! codes to what images are made of.

mod coder;
mod conv;
mod dense;
mod flat;
pub mod linear;
mod stages;
mod structure;

pub use linear::Section;
pub use stages::{Block, Downsample, Norm, Stages};
pub use structure::{Network, Scope};
