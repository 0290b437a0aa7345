//! Timestamps around each operation.
//!
//! Every operation gets a compute pass of its own, since only a pass can be timed on all adapters,
//! and each step is waited for: profiled runs are slower than others, in the gaps between
//! operations and not in the operations.

use super::device::GpuDevice;
use super::memory;
use super::program::Operation;
use super::readback::Readback;
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
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    readback: Readback,
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
        if !device.has(wgpu::Features::TIMESTAMP_QUERY) {
            return Err(Error::Device(format!(
                "{} cannot time operations; profile on another adapter (`diabolo adapters` says \
                 which have timestamps) or with --device cpu",
                device.info.name
            )));
        }
        let count = 2 * OPERATIONS as u32;
        let queries = device.scoped(
            || "timestamps".into(),
            || {
                device.device.create_query_set(&wgpu::QuerySetDescriptor {
                    label: Some("timestamps"),
                    ty: wgpu::QueryType::Timestamp,
                    count,
                })
            },
        )?;
        let usage = wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC;
        let resolved = memory::buffer(device, "times", u64::from(count) * 8, usage)?;
        let (readback, tally) = (Readback::default(), ProfileTally::new());
        Ok(Self { queries, resolved, readback, tally, on: true })
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
                let begin = 2 * index as u32;
                let timestamp_writes = Some(wgpu::ComputePassTimestampWrites {
                    query_set: &self.queries,
                    beginning_of_pass_write_index: Some(begin),
                    end_of_pass_write_index: Some(begin + 1),
                });
                let label = Some(operation.row.op);
                let description = wgpu::ComputePassDescriptor { label, timestamp_writes };
                operation.record(&mut encoder.begin_compute_pass(&description), scalars);
            }
            let count = 2 * batch.len() as u32;
            encoder.resolve_query_set(&self.queries, 0..count, &self.resolved, 0);
            self.add_times(device, encoder, batch)?;
        }
        Ok(())
    }

    /// The times so far, longest first.
    pub fn rows(&self) -> Vec<ProfileRow> {
        self.tally.rows()
    }

    /// Has what was recorded done, and adds the times that it took.
    fn add_times(
        &mut self,
        device: &GpuDevice,
        encoder: wgpu::CommandEncoder,
        batch: &[Operation],
    ) -> Result<()> {
        let words =
            self.readback.read_after(device, encoder, &self.resolved, 0, 4 * batch.len())?;
        let ticks: &[[u32; 2]] = bytemuck::cast_slice(&words);
        let ticks = |index: usize| u64::from(ticks[index][0]) | u64::from(ticks[index][1]) << 32;
        let second = f64::from(device.queue.get_timestamp_period()) * 1e-9;
        for (index, operation) in batch.iter().enumerate() {
            // Some drivers let a timestamp fall behind the one before it; that is no time at all.
            let elapsed = ticks(2 * index + 1).saturating_sub(ticks(2 * index));
            let seconds = elapsed as f64 * second;
            self.tally.add(&ProfileRow { seconds, ..operation.row.clone() });
        }
        Ok(())
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
