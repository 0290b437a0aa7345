//! Training: what decides a run's numbers, and the steps themselves. What surrounds it on a disk and a
//! terminal is [`run`](crate::run).

mod available_memory;
mod centre;
mod collapse_watch;
mod command;
mod config;
mod cosines;
mod differences;
mod fault;
mod following;
mod held_out;
mod link;
#[cfg(test)]
mod loopback;
mod memory;
mod minimiser;
#[cfg(feature = "mpi")]
mod mpi;
mod pairs;
mod pass;
mod place_prior;
mod planning;
mod plans;
mod position;
mod precision;
mod ranks;
mod report;
mod scalars;
mod shards;
mod stack;
mod start;
mod steps;
mod sum;
mod team;
mod trainer;
mod tree;
mod updating;
mod windows;
mod workers;

pub use collapse_watch::CollapseWatch;
pub use config::Config;
#[cfg(feature = "cli")]
pub(crate) use config::{LIKELIHOOD_IMAGES, SMALL_BATCH, load};
pub use differences::Difference;
pub use link::Link;
pub use minimiser::Minimiser;
#[cfg(feature = "mpi")]
pub use mpi::Mpi;
#[cfg(feature = "cli")]
pub(crate) use pairs::{are_pairs, check_pairs};
pub use place_prior::PriorTraining;
pub use plans::{BatchShape, training_plan};
pub use position::{Adaptation, PartEpoch, Position};
pub use precision::Precision;
pub use report::{Advance, EpochReport, Fault, Listener};
pub use team::Team;
pub use trainer::Trainer;
