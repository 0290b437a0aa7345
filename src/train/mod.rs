//! Training: what a run writes, and what it can be taken up from again.

mod atomic_file;
pub mod checkpoint;
pub mod curves;
pub mod metrics_file;
pub mod pictures;
pub mod progress;
pub mod run_folder;

pub use atomic_file::write_atomically;
