//! A learned image codec: the encoder's code as whole numbers, their bits by a range coder, and the
//! decoder's picture (Ballé, Laparra, Simoncelli: "End-to-end optimized image compression", 2017;
//! here with a model of the numbers that follows what was coded).

mod activity;
mod code_map;
mod coder;
pub(crate) mod container;
mod entropy;
mod hyperprior;
mod integers;
mod mixing;
mod parts;
mod passes;
mod prior;
mod quality;
mod rate_distortion;
mod refinement;
mod rivals;
mod spread;

pub use code_map::CodeMap;
pub use coder::Codec;
pub(crate) use coder::damaged;
pub use container::{Header, Writer};
pub(crate) use entropy::Damage;
pub use quality::Quality;
pub use rate_distortion::Distortion;
pub use rivals::Rival;
