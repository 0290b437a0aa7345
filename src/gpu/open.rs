//! Opening the device that the user's choice comes to.

use super::adapters::Adapters;
use super::choice::{DeviceChoice, Selection};
use super::executor::GpuExecutor;
use super::pipelines::GpuOptions;
use crate::cpu::CpuExecutor;
use crate::error::Result;
use crate::graph::Executor;

/// A device, ready for plans.
pub struct Opened {
    /// What runs plans.
    pub executor: Box<dyn Executor>,
    /// Why this device, in one line.
    pub reason: String,
    /// This device and no other: what `auto` came to stays what it is for all of a run, so that a
    /// GPU that is lost on the way is an error, never a silent change to the CPU.
    pub choice: DeviceChoice,
}

/// Opens the device that `choice` comes to on this machine.
///
/// # Errors
/// When no adapter fits the choice, or its driver refuses.
pub fn open(choice: &DeviceChoice) -> Result<Opened> {
    if *choice == DeviceChoice::Cpu {
        return Ok(Opened {
            executor: Box::new(CpuExecutor::new()),
            reason: "the CPU was asked for".into(),
            choice: DeviceChoice::Cpu,
        });
    }
    let adapters = Adapters::find();
    let selection = choice.select(adapters.list())?;
    let reason = selection.reason().to_string();
    let settled = selection.settled();
    let executor: Box<dyn Executor> = match selection {
        Selection::Cpu(_) => Box::new(CpuExecutor::new()),
        Selection::Adapter(index, _) => {
            Box::new(GpuExecutor::open(&adapters, index, GpuOptions::default())?)
        }
    };
    Ok(Opened { executor, reason, choice: settled })
}

/// What `diabolo adapters` prints: every adapter, the CPU, and which of them `auto` takes.
pub fn adapters_report() -> String {
    let adapters = Adapters::find();
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let cores = if cores == 1 { "1 thread".into() } else { format!("{cores} threads") };
    let taken = match DeviceChoice::Auto.select(adapters.list()) {
        Ok(Selection::Adapter(index, reason)) => format!("{index}: {reason}"),
        Ok(Selection::Cpu(reason)) => format!("cpu: {reason}"),
        Err(error) => error.to_string(),
    };
    let hint = match adapters.list().is_empty() {
        true => format!("no GPU adapter was found; {}\n", super::adapters::INSTALL_HINT),
        false => String::new(),
    };
    format!("{adapters}{hint}cpu  native code on {cores}\n\n--device auto takes {taken}\n")
}
