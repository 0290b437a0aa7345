//! Training steps whose batches come in shards: each shard a plan that stores gradients, on whichever device;
//! their sum in a [fixed tree](super::tree); and one update of the state, on the processor. So what comes of a
//! step does not depend on who computed which shard.

use std::ops::{ControlFlow, Range};
use std::panic::resume_unwind;
use std::sync::{Mutex, PoisonError};
use std::thread;

use super::pass::{Pass, Taken};
use super::planning::Planning;
use super::tree::Tree;
use super::workers::{Outcome, Speed, Task, Worker, shared_out};
use crate::cpu::CpuExecutor;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::graph::{Executor, Finding, MetricRow, PlanId, Pooling, State, pooled_name};
use crate::ops::StepScalars;
use crate::shape::Shape;
use crate::tensor::Tensor;

/// A pass over the images to train on, in shards.
pub(super) struct Shards<'a> {
    /// Images of a step, and of a shard of one.
    batch: usize,
    shard: usize,
    count: usize,
    updating: Updating,
    /// The device that measures and answers besides: its executor is given with each call.
    lead: Worker<'a>,
    helpers: Vec<Helper<'a>>,
    /// Steps taken here, for who is measured when.
    steps: u64,
}

/// A device that does nothing but compute shards.
struct Helper<'a> {
    executor: Box<dyn Executor>,
    worker: Worker<'a>,
}

/// The state, and what changes it.
struct Updating {
    executor: CpuExecutor,
    plans: Vec<Update>,
    /// The state without moments, as workers have it.
    shown: State,
}

/// What ends a step of so many images.
struct Update {
    images: usize,
    plan: PlanId,
    /// What it reads of all shards, in their numbers' order.
    pooled: Vec<(Pooling, Shape)>,
}

impl Updating {
    fn new(planning: &Planning, state: &State) -> Result<Self> {
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

    /// What ends a step of so many images.
    fn update(&self, images: usize) -> Result<&Update> {
        let found = self.plans.iter().find(|update| update.images == images);
        found.ok_or_else(|| Error::Graph(format!("no step takes {images} images")))
    }

    /// Ends a step of so many images with the `numbers` of all shards; the metrics among them.
    fn end(
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

impl<'a> Shards<'a> {
    /// Puts images and plans on the helpers; those of the device that leads are in `pass`, and `planning` is for
    /// it.
    pub fn new(
        planning: &Planning,
        dataset: &'a Dataset,
        state: &State,
        pass: Pass<'a>,
        helpers: Vec<Box<dyn Executor>>,
    ) -> Result<Self> {
        let updating = Updating::new(planning, state)?;
        let images = &dataset.train;
        let shard = planning.config.images_a_plan();
        let helper = |mut executor: Box<dyn Executor>| -> Result<Helper<'a>> {
            executor.set_state(&updating.shown)?;
            let target = executor.target().cloned();
            let planning = Planning { target: target.as_ref(), ..*planning };
            let mut plans = planning.of_shards()?.into_iter();
            let room = planning.room(images, shard);
            let pass = Pass::new(executor.as_mut(), images, room, shard, |_| {
                Ok(plans.next().expect("there is a plan for each size of a shard"))
            })?;
            Ok(Helper { executor, worker: Worker::new(pass, false) })
        };
        let helpers = helpers.into_iter().map(helper).collect::<Result<Vec<_>>>()?;
        let (batch, count, lead) = (planning.config.batch, images.count, Worker::new(pass, true));
        Ok(Self { batch, shard, count, updating, lead, helpers, steps: 0 })
    }

    /// How many steps a pass takes.
    pub fn steps(&self) -> usize {
        self.count.div_ceil(self.batch)
    }

    /// The state as it is now, moments included.
    pub fn state(&mut self) -> Result<State> {
        Executor::state(&mut self.updating.executor)
    }

    /// Goes on from another state.
    pub fn set_state(&mut self, lead: &mut dyn Executor, state: &State) -> Result<()> {
        self.updating.executor.set_state(state)?;
        self.updating.shown = state.without_moments();
        self.grow_stale();
        self.lead.refresh(lead, &self.updating.shown)
    }

    /// Each device by its name, with the shards that it has computed.
    pub fn shares(&self, lead: &dyn Executor) -> Vec<(String, u64)> {
        let helpers = self.helpers.iter();
        let helpers = helpers.map(|helper| (helper.executor.name(), helper.worker.shards));
        [(lead.name(), self.lead.shards)].into_iter().chain(helpers).collect()
    }

    /// Takes those of these steps that there are, as [`Pass::run`] does.
    pub fn run(
        &mut self,
        lead: &mut dyn Executor,
        order: &[u32],
        range: Range<u32>,
        mut scalars: impl FnMut(u32) -> StepScalars,
        mut arrived: impl FnMut(&[Taken]) -> Result<ControlFlow<()>>,
    ) -> Result<u32> {
        self.lead.arrange(lead, order)?;
        for Helper { executor, worker } in
            self.helpers.iter_mut().filter(|it| !it.worker.speed.is_lost)
        {
            worker.arrange(executor.as_mut(), order)?;
        }
        let end = range.end.min(self.steps() as u32);
        let mut taken = 0;
        for number in range.start..end {
            let step = self.step(lead, order, number as usize, scalars(number))?;
            taken += 1;
            if arrived(&[step])?.is_break() {
                break;
            }
        }
        self.lead.refresh(lead, &self.updating.shown)?;
        Ok(taken)
    }

    /// Takes one step.
    fn step(
        &mut self,
        lead: &mut dyn Executor,
        order: &[u32],
        number: usize,
        scalars: StepScalars,
    ) -> Result<Taken> {
        let begin = number * self.batch;
        let images = self.batch.min(self.count - begin);
        let shards = images.div_ceil(self.shard);
        let tree = Mutex::new(Tree::new(shards));
        let mut row = None;
        let mut left: Vec<usize> = (0..shards).collect();
        while !left.is_empty() {
            let outcomes = self.give(lead, (order, number, images), scalars, &left, &tree)?;
            for outcome in outcomes {
                left.retain(|place| !outcome.done.contains(place));
                row = outcome.row.or(row);
            }
        }
        let tree = tree.into_inner().unwrap_or_else(PoisonError::into_inner);
        let (Some(numbers), Some(row)) = (tree.sum(), row) else {
            return Err(Error::Graph("a step has images, and its shards give numbers".into()));
        };
        let values = self.updating.end(images, numbers, scalars)?;
        self.grow_stale();
        self.steps += 1;
        Ok(Taken { images, row: MetricRow { scalars, values, ..row } })
    }

    /// Has the devices compute the shards at these places of a step, shared out among them, into `tree`. Some
    /// are left where a device is lost, as a warning says.
    fn give(
        &mut self,
        lead: &mut dyn Executor,
        (order, number, images): (&[u32], usize, usize),
        scalars: StepScalars,
        places: &[usize],
        tree: &Mutex<Tree>,
    ) -> Result<Vec<Outcome>> {
        let Self { updating, lead: lead_worker, helpers, .. } = self;
        let keep = |place, numbers| {
            tree.lock().unwrap_or_else(PoisonError::into_inner).add(place, numbers);
        };
        let task = Task {
            state: &updating.shown,
            order,
            scalars,
            first: number * (self.batch / self.shard),
            images: [self.shard, images],
            pooled: &updating.update(images)?.pooled,
            keep: &keep,
        };
        let mut devices: Vec<(&mut dyn Executor, &mut Worker)> = vec![(lead, lead_worker)];
        for Helper { executor, worker } in helpers {
            devices.push((executor.as_mut(), worker));
        }
        let speeds: Vec<Speed> = devices.iter().map(|(_, worker)| worker.speed).collect();
        let ranges = shared_out(&speeds, places.len(), self.steps);
        let mut work = devices.into_iter().zip(ranges).filter(|(_, range)| !range.is_empty());
        let take =
            |((executor, worker), range): ((&mut dyn Executor, &mut Worker), Range<usize>)| {
                worker.take(executor, task, &places[range])
            };
        thread::scope(|scope| {
            let own = work.next();
            let others: Vec<_> = work.map(|work| scope.spawn(|| take(work))).collect();
            let own = own.map(take);
            let others = others
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)));
            own.into_iter().chain(others).collect()
        })
    }

    /// Looks at each operation of step `number`.
    pub fn inspect(
        &mut self,
        lead: &mut dyn Executor,
        order: &[u32],
        number: u32,
        scalars: StepScalars,
    ) -> Result<Option<Finding>> {
        let begin = number as usize * self.batch;
        let images = self.batch.min(self.count.saturating_sub(begin));
        let first = number as usize * (self.batch / self.shard);
        for place in 0..images.div_ceil(self.shard) {
            let scalars = StepScalars { place: (place * self.shard) as u32, ..scalars };
            let number = (first + place) as u32;
            if let Some(found) = self.lead.pass.inspect(lead, order, number, scalars)? {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    fn grow_stale(&mut self) {
        self.lead.is_current = false;
        self.helpers.iter_mut().for_each(|helper| helper.worker.is_current = false);
    }
}
