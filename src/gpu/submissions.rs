//! Submissions on their way: the entries of a ring, each with room for its steps' scalars and metrics.
//!
//! An entry is used again when its submission is done, which is the only time that recording waits.

use std::collections::BTreeMap;
use std::time::Instant;

use super::device::{GpuDevice, Sent, TOKEN};
use super::pace::{Pace, Stopwatch, Took};
use super::program::{Program, UNIFORM_ALIGNMENT};
use super::readback::{Arrival, mapped, staging_buffer};
use crate::error::{Error, Result};
use crate::graph::{MetricRow, PlanId};
use crate::ops::StepScalars;

/// Submissions that may be under way at once: one that runs, one that waits for it, one that is
/// recorded, and one to spare.
const ENTRIES: usize = 4;
/// Steps recorded in one submission at most.
const STEPS: usize = 64;

#[derive(Debug, Default)]
struct Entry {
    staging: Option<wgpu::Buffer>,
    submission: Option<Submission>,
    /// The steps of the submission; outlives it to keep its allocation.
    steps: Vec<StepScalars>,
}

#[derive(Debug)]
struct Submission {
    sent: Sent,
    arrival: Arrival,
    plan: PlanId,
    metrics: usize,
    submitted: Instant,
    part: Part,
}

/// Which part of its steps a submission does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part {
    pub number: usize,
    pub of: usize,
    /// Whether the time it takes says how long steps take.
    pub is_timed: bool,
}

impl Part {
    /// Metrics are complete with the last one.
    fn is_last(self) -> bool {
        self.number + 1 == self.of
    }
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
    /// How much of a plan goes into one submission.
    paces: BTreeMap<PlanId, Pace>,
    stopwatch: Stopwatch,
    /// The step whose parts are ending.
    took: Option<Took>,
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
            paces: BTreeMap::new(),
            stopwatch: Stopwatch::new(Instant::now()),
            took: None,
        })
    }

    /// Takes note of a plan, which is to be run at this pace at first.
    pub fn add(&mut self, plan: PlanId, pace: Pace) {
        self.paces.insert(plan, pace);
    }

    /// Forgets a plan.
    pub fn remove(&mut self, plan: PlanId) {
        self.paces.remove(&plan);
    }

    /// How many steps of a plan go into one submission at most, and how many parts a step is split
    /// into.
    pub fn pace(&self, plan: PlanId) -> (usize, usize) {
        self.paces.get(&plan).map_or((1, 1), |pace| (pace.steps().min(STEPS), pace.parts()))
    }

    /// Takes note of how long a submission of so many whole steps took, which went past the ring.
    pub fn learn(&mut self, plan: PlanId, steps: usize, seconds: f64) {
        let took = Took { steps, parts: 1, seconds, longest: seconds, is_exact: true };
        if let Some(pace) = self.paces.get_mut(&plan) {
            pace.learn(&took);
        }
    }

    /// The scalars of all entries.
    pub fn scalars(&self) -> &wgpu::Buffer {
        &self.scalars
    }

    /// Makes room for the metrics of a plan in every entry.
    pub fn reserve(&mut self, device: &GpuDevice, metrics: usize) -> Result<()> {
        let size = staging_bytes(STEPS, metrics);
        for entry in &mut self.entries {
            let small = entry.staging.as_ref().is_none_or(|staging| staging.size() < size);
            if small && entry.submission.is_none() {
                entry.staging = Some(staging_buffer(device, size)?);
            }
        }
        Ok(())
    }

    /// Opens the next entry, once it is free, and sends its steps' scalars ahead. Returns where the
    /// first step's lie; each further one's lie [`UNIFORM_ALIGNMENT`] bytes on.
    pub fn open(&mut self, device: &GpuDevice, steps: &[StepScalars]) -> Result<u32> {
        self.wait_for(device, self.next)?;
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
        part: Part,
        mut encoder: wgpu::CommandEncoder,
    ) -> Result<()> {
        let entry = &mut self.entries[self.next];
        let metrics = if part.is_last() { program.plan.metrics.len() } else { 0 };
        let size = staging_bytes(entry.steps.len(), metrics);
        let kept = entry.staging.take().filter(|staging| staging.size() >= size);
        let staging = match kept {
            Some(staging) => staging,
            None => staging_buffer(device, staging_bytes(STEPS, metrics))?,
        };
        if metrics > 0 {
            copy_rows(&mut encoder, &entry.steps, metrics, &program.memory.metrics, &staging);
        }
        let submitted = Instant::now();
        let sent = device.submit(encoder, &staging, size - TOKEN);
        let arrival = Arrival::of_mapping(&staging, size);
        entry.staging = Some(staging);
        entry.submission = Some(Submission { sent, arrival, plan: id, metrics, submitted, part });
        self.next = (self.next + 1) % ENTRIES;
        Ok(())
    }

    /// Metrics that have come back, in order; with `wait`, those of all steps.
    pub fn take(&mut self, device: &GpuDevice, wait: bool) -> Result<Vec<MetricRow>> {
        if wait {
            self.wait(device)?;
        } else {
            device.poll()?;
        }
        let first = self.next;
        for entry in (first..first + ENTRIES).map(|entry| entry % ENTRIES) {
            let Some(submission) = &self.entries[entry].submission else { continue };
            if !submission.arrival.is_done()? {
                break;
            }
            self.collect(device, entry, false)?;
        }
        Ok(std::mem::take(&mut self.arrived))
    }

    /// Waits for all submissions, one after the other, and keeps their metrics.
    pub fn wait(&mut self, device: &GpuDevice) -> Result<()> {
        let first = self.next;
        (first..first + ENTRIES).try_for_each(|entry| self.wait_for(device, entry % ENTRIES))
    }

    /// Waits until an entry is free.
    fn wait_for(&mut self, device: &GpuDevice, entry: usize) -> Result<()> {
        let Some(submission) = &self.entries[entry].submission else { return Ok(()) };
        let waits = !submission.arrival.is_done()?;
        device.wait(Some(submission.sent.index.clone()))?;
        self.collect(device, entry, waits)
    }

    /// Frees an entry whose submission is done, which may have been waited for, and keeps its metrics.
    ///
    /// # Errors
    /// When the driver only says that it is done.
    fn collect(&mut self, device: &GpuDevice, entry: usize, waited: bool) -> Result<()> {
        let entry = &mut self.entries[entry];
        let Some(submission) = entry.submission.take() else { return Ok(()) };
        if !submission.arrival.is_done()? {
            return Err(Error::Gpu("metrics did not arrive".into()));
        }
        let Submission { plan, part, submitted, .. } = submission;
        let (seconds, is_exact) = self.stopwatch.stop(submitted, Instant::now(), waited);
        let before = self.took.take().filter(|_| part.number > 0);
        let took = Took {
            steps: entry.steps.len(),
            parts: part.of,
            seconds: seconds + before.map_or(0.0, |before| before.seconds),
            longest: before.map_or(seconds, |before| before.longest.max(seconds)),
            is_exact: is_exact && before.is_none_or(|before| before.is_exact),
        };
        match (part.is_last(), self.paces.get_mut(&plan).filter(|_| part.is_timed)) {
            (true, Some(pace)) => pace.learn(&took),
            _ => self.took = Some(took),
        }
        let Submission { sent, metrics, .. } = submission;
        let size = staging_bytes(entry.steps.len(), metrics);
        let Some(staging) = &entry.staging else { return Ok(()) };
        let is_done = mapped(staging, size, |bytes| {
            let (values, token) = bytes.split_at((size - TOKEN) as usize);
            if !sent.is_done(token) {
                return false;
            }
            let values: &[f32] = bytemuck::cast_slice(values);
            for (scalars, values) in entry.steps.iter().zip(values.chunks(metrics.max(1))) {
                self.arrived.push(MetricRow { plan, scalars: *scalars, values: values.to_vec() });
            }
            true
        })?;
        if is_done { Ok(()) } else { Err(device.dropped()) }
    }
}

/// Bytes of the metrics of so many steps, and of the token behind them.
fn staging_bytes(steps: usize, metrics: usize) -> u64 {
    (steps * metrics * 4) as u64 + TOKEN
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

/// How many of `steps` can be one submission, `most` at most: none writes a row twice, for only the
/// last writer's numbers would come back.
pub(super) fn together(steps: &[StepScalars], most: usize) -> usize {
    let most = steps.len().min(most);
    let repeats = |end: &usize| steps[..*end].iter().any(|step| step.row == steps[*end].row);
    (1..most).find(repeats).unwrap_or(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn submissions_are_short_and_write_no_row_twice() {
        let together = |rows: &[u32], most| {
            let step = |row: &u32| StepScalars { row: *row, ..StepScalars::default() };
            together(&rows.iter().map(step).collect::<Vec<_>>(), most)
        };
        assert_eq!(together(&[], 4), 0);
        assert_eq!(together(&[0, 1, 2, 3, 4], 4), 4);
        assert_eq!(together(&[0, 1, 2], 64), 3);
        assert_eq!(together(&[0, 0, 0], 64), 1);
        assert_eq!(together(&[1022, 1023, 0, 1], 64), 4);
        assert_eq!(together(&[5, 6, 5], 64), 2);
    }
}
