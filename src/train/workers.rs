//! Who computes shards: devices of this machine, a thread each; and how many each gets.

use std::ops::Range;
use std::time::Instant;

use super::pass::Pass;
use super::stack::Stack;
use super::sum::Sum;
use super::tree::{Addition, Node, Tree};
use super::windows::BatchPlan;
use crate::error::{Error, Result};
use crate::graph::{Arriving, Executor, PlanId, Pooling, State, StateLayout, pooled_name};
use crate::ops::{ShardSum, StepScalars};
use crate::shape::Shape;

/// Every so many steps all devices get shards, so that it is known how fast each is.
const MEASURED: u64 = 64;

/// A device that computes shards.
#[derive(Debug)]
pub(super) struct Worker<'a> {
    pub pass: Pass<'a>,
    stack: Stack,
    /// Whether the device has the state as it is now.
    pub is_current: bool,
    /// Whether nobody can do without the device.
    leads: bool,
    pub speed: Speed,
    /// Shards that it has computed.
    pub shards: u64,
}

/// What is known of the speed of who computes shards.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Speed {
    /// Seconds that a shard takes it, once that is known.
    seconds: Option<f64>,
    /// Whether it has computed any, the first of which take longer.
    is_warm: bool,
    /// Whether it has failed, and does nothing any more.
    pub is_lost: bool,
}

impl Speed {
    /// Takes note that some shards took so many seconds each.
    pub fn note(&mut self, seconds: f64, shards: usize) {
        if self.is_warm && shards > 0 {
            let known = self.seconds.unwrap_or(seconds);
            self.seconds = Some(0.8 * known + 0.2 * seconds);
        }
        self.is_warm |= shards > 0;
    }
}

/// What all shards of a step have in common.
#[derive(Clone, Copy)]
pub(super) struct Task<'a> {
    /// The state without moments.
    pub state: &'a State,
    pub order: &'a [u32],
    pub scalars: StepScalars,
    /// The number of the step's first shard in its epoch.
    pub first: usize,
    /// Images of a shard that is whole, and of the step.
    pub images: [usize; 2],
    pub pooled: &'a [(Pooling, Shape)],
    /// Of the numbers of each shard: its gradients, in pieces, then in one its metrics and what is pooled, all
    /// weighted so that their sum over the shards is the batch's.
    pub sum: &'a Sum<'a>,
}

impl Task<'_> {
    /// How many shards the step has.
    fn shards(&self) -> usize {
        let [whole, all] = self.images;
        all.div_ceil(whole)
    }
}

impl<'a> Worker<'a> {
    pub fn new(pass: Pass<'a>, layout: &StateLayout, leads: bool) -> Self {
        let (stack, speed) = (Stack::new(layout), Speed::default());
        Self { pass, stack, is_current: false, leads, speed, shards: 0 }
    }

    /// The pieces in which gradients are given.
    pub fn pieces(&self) -> &[Range<usize>] {
        self.stack.pieces()
    }

    /// Tells the device the order of the images, unless it is lost.
    ///
    /// # Errors
    /// As [`Worker::take`].
    pub fn arrange(&mut self, executor: &mut dyn Executor, order: &[u32]) -> Result<()> {
        let arranged = self.pass.arrange(executor, order);
        arranged.or_else(|error| self.lose(executor, error))
    }

    /// Takes note that the device is lost, if that is what the error means, and others are left.
    ///
    /// # Errors
    /// The same where it is not.
    fn lose(&mut self, executor: &dyn Executor, error: Error) -> Result<()> {
        let is_loss = matches!(error, Error::Gpu(_) | Error::Memory(_) | Error::Device(_));
        if self.leads || !is_loss {
            return Err(error);
        }
        log::warn!("{} is lost: {error}; others take its shards", executor.name());
        self.speed.is_lost = true;
        Ok(())
    }

    /// Computes the shards at these places of the step, or as many as it can before the device is lost. Those
    /// that are done.
    ///
    /// # Errors
    /// When the device is lost that leads, or something else is wrong.
    pub fn take(
        &mut self,
        executor: &mut dyn Executor,
        task: Task,
        places: &[usize],
    ) -> Result<Vec<usize>> {
        let begin = Instant::now();
        let mut done = vec![];
        for places in places.chunk_by(|place, next| place + 1 == *next) {
            let places = places[0]..places[0] + places.len();
            if let Err(error) = self.neighbours(executor, task, places, &mut done) {
                self.lose(executor, error)?;
                return Ok(done);
            }
        }
        let seconds = begin.elapsed().as_secs_f64() / places.len().max(1) as f64;
        self.speed.note(seconds, places.len());
        Ok(done)
    }

    /// Computes the shards at these places, which are neighbours. Those whose sums were given are `done`.
    fn neighbours(
        &mut self,
        executor: &mut dyn Executor,
        task: Task,
        places: Range<usize>,
        done: &mut Vec<usize>,
    ) -> Result<()> {
        self.refresh(executor, task.state)?;
        let mut begun = vec![];
        for addition in Tree::additions(task.shards(), places) {
            begun.push(self.begin(executor, task, addition)?);
            if let Some(node) = addition.finished {
                let given = begun.iter().map(|shard: &Begun| shard.place).collect::<Vec<_>>();
                self.give(executor, task, (node, addition.top()), std::mem::take(&mut begun))?;
                self.shards += given.len() as u64;
                done.extend(given);
            }
        }
        Ok(())
    }

    /// Whether sums leave piece by piece: others wait for them, and the device is not one without which the step
    /// goes on, which must not give a part of a sum and be lost.
    fn sends_pieces(&self, task: Task) -> bool {
        self.leads && task.sum.is_shared()
    }

    /// Has the device compute a shard, and add up its gradients.
    fn begin(
        &mut self,
        executor: &mut dyn Executor,
        task: Task,
        addition: Addition,
    ) -> Result<Begun> {
        let (place, [whole, all]) = (addition.place, task.images);
        let (BatchPlan { plan, batch }, cursor) =
            self.pass.place(executor, task.order, (task.first + place) as u32)?;
        let share = batch as f32 / all as f32;
        let [mean, square, _, spare] = task.scalars.corrections;
        let corrections = [mean, square, share, spare];
        let first = (place * whole) as u32;
        let scalars = StepScalars { place: first, cursor, corrections, row: 0, ..task.scalars };
        match addition.finished.filter(|_| self.sends_pieces(task)) {
            None => self.stack.run(executor, plan, &scalars, addition)?,
            Some(node) => {
                let give = |piece, numbers| task.sum.add(piece, node, numbers);
                self.stack.run_and_send(executor, plan, &scalars, addition, give)?;
            }
        }
        Ok(Begun { place, share, pooled: pooled(executor, task, place, plan, share)? })
    }

    /// Gives what shards have come to: their gradients as the sum on top of the stack, and their metrics and what is
    /// pooled each for itself. Waits for them.
    fn give(
        &mut self,
        executor: &mut dyn Executor,
        task: Task,
        (node, top): (Node, usize),
        shards: Vec<Begun>,
    ) -> Result<()> {
        let sums = match self.sends_pieces(task) {
            true => vec![],
            false => self.stack.send(executor, top)?,
        };
        let rows = self.pass.arrivals(executor, true)?;
        if rows.len() != shards.len() {
            return Err(Error::Graph(format!("{} shards measured {}", shards.len(), rows.len())));
        }
        // A device that is lost before all has arrived has given nothing.
        let sums = sums.into_iter().map(Arriving::take).collect::<Result<Vec<_>>>()?;
        for (piece, numbers) in sums.into_iter().enumerate() {
            task.sum.add(piece, node, numbers);
        }
        for (Begun { place, share, pooled }, taken) in shards.into_iter().zip(rows) {
            let mut numbers = taken.row.values;
            ShardSum::weigh(&mut numbers, share);
            numbers.extend(pooled);
            task.sum.add(self.stack.pieces().len(), Node::leaf(place), numbers);
        }
        Ok(())
    }

    /// Gives the device the state, where it has another.
    pub fn refresh(&mut self, executor: &mut dyn Executor, state: &State) -> Result<()> {
        if !self.is_current {
            executor.set_state(state)?;
            self.is_current = true;
        }
        Ok(())
    }
}

/// A shard that was begun.
struct Begun {
    place: usize,
    /// Its share of the step's images.
    share: f32,
    /// What is pooled of it, weighted.
    pooled: Vec<f32>,
}

/// What is pooled of the shard that was run last. Waits for it, if that is anything.
fn pooled(
    executor: &mut dyn Executor,
    task: Task,
    place: usize,
    plan: PlanId,
    share: f32,
) -> Result<Vec<f32>> {
    let mut numbers = vec![];
    for (number, (pooling, shape)) in task.pooled.iter().enumerate() {
        if *pooling == Pooling::First && place > 0 {
            numbers.resize(numbers.len() + shape.elements(), 0.0);
            continue;
        }
        let share = match pooling {
            Pooling::Mean => share,
            Pooling::Sum | Pooling::First => 1.0,
        };
        let mut tensor = executor.read_output(plan, &pooled_name(number))?.into_data();
        ShardSum::weigh(&mut tensor, share);
        numbers.extend(tensor);
    }
    Ok(numbers)
}

/// Shares `shards` out among `workers` so that the slowest is done as early as can be, by the time that one
/// takes each; in their order, each some neighbours. What is lost gets none.
pub(super) fn shared_out(workers: &[Speed], shards: usize, step: u64) -> Vec<Range<usize>> {
    let here = workers.iter().filter(|worker| !worker.is_lost);
    let known: Vec<f64> = here.filter_map(|worker| worker.seconds).collect();
    let usual = known.iter().sum::<f64>() / known.len().max(1) as f64;
    let usual = if usual > 0.0 { usual } else { 1.0 };
    let seconds = |worker: Speed| worker.seconds.unwrap_or(usual);
    let here = |number: &usize| !workers[*number].is_lost;
    let mut counts = vec![0; workers.len()];
    let mut left = shards;
    if step % MEASURED < 2 {
        for number in (0..workers.len()).filter(here).take(shards) {
            counts[number] = 1;
            left -= 1;
        }
    }
    for _ in 0..left {
        let ends = |number: &usize| (counts[*number] + 1) as f64 * seconds(workers[*number]);
        let next = (0..workers.len()).filter(here);
        if let Some(next) = next.min_by(|a, b| ends(a).total_cmp(&ends(b))) {
            counts[next] += 1;
        }
    }
    let mut begin = 0;
    let ranges = counts.into_iter().map(|count| {
        begin += count;
        begin - count..begin
    });
    ranges.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(seconds: &[Option<f64>], shards: usize, step: u64) -> Vec<usize> {
        let lost = |seconds: &Option<f64>| *seconds == Some(f64::INFINITY);
        let speeds: Vec<Speed> = seconds
            .iter()
            .map(|seconds| Speed { seconds: *seconds, is_lost: lost(seconds), is_warm: true })
            .collect();
        let ranges = shared_out(&speeds, shards, step);
        let mut next = 0;
        for range in &ranges {
            assert_eq!(range.start, next, "{ranges:?}");
            next = range.end;
        }
        assert_eq!(next, shards, "{ranges:?}");
        ranges.into_iter().map(|range| range.len()).collect()
    }

    #[test]
    fn slow_devices_take_fewer() {
        assert_eq!(counts(&[None, None], 8, 0), [4, 4]);
        assert_eq!(counts(&[Some(1.0), Some(1.05)], 8, 5), [4, 4], "noise is no difference");
        assert_eq!(counts(&[Some(1.0), Some(3.0)], 8, 5), [6, 2]);
        assert_eq!(counts(&[Some(1.0), Some(30.0)], 8, 5), [8, 0]);
        assert_eq!(counts(&[Some(1.0), Some(30.0)], 8, 64), [7, 1], "it is measured again");
        assert_eq!(counts(&[Some(1.0), Some(1.0), Some(1.0)], 2, 0), [1, 1, 0]);
        assert_eq!(counts(&[Some(1.0), Some(f64::INFINITY), None], 8, 64), [4, 0, 4], "lost");
    }
}
