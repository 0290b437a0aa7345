//! What people do with a trained model: each task is a library call and a subcommand.

pub mod anomaly;
mod code_table;
mod codec;
mod decode;
mod encode;
mod export;
mod inputs;
pub mod npy;
pub mod probe;
pub mod report;
mod sample;
mod trained;

pub use anomaly::{AnomalyArgs, anomaly};
pub use codec::{
    CodeMap, Codec, CompressArgs, DecompressArgs, Header, Raster, RateDistortionArgs, compress,
    decompress, rate_distortion,
};
pub use decode::{DecodeArgs, decode};
pub use encode::{EncodeArgs, encode};
pub use export::{ExportArgs, Part, export, onnx};
pub use inputs::Pictures;
pub use probe::{ProbeArgs, probe};
pub use report::{ReportArgs, report};
pub use sample::{SampleArgs, sample};
pub use trained::{ModelArgs, Trained};
