//! The plans of a training, made before anything is put on the device, so that it is known what they take.

use super::config::Config;
use super::memory;
use super::pass::{Room, batch_sizes};
use super::plans::{BatchShape, evaluation_plan, training_plan};
use crate::data::{Dataset, Images};
use crate::error::Result;
use crate::graph::{Plan, StateLayout};
use crate::ops::GpuTarget;

/// What plans are made for.
#[derive(Clone, Copy)]
pub(super) struct Planning<'a> {
    pub config: &'a Config,
    pub dataset: &'a Dataset,
    pub layout: &'a StateLayout,
    /// None for the processor.
    pub target: Option<&'a GpuTarget>,
}

impl Planning<'_> {
    /// The plans of the passes over the images to train on and over those that are held out, in this
    /// order.
    ///
    /// # Errors
    /// When the model does not fit the images or the device, or memory is too small.
    pub fn checked(&self) -> Result<Vec<Plan>> {
        memory::check_parameters(self.layout, self.target)?;
        let plans = self.of_batch(self.config.batch)?;
        if self.target.is_none() {
            let of_batch = |most| self.of_batch(most);
            memory::check(self.config, self.dataset, self.layout, &plans, &of_batch)?;
        }
        Ok(plans)
    }

    /// The same for steps of up to `most` images.
    pub fn of_batch(&self, most: usize) -> Result<Vec<Plan>> {
        let of = |(images, training): (&Images, bool)| -> Vec<Result<Plan>> {
            let room = self.room(images, most).images;
            let sizes = batch_sizes(images.count, most).into_iter();
            sizes.map(|batch| self.plan(training, batch, room)).collect()
        };
        [(&self.dataset.train, true), (&self.dataset.test, false)]
            .into_iter()
            .flat_map(of)
            .collect()
    }

    /// How many of these images the device holds.
    pub fn room(&self, images: &Images, most: usize) -> Room {
        let limit = self.target.map(|target| target.max_binding_bytes);
        Room::new(images, self.dataset.stored_bytes(), most, limit)
    }

    fn plan(&self, training: bool, batch: usize, room: usize) -> Result<Plan> {
        let Dataset { shape: images, masked, paired, element, .. } = *self.dataset;
        let shape = BatchShape { images, masked, paired, element, batch, room };
        let plan = match training {
            true => training_plan(self.config, self.layout, shape, self.target, true)?,
            false => evaluation_plan(self.config, self.layout, shape, self.target)?,
        };
        log::info!("{} images a step: {}", batch, plan.memory);
        Ok(plan)
    }
}
