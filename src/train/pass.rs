//! One pass over images: whole batches, several a call, and a last, smaller one.

use std::ops::{ControlFlow, Range};

use crate::data::Images;
use crate::error::Result;
use crate::graph::{
    DataId, Executor, Finding, METRIC_ROWS, MetricRow, Plan, PlanId, find_not_finite,
};
use crate::ops::StepScalars;

/// Steps that are asked for in one call, at most. A slow device is asked for fewer.
const STEPS_A_CALL: usize = 16;

/// Datasets up to this size stay on the device; larger ones are sent as they are needed.
const RESIDENT_BYTES: usize = 1 << 30;
/// Of datasets that are not even in the host's memory, which are sent as they are needed, what the device holds at a
/// time, if a batch is no more.
const STREAMED_BYTES: usize = 1 << 26;

/// The most bytes of images that the device holds at a time: kernels number them by u32, and the end of the
/// last word is one of them.
const MOST_BYTES: u64 = u32::MAX as u64 & !15;

/// How much of a dataset the device holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Room {
    /// Images the device has room for.
    pub images: usize,
    /// Whether that is all of them.
    pub resident: bool,
}

impl Room {
    /// Room for `images`, or for a call of `batch` images a step where not all fit.
    pub fn new(images: &Images, image_bytes: usize, batch: usize, limit: Option<u64>) -> Self {
        let limit = limit.map_or(MOST_BYTES, |limit| limit.min(MOST_BYTES));
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let is_stored = images.stored.is_some();
        if !is_stored && images.count * image_bytes <= RESIDENT_BYTES.min(limit) {
            return Self { images: images.count, resident: true };
        }
        let limit = if is_stored { limit.min(STREAMED_BYTES) } else { limit };
        let call = STEPS_A_CALL * batch;
        let fits = limit / image_bytes.max(1);
        Self { images: call.min(fits.max(batch)).min(images.count), resident: false }
    }
}

/// How many images the steps take of a pass over `count` images, `most` at a time: whole batches, then
/// the rest.
pub(super) fn batch_sizes(count: usize, most: usize) -> Vec<usize> {
    let mut sizes = vec![most.min(count), count % most];
    sizes.retain(|size| *size > 0);
    sizes.dedup();
    sizes
}

/// A plan and how many images each of its steps takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchPlan {
    pub plan: PlanId,
    pub batch: usize,
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
    images: &'a Images,
    data: DataId,
    room: Room,
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
        let data = executor.add_data(room.images, images.image_bytes())?;
        if room.resident {
            executor.write_data(data, &images.pixels, images.labels.as_deref().unwrap_or(&[]))?;
        } else {
            let order: Vec<u32> = (0..room.images as u32).collect();
            executor.write_order(data, &order)?;
        }
        let mut plans = vec![];
        let mut metrics = vec![];
        for batch in batch_sizes(images.count, batch) {
            let made = plan(batch)?;
            metrics.clone_from(&made.metrics);
            plans.push(BatchPlan { plan: executor.add_plan(made, Some(data))?, batch });
        }
        Ok(Self { images, data, room, plans, metrics })
    }

    /// The names of the metrics of each row.
    pub fn metrics(&self) -> &[String] {
        &self.metrics
    }

    /// How many steps a pass takes.
    pub fn steps(&self) -> usize {
        self.images.count.div_ceil(self.plans[0].batch)
    }

    /// How many images a pass takes.
    pub fn count(&self) -> usize {
        self.images.count
    }

    /// How many images step `number` takes.
    pub fn images_of(&self, number: usize) -> usize {
        let batch = self.plans[0].batch;
        batch.min(self.images.count.saturating_sub(number * batch))
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
        let mut done = self.images_before(step);
        while done < order.len() && step < range.end {
            let left = order.len() - done;
            let current = self.plan_for(left);
            let most = STEPS_A_CALL.min(executor.steps_at_once(current.plan));
            let most = most.min(self.room.images / current.batch).max(1);
            let most = most.min((range.end - step) as usize);
            let steps = (left / current.batch).clamp(1, most);
            let taken = (steps * current.batch).min(left);
            let start = self.send(executor, order, done..done + taken)?;
            let call: Vec<StepScalars> = (0..steps)
                .map(|index| {
                    let number = step + index as u32;
                    StepScalars {
                        cursor: (start + index * current.batch) as u32,
                        row: number % METRIC_ROWS as u32,
                        ..scalars(number)
                    }
                })
                .collect();
            executor.run(current.plan, &call)?;
            step += steps as u32;
            done += taken;
            if arrived(&self.arrivals(executor, false)?)?.is_break() {
                break;
            }
        }
        let _ = arrived(&self.arrivals(executor, true)?)?;
        Ok(step - range.start)
    }

    /// Tells the device the order of the images, where it holds all of them.
    pub fn arrange(&self, executor: &mut dyn Executor, order: &[u32]) -> Result<()> {
        if self.room.resident { executor.write_order(self.data, order) } else { Ok(()) }
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
        Ok((*current, self.send(executor, order, done..end)? as u32))
    }

    /// Images that the steps before this one take.
    fn images_before(&self, step: u32) -> usize {
        (step as usize).saturating_mul(self.plans[0].batch).min(self.images.count)
    }

    /// The plan of the next step where so many images are left.
    fn plan_for(&self, left: usize) -> &BatchPlan {
        self.plans.iter().find(|plan| plan.batch <= left).unwrap_or(&self.plans[0])
    }

    /// Sends this part of the order's images where the device does not hold all. Returns the place
    /// of its first.
    fn send(
        &self,
        executor: &mut dyn Executor,
        order: &[u32],
        part: Range<usize>,
    ) -> Result<usize> {
        if self.room.resident {
            return Ok(part.start);
        }
        let chosen = &order[part.clone()];
        let pixels = self.images.read(chosen)?;
        let labels = self.images.labels.as_ref();
        let labels: Option<Vec<u32>> =
            labels.map(|labels| chosen.iter().map(|at| labels[*at as usize]).collect());
        executor.write_data(self.data, &pixels, &labels.unwrap_or_default())?;
        // A disk brings what comes next while the device works on these.
        self.images.expect(&order[part.end..order.len().min(part.end + part.len())]);
        Ok(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::CpuExecutor;
    use crate::data::Element;
    use crate::gpu::{DeviceChoice, GpuExecutor, GpuOptions};
    use crate::graph::{Data, Graph, PlanRequest, State};
    use crate::ops;
    use crate::rng::Seed;

    #[test]
    fn windows_stay_below_what_kernels_number() {
        let images = Images { count: 1 << 20, ..Images::default() };
        let image_bytes = 3 << 20;
        // What fits one binding is no measure where that is 4 GiB or more, as on the processor.
        for limit in [None, Some(u64::MAX), Some(1 << 32)] {
            let room = Room::new(&images, image_bytes, 256, limit);
            assert!(!room.resident && room.images * image_bytes <= u32::MAX as usize, "{room:?}");
            assert!(room.images >= 1024, "{room:?}");
        }
        let small = Room::new(&images, image_bytes, 256, Some(1 << 30));
        assert_eq!(small.images, (1 << 30) / image_bytes);
    }

    /// A pass that logs the mean pixel of each batch.
    fn logging_means<'a>(
        executor: &mut dyn Executor,
        images: &'a Images,
        room: Room,
        batch: usize,
    ) -> Pass<'a> {
        let target = executor.target().cloned();
        let layout = Graph::new().layout();
        executor.set_state(&State::initial(&layout, Seed(0), 0)).unwrap();
        let pass = Pass::new(executor, images, room, batch, |batch| {
            let mut graph = Graph::new();
            let pixels = graph.data(Data::Pixels, (room.images * 6).div_ceil(4));
            let order = graph.data(Data::Order, room.images);
            let images =
                ops::gather_images(&mut graph, pixels, order, batch, [1, 2, 3], Element::Byte)?;
            let mean = ops::mean_all(&mut graph, images)?;
            let metrics = vec![("mean".into(), mean)];
            Plan::new(&PlanRequest {
                metrics,
                ..PlanRequest::new(&graph, &layout, target.as_ref())
            })
        });
        pass.unwrap()
    }

    /// The mean pixel of each batch, and how many images each had.
    fn means(
        executor: &mut dyn Executor,
        images: &Images,
        room: Room,
        batch: usize,
        order: &[u32],
    ) -> Vec<(f32, usize)> {
        let pass = logging_means(executor, images, room, batch);
        let mut means = vec![];
        let scalars = |_| StepScalars::default();
        // A pass in parts is a pass.
        let parts = [0..1, 1..4, 4..4, 4..u32::MAX];
        let mut taken = 0;
        for part in parts {
            let steps = pass.run(executor, order, part, scalars, |steps| {
                means.extend(steps.iter().map(|step| (step.row.values[0], step.images)));
                Ok(ControlFlow::Continue(()))
            });
            taken += steps.unwrap() as usize;
        }
        assert_eq!((means.len(), taken), (pass.steps(), pass.steps()));
        // And so are its steps, each taken alone, in any order.
        pass.arrange(executor, order).unwrap();
        for number in (0..pass.steps()).rev() {
            let (step, cursor) = pass.place(executor, order, number as u32).unwrap();
            executor.run(step.plan, &[StepScalars { cursor, ..Default::default() }]).unwrap();
            let [Taken { images, row }] = &pass.arrivals(executor, true).unwrap()[..] else {
                panic!("one step measures once");
            };
            assert_eq!((row.values[0], *images), means[number], "step {number}");
        }
        means
    }

    #[test]
    fn images_that_are_sent_as_needed_are_those_that_stay() {
        let pixels: Vec<u8> = (0..100 * 6_u32).map(|i| (i * i % 251) as u8).collect();
        let images = Images { pixels, count: 100, ..Images::default() };
        let order: Vec<u32> = (0..100).map(|i| i * 37 % 100).collect();
        let resident = Room::new(&images, 6, 3, None);
        assert_eq!(resident, Room { images: 100, resident: true });
        let streamed = Room::new(&images, 6, 3, Some(599));
        assert_eq!(streamed, Room { images: 48, resident: false });
        let expected = means(&mut CpuExecutor::new(), &images, resident, 3, &order);
        assert_eq!(expected.len(), 34);
        assert_eq!(expected[33].1, 1, "the last batch is what is left");
        let smallest = Room { images: 3, resident: false };
        for room in [resident, streamed, smallest] {
            let cpu = means(&mut CpuExecutor::new(), &images, room, 3, &order);
            assert_eq!(expected, cpu, "{room:?}");
            let gpu = GpuExecutor::choose(&DeviceChoice::Gpu, GpuOptions::default());
            let mut gpu = gpu.unwrap_or_else(|error| panic!("{error}"));
            for (cpu, gpu) in expected.iter().zip(means(&mut gpu, &images, room, 3, &order)) {
                assert!((cpu.0 - gpu.0).abs() < 1e-6 && cpu.1 == gpu.1, "{room:?}");
            }
        }
    }

    #[test]
    fn fewer_images_than_a_batch_are_one_step() {
        let images = Images { pixels: vec![255; 12], count: 2, ..Images::default() };
        let room = Room::new(&images, 6, 32, None);
        let means = means(&mut CpuExecutor::new(), &images, room, 32, &[1, 0]);
        assert_eq!(means, [(1.0, 2)]);
    }
}
