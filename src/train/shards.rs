//! Training steps whose batches come in shards: each shard a plan that stores gradients, on whichever device of
//! whichever process; their [sum](super::sum) in a fixed tree; and one update of the state, on the processor of
//! each process. So what comes of a step does not depend on who computed which shard.

use std::ops::{ControlFlow, Range};
use std::panic::resume_unwind;
use std::thread;
use std::time::Instant;

use super::command::Command;
use super::pass::{Pass, Taken};
use super::planning::Planning;
use super::ranks::{Ranks, digest};
use super::sum::{Division, Sum};
use super::team::Team;
use super::updating::Updating;
use super::workers::{Speed, Task, Worker, shared_out};
use crate::data::Dataset;
use crate::error::Result;
use crate::graph::{Executor, Finding, MetricRow, State};
use crate::ops::StepScalars;
use crate::shape::Shape;

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
    /// The processes that compute, where there are several.
    ranks: Option<Ranks>,
    /// Steps taken here, for who is measured when.
    steps: u64,
}

/// A device that does nothing but compute shards.
struct Helper<'a> {
    executor: Box<dyn Executor>,
    worker: Worker<'a>,
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
            Ok(Helper { executor, worker: Worker::new(pass, planning.layout, false) })
        };
        let helpers = helpers.into_iter().map(helper).collect::<Result<Vec<_>>>()?;
        let (batch, count, lead) =
            (planning.config.batch, images.count, Worker::new(pass, planning.layout, true));
        let ranks = None;
        Ok(Self { batch, shard, count, updating, lead, helpers, ranks, steps: 0 })
    }

    /// Shares the steps out among the processes of this team.
    ///
    /// # Errors
    /// When one of them has failed.
    pub fn join(&mut self, team: Team, lead: &dyn Executor) -> Result<()> {
        let devices: Vec<String> =
            self.own_shares(lead).into_iter().map(|(name, _)| name).collect();
        self.ranks = Some(Ranks::meet(team, &devices.join(" + "))?);
        Ok(())
    }

    /// The processes that compute, where there are several.
    pub fn ranks(&self) -> Option<&Ranks> {
        self.ranks.as_ref()
    }

    /// How many steps a pass takes.
    pub fn steps(&self) -> usize {
        self.count.div_ceil(self.batch)
    }

    /// The state as it is now, moments included: that of every process.
    ///
    /// # Errors
    /// When another process has another.
    pub fn state(&mut self) -> Result<State> {
        let state = self.updating.state()?;
        if let Some(ranks) = self.ranks.as_ref().filter(|ranks| !ranks.team.has_ended()) {
            ranks.compare(&state)?;
        }
        Ok(state)
    }

    /// Goes on from another state, in every process.
    pub fn set_state(&mut self, lead: &mut dyn Executor, state: &State) -> Result<()> {
        if let Some(ranks) = &self.ranks {
            ranks.send_state(state)?;
        }
        self.take_state(lead, state)?;
        self.ranks.as_ref().map_or(Ok(()), |ranks| ranks.compare(state))
    }

    fn take_state(&mut self, lead: &mut dyn Executor, state: &State) -> Result<()> {
        self.updating.set_state(state)?;
        self.grow_stale();
        self.lead.refresh(lead, &self.updating.shown)
    }

    /// Each device by its name, with the shards that it has computed; of other processes, all theirs in one.
    pub fn shares(&self, lead: &dyn Executor) -> Vec<(String, u64)> {
        let others = self.ranks.iter().flat_map(Ranks::shares);
        self.own_shares(lead).into_iter().chain(others).collect()
    }

    fn own_shares(&self, lead: &dyn Executor) -> Vec<(String, u64)> {
        let helpers = self.helpers.iter();
        let helpers = helpers.map(|helper| (helper.executor.name(), helper.worker.shards));
        [(lead.name(), self.lead.shards)].into_iter().chain(helpers).collect()
    }

    /// Gives back what plans take on the device that leads.
    pub fn remove_plans(&self, lead: &mut dyn Executor) -> Result<()> {
        self.lead.pass.remove_plans(lead)
    }

    /// Tells the other processes which epoch's order comes next.
    pub fn announce(&self, epoch: u32) -> Result<()> {
        let ranks = self.ranks.as_ref();
        ranks.map_or(Ok(()), |ranks| ranks.team.tell_all(&Command::Order { epoch }))
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
        self.arrange(lead, order)?;
        let end = range.end.min(self.steps() as u32);
        let mut taken = 0;
        for number in range.start..end {
            let step = self.step(lead, order, number as usize, scalars(number))?;
            taken += 1;
            if arrived(&[step])?.is_break() {
                break;
            }
        }
        self.show(lead)?;
        Ok(taken)
    }

    /// Tells the devices the order of the images.
    pub fn arrange(&mut self, lead: &mut dyn Executor, order: &[u32]) -> Result<()> {
        self.lead.arrange(lead, order)?;
        let here = self.helpers.iter_mut().filter(|it| !it.worker.speed.is_lost);
        for Helper { executor, worker } in here {
            worker.arrange(executor.as_mut(), order)?;
        }
        Ok(())
    }

    /// Gives the device that leads the state as it is now.
    pub fn show(&mut self, lead: &mut dyn Executor) -> Result<()> {
        self.lead.refresh(lead, &self.updating.shown)
    }

    /// Takes one step, by all processes.
    fn step(
        &mut self,
        lead: &mut dyn Executor,
        order: &[u32],
        number: usize,
        scalars: StepScalars,
    ) -> Result<Taken> {
        let shards = self.images_of(number).div_ceil(self.shard);
        let places = match &self.ranks {
            None => std::iter::once(0..shards).collect(),
            Some(ranks) => {
                let places = ranks.divide(shards, self.steps);
                let (scalars, places) = (scalars.into(), places);
                let command = Command::Step { number, scalars, places: places.clone() };
                ranks.team.tell_all(&command)?;
                places
            }
        };
        self.take_part(lead, order, number, scalars, &places)
    }

    /// Computes those shards of a step that this process has, and ends the step.
    fn take_part(
        &mut self,
        lead: &mut dyn Executor,
        order: &[u32],
        number: usize,
        scalars: StepScalars,
        places: &[Range<usize>],
    ) -> Result<Taken> {
        let images = self.images_of(number);
        let team = self.ranks.as_ref().map(|ranks| ranks.team.clone());
        let division = team.as_ref().map(|team| Division { team, places });
        let own = places[team.as_ref().map_or(0, Team::rank)].clone();
        let pieces = self.pieces(images)?;
        let sum = Sum::new(images.div_ceil(self.shard), &pieces, division);
        let begin = Instant::now();
        let mut left: Vec<usize> = own.clone().collect();
        while !left.is_empty() {
            let done = self.give(lead, (order, number, images), scalars, &left, &sum)?;
            left.retain(|place| !done.contains(place));
        }
        let seconds = begin.elapsed().as_secs_f64() / own.len().max(1) as f64;
        let (numbers, times) = sum.finish(seconds)?;
        let values = self.updating.end(images, numbers, scalars)?;
        self.grow_stale();
        self.steps += 1;
        if let Some(ranks) = &mut self.ranks {
            ranks.note(places, &times);
        }
        let plan = self.updating.update(images)?.plan;
        Ok(Taken { images, row: MetricRow { plan, scalars, values } })
    }

    /// Does what the leading process has told all to do.
    pub fn obey(&mut self, lead: &mut dyn Executor, order: &[u32], command: Command) -> Result<()> {
        let Some(ranks) = &self.ranks else { return Ok(()) };
        match command {
            Command::State => {
                let own = self.updating.state()?;
                let state = ranks.receive_state(&own)?;
                self.take_state(lead, &state)
            }
            Command::Order { .. } => self.arrange(lead, order),
            Command::Step { number, scalars, places } => {
                self.take_part(lead, order, number, scalars.into(), &places).map(drop)
            }
            Command::Digest => {
                let state = self.updating.state()?;
                ranks.team.tell(0, &digest(&state))
            }
            Command::Evaluate { .. } => self.show(lead),
            Command::End => Ok(()),
        }
    }

    /// Images of step `number`.
    fn images_of(&self, number: usize) -> usize {
        self.batch.min(self.count.saturating_sub(number * self.batch))
    }

    /// The pieces of the numbers that a shard gives, of a step of so many images: of its gradients, and of all else.
    fn pieces(&self, images: usize) -> Result<Vec<Range<usize>>> {
        let pooled = self.updating.update(images)?.pooled.iter();
        let pooled: usize = pooled.map(|(_, shape): &(_, Shape)| shape.elements()).sum();
        let mut pieces = self.lead.pieces().to_vec();
        let gradients = self.updating.shown.parameters.len();
        pieces.push(gradients..gradients + self.lead.pass.metrics().len() + pooled);
        Ok(pieces)
    }

    /// Has the devices of this process compute the shards at these places of a step, shared out among them, for
    /// `sum`. Those that are done: some are left where a device is lost, as a warning says.
    fn give(
        &mut self,
        lead: &mut dyn Executor,
        (order, number, images): (&[u32], usize, usize),
        scalars: StepScalars,
        places: &[usize],
        sum: &Sum,
    ) -> Result<Vec<usize>> {
        let Self { updating, lead: lead_worker, helpers, .. } = self;
        let task = Task {
            state: &updating.shown,
            order,
            scalars,
            first: number * (self.batch / self.shard),
            images: [self.shard, images],
            pooled: &updating.update(images)?.pooled,
            sum,
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
            let done: Vec<Vec<usize>> = own.into_iter().chain(others).collect::<Result<_>>()?;
            Ok(done.concat())
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
        let images = self.images_of(number as usize);
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
