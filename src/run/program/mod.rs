//! A training as the program runs it: its options, what it shows and draws, when it saves, and how it
//! is interrupted.

mod config_file;
mod gallery;
mod images;
mod interruption;
mod logging;
mod occupant;
mod options;
mod place;
mod prior;
mod progress;
mod ranks;
mod saving;
mod session;
mod tensorboard;
mod training;

pub use config_file::{command_line, is_of_a_run, settle};
pub use interruption::Interruption;
pub use logging::start_logging;
pub use options::{OnNan, SavingArgs, StoringArgs, TrainArgs};
pub use progress::Progress;
pub use saving::SaveEvery;
pub use tensorboard::EventFile;
pub use training::{main, run, run_interruptibly, run_until};
