//! Training a model on a dataset, on any executor.

use std::time::Instant;

use super::evaluation::{Evaluation, WeightedMean};
use super::inference::{DRAWS, Inference};
use super::options::Config;
use super::pass::{Pass, Room};
use super::plans::{BatchShape, evaluation_plan, layout, training_plan};
use crate::data::{Dataset, Images, permutation};
use crate::error::{Error, Result};
use crate::graph::{Executor, MetricRow, State, StateLayout};
use crate::ops::StepScalars;
use crate::rng::{Seed, stream};

/// What one epoch came to.
#[derive(Clone, Debug, PartialEq)]
pub struct EpochReport {
    /// The epoch's number, from 1.
    pub epoch: u32,
    /// The mean loss over the epoch's steps.
    pub train_loss: f64,
    /// The penalty's weight and the share of active units under it, for a model that adapts.
    pub adaptation: Option<Adaptation>,
    /// Measures on the held-out images afterwards.
    pub test: Evaluation,
    /// Seconds of training, without the evaluation.
    pub seconds: f64,
}

/// What a model that adapts its penalty knows after an epoch.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Adaptation {
    /// The penalty's weight in this epoch.
    pub weight: f32,
    /// The share of units that were active.
    pub activity: f32,
}

/// Hears of progress as it is known: images that have been trained on since the last call, and the
/// loss of the last of them.
pub trait Listener {
    /// Some steps have been taken.
    fn advanced(&mut self, images: usize, loss: f64);
}

/// A model in training.
///
/// [`run`](crate::train::run) does all that a run folder needs besides; this is the training alone:
///
/// ```
/// use diabolo::cpu::CpuExecutor;
/// use diabolo::data::{Dataset, LoadOptions, Source};
/// use diabolo::models::{Choices, Kind};
/// use diabolo::train::{Config, Listener, Trainer};
///
/// struct Quiet;
///
/// impl Listener for Quiet {
///     fn advanced(&mut self, _images: usize, _loss: f64) {}
/// }
///
/// let options = LoadOptions { limit: Some(256), ..LoadOptions::default() };
/// let dataset = Dataset::load(&Source::Digits, &options)?;
/// let (model, recipe) = Kind::Dense.build(dataset.shape, 0, &Choices::default(), false)?;
/// let config = Config { learning_rate: recipe.learning_rate, ..Config::new(model) };
/// let mut device = CpuExecutor::new();
/// let mut trainer = Trainer::new(&mut device, &config, &dataset)?;
/// let first = trainer.epoch_of_training(&mut Quiet)?;
/// let second = trainer.epoch_of_training(&mut Quiet)?;
/// assert!(second.test.loss() < first.test.loss());
/// # Ok::<(), diabolo::error::Error>(())
/// ```
pub struct Trainer<'a> {
    executor: &'a mut dyn Executor,
    config: &'a Config,
    train: Pass<'a>,
    test: Pass<'a>,
    /// Bytes of the training plan.
    planned_bytes: u64,
    layout: StateLayout,
    step: u32,
    epoch: u32,
    /// The weight that the model has been adapted to.
    adapted: Option<f32>,
}

impl<'a> Trainer<'a> {
    /// Puts the state, the images and the plans on the device.
    ///
    /// # Errors
    /// When the model does not fit the images or the device.
    pub fn new(
        executor: &'a mut dyn Executor,
        config: &'a Config,
        dataset: &'a Dataset,
    ) -> Result<Self> {
        let layout = layout(&config.model)?;
        let moments = config.optimiser.moments();
        executor.set_state(&State::initial(&layout, Seed(config.seed), moments))?;
        let target = executor.target().cloned();
        let limit = target.as_ref().map(|target| target.max_binding_bytes);
        let mut planned = 0;
        let mut pass = |executor: &mut dyn Executor, images: &'a Images, training: bool| {
            let bytes = dataset.stored_elements();
            let room = Room::new(images, bytes, config.batch, limit);
            Pass::new(executor, images, room, config.batch, |batch| {
                let (images, masked, room) = (dataset.shape, dataset.masked, room.images);
                let shape = BatchShape { images, masked, batch, room };
                let plan = match training {
                    true => training_plan(config, &layout, shape, target.as_ref(), true)?,
                    false => evaluation_plan(config, &layout, shape, target.as_ref())?,
                };
                planned = planned.max(plan.memory.total());
                log::info!("{} images a step: {}", batch, plan.memory);
                Ok(plan)
            })
        };
        let train = pass(executor, &dataset.train, true)?;
        let test = pass(executor, &dataset.test, false)?;
        let planned_bytes = planned;
        let (step, epoch, adapted) = (0, 0, None);
        Ok(Self { executor, config, train, test, planned_bytes, layout, step, epoch, adapted })
    }

    /// Bytes of the largest plan, as planned.
    pub fn planned_bytes(&self) -> u64 {
        self.planned_bytes
    }

    /// Which tensors the model has.
    pub fn layout(&self) -> &StateLayout {
        &self.layout
    }

    /// Epochs done so far.
    pub fn epoch(&self) -> u32 {
        self.epoch
    }

    /// Optimiser steps taken so far.
    pub fn step(&self) -> u32 {
        self.step
    }

    /// The state as it is now, moments included.
    ///
    /// # Errors
    /// When the device is lost.
    pub fn state(&mut self) -> Result<State> {
        self.executor.state()
    }

    /// Goes on from a state that was reached after `epoch` epochs and `step` steps, the last of which
    /// had this `adaptation`.
    ///
    /// # Errors
    /// When the state is another model's.
    pub fn resume(
        &mut self,
        state: &State,
        epoch: u32,
        step: u32,
        adaptation: Option<Adaptation>,
    ) -> Result<()> {
        self.executor.set_state(state)?;
        (self.epoch, self.step) = (epoch, step);
        self.adapt(adaptation);
        Ok(())
    }

    fn adapt(&mut self, adaptation: Option<Adaptation>) {
        let next = |known: Adaptation| self.config.model.adapted(known.weight, known.activity);
        self.adapted = adaptation.and_then(next);
    }

    /// What the model can do besides, on the device it was trained on.
    pub fn inference(&mut self) -> Inference<'_> {
        Inference::new(self.executor, &self.config.model, &self.layout)
    }

    /// Trains for one epoch and evaluates.
    ///
    /// # Errors
    /// When the loss is no finite number or the device fails.
    pub fn epoch_of_training(&mut self, listener: &mut dyn Listener) -> Result<EpochReport> {
        let begin = Instant::now();
        let count = self.train.steps();
        let seed = Seed(self.config.seed);
        let images = u32::try_from(self.train_images()).expect("a dataset has under 2^32 images");
        let order = permutation(seed, stream::SHUFFLE, self.epoch, images);
        let (config, first) = (self.config, self.step);
        let (epoch, adapted) = (self.epoch as f32, self.adapted);
        let weight =
            |number: u32| config.model.weight(epoch + number as f32 / count as f32, adapted);
        let length = f64::from(config.epochs) * count as f64;
        let rate = |number: u32| {
            let share = f64::from(first + number) / length;
            config.learning_rate * config.schedule.factor(share)
        };
        let mut mean = WeightedMean::default();
        let scalars = |number: u32| StepScalars {
            step: first + number,
            weight: weight(number),
            seed: seed.key(),
            learning_rate: rate(number),
            corrections: config.optimiser.corrections(first + number),
            ..StepScalars::default()
        };
        self.train.run(self.executor, &order, scalars, |pass, rows| {
            let mut images = 0;
            for row in &rows {
                check_finite(row)?;
                mean.add(row, pass.batch_of(row));
                images += pass.batch_of(row);
            }
            if let Some(row) = rows.last() {
                listener.advanced(images, f64::from(row.values[0]));
            }
            Ok(())
        })?;
        let seconds = begin.elapsed().as_secs_f64();
        self.step += count as u32;
        self.epoch += 1;
        let test = self.evaluate()?;
        let adapts = config.model.adapted(1.0, 1.0).is_some();
        let adaptation =
            adapts.then(|| Adaptation { weight: weight(0), activity: mean.mean(1) as f32 });
        self.adapt(adaptation);
        let (epoch, train_loss) = (self.epoch, mean.mean(0));
        Ok(EpochReport { epoch, train_loss, adaptation, test, seconds })
    }

    /// Measures on all held-out images.
    ///
    /// # Errors
    /// When the device fails.
    pub fn evaluate(&mut self) -> Result<Evaluation> {
        let order: Vec<u32> = (0..self.test_images() as u32).collect();
        let mut mean = WeightedMean::default();
        // Other draws than training has, and the same for every seed.
        let seed = DRAWS.key();
        let weight = self.config.model.weight(self.epoch as f32, self.adapted);
        let scalars = |step| StepScalars { step, weight, seed, ..StepScalars::default() };
        self.test.run(self.executor, &order, scalars, |pass, rows| {
            rows.iter().for_each(|row| mean.add(row, pass.batch_of(row)));
            Ok(())
        })?;
        Ok(mean.evaluation(self.test.metrics()))
    }

    fn train_images(&self) -> usize {
        self.train.count()
    }

    fn test_images(&self) -> usize {
        self.test.count()
    }
}

fn check_finite(row: &MetricRow) -> Result<()> {
    match row.values[0] {
        loss if loss.is_finite() => Ok(()),
        loss => Err(Error::NotFinite(format!(
            "the loss became {loss} at step {}; use a lower --lr",
            row.scalars.step
        ))),
    }
}
