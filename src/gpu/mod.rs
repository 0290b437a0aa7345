//! The GPU executor: adapters, pipelines, memory and submissions, through wgpu.
//!
//! [`Adapters::find`] lists what the machine has, [`open`] takes a device by the user's choice.
//! Everything a plan needs is made when the plan is added; a step afterwards is a row of commands
//! recorded into one compute pass, whose cost on the host is a few microseconds a dispatch.

mod adapters;
mod choice;
mod device;
mod disk_cache;
mod executor;
mod half_test;
mod memory;
mod mixed;
mod open;
mod pace;
mod patience;
mod pipelines;
mod profiler;
mod program;
mod readback;
mod reflection;
mod self_test;
mod several;
mod staging;
mod submissions;
mod timestamps;
mod tuning;
mod tuning_file;
mod verdict;

pub use adapters::{AdapterSummary, Adapters, INSTALL_HINT};
pub use choice::{DeviceChoice, Selection};
pub use executor::GpuExecutor;
pub use mixed::Mixed;
pub use open::{Opened, adapters_report, check_adapters, open, options_for, select};
pub use pipelines::{GpuOptions, ShaderChecks};
pub(crate) use reflection::Reflection;
#[cfg(feature = "cli")]
pub(crate) use self_test::SelfTest;
pub use several::DeviceChoices;
pub use tuning::tune;
pub use tuning_file::parse as parse_tuning;
