//! One pass over images: whole batches, several a call, and a last, smaller one.

use std::ops::{ControlFlow, Range};

use super::windows::{BatchPlan, Room, Windows};
use crate::data::Images;
use crate::error::Result;
use crate::graph::{Executor, Finding, METRIC_ROWS, MetricRow, Plan, find_not_finite};
use crate::ops::StepScalars;

/// How many images the steps take of a pass over `count` images, `most` at a time: whole batches, then
/// the rest.
pub(super) fn batch_sizes(count: usize, most: usize) -> Vec<usize> {
    let mut sizes = vec![most.min(count), count % most];
    sizes.retain(|size| *size > 0);
    sizes.dedup();
    sizes
}

/// What a step measured, and how many images it took.
#[derive(Clone, Debug)]
pub(super) struct Taken {
    pub images: usize,
    pub row: MetricRow,
}

/// The plans of a pass over one set of images.
#[derive(Debug)]
pub(super) struct Pass<'a> {
    windows: Windows<'a>,
    /// How many images a pass takes.
    count: usize,
    /// For whole batches, then for the rest.
    plans: Vec<BatchPlan>,
    /// Names of the metrics that all of them log.
    metrics: Vec<String>,
}

impl<'a> Pass<'a> {
    /// Sends the images if they fit, and takes in a plan a batch size, as `plan` makes them.
    pub fn new(
        executor: &mut dyn Executor,
        images: &'a Images,
        room: Room,
        batch: usize,
        mut plan: impl FnMut(usize) -> Result<Plan>,
    ) -> Result<Self> {
        let windows = Windows::new(executor, images, room)?;
        let mut plans = vec![];
        let mut metrics = vec![];
        for batch in batch_sizes(images.count, batch) {
            let made = plan(batch)?;
            metrics.clone_from(&made.metrics);
            plans.push(BatchPlan { plan: executor.add_plan(made, Some(windows.data()))?, batch });
        }
        Ok(Self { windows, count: images.count, plans, metrics })
    }

    /// The names of the metrics of each row.
    pub fn metrics(&self) -> &[String] {
        &self.metrics
    }

    /// How many steps a pass takes.
    pub fn steps(&self) -> usize {
        self.count.div_ceil(self.plans[0].batch)
    }

    /// How many images a pass takes.
    pub fn count(&self) -> usize {
        self.count
    }

    /// How many images step `number` takes.
    pub fn images_of(&self, number: usize) -> usize {
        let batch = self.plans[0].batch;
        batch.min(self.count.saturating_sub(number * batch))
    }

    /// What the step of this row took.
    fn taken(&self, row: MetricRow) -> Taken {
        let plan = self.plans.iter().find(|known| known.plan == row.plan);
        Taken { images: plan.map_or(0, |plan| plan.batch), row }
    }

    /// Steps whose metrics have arrived; with `wait`, all.
    pub fn arrivals(&self, executor: &mut dyn Executor, wait: bool) -> Result<Vec<Taken>> {
        let rows = executor.take_metrics(wait)?.into_iter();
        Ok(rows.map(|row| self.taken(row)).collect())
    }

    /// Takes those of these steps that there are, the images in `order`, each step with the scalars
    /// that `scalars` gives for its number within the pass, and hands over metrics as they arrive.
    /// Where `arrived` breaks off, no further steps are begun; the metrics of those under way still
    /// come. Returns how many steps were taken.
    pub fn run(
        &self,
        executor: &mut dyn Executor,
        order: &[u32],
        range: Range<u32>,
        mut scalars: impl FnMut(u32) -> StepScalars,
        mut arrived: impl FnMut(&[Taken]) -> Result<ControlFlow<()>>,
    ) -> Result<u32> {
        self.arrange(executor, order)?;
        let mut step = range.start;
        let all = self.images_before(step)..self.images_before(range.end).min(order.len());
        self.windows.each(executor, (order, all), self.plans[0], |executor, window, start| {
            let mut done = 0;
            while done < window.len() {
                let left = window.len() - done;
                let current = self.plan_for(left);
                let steps = (left / current.batch).clamp(1, current.steps_a_call(executor));
                let call: Vec<StepScalars> = (0..steps)
                    .map(|index| {
                        let number = step + index as u32;
                        StepScalars {
                            cursor: (start + done + index * current.batch) as u32,
                            row: number % METRIC_ROWS as u32,
                            ..scalars(number)
                        }
                    })
                    .collect();
                executor.run(current.plan, &call)?;
                step += steps as u32;
                done += steps * current.batch;
                if arrived(&self.arrivals(executor, false)?)?.is_break() {
                    return Ok(ControlFlow::Break(()));
                }
            }
            Ok(ControlFlow::Continue(()))
        })?;
        let _ = arrived(&self.arrivals(executor, true)?)?;
        Ok(step - range.start)
    }

    /// Tells the device the order of the images, where it holds all of them.
    pub fn arrange(&self, executor: &mut dyn Executor, order: &[u32]) -> Result<()> {
        self.windows.arrange(executor, order)
    }

    /// Takes one step operation by operation, and finds the first that gives a number that is not
    /// finite.
    pub fn inspect(
        &self,
        executor: &mut dyn Executor,
        order: &[u32],
        number: u32,
        scalars: StepScalars,
    ) -> Result<Option<Finding>> {
        self.arrange(executor, order)?;
        let (BatchPlan { plan, .. }, cursor) = self.place(executor, order, number)?;
        find_not_finite(executor, plan, &StepScalars { cursor, row: 0, ..scalars })
    }

    /// The plan of step `number` of the order that was [arranged](Self::arrange), and where the step begins in the
    /// order that the device has from here on.
    pub fn place(
        &self,
        executor: &mut dyn Executor,
        order: &[u32],
        number: u32,
    ) -> Result<(BatchPlan, u32)> {
        let done = self.images_before(number);
        let current = self.plan_for(order.len().saturating_sub(done));
        let end = order.len().min(done + current.batch);
        Ok((*current, self.windows.send(executor, order, done..end)? as u32))
    }

    /// Gives back what the plans take on the device: no step can be taken from here on.
    pub fn remove_plans(&self, executor: &mut dyn Executor) -> Result<()> {
        self.plans.iter().try_for_each(|plan| executor.remove_plan(plan.plan))
    }

    /// Images that the steps before this one take.
    fn images_before(&self, step: u32) -> usize {
        (step as usize).saturating_mul(self.plans[0].batch).min(self.count)
    }

    /// The plan of the next step where so many images are left.
    fn plan_for(&self, left: usize) -> &BatchPlan {
        self.plans.iter().find(|plan| plan.batch <= left).unwrap_or(&self.plans[0])
    }
}

#[cfg(test)]
mod tests;
