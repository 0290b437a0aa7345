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
pub use table::Row;
