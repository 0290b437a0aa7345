//! The workloads that speed is measured on, the same on every device: training steps of whole
//! models on random images, single operations, and transfers.

mod catalogue;
mod measure;
mod models;
mod operations;
mod workload;

pub(super) use models::dataset;

pub use measure::{Ceilings, Loaded, Measured, PlanCosts};
pub(crate) use operations::{dispatch_seconds, idle_dispatches, roofline_graph};
pub use workload::Workload;
