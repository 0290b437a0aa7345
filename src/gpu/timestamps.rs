//! The device's own clock: passes between two timestamps.

use super::device::GpuDevice;
use super::memory;
use super::readback::Readback;
use crate::error::Result;

/// Places for timestamps, two a pass, and the way back from them.
#[derive(Debug)]
pub(super) struct Timestamps {
    queries: wgpu::QuerySet,
    resolved: wgpu::Buffer,
    readback: Readback,
}

impl Timestamps {
    /// Room for the times of so many passes at once; `None` where the adapter takes no time.
    ///
    /// # Errors
    /// When the device is lost or out of memory.
    pub fn new(device: &GpuDevice, passes: usize) -> Result<Option<Self>> {
        if !device.has(wgpu::Features::TIMESTAMP_QUERY) {
            return Ok(None);
        }
        let count = 2 * passes as u32;
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
        Ok(Some(Self { queries, resolved, readback: Readback::default() }))
    }

    /// Has pass number `pass` of an encoder timed.
    pub fn writes(&self, pass: usize) -> wgpu::ComputePassTimestampWrites<'_> {
        let begin = 2 * pass as u32;
        wgpu::ComputePassTimestampWrites {
            query_set: &self.queries,
            beginning_of_pass_write_index: Some(begin),
            end_of_pass_write_index: Some(begin + 1),
        }
    }

    /// Has what `record` records into a pass done; the seconds that it took.
    ///
    /// # Errors
    /// When the device is lost.
    pub fn time(
        &mut self,
        device: &GpuDevice,
        record: impl FnOnce(&mut wgpu::ComputePass),
    ) -> Result<f64> {
        let mut encoder = device.encoder();
        let timestamp_writes = Some(self.writes(0));
        let description = wgpu::ComputePassDescriptor { label: None, timestamp_writes };
        record(&mut encoder.begin_compute_pass(&description));
        Ok(self.seconds(device, encoder, 1)?.iter().sum())
    }

    /// Has what was recorded done; the seconds of each of its first `passes` passes.
    ///
    /// # Errors
    /// When the device is lost.
    pub fn seconds(
        &mut self,
        device: &GpuDevice,
        mut encoder: wgpu::CommandEncoder,
        passes: usize,
    ) -> Result<Vec<f64>> {
        encoder.resolve_query_set(&self.queries, 0..2 * passes as u32, &self.resolved, 0);
        let words = self.readback.read_after(device, encoder, &self.resolved, 0, 4 * passes)?;
        let ticks: &[[u32; 2]] = bytemuck::cast_slice(&words);
        let ticks = |index: usize| u64::from(ticks[index][0]) | u64::from(ticks[index][1]) << 32;
        let second = f64::from(device.queue.get_timestamp_period()) * 1e-9;
        // Some drivers let a timestamp fall behind the one before it; that is no time at all.
        let elapsed = |pass: usize| ticks(2 * pass + 1).saturating_sub(ticks(2 * pass));
        Ok((0..passes).map(|pass| elapsed(pass) as f64 * second).collect())
    }
}
