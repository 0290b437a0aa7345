//! The training step of a page, and where it goes on.

use super::adapters::add_plans;
use super::facts::{At, Data, Header, Rules, SizedPlan, Training};
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::graph::{Plan, StateLayout};
use crate::models::Schedule;
use crate::ops::GpuTarget;
use crate::portable::PlanFile;
use crate::rng::Seed;
use crate::run::{EpochMetrics, RunFile, RunFolder, checkpoint};
use crate::train::{BatchShape, Config, Precision, training_plan};

/// Pictures of a visitor that there is room for, at least.
const ROOM: usize = 256;

/// What training in a page is made of.
pub(super) struct Source<'a> {
    pub folder: &'a RunFolder,
    pub config: &'a Config,
    pub layout: &'a StateLayout,
    pub dataset: &'a Dataset,
    /// Images that the page takes along.
    pub images: usize,
}

impl Source<'_> {
    /// Adds the plans and the images to `file`.
    ///
    /// # Errors
    /// When the images are too many for one buffer, or the model's file is damaged.
    pub fn add_to(&self, file: &mut PlanFile) -> Result<Training> {
        let Self { config, dataset, .. } = *self;
        let count = dataset.train.count;
        let batch = config.batch.min(count);
        let taken = self.images.min(count);
        let bound = GpuTarget::default().max_binding_bytes;
        let fits = usize::try_from(bound).unwrap_or(usize::MAX) / dataset.stored_bytes().max(1);
        if taken > fits || batch > fits {
            let what =
                format!("takes at most {fits} images of this size, and a step takes {batch}");
            return Err(Error::option("--with-data", what));
        }
        let room = taken.max(ROOM).next_multiple_of(batch).min(fits);
        let mut plans = vec![];
        // Only a page with all images comes to the smaller batch at the end of an epoch.
        let rest = if taken == count { count % batch } else { 0 };
        for batch in [batch, rest].into_iter().filter(|batch| *batch > 0) {
            let name = format!("train {batch}");
            add_plans(file, &name, |target| self.plan(batch, room, target))?;
            plans.push(SizedPlan { name, batch });
        }
        let data = (taken > 0).then(|| self.data(taken, file)).transpose()?;
        let (header, at) = self.header()?;
        let finished = at.epoch >= config.epochs;
        Ok(Training {
            rules: Rules {
                seed: Seed(config.seed).key(),
                learning_rate: config.learning_rate,
                schedule: config.schedule,
                warm: Schedule::WARM,
                warm_steps: Schedule::WARM_STEPS,
                weight: config.model.weight_rule(),
                adapting: config.model.adapting(),
                optimiser: config.optimiser,
                halvings: header.halvings,
            },
            epochs: if finished { at.epoch + config.epochs } else { config.epochs },
            steps: count.div_ceil(batch) as u32,
            images: count,
            at,
            plans,
            room,
            header,
            data,
            masked: dataset.masked,
            takes_pictures: !dataset.paired,
        })
    }

    fn plan(&self, batch: usize, room: usize, target: &GpuTarget) -> Result<Plan> {
        let Dataset { shape: images, masked, paired, element, .. } = *self.dataset;
        let shape = BatchShape { images, masked, paired, element, batch, room };
        // Not every browser has f16.
        let config = Config { precision: Precision::F32, ..self.config.clone() };
        training_plan(&config, self.layout, shape, Some(target), true)
    }

    /// The first images of the run, or all.
    fn data(&self, taken: usize, file: &mut PlanFile) -> Result<Data> {
        let images = &self.dataset.train;
        let labels = images.labels.as_ref().map(|labels| {
            let words: Vec<u8> = labels[..taken].iter().flat_map(|it| it.to_le_bytes()).collect();
            file.attach(&words)
        });
        let pixels = file.attach(&images.part(0..taken)?);
        Ok(Data { pixels, labels, count: taken, is_whole: taken == images.count })
    }

    /// What the model's file says.
    fn header(&self) -> Result<(Header, At)> {
        let path = self.folder.file(RunFile::Model);
        let stored = checkpoint::read_header(&path)?;
        let damaged = |what: &dyn std::fmt::Display| {
            Error::file(&path, format!("holds a damaged history ({what}); use another copy"))
        };
        let epochs: Vec<EpochMetrics> =
            serde_json::from_str(&stored.history).map_err(|error| damaged(&error))?;
        let [step, epoch] = [stored.step, stored.epoch].map(u32::try_from);
        let (Ok(step), Ok(epoch)) = (step, epoch) else {
            return Err(damaged(&"it counts more steps than there can be"));
        };
        let adaptation = epochs.last().and_then(|epoch| epoch.adaptation);
        let header = Header {
            version: env!("CARGO_PKG_VERSION"),
            seed: stored.seed.0.to_string(),
            config: stored.config,
            model: stored.model,
            history: epochs,
            halvings: stored.halvings,
            data: stored.data,
        };
        let at = At {
            step,
            epoch,
            number: stored.part.steps,
            sums: stored.part.sums().to_vec(),
            images: stored.part.images(),
            seconds: stored.part.seconds,
            adaptation,
        };
        Ok((header, at))
    }
}
