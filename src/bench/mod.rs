//! `diabolo bench`: how fast workloads run, what they cost by count, how near the device's ceilings
//! they come.

mod command;
mod devices;
mod growth;
mod kernels;
mod table;
mod together;
pub mod workloads;

pub use command::{BenchArgs, bench};
pub(crate) use command::{measure, progress};
pub(crate) use devices::BenchDevice;
pub use table::Row;
