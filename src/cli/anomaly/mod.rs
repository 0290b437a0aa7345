//! `diabolo anomaly`: pictures unlike the normal ones that a model was trained on.

mod command;
mod judge;
mod layout;
mod numbers;
mod options;
mod pictures;
mod placement;
mod results;
mod table;
mod truth;

pub use command::anomaly;
pub use options::AnomalyArgs;
