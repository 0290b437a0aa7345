//! Training a model on a dataset, on any executor.

use std::ops::ControlFlow;
use std::time::Instant;

use super::config::Config;
use super::pass::Pass;
use super::planning::Planning;
use super::position::{Adaptation, PartEpoch, Position};
use super::report::{Advance, EpochReport, Fault, Listener};
use super::scalars::Scalars;
use super::shards::Shards;
use super::start::begin;
use super::steps::Steps;
use super::team::Team;
use crate::data::{Dataset, Images, permutation};
use crate::error::{Error, Result};
use crate::graph::{Executor, Finding, State, StateLayout};
use crate::inference::{Inference, layout};
use crate::rng::{Seed, stream};

/// A model in training.
///
/// [`run`](crate::run) does all that a run folder needs besides; this is the training alone:
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
    pub(super) executor: &'a mut dyn Executor,
    pub(super) config: &'a Config,
    dataset: &'a Dataset,
    pub(super) train: Steps<'a>,
    pub(super) test: Pass<'a>,
    /// Bytes of the training plan.
    planned_bytes: u64,
    layout: StateLayout,
    pub(super) position: Position,
    /// The weight that the model has been adapted to.
    pub(super) adapted: Option<f32>,
    /// An epoch, and the order in which it takes the images.
    pub(super) order: (u32, Vec<u32>),
    /// Whether it was ended.
    pub(super) is_over: bool,
}

impl<'a> Trainer<'a> {
    /// Puts the state, the images and the plans on the device.
    ///
    /// # Errors
    /// When the model does not fit the images or the device, or learns nothing from pairs.
    pub fn new(
        executor: &'a mut dyn Executor,
        config: &'a Config,
        dataset: &'a Dataset,
    ) -> Result<Self> {
        let mut this = Self::to_resume(executor, config, dataset)?;
        this.begin()?;
        Ok(this)
    }

    /// The same for a run that [goes on](Self::resume): what a run begins with, which takes a look at
    /// the images, is not made.
    ///
    /// # Errors
    /// When the model does not fit the images or the device.
    pub fn to_resume(
        executor: &'a mut dyn Executor,
        config: &'a Config,
        dataset: &'a Dataset,
    ) -> Result<Self> {
        Self::with_helpers(executor, vec![], config, dataset)
    }

    /// The same, where `helpers` compute shards of the steps besides `executor`, which alone measures and
    /// makes pictures. To [begin](Self::begin) or to [go on](Self::resume).
    ///
    /// # Errors
    /// When the model does not fit the images or a device, or there are helpers and no
    /// [shards](Config::shards).
    pub fn with_helpers(
        executor: &'a mut dyn Executor,
        helpers: Vec<Box<dyn Executor>>,
        config: &'a Config,
        dataset: &'a Dataset,
    ) -> Result<Self> {
        Self::of_devices(executor, helpers, None, config, dataset)
    }

    /// The same as one process of a team, all of which have the same options and images. The leading one trains
    /// and measures as it would alone; the others [follow](Self::follow) until it [ends](Self::end) the training. Waits
    /// for the others.
    ///
    /// # Errors
    /// When the model does not fit the images or a device, there are no [shards](Config::shards), or another
    /// process has failed.
    pub fn in_team(
        executor: &'a mut dyn Executor,
        helpers: Vec<Box<dyn Executor>>,
        team: Team,
        config: &'a Config,
        dataset: &'a Dataset,
    ) -> Result<Self> {
        Self::of_devices(executor, helpers, Some(team), config, dataset)
    }

    fn of_devices(
        executor: &'a mut dyn Executor,
        helpers: Vec<Box<dyn Executor>>,
        team: Option<Team>,
        config: &'a Config,
        dataset: &'a Dataset,
    ) -> Result<Self> {
        if config.shards < 2 && (team.is_some() || !helpers.is_empty()) {
            let other = if team.is_some() { "process" } else { "device" };
            let what = format!("leaves nothing for a second {other} to do; give --shards 8");
            return Err(Error::option("--shards", format!("{} {what}", config.shards)));
        }
        if dataset.paired {
            config.check_pairs()?;
        }
        let layout = layout(&config.model)?;
        let target = executor.target().cloned();
        let planning = Planning { config, dataset, layout: &layout, target: target.as_ref() };
        let plans = planning.checked()?;
        let planned = plans.iter().map(|plan| plan.memory.total()).max().unwrap_or(0);
        let mut plans = plans.into_iter();
        // They are for a state on the device, whatever its values.
        let state = drawn(&layout, config);
        match config.shards {
            0 | 1 => executor.set_state(&state)?,
            _ => executor.set_state(&state.without_moments())?,
        }
        let mut pass = |executor: &mut dyn Executor, images: &'a Images| {
            let room = planning.room(images, config.images_a_plan());
            Pass::new(executor, images, room, config.images_a_plan(), |_| {
                Ok(plans.next().expect("there is a plan for each size of a batch"))
            })
        };
        let train = pass(executor, &dataset.train)?;
        let test = pass(executor, &dataset.test)?;
        let train = match config.shards {
            0 | 1 => Steps::Whole(train),
            _ => {
                let mut shards = Shards::new(&planning, dataset, &state, train, helpers)?;
                if let Some(team) = team {
                    shards.join(team, executor)?;
                }
                Steps::Shared(Box::new(shards))
            }
        };
        let planned_bytes = planned;
        let mut this = Self {
            executor,
            config,
            dataset,
            train,
            test,
            planned_bytes,
            layout,
            position: Position::default(),
            adapted: None,
            order: (0, vec![]),
            is_over: false,
        };
        this.order.1 = this.shuffled(0);
        Ok(this)
    }

    /// Sets the state to that which a run [begins](Self::beginning) with.
    ///
    /// # Errors
    /// When the device is lost.
    pub fn begin(&mut self) -> Result<()> {
        let state = self.beginning()?;
        self.train.set_state(self.executor, &state)
    }

    /// Bytes of the largest plan, as planned.
    pub fn planned_bytes(&self) -> u64 {
        self.planned_bytes
    }

    /// The devices that compute shards, by name, and how many each has computed here, with other processes of
    /// the team behind them; nothing where steps are not in shards.
    pub fn shares(&self) -> Vec<(String, u64)> {
        match &self.train {
            Steps::Whole(_) => vec![],
            Steps::Shared(shards) => shards.shares(self.executor),
        }
    }

    /// Which tensors the model has.
    pub fn layout(&self) -> &StateLayout {
        &self.layout
    }

    /// What it trains on.
    pub fn dataset(&self) -> &'a Dataset {
        self.dataset
    }

    /// What it trains, and how.
    pub fn config(&self) -> &'a Config {
        self.config
    }

    /// Epochs done so far.
    pub fn epoch(&self) -> u32 {
        self.position.epoch
    }

    /// Optimiser steps taken so far.
    pub fn step(&self) -> u32 {
        self.position.step
    }

    /// Where training stands.
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// Steps that an epoch takes.
    pub fn steps_an_epoch(&self) -> u32 {
        self.train.count() as u32
    }

    /// The state that a run begins with: drawn by its seed, a linear path as the principal components
    /// of the training images.
    ///
    /// # Errors
    /// Never for a dataset of the model's images.
    pub fn beginning(&self) -> Result<State> {
        let mut state = drawn(&self.layout, self.config);
        begin(&mut state, &self.config.model, self.dataset)?;
        Ok(state)
    }

    /// The state as it is now, moments included.
    ///
    /// # Errors
    /// When the device is lost, or another process of the team has come to another state.
    pub fn state(&mut self) -> Result<State> {
        self.train.state(self.executor)
    }

    /// Goes on from a state that was reached at this position.
    ///
    /// # Errors
    /// When the state is another model's, or an epoch has other steps than the position says.
    pub fn resume(&mut self, state: &State, position: Position) -> Result<()> {
        let (steps, part) = (u64::from(self.steps_an_epoch()), u64::from(position.part.steps));
        if part >= steps || u64::from(position.epoch) * steps + part != u64::from(position.step) {
            let what = format!(
                "{} steps do not make {} epochs of {steps} steps and {part} steps more",
                position.step, position.epoch
            );
            return Err(Error::Graph(what));
        }
        self.train.set_state(self.executor, state)?;
        self.adapt(position.adaptation);
        self.position = position;
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

    /// Trains to the end of the epoch and evaluates.
    ///
    /// # Errors
    /// When the loss is no finite number or the device fails.
    pub fn epoch_of_training(&mut self, listener: &mut dyn Listener) -> Result<EpochReport> {
        loop {
            match self.advance(u32::MAX, listener)? {
                Advance::Paused => {}
                Advance::Epoch(report) => return Ok(*report),
                Advance::NotFinite(fault) => {
                    let what = format!("{}; use a lower --lr", fault.describe());
                    return Err(Error::NotFinite(what));
                }
            }
        }
    }

    /// Trains for `most` steps, or until the listener pauses or the epoch ends; at its end also
    /// evaluates. How an epoch is cut into calls changes no bit of its results.
    ///
    /// # Errors
    /// When the device fails.
    pub fn advance(&mut self, most: u32, listener: &mut dyn Listener) -> Result<Advance> {
        let begin = Instant::now();
        self.arrange(self.position.epoch);
        self.train.announce(self.position.epoch)?;
        let PartEpoch { steps, mut mean, seconds } = self.position.part.clone();
        let range = steps..steps.saturating_add(most);
        let scalars = Scalars::new(self.config, &self.position, self.train.count(), self.adapted);
        let mut fault = None;
        let order = &self.order.1;
        let taken = self.train.run(
            self.executor,
            order,
            range,
            |n| scalars.of(n),
            |steps| {
                let mut images = 0;
                for taken in steps.iter().take_while(|_| fault.is_none()) {
                    let (step, loss) = (taken.row.scalars.step, taken.row.values[0]);
                    if !loss.is_finite() {
                        fault = Some(Fault { step, loss: Some(loss) });
                        return Ok(ControlFlow::Break(()));
                    }
                    mean.add(&taken.row.values, taken.images);
                    images += taken.images;
                }
                if let Some(last) = steps.last().filter(|_| fault.is_none()) {
                    listener.advanced(images, f64::from(last.row.values[0]));
                }
                Ok(match fault.is_some() || listener.pauses() {
                    true => ControlFlow::Break(()),
                    false => ControlFlow::Continue(()),
                })
            },
        )?;
        if let Some(fault) = fault {
            return Ok(Advance::NotFinite(fault));
        }
        let seconds = seconds + begin.elapsed().as_secs_f64();
        self.position.step += taken;
        self.position.part = PartEpoch { steps: steps + taken, mean, seconds };
        if self.position.part.steps < self.steps_an_epoch() {
            return Ok(Advance::Paused);
        }
        let weight = scalars.weight(0);
        Ok(Advance::Epoch(Box::new(self.end_epoch(weight)?)))
    }

    /// Closes an epoch of which the first step had this weight.
    fn end_epoch(&mut self, weight: f32) -> Result<EpochReport> {
        let PartEpoch { mean, seconds, .. } = std::mem::take(&mut self.position.part);
        self.position.epoch += 1;
        let test = self.evaluate()?;
        let adapts = self.config.model.adapted(1.0, 1.0).is_some();
        let adaptation = adapts.then(|| Adaptation { weight, activity: mean.mean(1) as f32 });
        self.position.adaptation = adaptation;
        self.adapt(adaptation);
        let (epoch, train_loss) = (self.position.epoch, mean.mean(0));
        Ok(EpochReport { epoch, train_loss, adaptation, test, seconds })
    }

    /// Looks at each operation of the next step. The state is of no use afterwards.
    pub(super) fn inspect(&mut self) -> Result<Option<Finding>> {
        self.arrange(self.position.epoch);
        let number = self.position.part.steps;
        let scalars = Scalars::new(self.config, &self.position, self.train.count(), self.adapted);
        self.train.inspect(self.executor, &self.order.1, number, scalars.of(number))
    }

    /// Puts the images in the order of an epoch.
    pub(super) fn arrange(&mut self, epoch: u32) {
        if self.order.0 != epoch {
            self.order = (epoch, self.shuffled(epoch));
        }
    }

    fn shuffled(&self, epoch: u32) -> Vec<u32> {
        let images = u32::try_from(self.dataset.train.count);
        let images = images.expect("a dataset has under 2^32 images");
        permutation(Seed(self.config.seed), stream::SHUFFLE, epoch, images)
    }
}

/// Parameters as the seed of `config` draws them.
fn drawn(layout: &StateLayout, config: &Config) -> State {
    State::initial(layout, Seed(config.seed), config.optimiser.moments())
}
