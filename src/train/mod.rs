//! Training: from a dataset and a model to a run folder, which training can be taken up from again.

mod assessment;
mod atomic_file;
mod chart;
pub mod checkpoint;
mod classifier;
pub mod curves;
mod evaluation;
mod examples;
mod gallery;
mod inference;
pub mod latent;
pub mod metrics_file;
mod options;
mod pass;
pub mod pictures;
mod plans;
pub mod progress;
pub mod projection;
pub mod rate_curves;
mod restoration;
mod run;
pub mod run_folder;
mod sampling;
mod trainer;

pub use assessment::Assessment;
pub use atomic_file::write_atomically;
pub use classifier::{Classifier, TrainedClassifier};
pub use evaluation::Evaluation;
pub use examples::Examples;
pub use inference::{Codes, Inference, Restored, tensor};
pub use options::{Config, TrainArgs};
pub use plans::{BatchShape, Task, layout, training_plan};
pub use restoration::{median3x3, psnr};
pub use run::{exit_code, main, run, say, start_logging};
pub use sampling::Sampler;
pub use trainer::{Adaptation, EpochReport, Listener, Trainer};
