//! `diabolo anomaly`: pictures unlike the normal ones that a model was trained on.

mod command;
mod judge;
mod pictures;
mod placement;
mod table;

pub use command::{AnomalyArgs, anomaly};
