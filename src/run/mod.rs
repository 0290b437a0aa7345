//! What surrounds a training on a disk and a terminal: the run folder and its files, and with the
//! feature `cli` the program's options, progress and interruption.

pub mod checkpoint;
mod contents;
mod fingerprint;
mod folder;
mod lock;
mod metrics;
mod prior_file;
mod profile;
#[cfg(feature = "cli")]
mod program;
mod replacing;
mod sampler_file;
mod storing;
mod terminal;
mod times;
mod unfinished;

pub use folder::{RunFile, RunFolder};
pub use lock::{LOCK_FILE, RunLock};
pub use metrics::{EpochMetrics, MetricsFile, Share};
pub use profile::{OperationProfile, ProfileFile};
#[cfg(feature = "cli")]
pub use program::{
    EventFile, Interruption, OnNan, Progress, SaveEvery, SavingArgs, StoringArgs, TrainArgs,
    command_line, is_of_a_run, main, run, run_interruptibly, run_until, settle, start_logging,
};
pub use storing::store;
pub use terminal::{INTERRUPTED, exit_code, note, print, say, say_on_standard_error};
pub use unfinished::unfinished;
