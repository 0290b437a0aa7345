//! What the device holds of a pass's images: all of them, or a window of steps after the other, of which the next is
//! gathered while the steps of the last one run.

use std::any::Any;
use std::ops::{ControlFlow, Range};
use std::thread;

use crate::data::Images;
use crate::error::{Error, Result};
use crate::graph::{DataId, Executor, PlanId, Staging};

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

/// A plan and how many images each of its steps takes.
#[derive(Clone, Copy, Debug)]
pub(super) struct BatchPlan {
    pub plan: PlanId,
    pub batch: usize,
}

impl BatchPlan {
    /// How many steps are worth asking for in one call.
    pub fn steps_a_call(self, executor: &dyn Executor) -> usize {
        executor.steps_at_once(self.plan).clamp(1, STEPS_A_CALL)
    }
}

/// The images of a pass on a device.
#[derive(Debug)]
pub(super) struct Windows<'a> {
    images: &'a Images,
    data: DataId,
    room: Room,
}

impl<'a> Windows<'a> {
    /// Makes room for the images, and sends them if all fit.
    pub fn new(executor: &mut dyn Executor, images: &'a Images, room: Room) -> Result<Self> {
        let data = executor.add_data(room.images, images.image_bytes())?;
        if room.resident {
            executor.write_data(data, &images.pixels, images.labels.as_deref().unwrap_or(&[]))?;
        } else {
            let order: Vec<u32> = (0..room.images as u32).collect();
            executor.write_order(data, &order)?;
        }
        Ok(Self { images, data, room })
    }

    /// The dataset of the device that plans read.
    pub fn data(&self) -> DataId {
        self.data
    }

    /// Tells the device the order of the images, where it holds all of them.
    pub fn arrange(&self, executor: &mut dyn Executor, order: &[u32]) -> Result<()> {
        if self.room.resident { executor.write_order(self.data, order) } else { Ok(()) }
    }

    /// Calls `steps` for each window of this part of an order, with the place of its first image on the device, until
    /// it breaks off. A window has the images of some steps of the plan for `whole` batches, or what is left.
    ///
    /// A device that computes by itself has the next window gathered by a thread while `steps` asks for those of the
    /// last one. The processor is busy with its own then, and gathers in between.
    pub fn each(
        &self,
        executor: &mut dyn Executor,
        (order, part): (&[u32], Range<usize>),
        whole: BatchPlan,
        mut steps: impl FnMut(&mut dyn Executor, Range<usize>, usize) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        if self.room.resident {
            return steps(executor, part.clone(), part.start).map(drop);
        }
        let room = (self.room.images / whole.batch).max(1);
        let after = |executor: &dyn Executor, start: usize| {
            let steps = whole.steps_a_call(executor).min(room);
            start..part.end.min(start + steps * whole.batch)
        };
        let mut window = after(executor, part.start);
        if window.is_empty() {
            return Ok(());
        }
        self.send(executor, order, window.clone())?;
        loop {
            let next = after(executor, window.end);
            let is_last = next.is_empty();
            let mut staging = match is_last {
                true => None,
                false => executor.stage(self.data, next.len())?,
            };
            let gather = staging.as_deref_mut().map(|to| || self.gather(order, &next, to));
            let (flow, gathered) = beside(gather, || steps(executor, window, 0));
            if flow?.is_break() || is_last {
                return Ok(());
            }
            gathered?;
            match staging {
                Some(staging) => {
                    staging.send()?;
                    executor.write_data(self.data, &[], &self.labels(&order[next.clone()]))?;
                }
                None => {
                    self.send(executor, order, next.clone())?;
                }
            }
            window = next;
        }
    }

    /// Sends this part of the order's images where the device does not hold all. Returns the place
    /// of its first.
    pub fn send(
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
        executor.write_data(self.data, &pixels, &self.labels(chosen))?;
        self.expect_after(order, &part);
        Ok(0)
    }

    /// Writes the pixels of this part of the order's images.
    fn gather(&self, order: &[u32], part: &Range<usize>, staging: &mut dyn Staging) -> Result<()> {
        self.images.read_in_pieces(&order[part.clone()], |pixels| staging.push(pixels))?;
        self.expect_after(order, part);
        Ok(())
    }

    /// Has a disk bring what comes after this part while the device works on it.
    fn expect_after(&self, order: &[u32], part: &Range<usize>) {
        self.images.expect(&order[part.end..order.len().min(part.end + part.len())]);
    }

    /// The labels of these images, if they have any.
    fn labels(&self, chosen: &[u32]) -> Vec<u32> {
        let labels = self.images.labels.as_ref();
        labels.map_or(vec![], |labels| chosen.iter().map(|at| labels[*at as usize]).collect())
    }
}

/// Does `own` while a thread does `other`, if there is such a thing. The thread has ended then, whatever came of them.
fn beside<T>(
    other: Option<impl FnOnce() -> Result<()> + Send>,
    own: impl FnOnce() -> T,
) -> (T, Result<()>) {
    let Some(other) = other else { return (own(), Ok(())) };
    thread::scope(|scope| {
        let thread = scope.spawn(other);
        let own = own();
        (own, thread.join().unwrap_or_else(|panic| Err(panicked(panic.as_ref()))))
    })
}

/// What is said where gathering panicked.
fn panicked(panic: &(dyn Any + Send)) -> Error {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let what = text.unwrap_or("for an unknown reason");
    Error::Graph(format!("gathering images panicked, which is an error of this program: {what}"))
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_thread_works_meanwhile_and_has_ended_afterwards() {
        let patience = Duration::from_secs(60);
        let (to_thread, in_thread) = mpsc::channel();
        let (to_own, in_own) = mpsc::channel();
        let mut has_ended = false;
        let ended = &mut has_ended;
        let other = move || {
            to_own.send("gathering").unwrap();
            in_thread.recv_timeout(patience).unwrap();
            *ended = true;
            Ok(())
        };
        let (own, gathered) = beside(Some(other), || {
            let heard = in_own.recv_timeout(patience).unwrap();
            to_thread.send(()).unwrap();
            heard
        });
        assert!(own == "gathering" && gathered.is_ok() && has_ended);
        let fails = || Err(Error::Gpu("gone".into()));
        let (own, gathered) = beside(Some(fails), || 7);
        assert!(own == 7 && gathered.is_err());
        let (own, gathered) = beside(None::<fn() -> Result<()>>, || 7);
        assert!(own == 7 && gathered.is_ok());
    }

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
}
