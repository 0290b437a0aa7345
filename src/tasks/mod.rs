//! What people do with a trained model: each task is a library call and a subcommand.

mod inputs;
mod sample;
mod trained;

pub use inputs::Pictures;
pub use sample::{SampleArgs, sample};
pub use trained::{ModelArgs, Trained};
