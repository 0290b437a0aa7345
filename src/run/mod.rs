//! What surrounds a training on a disk and a terminal: options, the run folder and its files, progress,
//! interruption.

pub mod checkpoint;
mod config_file;
mod folder;
mod gallery;
mod interruption;
mod lock;
mod metrics;
mod options;
mod profile;
mod progress;
mod saving;
mod session;
mod tensorboard;
mod terminal;
mod training;

pub use config_file::{command_line, settle};
pub use folder::{RunFile, RunFolder};
pub use interruption::{INTERRUPTED, Interruption};
pub use lock::{LOCK_FILE, RunLock};
pub use metrics::{EpochMetrics, MetricsFile};
pub use options::{OnNan, SavingArgs, TrainArgs};
pub use profile::{OperationProfile, ProfileFile};
pub use progress::Progress;
pub use saving::SaveEvery;
pub use tensorboard::EventFile;
pub use terminal::{exit_code, say, start_logging};
pub use training::{main, run, run_interruptibly, run_until};
