//! What people do with a trained model: each task is a library call and a subcommand.

pub mod anomaly;
mod augment;
pub mod code_table;
mod codec;
mod decode;
mod encode;
mod export;
mod inputs;
mod interpolate;
pub mod npy;
mod outputs;
pub mod probe;
mod raster;
mod reconstruct;
pub mod report;
pub mod restore;
mod sample;
mod trained;

pub use anomaly::{AnomalyArgs, anomaly};
pub use augment::{AugmentArgs, augment};
pub use codec::{
    CodeMap, Codec, CompressArgs, DecompressArgs, Distortion, Header, Jpeg, RateDistortionArgs,
    compress, decompress, rate_distortion,
};
pub use decode::{DecodeArgs, decode};
pub use encode::{EncodeArgs, encode};
pub use export::{ExportArgs, Part, export, onnx};
pub use inputs::Pictures;
pub use interpolate::{InterpolateArgs, interpolate};
pub use probe::{ProbeArgs, probe};
pub use raster::Raster;
pub use reconstruct::{ReconstructArgs, reconstruct};
pub use report::{ReportArgs, report};
pub use restore::{RestoreArgs, restore};
pub use sample::{SampleArgs, sample};
pub use trained::{ModelArgs, Trained};
