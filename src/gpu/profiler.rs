//! Timestamps around each operation.
//!
//! Every operation gets a compute pass of its own, since only a pass can be timed on all adapters,
//! and each step is waited for: profiled runs are slower than others, in the gaps between
//! operations and not in the operations.

use super::device::GpuDevice;
use super::program::Operation;
use super::timestamps::Timestamps;
use crate::error::{Error, Result};
use crate::graph::{ProfileRow, ProfileTally};

/// Operations timed in one go: two timestamps each, and WebGPU's query sets hold 4096. On Metal an encoder of some
/// hundred passes is waited for without end (wgpu issue 8047: 682 of them).
const OPERATIONS: usize = operations_at_once(cfg!(target_vendor = "apple"));

const fn operations_at_once(on_metal: bool) -> usize {
    if on_metal { 128 } else { 2048 }
}

/// Timestamps, and the times made of them.
#[derive(Debug)]
pub(super) struct Profiler {
    timestamps: Timestamps,
    tally: ProfileTally,
    /// Whether operations are being timed; the times stay when this ends.
    pub on: bool,
}

impl Profiler {
    /// A profiler without times yet.
    ///
    /// # Errors
    /// When the adapter takes no time.
    pub fn new(device: &GpuDevice) -> Result<Self> {
        let timestamps = Timestamps::new(device, OPERATIONS)?.ok_or_else(|| {
            Error::Device(format!(
                "{} cannot time operations; profile on another adapter (`diabolo adapters` says \
                 which have timestamps) or with --device cpu",
                device.info.name
            ))
        })?;
        Ok(Self { timestamps, tally: ProfileTally::new(), on: true })
    }

    /// Runs and times one step's operations; the step's scalars begin at byte `scalars`.
    ///
    /// # Errors
    /// When the device is lost or out of memory.
    pub fn run(
        &mut self,
        device: &GpuDevice,
        operations: &[Operation],
        scalars: u32,
    ) -> Result<()> {
        for batch in operations.chunks(OPERATIONS) {
            let mut encoder = device.encoder();
            for (index, operation) in batch.iter().enumerate() {
                let timestamp_writes = Some(self.timestamps.writes(index));
                let label = Some(operation.row.op);
                let description = wgpu::ComputePassDescriptor { label, timestamp_writes };
                operation.record(&mut encoder.begin_compute_pass(&description), scalars);
            }
            let times = self.timestamps.seconds(device, encoder, batch.len())?;
            for (operation, seconds) in batch.iter().zip(times) {
                self.tally.add(&ProfileRow { seconds, ..operation.row.clone() });
            }
        }
        Ok(())
    }

    /// The times so far, longest first.
    pub fn rows(&self) -> Vec<ProfileRow> {
        self.tally.rows()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No Metal is at hand: this holds the number alone.
    #[test]
    fn metal_times_few_passes_at_once_and_query_sets_hold_all() {
        assert!(operations_at_once(true) < 682 / 2);
        assert!(2 * operations_at_once(false) <= 4096);
    }
}
