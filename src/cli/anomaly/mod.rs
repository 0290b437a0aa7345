//! `diabolo anomaly`: pictures unlike the normal ones that a model was trained on.

mod command;
mod judge;
mod layout;
mod pictures;
mod placement;
mod table;
mod truth;

pub use command::{AnomalyArgs, anomaly};
