//! The devices that are measured.

use super::workloads::Ceilings;
use crate::cpu::CpuExecutor;
use crate::error::{Error, Result};
use crate::gpu::{self, AdapterSummary, Adapters, DeviceChoice, GpuExecutor, Selection};
use crate::graph::Executor;

/// The value of `--device` that names every adapter and the CPU.
const ALL: &str = "all";

/// A device, opened afresh for each workload.
pub(crate) struct BenchDevice {
    name: String,
    adapter: Option<usize>,
}

impl BenchDevice {
    /// Those that `--device` names: one, or every usable adapter and the CPU.
    pub fn chosen(text: &str) -> Result<Vec<Self>> {
        let adapters = Adapters::find();
        let usable = |index: &usize| adapters.list()[*index].is_usable();
        let of = |index: usize| Self {
            name: format!("{} {}", index, adapters.list()[index]),
            adapter: Some(index),
        };
        let cpu = Self { name: CpuExecutor::new().name(), adapter: None };
        Ok(match parse(text)? {
            None => (0..adapters.list().len()).filter(usable).map(of).chain([cpu]).collect(),
            Some(choice) => match gpu::select(&choice, &adapters)? {
                Selection::Cpu(_) => vec![cpu],
                Selection::Adapter(index, _) => vec![of(index)],
            },
        })
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the list of adapters says of it; nothing of the CPU.
    pub fn summary(&self) -> Option<AdapterSummary> {
        Adapters::find().list().get(self.adapter?).cloned()
    }

    pub fn is_adapter(&self) -> bool {
        self.adapter.is_some()
    }

    pub fn open(&self) -> Result<Box<dyn Executor>> {
        Ok(match self.is_adapter() {
            true => Box::new(self.open_adapter()?),
            false => Box::new(CpuExecutor::new()),
        })
    }

    /// Opens the adapter.
    ///
    /// # Errors
    /// When the device is the CPU, or its driver refuses.
    pub fn open_adapter(&self) -> Result<GpuExecutor> {
        let what = || Error::Device(format!("{} is no adapter", self.name));
        let index = self.adapter.ok_or_else(what)?;
        let adapters = Adapters::find();
        let options = adapters.list().get(index).map(gpu::options_for).unwrap_or_default();
        GpuExecutor::open(&adapters, index, options)
    }

    pub fn ceilings(&self) -> Result<Ceilings> {
        Ceilings::measure(self.open()?.as_mut())
    }
}

fn parse(text: &str) -> Result<Option<DeviceChoice>> {
    if text.eq_ignore_ascii_case(ALL) { Ok(None) } else { text.parse().map(Some) }
}
