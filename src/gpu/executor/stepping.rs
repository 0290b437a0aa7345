//! Steps that are not simply run: a part of one, a single operation, or some that are timed.

use std::ops::Range;

use super::GpuExecutor;
use crate::error::{Error, Result};
use crate::gpu::memory::Memory;
use crate::gpu::program::{record, scalars_of};
use crate::gpu::submissions::{Part, together};
use crate::gpu::timestamps::Timestamps;
use crate::graph::{Clock, Location, PlanId, Timed};
use crate::ops::StepScalars;

impl GpuExecutor {
    /// [`Executor::run_part`](crate::graph::Executor::run_part).
    pub(super) fn part_of_step(
        &mut self,
        plan: PlanId,
        step: &StepScalars,
        operations: Range<usize>,
    ) -> Result<()> {
        self.device.check()?;
        let step = std::slice::from_ref(step);
        let (program, _) = self.program(plan)?;
        program.check_rows(step)?;
        let place = |step: usize| program.operations.partition_point(|it| it.step < step);
        let (number, end) = (place(operations.start), place(operations.end));
        // How many parts there are is of no account where nothing is timed, but for which is the last one.
        let ends = end == program.operations.len();
        let of = if ends { number + 1 } else { usize::MAX };
        let part = Part { number, of, is_timed: false };
        self.submit_part(plan, step, number..end, part)?;
        self.device.check()
    }

    /// [`Executor::run_timed`](crate::graph::Executor::run_timed): steps that fit one submission are one pass between two timestamps.
    pub(super) fn timed_steps(&mut self, plan: PlanId, steps: &[StepScalars]) -> Result<Timed> {
        self.device.check()?;
        self.program(plan)?.0.check_rows(steps)?;
        if self.clock.is_none() {
            self.clock = Timestamps::new(&self.device, 1)?;
        }
        let mut seconds = 0.0;
        let mut rest = steps;
        while !rest.is_empty() {
            let (most, parts) = self.submissions.pace(plan);
            // A step that is split so that no watchdog ends it stays so.
            let Some(clock) = self.clock.as_mut().filter(|_| parts == 1) else {
                let timed = Timed::by_wall(self, plan, rest)?;
                return Ok(Timed { seconds: seconds + timed.seconds, ..timed });
            };
            let (now, later) = rest.split_at(together(rest, most));
            let first = self.submissions.open(&self.device, now)?;
            let operations = &self.programs[plan].0.operations;
            let scalars = scalars_of(first, now.len());
            let took = clock.time(&self.device, |pass| record(pass, operations, scalars))?;
            self.submissions.learn(plan, now.len(), took);
            seconds += took;
            rest = later;
        }
        Ok(Timed { seconds, clock: Clock::Timestamps })
    }

    /// [`Executor::run_operation`](crate::graph::Executor::run_operation).
    pub(super) fn single_operation(
        &mut self,
        plan: PlanId,
        operation: usize,
        scalars: &StepScalars,
    ) -> Result<Vec<Vec<f32>>> {
        self.device.check()?;
        let (program, data) = self.program(plan)?;
        let step = program.plan.steps.get(operation);
        let step = step.ok_or_else(|| Error::Graph(format!("there is no step {operation}")))?;
        let data = data.and_then(|data| self.data.get(data.0));
        let memory = Memory { plan: &program.memory, state: self.state.as_ref(), data };
        let outputs = step.outputs.iter().map(|at| Ok((memory.buffer(at.area)?.clone(), *at)));
        let outputs = outputs.collect::<Result<Vec<_>>>()?;
        let offset = self.submissions.open(&self.device, std::slice::from_ref(scalars))?;
        let mut encoder = self.device.encoder();
        for found in self.programs[plan].0.operations.iter().filter(|it| it.step == operation) {
            found.record(&mut encoder.begin_compute_pass(&Default::default()), offset);
        }
        let (device, readback) = (&self.device, &mut self.readback);
        let read = |(buffer, at): (wgpu::Buffer, Location)| {
            let encoder = std::mem::replace(&mut encoder, device.encoder());
            let offset = at.offset as u64 * 4;
            let words = readback.read_after(device, encoder, &buffer, offset, at.words())?;
            Ok(at.storage.read(words, at.length))
        };
        outputs.into_iter().map(read).collect()
    }
}
