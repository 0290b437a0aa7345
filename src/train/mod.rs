//! Training: from a dataset and a model to a run folder, which training can be taken up from again.

mod atomic_file;
mod chart;
pub mod checkpoint;
pub mod curves;
mod evaluation;
pub mod latent;
pub mod metrics_file;
mod options;
mod pass;
pub mod pictures;
mod plans;
pub mod progress;
pub mod projection;
mod run;
pub mod run_folder;
mod trainer;

pub use atomic_file::write_atomically;
pub use evaluation::Evaluation;
pub use options::{Config, TrainArgs};
pub use plans::{BatchShape, Task, layout, training_plan};
pub use run::{exit_code, main, run, say, start_logging};
pub use trainer::{EpochReport, Listener, Trainer};
