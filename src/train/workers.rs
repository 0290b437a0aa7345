//! Who computes shards: devices of this machine, a thread each; and how many each gets.

use std::ops::Range;
use std::time::Instant;

use super::pass::Pass;
use super::sum::Sum;
use crate::error::{Error, Result};
use crate::graph::{Executor, Pooling, State, pooled_name};
use crate::ops::StepScalars;
use crate::shape::Shape;

/// Every so many steps all devices get shards, so that it is known how fast each is.
const MEASURED: u64 = 64;

/// A device that computes shards.
#[derive(Debug)]
pub(super) struct Worker<'a> {
    pub pass: Pass<'a>,
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
    /// Of the numbers of each shard: its gradients, then its metrics, then what is pooled, all weighted so that
    /// their sum over the shards is the batch's.
    pub sum: &'a Sum<'a>,
}

impl<'a> Worker<'a> {
    pub fn new(pass: Pass<'a>, leads: bool) -> Self {
        Self { pass, is_current: false, leads, speed: Speed::default(), shards: 0 }
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
        for (done, place) in places.iter().enumerate() {
            if let Err(error) = self.shard(executor, task, *place) {
                self.lose(executor, error)?;
                return Ok(places[..done].to_vec());
            }
            self.shards += 1;
        }
        let seconds = begin.elapsed().as_secs_f64() / places.len().max(1) as f64;
        self.speed.note(seconds, places.len());
        Ok(places.to_vec())
    }

    fn shard(&mut self, executor: &mut dyn Executor, task: Task, place: usize) -> Result<()> {
        self.refresh(executor, task.state)?;
        let [whole, all] = task.images;
        let scalars = StepScalars { place: (place * whole) as u32, ..task.scalars };
        let number = (task.first + place) as u32;
        let (plan, taken) = self.pass.take(executor, task.order, number, scalars)?;
        let weight = taken.images as f32 / all as f32;
        let mut numbers = executor.gradients()?;
        numbers.extend(&taken.row.values);
        numbers.iter_mut().for_each(|number| *number *= weight);
        for (number, (pooling, shape)) in task.pooled.iter().enumerate() {
            let weight = match pooling {
                Pooling::Mean => weight,
                Pooling::Sum | Pooling::First => 1.0,
            };
            if *pooling == Pooling::First && place > 0 {
                numbers.resize(numbers.len() + shape.elements(), 0.0);
            } else {
                let tensor = executor.read_output(plan, &pooled_name(number))?;
                numbers.extend(tensor.data().iter().map(|number| weight * number));
            }
        }
        task.sum.add(place, numbers);
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
