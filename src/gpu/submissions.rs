//! Submissions on their way: the entries of a ring, each with room for its steps' scalars and metrics.
//!
//! An entry is used again when its submission is done, which is the only time that recording waits.

use super::device::GpuDevice;
use super::program::{Program, UNIFORM_ALIGNMENT};
use super::readback::{Arrival, mapped, staging_buffer};
use crate::error::{Error, Result};
use crate::graph::{MetricRow, PlanId};
use crate::ops::StepScalars;

/// Submissions that may be under way at once: one that runs, one that waits for it, one that is
/// recorded, and one to spare.
const ENTRIES: usize = 4;
/// Steps recorded in one submission at most.
pub(super) const STEPS: usize = 64;

#[derive(Debug, Default)]
struct Entry {
    staging: Option<wgpu::Buffer>,
    submission: Option<Submission>,
    /// The steps of the submission; outlives it to keep its allocation.
    steps: Vec<StepScalars>,
}

#[derive(Debug)]
struct Submission {
    index: wgpu::SubmissionIndex,
    arrival: Arrival,
    plan: PlanId,
    metrics: usize,
}

/// All entries, and the metrics that have come back through them.
#[derive(Debug)]
pub(super) struct Submissions {
    scalars: wgpu::Buffer,
    entries: Vec<Entry>,
    /// The entry to be used next; where it is taken, it is the one that was taken first.
    next: usize,
    arrived: Vec<MetricRow>,
    bytes: Vec<u8>,
}

impl Submissions {
    pub fn new(device: &GpuDevice) -> Result<Self> {
        let size = (ENTRIES * STEPS) as u64 * UNIFORM_ALIGNMENT;
        let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        Ok(Self {
            scalars: super::memory::buffer(device, "step scalars", size, usage)?,
            entries: (0..ENTRIES).map(|_| Entry::default()).collect(),
            next: 0,
            arrived: vec![],
            bytes: vec![],
        })
    }

    /// The scalars of all entries.
    pub fn scalars(&self) -> &wgpu::Buffer {
        &self.scalars
    }

    /// Makes room for the metrics of a plan in every entry.
    pub fn reserve(&mut self, device: &GpuDevice, metrics: usize) -> Result<()> {
        let size = (STEPS * metrics * 4) as u64;
        for entry in &mut self.entries {
            let small = entry.staging.as_ref().is_none_or(|staging| staging.size() < size);
            if size > 0 && small && entry.submission.is_none() {
                entry.staging = Some(staging_buffer(device, size)?);
            }
        }
        Ok(())
    }

    /// Opens the next entry, once it is free, and sends its steps' scalars ahead. Returns where the
    /// first step's lie; each further one's lie [`UNIFORM_ALIGNMENT`] bytes on.
    pub fn open(&mut self, device: &GpuDevice, steps: &[StepScalars]) -> Result<u32> {
        let taken = self.entries[self.next].submission.as_ref();
        if let Some(index) = taken.map(|submission| submission.index.clone()) {
            device.wait(Some(index))?;
            self.collect(self.next)?;
        }
        let entry = &mut self.entries[self.next];
        entry.steps.clear();
        entry.steps.extend_from_slice(steps);
        self.bytes.clear();
        for step in steps {
            let end = self.bytes.len() + UNIFORM_ALIGNMENT as usize;
            self.bytes.extend_from_slice(bytemuck::bytes_of(step));
            self.bytes.resize(end, 0);
        }
        let offset = (self.next * STEPS) as u64 * UNIFORM_ALIGNMENT;
        device.queue.write_buffer(&self.scalars, offset, &self.bytes);
        Ok(offset as u32)
    }

    /// Submits what was recorded for the entry opened last, and has its metrics sent back.
    pub fn submit(
        &mut self,
        device: &GpuDevice,
        (id, program): (PlanId, &Program),
        mut encoder: wgpu::CommandEncoder,
    ) -> Result<()> {
        let entry = &mut self.entries[self.next];
        let metrics = program.plan.metrics.len();
        let size = (entry.steps.len() * metrics * 4) as u64;
        if size > 0 && entry.staging.as_ref().is_none_or(|staging| staging.size() < size) {
            entry.staging = Some(staging_buffer(device, (STEPS * metrics * 4) as u64)?);
        }
        let staging = entry.staging.as_ref().filter(|_| size > 0);
        if let Some(staging) = staging {
            copy_rows(&mut encoder, &entry.steps, metrics, &program.memory.metrics, staging);
        }
        let index = device.queue.submit([encoder.finish()]);
        let arrival = match staging {
            Some(staging) => Arrival::of_mapping(staging, size),
            None => Arrival::of_work(&device.queue),
        };
        entry.submission = Some(Submission { index, arrival, plan: id, metrics });
        self.next = (self.next + 1) % ENTRIES;
        Ok(())
    }

    /// Metrics that have come back, in order; with `wait`, those of all steps.
    pub fn take(&mut self, device: &GpuDevice, wait: bool) -> Result<Vec<MetricRow>> {
        if wait {
            device.wait(None)?
        } else {
            device.poll()?
        }
        let first = self.next;
        for entry in (first..first + ENTRIES).map(|entry| entry % ENTRIES) {
            let Some(submission) = &self.entries[entry].submission else { continue };
            if !submission.arrival.is_done()? {
                break;
            }
            self.collect(entry)?;
        }
        Ok(std::mem::take(&mut self.arrived))
    }

    /// Frees an entry whose submission is done and keeps its metrics.
    fn collect(&mut self, entry: usize) -> Result<()> {
        let entry = &mut self.entries[entry];
        let Some(submission) = entry.submission.take() else { return Ok(()) };
        if !submission.arrival.is_done()? {
            return Err(Error::Gpu("metrics did not arrive".into()));
        }
        let size = (entry.steps.len() * submission.metrics * 4) as u64;
        let Some(staging) = entry.staging.as_ref().filter(|_| size > 0) else { return Ok(()) };
        mapped(staging, size, |bytes| {
            let values: &[f32] = bytemuck::cast_slice(bytes);
            for (scalars, values) in entry.steps.iter().zip(values.chunks(submission.metrics)) {
                let (plan, values) = (submission.plan, values.to_vec());
                self.arrived.push(MetricRow { plan, scalars: *scalars, values });
            }
        })
    }
}

/// Copies each step's row of the log, neighbours together.
fn copy_rows(
    encoder: &mut wgpu::CommandEncoder,
    steps: &[StepScalars],
    metrics: usize,
    log: &wgpu::Buffer,
    staging: &wgpu::Buffer,
) {
    let bytes = |rows: usize| (rows * metrics * 4) as u64;
    let mut done = 0;
    for run in steps.chunk_by(|a, b| b.row == a.row + 1) {
        let from = bytes(run[0].row as usize);
        encoder.copy_buffer_to_buffer(log, from, staging, bytes(done), bytes(run.len()));
        done += run.len();
    }
}

/// Cuts `steps` into submissions: short enough for an entry, and none writes a row twice, for only
/// the last writer's numbers would come back.
pub(super) fn submissions(steps: &[StepScalars]) -> impl Iterator<Item = &[StepScalars]> {
    let mut rest = steps;
    std::iter::from_fn(move || {
        let most = rest.len().min(STEPS);
        let repeats = |end: &usize| rest[..*end].iter().any(|step| step.row == rest[*end].row);
        let end = (1..most).find(repeats).unwrap_or(most);
        let (first, others) = rest.split_at(end);
        rest = others;
        (!first.is_empty()).then_some(first)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(rows: impl IntoIterator<Item = u32>) -> Vec<StepScalars> {
        rows.into_iter().map(|row| StepScalars { row, ..StepScalars::default() }).collect()
    }

    #[test]
    fn submissions_are_short_and_write_no_row_twice() {
        let lengths =
            |rows: Vec<u32>| -> Vec<usize> { submissions(&steps(rows)).map(<[_]>::len).collect() };
        assert!(lengths(vec![]).is_empty());
        assert_eq!(lengths((0..150).collect()), [64, 64, 22]);
        assert_eq!(lengths(vec![0, 0, 0]), [1, 1, 1]);
        assert_eq!(lengths(vec![1022, 1023, 0, 1]), [4]);
        assert_eq!(lengths(vec![5, 6, 5]), [2, 1]);
    }
}
