//! What changes the state at the end of a step in shards, on the processor.

use super::planning::Planning;
use crate::cpu::CpuExecutor;
use crate::error::{Error, Result};
use crate::graph::{Executor, PlanId, Pooling, State, pooled_name};
use crate::ops::StepScalars;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// The state, and what changes it.
pub(super) struct Updating {
    executor: CpuExecutor,
    plans: Vec<Update>,
    /// The state without moments, as workers have it.
    pub shown: State,
}

/// What ends a step of so many images.
pub(super) struct Update {
    images: usize,
    pub plan: PlanId,
    /// What it reads of all shards, in their numbers' order.
    pub pooled: Vec<(Pooling, Shape)>,
}

impl Updating {
    pub fn new(planning: &Planning, state: &State) -> Result<Self> {
        let mut executor = CpuExecutor::new();
        executor.set_state(state)?;
        let mut plans = vec![];
        for (images, plan, pooled) in planning.updates()? {
            // A plan knows those inputs alone that it reads, which is all: each leads to an update.
            let with_shape = |(number, pooling): (usize, Pooling)| {
                let name = pooled_name(number);
                let input = plan.inputs.iter().find(|(known, _)| *known == name);
                let what = || Error::Graph(format!("no update of the state reads `{name}`"));
                Ok((pooling, input.ok_or_else(what)?.1.clone()))
            };
            let pooled = pooled.into_iter().enumerate().map(with_shape).collect::<Result<_>>()?;
            let plan = executor.add_plan(plan, None)?;
            plans.push(Update { images, plan, pooled });
        }
        Ok(Self { executor, plans, shown: state.without_moments() })
    }

    /// The state as it is now, moments included.
    pub fn state(&mut self) -> Result<State> {
        Executor::state(&mut self.executor)
    }

    /// Goes on from another state.
    pub fn set_state(&mut self, state: &State) -> Result<()> {
        self.executor.set_state(state)?;
        self.shown = state.without_moments();
        Ok(())
    }

    /// What ends a step of so many images.
    pub fn update(&self, images: usize) -> Result<&Update> {
        let found = self.plans.iter().find(|update| update.images == images);
        found.ok_or_else(|| Error::Graph(format!("no step takes {images} images")))
    }

    /// Ends a step of so many images with the `numbers` of all shards; the metrics among them.
    pub fn end(
        &mut self,
        images: usize,
        mut numbers: Vec<f32>,
        scalars: StepScalars,
    ) -> Result<Vec<f32>> {
        let parameters = self.shown.parameters.len();
        let mut rest = numbers.split_off(parameters);
        self.executor.set_gradients(numbers)?;
        let Update { plan, pooled, .. } = self.update(images)?;
        let (plan, shapes): (_, Vec<Shape>) =
            (*plan, pooled.iter().map(|(_, shape)| shape.clone()).collect());
        let words: usize = shapes.iter().map(Shape::elements).sum();
        let mut pooled = rest.split_off(rest.len().saturating_sub(words));
        for (number, shape) in shapes.into_iter().enumerate() {
            let others = pooled.split_off(shape.elements());
            let value = Tensor::new(shape, std::mem::replace(&mut pooled, others))?;
            self.executor.write_input(plan, &pooled_name(number), &value)?;
        }
        self.executor.run(plan, &[scalars])?;
        let state = self.executor.held_state()?;
        self.shown.parameters.copy_from_slice(&state.parameters);
        self.shown.buffers.copy_from_slice(&state.buffers);
        Ok(rest)
    }
}
