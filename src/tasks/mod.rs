//! What people do with a trained model: each task is a library call and a subcommand.

mod codec;
mod inputs;
mod sample;
mod trained;

pub use codec::{
    CodeMap, Codec, CompressArgs, DecompressArgs, Header, Raster, RateDistortionArgs, compress,
    decompress, rate_distortion,
};
pub use inputs::Pictures;
pub use sample::{SampleArgs, sample};
pub use trained::{ModelArgs, Trained};
