//! The program's commands: the options of each, and what it does with them, prints and writes.
//!
//! What a command computes is a call of [`tasks`](crate::tasks); training and its options are in
//! [`run`](crate::run), and `diabolo bench` is [`bench`](crate::bench).

mod anomaly;
mod augment;
mod cache;
mod codecs;
mod codes;
mod compress;
mod decode;
mod destinations;
mod encode;
mod evaluate;
mod explore;
mod export;
mod interpolate;
mod manual;
mod model;
mod models;
mod notes;
mod numbers;
mod outputs;
mod prior;
mod probe;
mod rate_distortion;
mod reconstruct;
mod report;
mod restore;
mod sample;

pub use anomaly::{AnomalyArgs, anomaly};
pub use augment::{AugmentArgs, augment};
pub use cache::{CacheArgs, cache};
pub use compress::{CompressArgs, DecompressArgs, compress, decompress};
pub use decode::{DecodeArgs, decode};
pub use encode::{EncodeArgs, encode};
pub use evaluate::{EvaluateArgs, evaluate};
pub use explore::{ExploreArgs, explore};
pub use export::{ExportArgs, export};
pub use interpolate::{InterpolateArgs, interpolate};
pub use manual::{completions, man};
pub use model::ModelArgs;
pub use models::{ModelsArgs, models};
pub use prior::{PriorArgs, prior};
pub use probe::{ProbeArgs, probe};
pub use rate_distortion::{RateDistortionArgs, rate_distortion};
pub use reconstruct::{ReconstructArgs, reconstruct};
pub use report::{ReportArgs, report};
pub use restore::{RestoreArgs, restore};
pub use sample::{SampleArgs, sample};
