//! The plans of a training, made before anything is put on the device, so that it is known what they take.

use super::config::Config;
use super::memory;
use super::pass::batch_sizes;
use super::plans::{BatchShape, evaluation_plan, shard_plan, training_plan, update_plan};
use super::windows::Room;
use crate::data::{Dataset, Images};
use crate::error::Result;
use crate::graph::{Plan, Pooling, StateLayout};
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
        let plans = self.of_batch(self.config.images_a_plan())?;
        if self.target.is_none() {
            let of_batch = |most| self.of_batch(most);
            memory::check(self.config, self.dataset, self.layout, &plans, &of_batch)?;
        }
        Ok(plans)
    }

    /// The plans of shards alone, over the images to train on.
    pub fn of_shards(&self) -> Result<Vec<Plan>> {
        let (images, most) = (&self.dataset.train, self.config.images_a_plan());
        let room = self.room(images, most).images;
        batch_sizes(images.count, most)
            .into_iter()
            .map(|batch| self.plan(true, batch, room))
            .collect()
    }

    /// What ends a step in shards, of as many images as all or the last of an epoch have: for each such number
    /// of images the plan, and how what it reads is pooled.
    pub fn updates(&self) -> Result<Vec<(usize, Plan, Vec<Pooling>)>> {
        let sizes = batch_sizes(self.dataset.train.count, self.config.batch).into_iter();
        let update = |batch: usize| {
            let (plan, pooled) = update_plan(self.config, self.layout, self.shape(batch, batch))?;
            Ok((batch, plan, pooled))
        };
        sizes.map(update).collect()
    }

    /// The same for plans of up to `most` images.
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
        let (config, layout, target) = (self.config, self.layout, self.target);
        let shape = self.shape(batch, room);
        let plan = match (training, config.shards > 1) {
            (true, false) => training_plan(config, layout, shape, target, true)?,
            (true, true) => shard_plan(config, layout, shape, target)?,
            (false, _) => evaluation_plan(config, layout, shape, target)?,
        };
        log::info!("{} images a plan: {}", batch, plan.memory);
        Ok(plan)
    }

    fn shape(&self, batch: usize, room: usize) -> BatchShape {
        let Dataset { shape: images, masked, paired, element, .. } = *self.dataset;
        BatchShape { images, masked, paired, element, batch, room }
    }
}
