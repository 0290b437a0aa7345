//! A task over as many rows as there are, in portions that a device takes at once.

use super::noise_level::noise_level;
use super::plan_cache::together;
use super::portions::{Portions, most_rows};
use super::runner::{DRAWS, Inference};
use super::task::Task;
use crate::error::{Error, Result};
use crate::graph::{Executor, PlanId};
use crate::ops::StepScalars;
use crate::shape::Shape;
use crate::tensor::Tensor;

impl Inference<'_> {
    /// How `count` rows of a task are cut. What is drawn at random goes by the portion, so tasks that draw are cut alike
    /// on every device.
    fn portions(&self, task: Task, count: usize) -> Portions {
        let widest = self.model.network.widest();
        match self.executor.target().is_none() && !task.draws() {
            true => Portions::cached(widest, self.executor.plans_at_once(), count),
            false => Portions::of(most_rows(widest)),
        }
    }

    /// Runs `task` over all rows of `input`; `arrived` is called for each portion, in order.
    pub(super) fn batches(
        &mut self,
        first: u32,
        task: Task,
        input: (&str, &Tensor),
        labels: Option<&[u32]>,
        arrived: impl FnMut(&mut dyn Executor, PlanId) -> Result<()>,
    ) -> Result<()> {
        let count = input.1.shape().first().copied().unwrap_or(0);
        self.batches_of(self.portions(task, count), first, task, input, labels, arrived)
    }

    /// The same in these portions; random draws begin with step `first`.
    pub(super) fn batches_of(
        &mut self,
        mut portions: Portions,
        first: u32,
        task: Task,
        input: (&str, &Tensor),
        labels: Option<&[u32]>,
        mut arrived: impl FnMut(&mut dyn Executor, PlanId) -> Result<()>,
    ) -> Result<()> {
        let Some(count) = input.1.shape().first() else {
            return Err(Error::shape("inference", "needs a batch axis", &[input.1.shape()]));
        };
        if portions.at_once > 1 && *count > 0 {
            let plan = self.plan(task, portions.rows.min(*count), 0)?;
            let most = together(self.executor.plan(plan)?.own_bytes());
            portions.at_once = portions.at_once.min(most);
        }
        let (mut begin, mut number) = (0, 0);
        for sizes in portions.sizes(*count) {
            let mut steps = vec![];
            for (place, size) in sizes.into_iter().enumerate() {
                let plan = self.plan(task, size, place)?;
                self.write_rows(plan, task, input, labels, begin..begin + size)?;
                // Draws for another batch or another first sample are others.
                let step = first.wrapping_mul(0x9E37).wrapping_add(number);
                steps.push((
                    plan,
                    StepScalars { step, seed: DRAWS.key(), ..StepScalars::default() },
                ));
                begin += size;
                number += 1;
            }
            self.executor.run_together(&steps)?;
            steps.iter().try_for_each(|(plan, _)| arrived(self.executor, *plan))?;
        }
        Ok(())
    }

    /// Writes what a plan reads of these rows.
    fn write_rows(
        &mut self,
        plan: PlanId,
        task: Task,
        (name, input): (&str, &Tensor),
        labels: Option<&[u32]>,
        rows: std::ops::Range<usize>,
    ) -> Result<()> {
        let rest = &input.shape()[1..];
        let (size, width) = (rows.len(), rest.iter().product::<usize>());
        let values = input.data()[rows.start * width..][..size * width].to_vec();
        let values = Tensor::new(Shape::new([&[size][..], rest].concat()), values)?;
        self.executor.write_input(plan, name, &values)?;
        if self.model.is_conditional() {
            let labels = labels.and_then(|labels| labels.get(rows)).ok_or_else(|| {
                Error::option("--label", "this model has to be told a label for each image")
            })?;
            let labels = labels.iter().map(|label| *label as f32).collect();
            self.executor.write_input(plan, "labels", &Tensor::new([size], labels)?)?;
        }
        if self.model.noise_level && !matches!(task, Task::Restore(_)) {
            let each = values.data().chunks(width.max(1));
            let level = |image| self.noise_level.unwrap_or_else(|| noise_level(image, rest));
            let levels = Tensor::new([size], each.map(level).collect())?;
            self.executor.write_input(plan, "noise_level", &levels)?;
        }
        Ok(())
    }

    /// The plan of a task for so many rows, the one at this place of those that run together.
    fn plan(&mut self, task: Task, rows: usize, place: usize) -> Result<PlanId> {
        let key = (task, rows, place);
        if let Some(plan) = self.plans.find(&key) {
            return Ok(plan);
        }
        let plan = task.plan(self.model, self.layout, rows, self.executor.target())?;
        self.plans.add(self.executor, key, plan)
    }
}
